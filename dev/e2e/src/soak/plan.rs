//! The random disruptions of a soak. The same seed gives the same plan.
//!
//! In scope: the disruptions there are, and their order. Out of scope: their effect on an
//! exporter, and when the next phase may begin. Pure, but for [`Disruption::begin`].
//!
//! Each is one that the truth can show: a kubelet whose counter or clock is wrong by a
//! little that could be true cannot be detected. Where timestamps are missing, the
//! times of the requests stand in, which is no exact rate either.

use std::time::Duration;

use testbed::{
    BadGzip, Certificate, Chance, Effect, Endpoint, Fault, Framing, Hostile, Right, Rows, Running,
    Timestamp,
};

/// Longest phase, in rounds of the exporters.
const LONGEST_PHASE: f64 = 5.0;

/// Rounds of an outage: by then each endpoint backs off for many more.
const OUTAGE_ROUNDS: u32 = 12;

/// Disruptions that come together in a phase, at most.
const MOST_AT_ONCE: f64 = 3.0;

/// Some disruptions, and how long they last.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Disruptions, all at the same time.
    pub disruptions: Vec<Disruption>,
    /// Length in rounds of the exporters.
    pub rounds: u32,
}

impl Phase {
    fn new(disruptions: Vec<Disruption>, rounds: u32) -> Self {
        let mut phase = Self {
            disruptions,
            rounds,
        };
        if phase.is_outage() {
            phase.rounds = OUTAGE_ROUNDS;
        }
        phase
    }

    /// Returns true if nothing answers in it.
    pub fn is_outage(&self) -> bool {
        self.disruptions.contains(&Disruption::Outage)
    }

    /// Ends every disruption.
    ///
    /// # Panics
    /// When the simulated cluster cannot make a certificate.
    pub fn end(&self, cluster: &Running) {
        cluster.clear_faults();
        cluster.grant_only(&Right::ALL);
        cluster.force_paging(None);
        let is_certificate = |each: &Disruption| matches!(each, Disruption::Certificate(_));
        if self.disruptions.iter().any(is_certificate) {
            Disruption::Certificate(Certificate::Good).begin(cluster);
        }
    }
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Disruption {
    /// Responses that are wrong, late or missing: of one endpoint and node, or of all.
    Response(Effect, Option<Endpoint>, Option<&'static str>),
    /// The API server and the kubelets show this certificate to new connections, and
    /// have closed the old ones.
    Certificate(Certificate),
    /// The account lacks this right.
    MissingRight(Right),
    /// The token is rotated.
    TokenRotation,
    /// The API server's CA is rotated, and its connections are closed.
    CaRotation,
    /// Every connection is closed once.
    ClosedConnections,
    /// The API server and the kubelets are away.
    Outage,
    /// Lists come in pages of this size, and their continue tokens expire.
    Pages(usize),
}

impl Disruption {
    /// Begins it.
    ///
    /// # Panics
    /// When the simulated cluster cannot write its files.
    pub fn begin(&self, cluster: &Running) {
        match self {
            Self::Response(effect, endpoint, node) => {
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
            Self::MissingRight(right) => {
                let others = Right::ALL.into_iter().filter(|each| each != right);
                cluster.grant_only(&others.collect::<Vec<_>>());
            }
            Self::TokenRotation => cluster.rotate_token().expect("written"),
            Self::CaRotation => {
                cluster.rotate_ca().expect("written");
                cluster.close_connections();
            }
            Self::ClosedConnections => cluster.close_connections(),
            Self::Outage => cluster.fault(Effect::Reset),
            Self::Pages(size) => {
                cluster.force_paging(Some(*size));
                cluster.expire_continue_tokens();
            }
        }
    }
}

/// Everything that can go wrong with a response.
fn effects() -> Vec<Effect> {
    let retry_after = |code, value: &str| Effect::Status {
        code,
        retry_after: Some(value.to_owned()),
    };
    let cut = |framing| Effect::Cut { at: 300, framing };
    let stamp = |rows, timestamp| Effect::Text(Hostile::Timestamp(rows, timestamp));
    let codes = [400, 401, 403, 404, 422, 500, 502, 504];
    let values = ["NaN", "+Inf", "-5", "1e300", "0"];
    let mut effects = vec![
        Effect::Latency(Duration::from_millis(950)),
        Effect::Reset,
        Effect::Hangup,
        retry_after(429, "1"),
        retry_after(503, "Wed, 21 Oct 2015 07:28:00 GMT"),
        retry_after(503, "-7"),
        Effect::Redirect {
            location: "http://127.0.0.1:9/".to_owned(),
        },
        Effect::html(),
        Effect::protobuf(),
        Effect::status_with_200(),
        Effect::Empty,
        Effect::ContentType("application/octet-stream".to_owned()),
        Effect::ContentEncoding("br".to_owned()),
        Effect::HugeHeader { bytes: 1 << 20 },
        Effect::Gzip(BadGzip::Checksum),
        Effect::Gzip(BadGzip::Garbage),
        Effect::Gzip(BadGzip::Truncated),
        Effect::Gzip(BadGzip::Bomb {
            decompressed: 8 << 20,
        }),
        cut(Framing::Chunked),
        cut(Framing::Counted),
        Effect::Stall { at: 300 },
        stamp(Rows::Node, Timestamp::Is(0)),
        stamp(Rows::All, Timestamp::Is(-1)),
        // Year 2100: no clock is that fast.
        stamp(Rows::All, Timestamp::Is(4_102_444_800_000)),
    ];
    effects.extend(codes.map(Effect::status));
    effects.extend(values.map(|value| Effect::Text(Hostile::Value(value.to_owned()))));
    effects.extend(Hostile::FIXED.map(Effect::Text));
    effects
}

/// Disruptions other than wrong responses.
fn others() -> Vec<Disruption> {
    let mut others = vec![
        Disruption::Outage,
        Disruption::Certificate(Certificate::OtherCa),
        Disruption::Certificate(Certificate::OtherName),
        Disruption::Certificate(Certificate::Expired),
        Disruption::TokenRotation,
        Disruption::CaRotation,
        Disruption::ClosedConnections,
        Disruption::Pages(1),
    ];
    others.extend(Right::ALL.map(Disruption::MissingRight));
    others
}

/// Each disruption once, alone, on all endpoints and nodes.
pub fn tour() -> Vec<Phase> {
    let responses = effects().into_iter();
    let responses = responses.map(|effect| Disruption::Response(effect, None, None));
    let alone = |disruption| Phase::new(vec![disruption], 2);
    others().into_iter().chain(responses).map(alone).collect()
}

/// Random phases without end.
#[derive(Debug)]
pub struct Plan {
    chance: Chance,
    effects: Vec<Effect>,
    others: Vec<Disruption>,
    nodes: Vec<&'static str>,
}

impl Plan {
    /// The plan of a seed, for a cluster with these nodes.
    pub fn new(seed: u64, nodes: &[&'static str]) -> Self {
        Self {
            chance: Chance::new(seed),
            effects: effects(),
            others: others(),
            nodes: nodes.to_vec(),
        }
    }

    /// The next phase.
    pub fn phase(&mut self) -> Phase {
        let disruptions = 1 + self.chance.below(MOST_AT_ONCE) as u32;
        let disruptions = (0..disruptions).map(|_| self.disruption()).collect();
        Phase::new(disruptions, 1 + self.chance.below(LONGEST_PHASE) as u32)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: f64) -> bool {
        self.chance.below(times) < 1.0
    }

    fn disruption(&mut self) -> Disruption {
        if self.once_in(4.0) {
            return self.chance.among(&self.others);
        }
        let effect = self.chance.among(&self.effects);
        let endpoint = self.chance.among(&[
            None,
            None,
            Some(Endpoint::Resource),
            Some(Endpoint::Cadvisor),
            Some(Endpoint::Pods),
            Some(Endpoint::Node),
            Some(Endpoint::Nodes),
        ]);
        let node = self.once_in(2.0).then(|| self.chance.among(&self.nodes));
        Disruption::Response(effect, endpoint, node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Vec<Phase> {
        let mut plan = Plan::new(seed, &["a", "b"]);
        (0..200).map(|_| plan.phase()).collect()
    }

    #[test]
    fn plans_follow_from_the_seed() {
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn long_plans_have_every_disruption() {
        let kind = |disruption: &Disruption| match disruption {
            Disruption::Response(effect, ..) => format!("{effect:?}"),
            other => format!("{other:?}"),
        };
        let tour = tour();
        assert!(tour.len() > 60, "{}", tour.len());
        let mut plan = Plan::new(1, &["a", "b"]);
        let met: std::collections::BTreeSet<String> = (0..3000)
            .flat_map(|_| plan.phase().disruptions)
            .map(|disruption| kind(&disruption))
            .collect();
        for phase in tour {
            let name = kind(&phase.disruptions[0]);
            assert!(met.contains(&name), "{name}");
        }
    }
}
