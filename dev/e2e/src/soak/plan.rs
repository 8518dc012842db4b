//! A seed -> what goes wrong, spell by spell. The same seed gives the same plan.
//!
//! In scope: which troubles there are, and their random order. Out of scope: what they
//! lead to, and when the next spell may begin. Pure, but for [`Trouble::begin`].
//!
//! Only what can be told from the truth is among them: a kubelet whose counter or clock
//! is wrong by a little that could be true is believed by everybody. Where timestamps
//! are missing, the times of the requests stand in, which is no exact rate either.

use std::fmt;
use std::time::Duration;

use testbed::{
    BadGzip, Certificate, Effect, Endpoint, Fault, Framing, Hostile, Right, Rows, Running,
    Timestamp,
};

/// Longest spell, in rounds of the exporters.
const LONGEST_SPELL: u64 = 5;

/// Rounds of a spell in which nothing answers: each endpoint has come to wait for many more.
const OUTAGE_ROUNDS: u32 = 12;

/// Troubles that come together in a spell, at most.
const MOST_AT_ONCE: u64 = 3;

/// Some troubles, and how long they last.
#[derive(Debug, Clone, PartialEq)]
pub struct Spell {
    /// What goes wrong, all of it at the same time.
    pub troubles: Vec<Trouble>,
    /// For how many rounds of the exporters.
    pub rounds: u32,
}

impl Spell {
    fn new(troubles: Vec<Trouble>, rounds: u32) -> Self {
        let mut spell = Self { troubles, rounds };
        if spell.is_outage() {
            spell.rounds = OUTAGE_ROUNDS;
        }
        spell
    }

    /// Whether nothing answers in it.
    pub fn is_outage(&self) -> bool {
        self.troubles.contains(&Trouble::Outage)
    }
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// Answers that are wrong, late or missing.
    Fault {
        /// What it is called in the log.
        name: &'static str,
        /// What it does.
        effect: Effect,
        /// Whom it meets; all endpoints if `None`.
        endpoint: Option<Endpoint>,
        /// Which node's; all nodes' if `None`.
        node: Option<&'static str>,
    },
    /// The API server and the kubelets show this certificate to new connections, and
    /// have closed the old ones.
    Certificate(Certificate),
    /// The account lacks this right.
    Without(Right),
    /// The token is rotated.
    Token,
    /// The API server's authority is rotated, and its connections are closed.
    Authority,
    /// Every connection is closed once.
    Close,
    /// The API server and the kubelets are away.
    Outage,
    /// Lists come in pages of this size, and their continue tokens expire.
    Pages(usize),
}

impl Trouble {
    /// Lets it go wrong.
    ///
    /// # Panics
    /// When the simulated cluster cannot write its files.
    pub fn begin(&self, cluster: &Running) {
        match self {
            Self::Fault {
                effect,
                endpoint,
                node,
                ..
            } => {
                let mut fault = Fault::new(effect.clone());
                if let Some(endpoint) = endpoint {
                    fault = fault.on(*endpoint);
                }
                if let Some(node) = node {
                    fault = fault.of_node(*node);
                }
                cluster.fault(fault);
            }
            Self::Certificate(certificate) => {
                cluster.show_certificate(*certificate).expect("made");
                cluster.show_kubelet_certificate(*certificate);
                cluster.close_connections();
            }
            Self::Without(right) => {
                let others = Right::ALL.into_iter().filter(|each| each != right);
                cluster.grant_only(&others.collect::<Vec<_>>());
            }
            Self::Token => cluster.rotate_token().expect("written"),
            Self::Authority => {
                cluster.rotate_authority().expect("written");
                cluster.close_connections();
            }
            Self::Close => cluster.close_connections(),
            Self::Outage => cluster.fault(Effect::Reset),
            Self::Pages(size) => {
                cluster.force_paging(Some(*size));
                cluster.expire_continue_tokens();
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault {
                name,
                endpoint,
                node,
                ..
            } => {
                f.write_str(name)?;
                if let Some(endpoint) = endpoint {
                    write!(f, " on {}", format!("{endpoint:?}").to_lowercase())?;
                }
                match node {
                    Some(node) => write!(f, " of {node}"),
                    None => Ok(()),
                }
            }
            Self::Certificate(certificate) => write!(f, "certificate {certificate:?}"),
            Self::Without(right) => {
                let (verb, resource) = right.rule();
                write!(f, "no right to {verb} {resource}")
            }
            Self::Token => f.write_str("token rotated"),
            Self::Authority => f.write_str("authority rotated"),
            Self::Close => f.write_str("connections closed"),
            Self::Outage => f.write_str("outage"),
            Self::Pages(size) => write!(f, "pages of {size}"),
        }
    }
}

/// Ends every trouble.
///
/// # Panics
/// When the simulated cluster cannot make a certificate.
pub fn end_all(spell: &Spell, cluster: &Running) {
    cluster.clear_faults();
    cluster.grant_only(&Right::ALL);
    cluster.force_paging(None);
    let is_certificate = |trouble: &Trouble| matches!(trouble, Trouble::Certificate(_));
    if spell.troubles.iter().any(is_certificate) {
        Trouble::Certificate(Certificate::Good).begin(cluster);
    }
}

/// Everything that can go wrong with an answer, each with its name.
fn effects() -> Vec<(&'static str, Effect)> {
    let retry_after = |code, value: &str| Effect::Status {
        code,
        retry_after: Some(value.to_owned()),
    };
    let cut = |framing| Effect::Cut { at: 300, framing };
    let value = |value: &str| Effect::Text(Hostile::Value(value.to_owned()));
    let stamp = |rows, timestamp| Effect::Text(Hostile::Timestamp(rows, timestamp));
    // Year 2100: no clock is that fast.
    let far_future = Timestamp::Is(4_102_444_800_000);
    let mut effects = vec![
        ("late", Effect::Latency(Duration::from_millis(950))),
        ("reset", Effect::Reset),
        ("hangup", Effect::Hangup),
        ("429", retry_after(429, "1")),
        (
            "503 with a date of the past",
            retry_after(503, "Wed, 21 Oct 2015 07:28:00 GMT"),
        ),
        ("503 with a negative wait", retry_after(503, "-7")),
        (
            "redirect",
            Effect::Redirect {
                location: "http://127.0.0.1:9/".to_owned(),
            },
        ),
        ("a page in HTML", Effect::html()),
        ("protobuf", Effect::protobuf()),
        ("a Status with 200", Effect::status_with_200()),
        ("empty", Effect::Empty),
        (
            "another content type",
            Effect::ContentType("application/octet-stream".to_owned()),
        ),
        ("unknown encoding", Effect::ContentEncoding("br".to_owned())),
        ("a huge header", Effect::HugeHeader { bytes: 1 << 20 }),
        (
            "gzip with a wrong check sum",
            Effect::Gzip(BadGzip::Checksum),
        ),
        ("no gzip", Effect::Gzip(BadGzip::Garbage)),
        ("half a gzip", Effect::Gzip(BadGzip::Truncated)),
        (
            "a gzip bomb",
            Effect::Gzip(BadGzip::Bomb { inflated: 8 << 20 }),
        ),
        ("a cut chunk", cut(Framing::Chunked)),
        ("a cut length", cut(Framing::Counted)),
        ("a stall", Effect::Stall { at: 300 }),
        ("NaN", value("NaN")),
        ("infinity", value("+Inf")),
        ("negative", value("-5")),
        ("1e300", value("1e300")),
        ("zero", value("0")),
        ("timestamp 0", stamp(Rows::Node, Timestamp::Is(0))),
        ("negative timestamps", stamp(Rows::All, Timestamp::Is(-1))),
        ("timestamps of 2100", stamp(Rows::All, far_future)),
    ];
    for code in [400, 401, 403, 404, 422, 500, 502, 504] {
        let name = match code {
            400 => "400",
            401 => "401",
            403 => "403",
            404 => "404",
            422 => "422",
            500 => "500",
            502 => "502",
            _ => "504",
        };
        effects.push((name, Effect::status(code)));
    }
    effects.extend(
        [
            ("an endless line", Hostile::EndlessLine { bytes: 1 << 20 }),
            ("NUL", Hostile::Nul),
            ("no UTF-8", Hostile::NonUtf8),
            ("bad escapes", Hostile::BadEscape),
            ("odd labels", Hostile::OddLabels),
            ("longer names", Hostile::LongerNames),
            ("malformed lines", Hostile::Malformed),
            ("duplicates", Hostile::Duplicates),
            ("TYPE twice", Hostile::TypeTwice),
            ("several CPUs", Hostile::SeveralCpus),
            ("CR LF", Hostile::Crlf),
            ("a byte order mark", Hostile::Bom),
            ("no last line feed", Hostile::NoFinalNewline),
            ("half a text", Hostile::HalfText),
            ("scrape error", Hostile::ScrapeError),
            ("no node", Hostile::NoNode),
            ("no container labels", Hostile::Unlabelled),
        ]
        .map(|(name, hostile)| (name, Effect::Text(hostile))),
    );
    effects
}

/// Troubles that are no faults of an answer.
fn others() -> Vec<Trouble> {
    let mut others = vec![Trouble::Outage];
    others.extend(
        [
            Certificate::OtherAuthority,
            Certificate::OtherName,
            Certificate::Expired,
        ]
        .map(Trouble::Certificate),
    );
    others.extend(Right::ALL.map(Trouble::Without));
    others.extend([
        Trouble::Token,
        Trouble::Authority,
        Trouble::Close,
        Trouble::Pages(1),
    ]);
    others
}

/// Each trouble once, alone, wherever it can meet anybody.
pub fn tour() -> Vec<Spell> {
    let faults = effects().into_iter().map(|(name, effect)| Trouble::Fault {
        name,
        effect,
        endpoint: None,
        node: None,
    });
    let alone = |trouble| Spell::new(vec![trouble], 2);
    others().into_iter().chain(faults).map(alone).collect()
}

/// Random spells without end.
#[derive(Debug)]
pub struct Plan {
    random: Random,
    effects: Vec<(&'static str, Effect)>,
    others: Vec<Trouble>,
    nodes: Vec<&'static str>,
}

impl Plan {
    /// The plan of a seed, for a cluster with these nodes.
    pub fn new(seed: u64, nodes: &[&'static str]) -> Self {
        Self {
            random: Random(seed),
            effects: effects(),
            others: others(),
            nodes: nodes.to_vec(),
        }
    }

    /// The next spell.
    pub fn spell(&mut self) -> Spell {
        let troubles = 1 + self.random.below(MOST_AT_ONCE);
        let troubles = (0..troubles).map(|_| self.trouble()).collect();
        Spell::new(troubles, 1 + self.random.below(LONGEST_SPELL) as u32)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.random.below(times) == 0
    }

    fn trouble(&mut self) -> Trouble {
        if self.random.below(4) == 0 {
            let at = self.random.below(self.others.len() as u64);
            return self.others[at as usize].clone();
        }
        let (name, effect) =
            self.effects[self.random.below(self.effects.len() as u64) as usize].clone();
        const ENDPOINTS: [Option<Endpoint>; 7] = [
            None,
            None,
            Some(Endpoint::Resource),
            Some(Endpoint::Cadvisor),
            Some(Endpoint::Pods),
            Some(Endpoint::Node),
            Some(Endpoint::Nodes),
        ];
        let endpoint = ENDPOINTS[self.random.below(ENDPOINTS.len() as u64) as usize];
        let node = match self.random.below(2) {
            0 => None,
            _ => Some(self.nodes[self.random.below(self.nodes.len() as u64) as usize]),
        };
        Trouble::Fault {
            name,
            effect,
            endpoint,
            node,
        }
    }
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `bound`; the bias is far below what a plan could show.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Vec<Spell> {
        let mut plan = Plan::new(seed, &["a", "b"]);
        (0..200).map(|_| plan.spell()).collect()
    }

    #[test]
    fn a_seed_gives_one_plan_and_another_seed_another() {
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn the_tour_has_every_trouble_and_a_long_plan_comes_to_each_of_them() {
        let kind = |trouble: &Trouble| match trouble {
            Trouble::Fault { name, .. } => (*name).to_owned(),
            other => other.to_string(),
        };
        let tour: Vec<String> = tour()
            .iter()
            .map(|spell| kind(&spell.troubles[0]))
            .collect();
        assert!(tour.len() > 60, "{}", tour.len());
        let mut plan = Plan::new(1, &["a", "b"]);
        let met: std::collections::BTreeSet<String> = (0..3000)
            .flat_map(|_| plan.spell().troubles)
            .map(|trouble| kind(&trouble))
            .collect();
        for name in tour {
            assert!(met.contains(&name), "{name}");
        }
    }
}
