//! Exposition text that no kubelet should send.
//!
//! In scope: pure changes of right text, each a single thing to survive. Out of
//! scope: when and to which request it is sent.

use std::fmt;

/// One thing that is wrong with a page.
#[derive(Debug, Clone, PartialEq)]
pub enum Hostile {
    /// A line of this length precedes the correct ones.
    EndlessLine {
        /// Its length.
        bytes: usize,
    },
    /// NUL bytes within a name, a label and a value.
    Nul,
    /// Bytes that are not UTF-8 in a label value.
    NonUtf8,
    /// Escapes that do not exist, or do not end, in label values.
    BadEscape,
    /// Right rows with `}`, `#`, spaces, `,` and escaped quotes within label values.
    OddLabels,
    /// Rows whose names begin with ours and go on.
    LongerNames,
    /// Words in no order, half rows, rows without value.
    Malformed,
    /// The node's rows have this for a value: `NaN`, `+Inf`, `-5`, `1e300`, `0`.
    Value(String),
    /// The timestamps of some rows change.
    Timestamp(Rows, Timestamp),
    /// Each row of the node comes twice, the second time with another value.
    Duplicates,
    /// Each family is announced twice.
    TypeTwice,
    /// Besides `cpu="total"`, the root has rows for single CPUs.
    SeveralCpus,
    /// Lines end in CR LF.
    Crlf,
    /// A byte order mark in front.
    Bom,
    /// The last line does not end.
    NoFinalNewline,
    /// Half of the text, ended within a row.
    HalfText,
    /// The kubelet says that its page is not complete.
    ScrapeError,
    /// The node's rows are missing.
    NoNode,
    /// cAdvisor's rows have empty labels but for `id`, as while the kubelet does not reach
    /// the container runtime.
    Unlabelled,
}

/// Selection of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// The CPU and memory of the whole machine.
    Node,
    /// All that have a timestamp.
    All,
}

/// Change of a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamp {
    /// There is none.
    Missing,
    /// It is this many milliseconds since the epoch: 0, negative, far.
    Is(i64),
    /// It is moved by this many milliseconds.
    Moved(i64),
}

impl Hostile {
    /// Every change but those of values and timestamps, which have variants of their own.
    pub const FIXED: [Self; 17] = [
        Hostile::EndlessLine { bytes: 1 << 20 },
        Hostile::Nul,
        Hostile::NonUtf8,
        Hostile::BadEscape,
        Hostile::OddLabels,
        Hostile::LongerNames,
        Hostile::Malformed,
        Hostile::Duplicates,
        Hostile::TypeTwice,
        Hostile::SeveralCpus,
        Hostile::Crlf,
        Hostile::Bom,
        Hostile::NoFinalNewline,
        Hostile::HalfText,
        Hostile::ScrapeError,
        Hostile::NoNode,
        Hostile::Unlabelled,
    ];

    /// The text with this wrong.
    pub fn apply(&self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::EndlessLine { bytes } => {
                let mut out = b"node_cpu_usage_seconds_total".to_vec();
                out.resize(*bytes, b'9');
                out.push(b'\n');
                out.extend_from_slice(text);
                out
            }
            Self::Nul => before(
                text,
                b"node_cpu\0_usage_seconds_total 5 1\nx{a=\"\0\"} 1\nnode_memory_working_set_bytes \0 1\n",
            ),
            Self::NonUtf8 => before(text, b"x{a=\"\xff\xfe\xc3\x28\"} 1\n\xff\xff\xff\n"),
            Self::BadEscape => before(
                text,
                b"x{a=\"\\q\"} 1\nx{a=\"\\\"} 1\nx{a=\"\\u0041\"} 1\nx{a=\"no end} 1\n",
            ),
            Self::OddLabels => before(text, ODD_LABELS.as_bytes()),
            Self::LongerNames => before(
                text,
                b"node_cpu_usage_seconds_total_x 99999 1\n\
                  node_cpu_usage_seconds_total_bucket{le=\"1\"} 99999 1\n\
                  node_memory_working_set_bytes_max 1 1\n\
                  container_cpu_usage_seconds_total_x{cpu=\"total\",id=\"/\"} 99999 1\n\
                  container_memory_working_set_bytes:sum{id=\"/\"} 1 1\n",
            ),
            Self::Malformed => before(
                text,
                b"node_cpu_usage_seconds_total\n\
                  node_cpu_usage_seconds_total \n\
                  node_cpu_usage_seconds_total one 1\n\
                  node_cpu_usage_seconds_total 1 2 3\n\
                  node_cpu_usage_seconds_total 0x1p3 1\n\
                  node_cpu_usage_seconds_total{ 1 1\n\
                  node_cpu_usage_seconds_total{a} 1 1\n\
                  node_cpu_usage_seconds_total{a=b} 1 1\n\
                  {} 1 1\n } 1\n=\n\"\n#\n# TYPE\n# HELP\n",
            ),
            Self::Value(value) => node_rows(text, |row| vec![row.with_value(value)]),
            Self::Timestamp(Rows::Node, change) => {
                node_rows(text, |row| vec![row.with_timestamp(*change)])
            }
            Self::Timestamp(Rows::All, change) => {
                each_row(text, |row| vec![row.with_timestamp(*change)])
            }
            Self::Duplicates => node_rows(text, |row| vec![row.clone(), row.with_value("12345.5")]),
            Self::TypeTwice => each_line(text, |line| {
                let times = if line.starts_with("# TYPE") { 2 } else { 1 };
                format!("{line}\n").repeat(times)
            }),
            Self::SeveralCpus => node_rows(text, |row| {
                let cpus = match row.labels.contains(TOTAL) {
                    true => &["cpu=\"cpu00\"", TOTAL, "cpu=\"cpu01\""][..],
                    false => &[TOTAL],
                };
                let of = |cpu: &&str| Row {
                    labels: row.labels.replace(TOTAL, cpu),
                    ..row.clone()
                };
                cpus.iter().map(of).collect()
            }),
            Self::Crlf => each_line(text, |line| format!("{line}\r\n")),
            Self::Bom => before(text, b"\xef\xbb\xbf"),
            Self::NoFinalNewline => text.strip_suffix(b"\n").unwrap_or(text).to_vec(),
            Self::HalfText => {
                // Within the digits of a row, so that the half number looks right.
                let row = text[..text.len() / 2].iter().rposition(|byte| *byte == b'\n');
                let value = row.map(|at| at + 1..text.len()).and_then(|rest| {
                    let space = text[rest.clone()].iter().position(|byte| *byte == b' ')?;
                    Some(rest.start + space + 2)
                });
                text[..value.unwrap_or(text.len() / 2).min(text.len())].to_vec()
            }
            Self::ScrapeError => each_line(text, |line| {
                line.replace("scrape_error 0", "scrape_error 1") + "\n"
            }),
            Self::NoNode => node_rows(text, |_| Vec::new()),
            Self::Unlabelled => each_row(text, |row| vec![row.without_labels()]),
        }
    }
}

/// The label of the root's CPU over all processors.
const TOTAL: &str = "cpu=\"total\"";

/// A parser that looks for the first `}`, `#` or space takes these apart wrongly.
const ODD_LABELS: &str = "\
pod_cpu_usage_seconds_total{namespace=\"odd\",pod=\"brace } in # it\"} 1.5 1795330653390
pod_cpu_usage_seconds_total{namespace=\"odd\",pod=\"quote \\\" comma , equals =\"} 2.5 1795330653390
pod_cpu_usage_seconds_total{namespace=\"odd\",pod=\"back\\\\slash and \\n newline\"} 3.5 1795330653390
pod_cpu_usage_seconds_total{namespace=\"odd\",pod=\"} node_cpu_usage_seconds_total 99999 1\"} 4.5 1795330653390
container_cpu_usage_seconds_total{container=\"odd\",cpu=\"total\",id=\"/odd } id=\\\"/\\\"\",namespace=\"odd\",pod=\"odd\"} 5.5 1795330653390
";

fn before(text: &[u8], lines: &[u8]) -> Vec<u8> {
    [lines, text].concat()
}

fn each_line(text: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    text.lines().map(change).collect::<String>().into_bytes()
}

fn each_row(text: &[u8], change: impl Fn(Row) -> Vec<Row>) -> Vec<u8> {
    each_line(text, |line| match Row::of(line) {
        Some(row) => change(row).iter().map(ToString::to_string).collect(),
        None => format!("{line}\n"),
    })
}

/// Changes the rows of the machine's CPU and memory.
fn node_rows(text: &[u8], change: impl Fn(Row) -> Vec<Row>) -> Vec<u8> {
    each_row(text, |row| match row.is_node() {
        true => change(row),
        false => vec![row],
    })
}

/// A row of right text, taken apart. Kubelets have no `} ` in label values.
#[derive(Clone)]
struct Row {
    name: String,
    /// With their braces; empty without labels.
    labels: String,
    value: String,
    timestamp: Option<i64>,
}

impl Row {
    fn of(line: &str) -> Option<Self> {
        if line.starts_with('#') {
            return None;
        }
        let end = match line.rfind("} ") {
            Some(brace) => brace + 1,
            None => line.find(' ')?,
        };
        let (head, rest) = line.split_at(end);
        let (name, labels) = head.split_at(head.find('{').unwrap_or(end));
        let mut words = rest.split_whitespace();
        Some(Self {
            name: name.to_owned(),
            labels: labels.to_owned(),
            value: words.next()?.to_owned(),
            timestamp: words.next().and_then(|text| text.parse().ok()),
        })
    }

    /// Returns true for the machine's CPU or memory, in either exposition.
    fn is_node(&self) -> bool {
        match &*self.name {
            "node_cpu_usage_seconds_total" | "node_memory_working_set_bytes" => true,
            "container_cpu_usage_seconds_total" | "container_memory_working_set_bytes" => {
                self.labels.contains(",id=\"/\",")
            }
            _ => false,
        }
    }

    /// The row with the labels emptied that cAdvisor has from the container runtime.
    fn without_labels(mut self) -> Self {
        if self.labels.contains(",id=\"") {
            for name in ["container", "image", "name", "namespace", "pod"] {
                let start = format!("{name}=\"");
                let value = self.labels.find(&start).map(|at| at + start.len());
                let length = value.and_then(|from| self.labels[from..].find('"'));
                if let (Some(from), Some(length)) = (value, length) {
                    self.labels.replace_range(from..from + length, "");
                }
            }
        }
        self
    }

    fn with_value(&self, value: &str) -> Self {
        Self {
            value: value.to_owned(),
            ..self.clone()
        }
    }

    fn with_timestamp(mut self, change: Timestamp) -> Self {
        self.timestamp = self.timestamp.and_then(|timestamp| match change {
            Timestamp::Missing => None,
            Timestamp::Is(at) => Some(at),
            Timestamp::Moved(by) => Some(timestamp + by),
        });
        self
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", self.name, self.labels, self.value)?;
        if let Some(timestamp) = self.timestamp {
            write!(f, " {timestamp}")?;
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container=\"\",cpu=\"total\",id=\"/\",image=\"\"} 7 1000
container_cpu_usage_seconds_total{container=\"\",cpu=\"total\",id=\"/kubepods\",image=\"\"} 3 1001
container_oom_events_total{container=\"c\",id=\"/kubepods/pod1/a\",image=\"i\"} 0 1002
# TYPE node_memory_working_set_bytes gauge
node_memory_working_set_bytes 5 1000
resource_scrape_error 0
";

    fn changed(hostile: &Hostile) -> String {
        String::from_utf8(hostile.apply(TEXT.as_bytes())).expect("text")
    }

    #[test]
    fn values_change_only_in_node_rows() {
        let text = changed(&Hostile::Value("NaN".to_owned()));
        assert!(text.contains("id=\"/\",image=\"\"} NaN 1000\n"), "{text}");
        assert!(
            text.contains("id=\"/kubepods\",image=\"\"} 3 1001\n"),
            "{text}"
        );
        assert!(
            text.contains("node_memory_working_set_bytes NaN 1000\n"),
            "{text}"
        );
    }

    #[test]
    fn unlabelled_rows_keep_their_id() {
        let row = "container_oom_events_total{container=\"c\",id=\"/kubepods/pod1/a\",image=\"i\",\
                   name=\"a\",namespace=\"n\",pod=\"p\"} 1 1000\n";
        let text = String::from_utf8(Hostile::Unlabelled.apply(row.as_bytes())).expect("text");
        assert_eq!(
            text,
            "container_oom_events_total{container=\"\",id=\"/kubepods/pod1/a\",image=\"\",\
             name=\"\",namespace=\"\",pod=\"\"} 1 1000\n"
        );
    }

    #[test]
    fn timestamps_go_move_or_are_set() {
        let node = |change| changed(&Hostile::Timestamp(Rows::Node, change));
        assert!(node(Timestamp::Missing).contains("set_bytes 5\n"));
        assert!(node(Timestamp::Is(-1)).contains("set_bytes 5 -1\n"));
        assert!(node(Timestamp::Moved(-10)).contains("set_bytes 5 990\n"));
        assert!(node(Timestamp::Missing).contains("} 3 1001\n"));
        let all = changed(&Hostile::Timestamp(Rows::All, Timestamp::Missing));
        assert!(all.contains("} 3\n"), "{all}");
        assert!(all.contains("resource_scrape_error 0\n"), "{all}");
    }

    #[test]
    fn every_hostility_changes_the_text() {
        for hostile in Hostile::FIXED {
            assert_ne!(
                hostile.apply(TEXT.as_bytes()),
                TEXT.as_bytes(),
                "{hostile:?}"
            );
            // No input may cause a panic.
            hostile.apply(b"");
            hostile.apply(b"\n}\n# \n} ");
        }
    }

    #[test]
    fn half_a_text_ends_within_a_number() {
        let text = "a 12345 1\n".repeat(9);
        let half = Hostile::HalfText.apply(text.as_bytes());
        assert!(half.ends_with(b"\na 1"), "{half:?}");
    }
}
