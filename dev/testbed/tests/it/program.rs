//! The program `testbed`, as a script uses it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::client::{DEADLINE, RESOURCE, ask, client_of, token};

fn start(args: &[&str]) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_testbed"))
        .arg("serve")
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let told = serde_json::from_str(&line).expect("JSON");
    (child, told)
}

fn terminate(mut child: Child) {
    // The shell's own `kill`: the program of that name is not on every machine.
    let killed = Command::new("sh")
        .args(["-c", &format!("kill {}", child.id())])
        .status();
    assert!(killed.expect("a shell").success());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn program_serves_until_sigterm() {
    let (child, told) = start(&["--node", "node-a=idle,pods=3"]);
    let text = |name: &str| told[name].as_str().expect("a text");
    let client = client_of(text("url"), Path::new(text("ca_file")), DEADLINE);
    let token = token(Path::new(text("token_file")));
    let answer = ask(&client, RESOURCE, "*/*", Some(&token)).expect("an answer");
    assert_eq!(answer.status, 200);
    terminate(child);
    assert!(!Path::new(text("ca_file")).exists());
}

#[test]
fn plain_http_needs_no_files() {
    let (child, told) = start(&["--plain-http", "--seed", "7"]);
    assert!(told["ca_file"].is_null() && told["token_file"].is_null());
    terminate(child);
}

#[test]
fn bad_flag_exits_2_with_one_line() {
    let output = Command::new(env!("CARGO_BIN_EXE_testbed"))
        .args(["serve", "--seed", "x"])
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    let problem = String::from_utf8_lossy(&output.stderr);
    assert_eq!(problem.lines().count(), 1, "{problem}");
    assert!(problem.starts_with("testbed: "), "{problem}");
    assert!(problem.contains("--seed"), "{problem}");
}
