//! The exporter as a process that is measured from outside.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running exporter; it is stopped also where a figure could not be taken.
pub(crate) struct Exporter {
    child: Child,
    /// Where it serves.
    address: String,
}

impl Exporter {
    /// Starts it against a simulated cluster.
    pub(crate) fn start(
        program: &OsStr,
        cluster: &testbed::Running,
        flags: &[&str],
    ) -> Result<Self, String> {
        let mut command = Command::new(program);
        command
            .env_clear()
            .arg("--listen-address=127.0.0.1:0")
            .arg(format!("--api-server={}", cluster.url()));
        if cluster.url().starts_with("https") {
            command
                .arg(format!("--ca-file={}", cluster.ca_file().display()))
                .arg(format!("--token-file={}", cluster.token_file().display()));
        }
        let mut child = command
            .args(flags)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("exporter: {error}"))?;
        let mut lines = child.stderr.take().map(BufReader::new);
        let mut exporter = Self {
            child,
            address: String::new(),
        };
        let mut line = String::new();
        while let Some(lines) = lines.as_mut() {
            line.clear();
            match lines.read_line(&mut line) {
                Ok(0) | Err(_) => return Err("exporter: it ended before it served".to_owned()),
                Ok(_) => {}
            }
            if let Some((_, address)) = line.trim_end().split_once("serving on ") {
                address.clone_into(&mut exporter.address);
                break;
            }
        }
        // What it logs later is read, so that it need not wait, and thrown away.
        std::thread::spawn(move || lines.map(|mut l| std::io::copy(&mut l, &mut std::io::sink())));
        Ok(exporter)
    }

    /// Reads a page of its own, as Prometheus does. Returns the bytes of the body.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, String> {
        Ok(self.ask(path)?.1)
    }

    /// The status of a page of its own.
    pub(crate) fn status(&self, path: &str) -> Result<u16, String> {
        Ok(self.ask(path)?.0)
    }

    fn ask(&self, path: &str) -> Result<(u16, Vec<u8>), String> {
        let say = |error: std::io::Error| format!("{path}: {error}");
        let mut stream = TcpStream::connect(&self.address).map_err(say)?;
        let wait = Some(Duration::from_secs(60));
        stream.set_read_timeout(wait).map_err(say)?;
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n"
        )
        .map_err(say)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(say)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or_else(|| format!("{path}: no answer"))?;
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer);
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok((status.ok_or_else(|| format!("{path}: no status"))?, body))
    }

    /// CPU time of all threads, which the kernel counts in nanoseconds.
    pub(crate) fn cpu_time(&self) -> Result<Duration, String> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let mut nanos = 0;
        for task in fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))? {
            let path = task
                .map_err(|error| format!("{tasks}: {error}"))?
                .path()
                .join("schedstat");
            // A thread that ended meanwhile has no file any more.
            let text = fs::read_to_string(&path).unwrap_or_default();
            nanos += text
                .split(' ')
                .next()
                .and_then(|n| n.parse().ok())
                .unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// The most memory that was ever resident, in bytes.
    pub(crate) fn peak_resident(&self) -> Result<u64, String> {
        status(&format!("/proc/{}/status", self.child.id()), "VmHWM:")
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A figure of a process's status, in bytes.
pub(crate) fn status(path: &str, name: &str) -> Result<u64, String> {
    let status = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|kilobytes| {
            kilobytes
                .trim()
                .strip_suffix(" kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| format!("{path}: no {name}"))
}
