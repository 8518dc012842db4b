//! A backend of a few lines: answers each request by a closure of the test, and a
//! way to run the real program against it.

pub(crate) mod receiver;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// One query as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// Method and path: `POST /api/v1/query_range`.
    pub(crate) line: String,
    /// Headers as they came.
    pub(crate) headers: Vec<String>,
    /// PromQL, decoded.
    pub(crate) query: String,
    /// Unix seconds; of an instant query its time.
    pub(crate) start: i64,
    /// Unix seconds; of an instant query its time.
    pub(crate) end: i64,
    /// Seconds; 0 for an instant query.
    pub(crate) step: i64,
}

impl Query {
    /// Returns `true` for a range query.
    pub(crate) fn is_range(&self) -> bool {
        self.line.ends_with("/api/v1/query_range")
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.headers.iter().filter_map(|line| line.split_once(':'));
        let found = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

/// One response, byte by byte as the test wants it.
#[derive(Debug, Clone)]
pub(crate) struct Answer(pub(crate) Vec<u8>);

impl Answer {
    /// A whole response; the connection closes after it.
    pub(crate) fn new(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self(
            format!(
                "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }

    /// JSON with a status.
    pub(crate) fn json(status: &str, body: &str) -> Self {
        Self::new(status, "Content-Type: application/json\r\n", body)
    }

    /// A successful matrix of these series, each JSON already.
    pub(crate) fn matrix(series: &[String]) -> Self {
        Self::json(
            "200 OK",
            &format!(
                r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
                series.join(",")
            ),
        )
    }

    /// The same with only its first `share` of bytes sent.
    pub(crate) fn cut(mut self, share: f64) -> Self {
        let kept = (self.0.len() as f64 * share) as usize;
        self.0.truncate(kept);
        self
    }
}

/// A series of `node` with `value(k)` at each of the last `points` steps of the query.
pub(crate) fn series(query: &Query, node: &str, points: i64, value: impl Fn(i64) -> f64) -> String {
    let first = query.end - (points - 1) * query.step;
    let values: Vec<String> = (0..points)
        .map(|k| (first + k * query.step, value(k)))
        .filter(|(at, _)| *at >= query.start)
        .map(|(at, value)| format!("[{at},\"{value}\"]"))
        .collect();
    format!(
        r#"{{"metric":{{"__name__":"x","instance":"10.0.0.7:9100","node":"{node}"}},"values":[{}]}}"#,
        values.join(",")
    )
}

/// Bytes.
pub(crate) const GIB: f64 = 1_073_741_824.0;

/// A cluster of three nodes: `busy` grows out of its CPU, `calm` is fine, `idle` can go.
pub(crate) fn cluster(query: &Query) -> Answer {
    let all = |values: [f64; 3]| {
        let nodes = ["busy", "calm", "idle"];
        let one = |(node, value)| series(query, node, 121, move |_| value);
        Answer::matrix(&nodes.into_iter().zip(values).map(one).collect::<Vec<_>>())
    };
    match query.query.as_str() {
        "k8s_node_cpu_usage_cores" => Answer::matrix(&[
            series(query, "busy", 121, |k| 2.0 + 0.015 * k as f64),
            series(query, "calm", 121, |_| 2.0),
            series(query, "idle", 121, |_| 0.125),
        ]),
        "k8s_node_memory_usage_bytes" => all([8.0 * GIB, 8.0 * GIB, GIB]),
        "k8s_node_cpu_allocatable_cores" => all([4.0; 3]),
        "k8s_node_memory_allocatable_bytes" => all([16.0 * GIB; 3]),
        "k8s_node_cpu_capacity_cores" => all([4.5; 3]),
        "k8s_node_memory_capacity_bytes" => all([17.0 * GIB; 3]),
        // There are no published reports here.
        "k8s_node_resource_recommendation_severity" => Answer::matrix(&[]),
        // Nor is there a kube-state-metrics.
        query if query.contains("kube_") => Answer::matrix(&[]),
        other => Answer::json(
            "400 Bad Request",
            &format!(r#"{{"status":"error","errorType":"bad_data","error":"unknown {other}"}}"#),
        ),
    }
}

/// A running backend. Its thread ends with the test's process.
pub(crate) struct Backend {
    /// `http://127.0.0.1:<port>`.
    pub(crate) url: String,
    queries: Receiver<Query>,
    only_ranges: bool,
}

impl Backend {
    /// Answers each range query with what `answer` returns for it, and knows no other,
    /// as the history of the exporter. The others are not among [`Self::queries`].
    pub(crate) fn start(mut answer: impl FnMut(&Query) -> Answer + Send + 'static) -> Self {
        let mut backend = Self::start_whole(move |query| match query.is_range() {
            true => answer(query),
            false => Answer::new(
                "404 Not Found",
                "Content-Type: text/plain\r\n",
                "no such path",
            ),
        });
        backend.only_ranges = true;
        backend
    }

    /// Answers each request with what `answer` returns for it.
    pub(crate) fn start_whole(mut answer: impl FnMut(&Query) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let (sender, queries) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let query = read_query(&stream);
                let answer = answer(&query);
                let _ = sender.send(query);
                // The program may have been stopped meanwhile.
                let _ = stream.write_all(&answer.0);
            }
        });
        Self {
            url,
            queries,
            only_ranges: false,
        }
    }

    /// The queries answered so far.
    pub(crate) fn queries(&self) -> Vec<Query> {
        let queries = self.queries.try_iter();
        queries
            .filter(|query| !self.only_ranges || query.is_range())
            .collect()
    }
}

fn read_query(stream: &TcpStream) -> Query {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header line");
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let length = lines
        .iter()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().expect("a length"))
        })
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the form");
    let body = String::from_utf8(body).expect("a form");
    let line = lines.remove(0).trim_end_matches(" HTTP/1.1").to_owned();
    let (line, of_get) = line.split_once('?').unwrap_or((&line, ""));
    let form = if line.starts_with("GET ") {
        of_get
    } else {
        &body
    };
    let field = |name: &'static str| {
        form.split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .map(decode)
            .unwrap_or_default()
    };
    let number = |names: [&'static str; 2]| {
        let texts = names.map(field);
        let text = texts.iter().find(|text| !text.is_empty());
        text.map_or(0, |text| text.parse().expect(names[0]))
    };
    Query {
        line: line.to_owned(),
        headers: lines,
        query: field("query"),
        start: number(["start", "time"]),
        end: number(["end", "time"]),
        step: number(["step", ""]),
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let hex = std::str::from_utf8(&hex).expect("hex");
                u8::from_str_radix(hex, 16).expect("hex")
            }
            other => other,
        });
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// The program with two hours to look back and an otherwise empty environment, not started yet.
pub(crate) fn agent(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k8s-ai-agent"));
    command
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // As much as the scripted backends hold; of files all is read.
    if !args.iter().any(|arg| arg.starts_with("--input")) {
        command.env("LOOKBACK_MINUTES", "120");
    }
    command
}

/// The outcome of a run.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("an exit, not a signal"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Ended {
    agent(args).output().expect("the program starts").into()
}
