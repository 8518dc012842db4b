//! Faults that can be switched on while the server runs.
//!
//! In scope: faults, the requests that they match, how often, and their effect on
//! a response (pure). Out of scope: waiting and resetting, which the server
//! does; certificates and tokens, which `Running` changes; what hostile
//! exposition text looks like.

use std::io::{self, Read};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::hostile::Hostile;
use crate::http::{Delivery, Framing, Response};
use crate::requests::Endpoint;
use crate::status::Status;

/// An effect, the requests that it matches, and how often. Without conditions it matches every
/// request forever. All faults that match a request take effect together.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    effect: Effect,
    on: Option<Endpoint>,
    node: Option<String>,
    times: Option<u32>,
}

/// Effect of a fault.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The response starts this much later.
    Latency(Duration),
    /// The connection is reset (RST) instead of a response.
    Reset,
    /// The connection is closed (FIN) without a response.
    Hangup,
    /// A refusal of this status with the `Status` body that usually has it.
    Status {
        /// Status code.
        code: u16,
        /// Value of `Retry-After`, valid or not.
        retry_after: Option<String>,
    },
    /// 302 to this address.
    Redirect {
        /// Value of `Location`.
        location: String,
    },
    /// 200 with another body altogether.
    Body {
        /// Value of `Content-Type`.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// 200, the right content type, and no byte of a body.
    Empty,
    /// The right body under another content type.
    ContentType(String),
    /// The right body, not compressed, labelled with this `Content-Encoding`.
    ContentEncoding(String),
    /// A header of this size in front of the right answer.
    HugeHeader {
        /// Length of its value.
        bytes: usize,
    },
    /// Compressed in a wrong way, framed in the right one.
    Gzip(BadGzip),
    /// The body ends after this many bytes on the wire; the
    /// connection is closed, and the framing had promised more.
    Cut {
        /// Bytes sent.
        at: usize,
        /// The framing that promised more.
        framing: Framing,
    },
    /// After this many bytes of the body the connection stays open and idle.
    Stall {
        /// Bytes sent.
        at: usize,
    },
    /// Lines that no kubelet should send, in otherwise right text.
    Text(Hostile),
}

/// Ways in which a gzip body can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadGzip {
    /// The check sum is not that of the text.
    Checksum,
    /// No gzip at all.
    Garbage,
    /// The last half of the stream is missing.
    Truncated,
    /// This many blank lines follow the correct text.
    Bomb {
        /// Bytes after inflation.
        decompressed: u64,
    },
}

impl Fault {
    /// A fault that matches every request, forever.
    pub fn new(effect: Effect) -> Self {
        Self {
            effect,
            on: None,
            node: None,
            times: None,
        }
    }

    setters! {
        /// Matches this endpoint only.
        on: Endpoint;
        /// Limits the number of requests that it matches.
        times: u32;
    }

    /// Matches requests about this node only: those with its name in their path
    /// or in their field selector.
    pub fn of_node(mut self, name: impl Into<String>) -> Self {
        self.node = Some(name.into());
        self
    }

    fn meets(&self, endpoint: Endpoint, node: Option<&str>) -> bool {
        self.times != Some(0)
            && self.on.is_none_or(|each| each == endpoint)
            && self.node.as_deref().is_none_or(|name| node == Some(name))
    }
}

impl From<Effect> for Fault {
    fn from(effect: Effect) -> Self {
        Self::new(effect)
    }
}

impl Effect {
    /// A refusal without `Retry-After`.
    pub fn status(code: u16) -> Self {
        Self::Status {
            code,
            retry_after: None,
        }
    }

    /// A sign-in page with 200, as captive portals send.
    pub fn html() -> Self {
        Self::body(
            "text/html; charset=utf-8",
            "<!doctype html><title>Sign in</title>",
        )
    }

    /// Protobuf with 200, as kubelets send on request.
    pub fn protobuf() -> Self {
        Self::body(
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
             encoding=delimited",
            b"\x2c\x0a\x1cnode_cpu_usage_seconds_total\x18\x00\x22\x0b\x1a\x09\x09".as_slice(),
        )
    }

    /// A `Status` object with 200.
    pub fn status_with_200() -> Self {
        Self::body(
            "application/json",
            Status::of_code(500, Endpoint::Other, "", "").to_json(),
        )
    }

    /// Any body with 200.
    pub fn body(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Body {
            content_type: content_type.to_owned(),
            body: body.into(),
        }
    }
}

/// The effects of the faults that match this request; their counts are decremented.
pub(crate) fn take(faults: &mut [Fault], endpoint: Endpoint, node: Option<&str>) -> Vec<Effect> {
    faults
        .iter_mut()
        .filter(|fault| fault.meets(endpoint, node))
        .map(|fault| {
            fault.times = fault.times.map(|left| left - 1);
            fault.effect.clone()
        })
        .collect()
}

/// The parts of a request on which the response to a fault depends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestInfo<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) node: &'a str,
    pub(crate) path: &'a str,
    pub(crate) takes_gzip: bool,
}

/// Applies effects on a plain response: other responses, other text.
pub(crate) fn replace(effects: &[Effect], answer: &mut Response, info: RequestInfo<'_>) {
    for effect in effects {
        match effect {
            Effect::Status { code, retry_after } => {
                *answer = Status::of_code(*code, info.endpoint, info.node, info.path).response();
                if let Some(value) = retry_after {
                    answer.set_header("Retry-After", value);
                }
            }
            Effect::Redirect { location } => {
                *answer = Response::new(302, "text/html; charset=utf-8", "")
                    .with_header("Location", location);
            }
            Effect::Body { content_type, body } => {
                *answer = Response::new(200, content_type, body.clone());
            }
            Effect::Empty => answer.body.clear(),
            Effect::Text(hostile) if answer.is_exposition() => {
                answer.body = hostile.apply(&answer.body);
            }
            _ => {}
        }
    }
}

/// Applies effects on a response that is ready to be sent.
pub(crate) fn spoil(effects: &[Effect], answer: &mut Response, info: RequestInfo<'_>) {
    for effect in effects {
        match effect {
            Effect::ContentType(value) => answer.set_header("Content-Type", value),
            Effect::ContentEncoding(value) => answer.set_header("Content-Encoding", value),
            Effect::HugeHeader { bytes } => answer.set_header("X-Padding", "x".repeat(*bytes)),
            Effect::Gzip(how) if info.takes_gzip => {
                answer.body = how.compress(&answer.body);
                answer.set_header("Content-Encoding", "gzip");
            }
            Effect::Cut { at, framing } => {
                answer.framing = *framing;
                answer.delivery = Delivery::Cut(*at);
                answer.close = true;
            }
            Effect::Stall { at } => answer.delivery = Delivery::Stall(*at),
            _ => {}
        }
    }
}

/// Returns true if the response must not be compressed in the right way.
pub(crate) fn forbids_gzip(effects: &[Effect]) -> bool {
    let forbids = |effect: &Effect| matches!(effect, Effect::Gzip(_) | Effect::ContentEncoding(_));
    effects.iter().any(forbids)
}

/// Returns true if some effect needs the body before it is compressed.
pub(crate) fn needs_plain_text(effects: &[Effect]) -> bool {
    let changes = |effect: &Effect| matches!(effect, Effect::Text(_) | Effect::Empty);
    forbids_gzip(effects) || effects.iter().any(changes)
}

/// Bytes of a gzip stream's end: check sum and length, four bytes each.
const TRAILER_BYTES: usize = 8;

impl BadGzip {
    fn compress(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Checksum => {
                let mut body = gzip(text);
                let at = body.len() - TRAILER_BYTES;
                body[at] ^= 0xff;
                body
            }
            Self::Garbage => b"this is no gzip ".repeat(64),
            Self::Truncated => {
                let mut body = gzip(text);
                body.truncate(body.len() / 2);
                body
            }
            Self::Bomb { decompressed } => {
                let blank_lines = io::repeat(b'\n').take(decompressed);
                compress(text.chain(blank_lines), Compression::best())
            }
        }
    }
}

/// Compresses as a kubelet does: quickly.
pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    compress(text, Compression::fast())
}

fn compress(mut text: impl Read, level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    io::copy(&mut text, &mut encoder).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::inflate;

    #[test]
    fn faults_match_and_expire() {
        let mut faults = [
            Fault::new(Effect::Reset).on(Endpoint::Resource).times(2),
            Fault::new(Effect::Empty).of_node("b"),
        ];
        let mut met = |endpoint, node| take(&mut faults, endpoint, node);
        assert_eq!(met(Endpoint::Pods, Some("a")), []);
        assert_eq!(met(Endpoint::Pods, None), []);
        assert_eq!(met(Endpoint::Pods, Some("b")), [Effect::Empty]);
        assert_eq!(
            met(Endpoint::Resource, Some("b")),
            [Effect::Reset, Effect::Empty]
        );
        assert_eq!(met(Endpoint::Resource, Some("a")), [Effect::Reset]);
        assert_eq!(met(Endpoint::Resource, Some("a")), []);
    }

    #[test]
    fn each_bad_gzip_is_bad_in_its_own_way() {
        let text = b"node_cpu_usage_seconds_total 1 1\n".repeat(50);
        for how in [BadGzip::Checksum, BadGzip::Garbage, BadGzip::Truncated] {
            assert!(inflate(&how.compress(&text)).is_err(), "{how:?}");
        }
        let bomb = BadGzip::Bomb {
            decompressed: 10_000_001,
        }
        .compress(&text);
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        let decompressed = inflate(&bomb).expect("a bomb is good gzip");
        assert_eq!(decompressed.len(), text.len() + 10_000_001);
    }
}
