//! A server, and a client that sends exactly the given bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use webserver::{Limits, ListenAddress, Method, Policy, Public, Request, Response, Server};

/// Pieces of answers that were made in this process.
pub(crate) static PIECES_MADE: AtomicU32 = AtomicU32::new(0);

/// Longest wait for anything that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Small bounds, so that little is needed to reach them.
pub(crate) fn limits() -> Limits {
    Limits {
        head_bytes: 4000,
        body_bytes: 1000,
        receive: PATIENCE,
        idle: PATIENCE,
        ..Limits::default()
    }
}

/// A server that answers with the request's parts.
pub(crate) fn start(limits: Limits) -> Running {
    let policy: Arc<dyn Policy> = Arc::new(Public);
    let listener = "127.0.0.1:0".parse().map(ListenAddress::bind);
    let listener = listener.expect("an address").expect("a free port");
    Running(Some(
        Server::start(listener, limits, move || Arc::clone(&policy), answer).expect("a server"),
    ))
}

fn answer(request: &Request) -> Response {
    match (request.method, request.path.as_str()) {
        (Method::Other, _) => Response::text(405, "expected GET\n").with("Allow", "GET"),
        (_, "/long") => Response::text(200, "0123456789".repeat(10_000)),
        (_, "/huge") => Response::text(200, vec![b'x'; 16 << 20]),
        (_, "/pieces") => {
            let count = request.query.parse().expect("a number");
            let pieces = (0..count).map(|number: u32| {
                PIECES_MADE.fetch_add(1, Ordering::SeqCst);
                format!("{number:09}\n").repeat(10_000).into_bytes()
            });
            Response::streamed(200, "text/plain", pieces)
        }
        (_, "/echo") => {
            let said = request.parameters().remove(0).0;
            Response::text(200, "").with("X-Echo", said)
        }
        (method, path) => {
            let method = format!("{method:?}").to_ascii_uppercase();
            let mut body = format!("{method} {path}?{}\n", request.query).into_bytes();
            body.extend_from_slice(&request.body);
            Response::text(200, body)
        }
    }
}

/// Stops with its handle.
pub(crate) struct Running(Option<Server>);

impl Running {
    pub(crate) fn server(&self) -> &Server {
        self.0.as_ref().expect("there until dropped")
    }

    pub(crate) fn stop(mut self, grace: Duration) {
        self.0.take().expect("there until dropped").stop(grace);
    }

    /// Waits until there are just this many connections.
    pub(crate) fn waits_for_connections(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.server().open_connections() != count {
            assert!(Instant::now() < deadline, "{count} connections");
            std::thread::yield_now();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(server) = self.0.take() {
            server.stop(Duration::ZERO);
        }
    }
}

/// A GET with further header lines.
pub(crate) fn get(target: &str, lines: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n")
}

/// One connection.
pub(crate) struct Client {
    socket: TcpStream,
    received: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }
}

impl Client {
    pub(crate) fn connect(server: &Running) -> Self {
        Self::connect_from(Ipv4Addr::LOCALHOST, server)
    }

    /// A connection from another address of this machine, such as 127.0.0.2.
    pub(crate) fn connect_from(address: Ipv4Addr, server: &Running) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let bound = socket.bind(&SocketAddr::from((address, 0)).into());
        bound.expect("all of 127.0.0.0/8 is this machine");
        let connected = socket.connect(&server.server().address().into());
        connected.expect("connected");
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self {
            socket,
            received: Vec::new(),
        }
    }

    /// The answer to one request, after which the server closes.
    pub(crate) fn ask(server: &Running, request: &str) -> Answer {
        let mut client = Self::connect(server);
        client.send(request);
        let answer = client.answer();
        client.ends();
        answer
    }

    pub(crate) fn socket(&self) -> TcpStream {
        self.socket.try_clone().expect("a second handle")
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("sent");
    }

    fn more(&mut self) -> usize {
        let mut bytes = [0; 4096];
        let count = self.socket.read(&mut bytes).expect("received in time");
        self.received.extend_from_slice(&bytes[..count]);
        count
    }

    /// Waits for the first bytes of an answer, or for the end.
    pub(crate) fn begins(&mut self) {
        self.more();
    }

    /// Reads until the connection ends, and says how much was received in all.
    pub(crate) fn reads_to_the_end(&mut self) -> usize {
        let mut total = self.received.len();
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count) = self.socket.read(&mut bytes) {
            total += count;
            if count == 0 || total > 16 << 20 {
                break;
            }
        }
        total
    }

    /// The next chunks, joined, to the last.
    pub(crate) fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let Some(end) = self.received.windows(2).position(|w| w == b"\r\n") else {
                assert_ne!(self.more(), 0, "ends before a chunk");
                continue;
            };
            let line = String::from_utf8(self.received[..end].to_vec()).expect("text");
            let length = usize::from_str_radix(&line, 16).expect("a length");
            while self.received.len() < end + 2 + length + 2 {
                assert_ne!(self.more(), 0, "ends in a chunk");
            }
            let chunk: Vec<u8> = self.received.drain(..end + 2 + length + 2).collect();
            assert!(chunk.ends_with(b"\r\n"));
            if length == 0 {
                return body;
            }
            body.extend_from_slice(&chunk[end + 2..end + 2 + length]);
        }
    }

    /// Reads until the connection ends.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.more() > 0 {}
        std::mem::take(&mut self.received)
    }

    /// The head of the next answer.
    pub(crate) fn head(&mut self) -> String {
        loop {
            let end = self.received.windows(4).position(|w| w == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.received.drain(..end + 4).collect();
                return String::from_utf8(head).expect("text");
            }
            assert_ne!(self.more(), 0, "ends in a head: {:?}", self.received);
        }
    }

    /// The next answer, which may be 100 and then has no body.
    pub(crate) fn answer_or_interim(&mut self) -> Answer {
        let head = self.head();
        let mut answer = Answer {
            status: head[9..12].parse().expect("a status"),
            head,
            body: Vec::new(),
        };
        let length = answer.header("content-length");
        let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
        while self.received.len() < length {
            assert_ne!(self.more(), 0, "ends in a body");
        }
        answer.body = self.received.drain(..length).collect();
        answer
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Answer {
        let answer = self.answer_or_interim();
        assert_ne!(answer.status, 100);
        answer
    }

    /// Waits for the end of the connection, before which nothing more may come.
    pub(crate) fn ends(&mut self) {
        let mut bytes = [0; 4096];
        match self.socket.read(&mut bytes) {
            Ok(0) => {}
            // Where the server left something unread, its end is a reset.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("expected the end, not {other:?}"),
        }
        assert_eq!(self.received, b"");
    }
}
