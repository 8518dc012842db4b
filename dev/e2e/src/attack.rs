//! Hostile clients: thousands of connections to one port, each of which demands
//! as much and sends as little as it can.
//!
//! Out of scope: the reaction of the port.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// Threads that keep a attack up.
const WORKERS: usize = 2;

/// Source address of hostile clients; requests from another address are a neighbour's.
pub const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

/// Behaviour of each hostile connection, which is opened again whenever it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Connects and says nothing.
    Silent,
    /// Sends half a head.
    HalfHead,
    /// Sends a head and half of the form it promises.
    HalfForm,
    /// Sends requests without pause, and reads one byte of the responses each second.
    SlowReader,
    /// Sends header lines without end, as fast as they are taken.
    EndlessHeaders,
    /// Sends a request after each response.
    Flood,
}

/// Connections that stay until this handle goes.
#[derive(Debug)]
pub struct Attack {
    stop: Arc<AtomicBool>,
    opened: Arc<AtomicU64>,
    workers: Vec<JoinHandle<()>>,
}

impl Attack {
    /// Brings up `size` connections to `address`. Each comes again at most `often` after
    /// it last came.
    pub fn start(address: &str, size: usize, pattern: Pattern, often: Duration) -> Self {
        let address: SocketAddr = address.parse().expect("an address");
        let stop = Arc::new(AtomicBool::new(false));
        let opened = Arc::new(AtomicU64::new(0));
        let workers = (0..WORKERS)
            .map(|worker| {
                let (stop, opened) = (Arc::clone(&stop), Arc::clone(&opened));
                let size = size / WORKERS + usize::from(worker < size % WORKERS);
                thread::spawn(move || {
                    let mut clients: Vec<Client> = (0..size).map(|_| Client::default()).collect();
                    while !stop.load(Ordering::Relaxed) {
                        for client in &mut clients {
                            if stop.load(Ordering::Relaxed) {
                                break;
                            }
                            opened
                                .fetch_add(client.step(address, pattern, often), Ordering::Relaxed);
                        }
                        thread::sleep(Duration::from_millis(1));
                    }
                })
            })
            .collect();
        Self {
            stop,
            opened,
            workers,
        }
    }

    /// Connections opened so far, again and again included.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            // One that panicked has said so.
            let _ = worker.join();
        }
    }
}

#[derive(Default)]
struct Client {
    socket: Option<TcpStream>,
    came: Option<Instant>,
    read: Option<Instant>,
}

impl Client {
    /// Does what is to be done now. Returns the number of connections opened.
    fn step(&mut self, address: SocketAddr, pattern: Pattern, often: Duration) -> u64 {
        match &mut self.socket {
            None if self.came.is_none_or(|came| came.elapsed() >= often) => {
                self.came = Some(Instant::now());
                self.socket = connect(ATTACKER, address)
                    .and_then(|mut socket| {
                        socket.set_nonblocking(true)?;
                        socket.write_all(opening(pattern).as_bytes())?;
                        Ok(socket)
                    })
                    .ok();
                u64::from(self.socket.is_some())
            }
            None => 0,
            Some(socket) => {
                let due = self.read.is_none_or(|read| read.elapsed().as_secs() >= 1);
                let stays = match pattern {
                    Pattern::SlowReader if !due => Ok(()),
                    Pattern::SlowReader => {
                        self.read = Some(Instant::now());
                        insist(socket, 1)
                    }
                    Pattern::Flood => insist(socket, 1 << 16),
                    Pattern::EndlessHeaders => still_open(socket)
                        .and_then(|()| nonblocking(socket.write(&HEADERS.repeat(64)))),
                    _ => still_open(socket),
                };
                if stays.is_err() {
                    self.socket = None;
                }
                0
            }
        }
    }
}

const HEADERS: &[u8] = b"X-Endless: 0123456789012345678901234567890123456789\r\n";

fn opening(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Silent => "",
        Pattern::HalfHead | Pattern::EndlessHeaders => "GET /metrics HTTP/1.1\r\nHost: x\r\n",
        Pattern::HalfForm => {
            "POST /api/v1/query_range HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nquery="
        }
        Pattern::SlowReader | Pattern::Flood => ASKING,
    }
}

const ASKING: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// Reads up to `most` bytes and sends another request.
fn insist(socket: &mut TcpStream, most: usize) -> io::Result<()> {
    let mut bytes = vec![0; most];
    match socket.read(&mut bytes) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => nonblocking(socket.write(ASKING.as_bytes())),
        read => nonblocking(read),
    }
}

fn still_open(socket: &mut TcpStream) -> io::Result<()> {
    match socket.read(&mut [0; 4096]) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        read => nonblocking(read),
    }
}

/// Waiting is no failure.
fn nonblocking(result: io::Result<usize>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

/// Connects from one of this machine's addresses.
///
/// # Errors
/// When there is no connection within a second.
pub fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((from, 0)).into())?;
    // Closing is a reset then, which leaves no port behind that waits for a minute.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.connect_timeout(&to.into(), Duration::from_secs(1))?;
    Ok(socket.into())
}
