//! The connections: a thread each, TLS, tokens, faults, compression.
//!
//! Out of scope: bounds on the number of connections and on idle time: the clients
//! are programs under test.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime};

use runtime::lock::lock;
use rustls::{ServerConnection, Stream};
use socket2::SockRef;

use crate::cgroup::unix_ms;
use crate::faults::{self, Effect, RequestInfo};
use crate::http::{Delivery, Request, Response};
use crate::kubelet;
use crate::replay::inflate;
use crate::requests::Endpoint;
use crate::rights::Right;
use crate::route::Route;
use crate::state::{Side, State};
use crate::status::Status;

/// The API server compresses its own answers from this size up; a kubelet
/// compresses pages of any size.
const COMPRESS_FROM_BYTES: usize = 128 * 1024;

/// Serves until the cluster stops; then every connection's thread has ended.
pub(crate) fn serve(listener: &TcpListener, state: &State, side: Side) {
    thread::scope(|scope| {
        loop {
            let accepted = listener.accept();
            if state.has_stopped() {
                break;
            }
            let served = accepted.and_then(|(stream, _)| {
                thread::Builder::new().spawn_scoped(scope, move || connection(stream, state, side))
            });
            if served.is_err() {
                // Out of descriptors or threads: let connections end first.
                state.wait(Duration::from_millis(20));
            }
        }
    });
}

fn connection(stream: TcpStream, state: &State, side: Side) {
    if let Some(id) = state.register(&stream, side) {
        // The client sees the end of the connection.
        let _ = converse(stream, state, side);
        state.unregister(id);
    }
}

/// The server that a connection has reached.
enum Peer {
    ApiServer,
    /// The kubelet at this address, of the node that has it now, if one has.
    Kubelet(IpAddr),
}

fn converse(stream: TcpStream, state: &State, side: Side) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let peer = match side {
        Side::ApiServer => Peer::ApiServer,
        Side::Kubelets => Peer::Kubelet(stream.local_addr()?.ip().to_canonical()),
    };
    let mut wire = Wire::new(stream, state, &peer).inspect_err(|_| {
        state.requests(side).failed_handshakes += 1;
    })?;
    let mut pending = Vec::new();
    loop {
        let request = match Request::read(&mut wire, &mut pending) {
            Ok(Some(request)) => request,
            Ok(None) => return wire.close(),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let mut refusal = Status::bad_request(error.to_string()).response();
                refusal.close = true;
                refusal.write(&mut wire)?;
                return wire.close();
            }
            Err(error) => return Err(error),
        };
        match respond(&request, state, &peer) {
            Outcome::Reset => {
                // Closing with a linger time of zero is what sends a reset.
                return SockRef::from(&wire.socket).set_linger(Some(Duration::ZERO));
            }
            Outcome::Hangup => return wire.close(),
            Outcome::Response(response) => {
                response.write(&mut wire)?;
                if let Delivery::Stall(_) = response.delivery {
                    // Ends when the client or the cluster closes the connection.
                    io::copy(&mut wire, &mut io::sink())?;
                }
                if response.close {
                    return wire.close();
                }
            }
        }
    }
}

/// Outcome of a request.
enum Outcome {
    Reset,
    Hangup,
    Response(Response),
}

fn respond(request: &Request, state: &State, peer: &Peer) -> Outcome {
    let (route, side) = match peer {
        Peer::ApiServer => (Route::of(&request.target), Side::ApiServer),
        Peer::Kubelet(ip) => match state.backend.machine_at(*ip) {
            Some(machine) => {
                let route = Route::of_kubelet(&request.target, machine.node.name.clone());
                (Some(route), Side::Kubelets)
            }
            // The machine is gone, and all that ran on it.
            None => return Outcome::Reset,
        },
    };
    let Some(route) = route else {
        state.requests(side).note(request, Endpoint::Other);
        let refusal = Status::bad_request("invalid URL escape".to_owned()).response();
        return answered(request, Endpoint::Other, refusal, state, side);
    };
    state.requests(side).note(request, route.endpoint);
    let effects = faults::take(
        &mut lock(&state.faults),
        route.endpoint,
        route.node.as_deref(),
    );
    for effect in &effects {
        if let Effect::Latency(time) = effect {
            state.wait(*time);
        }
    }
    if effects.contains(&Effect::Reset) {
        return Outcome::Reset;
    }
    if effects.contains(&Effect::Hangup) {
        return Outcome::Hangup;
    }
    let token = request.header("authorization");
    let response = match side {
        Side::ApiServer => api_server(request, &route, state, token),
        Side::Kubelets => a_kubelet(request, &route, state, token),
    };
    let info = RequestInfo {
        endpoint: route.endpoint,
        node: route.node.as_deref().unwrap_or_default(),
        path: &route.proxied,
        takes_gzip: request.accepts_gzip(),
    };
    let response = encoded(response, &effects, info);
    answered(request, route.endpoint, response, state, side)
}

/// The API server's answer: authentication, RBAC, then admission.
fn api_server(request: &Request, route: &Route, state: &State, token: &str) -> Response {
    // As on a real cluster, health needs no token.
    if route.endpoint == Endpoint::Health && token.is_empty() {
        return right_answer(request, route, state);
    }
    let Some(user) = state.review(token) else {
        return Status::usual(401).response();
    };
    let review = Right::at_api_server(&request.method, route.endpoint);
    if let Some(review) = review.filter(|review| !state.allows(*review)) {
        let node = route.node.as_deref().unwrap_or_default();
        return Status::forbidden(review, node).response();
    }
    if let Some(name) = &route.proxied_name
        && let Some(why) = state.refuses(&user, name, &route.proxied)
    {
        return Status::refused_by_admission(name, why).response();
    }
    right_answer(request, route, state)
}

/// A kubelet's answer: it lets the API server review token and access. Admission
/// has no part in it.
fn a_kubelet(request: &Request, route: &Route, state: &State, token: &str) -> Response {
    if state.review(token).is_none() {
        return kubelet::unauthorized();
    }
    let reviews = Right::at_kubelet(&request.method, &route.proxied);
    if !reviews.iter().any(|review| state.allows(*review)) {
        return kubelet::forbidden(&reviews);
    }
    right_answer(request, route, state)
}

fn right_answer(request: &Request, route: &Route, state: &State) -> Response {
    let now_ms = unix_ms(SystemTime::now());
    let paging = *lock(&state.paging);
    state.backend.answer(request, route, paging, now_ms)
}

/// Applies the effects and compresses where a real server would.
fn encoded(mut response: Response, effects: &[Effect], info: RequestInfo<'_>) -> Response {
    let is_compressed = response.header("Content-Encoding").is_some();
    if is_compressed && (!info.takes_gzip || faults::needs_plain_text(effects)) {
        response.body = inflate(&response.body).expect("captures were decompressed once before");
        response.remove_header("Content-Encoding");
    }
    faults::replace(effects, &mut response, info);
    let gains = response.is_exposition() || response.body.len() >= COMPRESS_FROM_BYTES;
    if info.takes_gzip
        && gains
        && !response.body.is_empty()
        && !faults::forbids_gzip(effects)
        && response.header("Content-Encoding").is_none()
    {
        response.body = faults::gzip(&response.body);
        response.set_header("Content-Encoding", "gzip");
    }
    faults::spoil(effects, &mut response, info);
    response
}

fn answered(
    request: &Request,
    endpoint: Endpoint,
    mut response: Response,
    state: &State,
    side: Side,
) -> Outcome {
    response.close |= request.wants_close() || response.status == 101;
    if request.method == "HEAD" {
        response.delivery = Delivery::Cut(0);
        response.close = true;
    }
    state
        .requests(side)
        .note_answer(request, endpoint, response.status, response.sent().len());
    Outcome::Response(response)
}

/// A connection with or without TLS.
struct Wire {
    socket: TcpStream,
    session: Option<ServerConnection>,
}

impl Wire {
    /// Agrees on TLS, where the cluster has it.
    fn new(mut socket: TcpStream, state: &State, peer: &Peer) -> io::Result<Self> {
        let config = match (peer, &state.kubelets) {
            (Peer::Kubelet(ip), Some(kubelets)) => {
                let machine = state.backend.machine_at(*ip);
                let node = machine.map(|machine| machine.node.name.clone());
                Some(kubelets.tls(*ip, node)?)
            }
            _ => state.tls(),
        };
        let session = config.map(ServerConnection::new).transpose();
        let mut session = session.map_err(io::Error::other)?;
        if let Some(session) = &mut session {
            while session.is_handshaking() {
                session.complete_io(&mut socket)?;
            }
        }
        Ok(Self { socket, session })
    }

    /// Ends the sending side in order, in TLS and in TCP.
    fn close(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            session.send_close_notify();
            self.flush()?;
        }
        self.socket.shutdown(Shutdown::Write)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(session) = &mut self.session else {
            return self.socket.read(buffer);
        };
        let read = Stream::new(session, &mut self.socket).read(buffer);
        // What is wrong in TLS is no matter of the request's syntax.
        read.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => io::Error::other(error),
            _ => error,
        })
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.session {
            Some(session) => Stream::new(session, &mut self.socket).write(bytes),
            None => self.socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.session {
            Some(session) => Stream::new(session, &mut self.socket).flush(),
            None => self.socket.flush(),
        }
    }
}
