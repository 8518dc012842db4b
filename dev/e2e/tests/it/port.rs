//! The exporter's open port among many clients that mean no good. How fast it answers
//! meanwhile is measured by `just siege`.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use e2e::attack::{Attack, Pattern, connect};
use e2e::{PATIENCE, Process, eventually, exporter_of};

use crate::one_node;

/// Not the attack's address.
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The limits of docs/security/open-port.md: 48 connections, and a handful of other threads.
const MOST_THREADS: u64 = 64;
const MOST_RESIDENT_KIB: u64 = 16 * 1024;

#[test]
fn hostile_clients_block_nobody() {
    let cluster = one_node();
    for (pattern, descriptors) in [
        (Pattern::Silent, 1024),
        (Pattern::HalfHead, 1024),
        (Pattern::HalfForm, 1024),
        (Pattern::SlowReader, 1024),
        (Pattern::EndlessHeaders, 1024),
        (Pattern::Flood, 1024),
        // The exporter itself needs some ten: accepting fails now and then.
        (Pattern::HalfHead, 20),
        (Pattern::Flood, 20),
    ] {
        let exporter = exporter_of(&cluster, "node-a");
        let process = Process::start(
            Command::new("sh")
                .args([
                    "-c",
                    &format!("ulimit -n {descriptors}; exec \"$0\" \"$@\""),
                ])
                .arg(exporter.get_program())
                .args(exporter.get_args())
                .arg("--listen-address=127.0.0.1:0"),
        );
        let address = process.address();
        eventually("calm", || {
            ask(&address).starts_with("HTTP/1.1 200 ").then_some(())
        });
        let calm = process.number("Threads");

        let attack = Attack::start(&address, 300, pattern, Duration::from_millis(100));
        for _ in 0..50 {
            let answer = ask(&address);
            assert!(
                answer.starts_with("HTTP/1.1 200 "),
                "{pattern:?}: {answer:?}"
            );
            assert!(answer.contains("\nk8s_ai_exporter_build_info{"), "{answer}");
            let threads = process.number("Threads");
            assert!(threads <= MOST_THREADS, "{pattern:?}: {threads} threads");
        }
        eventually("all connections of the attack", || {
            (attack.opened() >= 300).then_some(())
        });
        drop(attack);
        eventually("calm again", || {
            (process.number("Threads") <= calm).then_some(())
        });
        let resident = process.number("VmHWM");
        assert!(resident <= MOST_RESIDENT_KIB, "{pattern:?}: {resident} KiB");
        assert!(ask(&address).starts_with("HTTP/1.1 200 "));
    }
}

/// The status that a well-meaning client gets, on a connection of its own.
fn ask(address: &str) -> String {
    let address = address.parse().expect("an address");
    // A full backlog makes connecting take its time.
    let mut socket = eventually("a connection", || connect(NEIGHBOUR, address).ok());
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}
