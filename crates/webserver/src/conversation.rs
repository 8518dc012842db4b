//! One connection from its first byte to its last: requests and their answers.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crate::connections::{Place, Work};
use crate::head::Refusal;
use crate::protection::{Protection, Rules, Verdict};
use crate::receive::{Receiver, Trouble};
use crate::request::{Method, Request};
use crate::response::{Response, Sending};
use crate::wire::Wire;

/// What answers the requests, and whose.
pub(crate) struct Service {
    pub(crate) protection: Protection,
    pub(crate) handler: Box<dyn Fn(&Request) -> Response + Send + Sync>,
}

/// How long a refused client may go on sending, and how much: closing at once would
/// make its system throw our answer away unread.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 256 << 10;

/// Answers until the client has no more requests, or has to go.
///
/// # Errors
/// When the connection breaks, which is nobody's fault.
pub(crate) fn converse(socket: Arc<TcpStream>, place: &Place, service: &Service) -> io::Result<()> {
    // An answer is written in one piece: nothing is gained by waiting for more.
    socket.set_nodelay(true)?;
    let limits = place.connections().limits();
    let rules = service.protection.current();
    let mut wire = Wire::new(socket, rules.tls.as_ref())?;
    wire.within(limits.receive);
    if rules.tls.is_some() && wire.speaks_plainly()? {
        wire.without_tls();
        let refusal = Refusal::new(400, "expected TLS: ask by https://\n");
        return refuse(refusal, &mut wire, place);
    }
    let mut receiver = Receiver::default();
    loop {
        if !place.receive() {
            return Ok(());
        }
        let received = match receiver.next(&mut wire, limits) {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(()),
            Err(Trouble::Broken(error)) => {
                if wire.is_handshaking() {
                    // The alert that says why is on its way.
                    linger(&mut wire)?;
                }
                return Err(error);
            }
            Err(Trouble::Refused(refusal)) => return refuse(refusal, &mut wire, place),
        };
        let current = service.protection.current();
        // Certificates and versions are those of the connection's start: another is needed.
        let close =
            received.close || place.connections().is_stopping() || !Arc::ptr_eq(&rules, &current);
        let request = &received.request;
        let answer = judge(&current, request, &wire, place).and_then(|refusal| {
            place.work(Work::Answer, || {
                let mut response = refusal.unwrap_or_else(|| (service.handler)(request));
                current.dress(&mut response);
                response.encode(Sending {
                    body: request.method != Method::Head,
                    gzip: request.takes_gzip(),
                    close,
                    chunks: received.takes_chunks,
                })
            })
        });
        // Freed before the client is waited for.
        drop(received);
        let Some((mut bytes, mut following)) = answer else {
            return Ok(());
        };
        wire.within(limits.deliver);
        loop {
            deliver(&bytes, &mut wire, place)?;
            if !following.is_some() {
                break;
            }
            // Freed before the next piece is made.
            drop(bytes);
            match place.work(Work::Answer, || following.next()) {
                Some(next) => bytes = next,
                None => return Ok(()),
            }
        }
        if close {
            return wire.finish();
        }
    }
}

/// The refusal of a request that may not be answered, if any. None if the connection was
/// closed meanwhile.
fn judge(rules: &Rules, request: &Request, wire: &Wire, place: &Place) -> Option<Option<Response>> {
    let verdict = match rules.judge(request, wire.has_certificate()) {
        Verdict::Unproven(claim) => place.work(Work::Proof, || rules.prove(&claim))?,
        verdict => verdict,
    };
    Some(match verdict {
        Verdict::Refused(response) => Some(response),
        Verdict::Admitted | Verdict::Unproven(_) => None,
    })
}

fn deliver(answer: &[u8], wire: &mut Wire, place: &Place) -> io::Result<()> {
    place.deliver(answer.len());
    wire.write_all(answer)?;
    wire.flush()
}

fn refuse(refusal: Refusal, wire: &mut Wire, place: &Place) -> io::Result<()> {
    if wire.is_handshaking() {
        return Ok(());
    }
    let (answer, _) = Response::text(refusal.status, refusal.text).encode(Sending {
        body: true,
        gzip: false,
        close: true,
        chunks: false,
    });
    wire.within(place.connections().limits().deliver);
    deliver(&answer, wire, place)?;
    linger(wire)
}

fn linger(wire: &mut Wire) -> io::Result<()> {
    wire.within(LINGER);
    wire.finish()?;
    wire.drain(LINGER_BYTES)
}
