//! The answer to a range query, produced in pieces: the series of a large cluster over a
//! long time would take more memory than everything else.
//!
//! Form: <https://prometheus.io/docs/prometheus/latest/querying/api/#range-vectors>.

use std::fmt::Write as _;
use std::sync::Arc;

use runtime::lock::lock;

use crate::history::{Identity, RangeQuery};
use crate::readings::Millis;
use crate::state::SharedState;

/// A piece ends with the series that brings it to this size.
const PIECE_BYTES: usize = 64 << 10;

/// The pieces of one answer. Samples recorded between two pieces are in the series that
/// follow.
pub(super) struct Matrix {
    shared: Arc<SharedState>,
    query: RangeQuery,
    /// The last series that was sent.
    last: Option<Identity>,
    next: Next,
}

enum Next {
    Start,
    Series,
    Nothing,
}

impl Matrix {
    pub(super) fn new(shared: Arc<SharedState>, query: RangeQuery) -> Self {
        Self {
            shared,
            query,
            last: None,
            next: Next::Start,
        }
    }
}

impl Iterator for Matrix {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut json = String::new();
        match self.next {
            Next::Start => json.push_str(START),
            Next::Series => {}
            Next::Nothing => return None,
        }
        self.next = Next::Nothing;
        let mut sent = self.last.take();
        if let Some(history) = &self.shared.history {
            let history = lock(history);
            let last = sent.clone();
            for (identity, values) in history.answer(&self.query, last.as_ref()) {
                if sent.is_some() {
                    json.push(',');
                }
                series(&mut json, &identity, &values);
                sent = Some(identity);
                if json.len() >= PIECE_BYTES {
                    self.next = Next::Series;
                    break;
                }
            }
        }
        if matches!(self.next, Next::Nothing) {
            json.push_str(END);
        }
        self.last = sent;
        Some(json.into_bytes())
    }
}

const START: &str = r#"{"status":"success","data":{"resultType":"matrix","result":["#;
const END: &str = "]}}\n";

/// Writing to a String cannot fail.
fn series(json: &mut String, identity: &Identity, values: &[(Millis, f64)]) {
    let _ = write!(json, r#"{{"metric":{{"__name__":"{}""#, identity.name);
    for (name, value) in &identity.labels {
        let value = serde_json::Value::from(value.as_str());
        let _ = write!(json, r#","{name}":{value}"#);
    }
    json.push_str(r#"},"values":["#);
    for (index, (at, value)) in values.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(json, r#"{comma}[{},"{value}"]"#, seconds(*at));
    }
    json.push_str("]}");
}

/// Unix seconds with as many decimals as they need: `1795330653.39`.
fn seconds(at: Millis) -> f64 {
    at as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, resolve};
    use contract::series::CPU_USAGE;
    use exposition::write::Sample;

    /// A shared with so many nodes in its history, a thousand samples each.
    fn shared(nodes: usize) -> Arc<SharedState> {
        let args = [
            "--node-name=x",
            "--api-server=http://127.0.0.1:1",
            "--history=1h",
        ];
        let Ok(Command::Run(config)) = resolve(args.into_iter().map(Into::into), &|_| None) else {
            panic!("a usable command line");
        };
        let shared = SharedState::new(*config, 1);
        let mut history = lock(shared.history.as_ref().expect("it is on"));
        for at in 1..=1_000 {
            for node in 0..nodes {
                let name = format!("node-{node:04}");
                let sample = Sample::new(&CPU_USAGE, &[name.as_str()], at as f64);
                history.record(&name, &[sample], at * 1_000);
            }
        }
        drop(history);
        Arc::new(shared)
    }

    fn query(text: &str) -> RangeQuery {
        let parameter = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        RangeQuery::parse(&[
            parameter("query", text),
            parameter("start", "1"),
            parameter("end", "1000"),
            parameter("step", "1"),
        ])
        .expect("a query")
    }

    #[test]
    fn large_answer_comes_in_pieces() {
        let pieces = Matrix::new(shared(100), query("k8s_node_cpu_usage_cores"));
        let mut json = Vec::new();
        let mut count = 0;
        for piece in pieces {
            // One series has some 12 KB here.
            assert!(piece.len() < PIECE_BYTES + (16 << 10), "{}", piece.len());
            json.extend_from_slice(&piece);
            count += 1;
        }
        assert!(count > 10, "{count}");
        let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        let series = json["data"]["result"].as_array().expect("series");
        assert_eq!(series.len(), 100);
        for (index, each) in series.iter().enumerate() {
            assert_eq!(each["metric"]["node"], format!("node-{index:04}"));
            assert_eq!(each["values"].as_array().map(Vec::len), Some(1_000));
        }
    }

    #[test]
    fn no_series_is_an_empty_matrix() {
        let pieces: Vec<_> = Matrix::new(shared(1), query("up")).collect();
        let json: serde_json::Value = serde_json::from_slice(&pieces.concat()).expect("JSON");
        assert_eq!(json["data"]["result"], serde_json::json!([]));
    }
}
