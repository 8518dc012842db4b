//! One connection: its requests and their responses.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crate::connections::{Slot, Work};
use crate::head::Rejection;
use crate::policy::{Access, Policy};
use crate::receive::{Connection, ReceiveError, RequestReader};
use crate::request::{Method, Request};
use crate::response::{Encoding, Response};
use crate::stream::ClientStream;

/// The current policy, and the handler of admitted requests.
pub(crate) struct Service {
    pub(crate) policy: Box<dyn Fn() -> Arc<dyn Policy> + Send + Sync>,
    pub(crate) handler: Box<dyn Fn(&Request) -> Response + Send + Sync>,
}

/// Time and bytes for which a refused client may continue to send. If the connection closed
/// at once, its system would discard the response unread.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 256 << 10;

/// Answers requests until the client has no more, or the connection must close.
///
/// # Errors
/// When the connection breaks.
pub(crate) fn serve(socket: Arc<TcpStream>, slot: &Slot, service: &Service) -> io::Result<()> {
    // A response is written in one piece, so there is nothing to wait for.
    socket.set_nodelay(true)?;
    let limits = slot.connections().limits();
    let policy = (service.policy)();
    let mut stream = ClientStream::new(socket, policy.wrap()?);
    stream.set_deadline(limits.receive);
    if stream.falls_back_to_plain()? {
        let rejection = Rejection::new(400, "expected TLS: use https://\n");
        return reject(rejection, &mut stream, slot);
    }
    let mut requests = RequestReader::default();
    loop {
        if !slot.receive() {
            return Ok(());
        }
        let received = match requests.next(&mut stream, limits) {
            Ok(Some(received)) => received,
            Ok(None) => return Ok(()),
            Err(ReceiveError::Io(error)) => {
                if stream.is_handshaking() {
                    // The session's alert tells the client.
                    linger(&mut stream)?;
                }
                return Err(error);
            }
            Err(ReceiveError::Rejected(rejection)) => {
                return reject(rejection, &mut stream, slot);
            }
        };
        let current = (service.policy)();
        // The session belongs to the policy at its start: a changed policy needs another.
        let close =
            received.close || slot.connections().is_stopping() || !Arc::ptr_eq(&policy, &current);
        let request = &received.request;
        let access = match current.authorize(request, stream.has_certificate()) {
            Access::Decided(access) => Some(access),
            Access::Deferred(check) => slot.work(Work::Check, check),
        };
        let response = access.and_then(|access| {
            slot.work(Work::Answer, || {
                let response =
                    access.map_or_else(|refusal| refusal, |()| (service.handler)(request));
                response.with_all(current.headers()).encode(Encoding {
                    body: request.method != Method::Head,
                    gzip: request.takes_gzip(),
                    close,
                    chunks: received.takes_chunks,
                })
            })
        });
        // Freed before waiting for the client.
        drop(received);
        let Some((mut bytes, mut rest)) = response else {
            return Ok(());
        };
        stream.set_deadline(limits.deliver);
        loop {
            deliver(&bytes, &mut stream, slot)?;
            if !rest.is_some() {
                break;
            }
            // Freed before the next piece is made.
            drop(bytes);
            match slot.work(Work::Answer, || rest.next()) {
                Some(next) => bytes = next,
                None => return Ok(()),
            }
        }
        if close {
            return stream.finish();
        }
    }
}

fn deliver(response: &[u8], stream: &mut ClientStream, slot: &Slot) -> io::Result<()> {
    slot.deliver(response.len());
    stream.write_all(response)?;
    stream.flush()
}

fn reject(rejection: Rejection, stream: &mut ClientStream, slot: &Slot) -> io::Result<()> {
    if stream.is_handshaking() {
        return Ok(());
    }
    let (response, _) = Response::text(rejection.status, rejection.text).encode(Encoding {
        body: true,
        gzip: false,
        close: true,
        chunks: false,
    });
    stream.set_deadline(slot.connections().limits().deliver);
    deliver(&response, stream, slot)?;
    linger(stream)
}

fn linger(stream: &mut ClientStream) -> io::Result<()> {
    stream.set_deadline(LINGER);
    stream.finish()?;
    stream.drain(LINGER_BYTES)
}
