//! One connection from its first byte to its last: requests and their answers.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use crate::connections::Place;
use crate::head::Refusal;
use crate::receive::{Receiver, Trouble};
use crate::request::{Method, Request};
use crate::response::{Response, Sending};
use crate::wire::Wire;

/// What answers the requests.
pub(crate) type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// How long a refused client may go on sending, and how much: closing at once would
/// make its system throw our answer away unread.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 256 << 10;

/// Answers until the client has no more requests, or has to go.
///
/// # Errors
/// When the connection breaks, which is nobody's fault.
pub(crate) fn converse(socket: Arc<TcpStream>, place: &Place, handler: &Handler) -> io::Result<()> {
    // An answer is written in one piece: nothing is gained by waiting for more.
    socket.set_nodelay(true)?;
    let limits = place.connections().limits();
    let mut wire = Wire::new(socket);
    let mut receiver = Receiver::default();
    loop {
        if !place.receive() {
            return Ok(());
        }
        let received = match receiver.next(&mut wire, limits) {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(()),
            Err(Trouble::Broken(error)) => return Err(error),
            Err(Trouble::Refused(refusal)) => return refuse(refusal, &mut wire, place),
        };
        let (answer, close) = place.answer(|| {
            let request = &received.request;
            let close = received.close || place.connections().is_stopping();
            let sending = Sending {
                body: request.method != Method::Head,
                gzip: request.takes_gzip(),
                close,
            };
            (handler(request).encode(sending), close)
        });
        // Freed before the client is waited for.
        drop(received);
        deliver(&answer, &mut wire, place)?;
        if close {
            return wire.socket().shutdown(Shutdown::Write);
        }
    }
}

fn deliver(answer: &[u8], wire: &mut Wire, place: &Place) -> io::Result<()> {
    place.deliver(answer.len());
    wire.within(place.connections().limits().deliver);
    wire.write_all(answer)
}

fn refuse(refusal: Refusal, wire: &mut Wire, place: &Place) -> io::Result<()> {
    let answer = Response::text(refusal.status, refusal.text).encode(Sending {
        body: true,
        gzip: false,
        close: true,
    });
    deliver(&answer, wire, place)?;
    wire.socket().shutdown(Shutdown::Write)?;
    wire.within(LINGER);
    let mut left = LINGER_BYTES;
    let mut bytes = [0; 2048];
    while left > 0 {
        match wire.read(&mut bytes)? {
            0 => break,
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}
