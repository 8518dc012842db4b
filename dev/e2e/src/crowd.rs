//! Clients that mean no good: thousands of connections to one port, each of which asks
//! for as much and gives as little as it can.
//!
//! In scope: keeping them up. Out of scope: what the port makes of it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// Threads that keep a crowd up.
const WORKERS: usize = 2;

/// Source address of hostile clients; requests from another address are a neighbour's.
pub const CROWD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);

/// Behaviour of each hostile connection, which is opened again whenever it is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Connects and says nothing.
    Silent,
    /// Sends half a head.
    HalfHead,
    /// Sends a head and half of the form it promises.
    HalfForm,
    /// Asks again and again, and takes one byte of the answers each second.
    SlowReader,
    /// Sends header lines without end, as fast as they are taken.
    EndlessHeaders,
    /// Asks as fast as it is answered.
    Insistent,
}

/// Connections that stay until this handle goes.
#[derive(Debug)]
pub struct Crowd {
    leave: Arc<AtomicBool>,
    opened: Arc<AtomicU64>,
    workers: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// Brings up `size` connections to `address`. Each comes again at most `often` after
    /// it last came.
    pub fn start(address: &str, size: usize, habit: Habit, often: Duration) -> Self {
        let address: SocketAddr = address.parse().expect("an address");
        let leave = Arc::new(AtomicBool::new(false));
        let opened = Arc::new(AtomicU64::new(0));
        let workers = (0..WORKERS)
            .map(|worker| {
                let (leave, opened) = (Arc::clone(&leave), Arc::clone(&opened));
                let size = size / WORKERS + usize::from(worker < size % WORKERS);
                thread::spawn(move || {
                    let mut members: Vec<Member> = (0..size).map(|_| Member::default()).collect();
                    while !leave.load(Ordering::Relaxed) {
                        for member in &mut members {
                            if leave.load(Ordering::Relaxed) {
                                break;
                            }
                            opened.fetch_add(member.step(address, habit, often), Ordering::Relaxed);
                        }
                        thread::sleep(Duration::from_millis(1));
                    }
                })
            })
            .collect();
        Self {
            leave,
            opened,
            workers,
        }
    }

    /// Connections opened so far, again and again included.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.leave.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            // One that panicked has said so.
            let _ = worker.join();
        }
    }
}

#[derive(Default)]
struct Member {
    socket: Option<TcpStream>,
    came: Option<Instant>,
    read: Option<Instant>,
}

impl Member {
    /// Does what is to be done now. Returns the number of connections opened.
    fn step(&mut self, address: SocketAddr, habit: Habit, often: Duration) -> u64 {
        match &mut self.socket {
            None if self.came.is_none_or(|came| came.elapsed() >= often) => {
                self.came = Some(Instant::now());
                self.socket = connect(CROWD, address)
                    .and_then(|mut socket| {
                        socket.set_nonblocking(true)?;
                        socket.write_all(opening(habit).as_bytes())?;
                        Ok(socket)
                    })
                    .ok();
                u64::from(self.socket.is_some())
            }
            None => 0,
            Some(socket) => {
                let due = self.read.is_none_or(|read| read.elapsed().as_secs() >= 1);
                let stays = match habit {
                    Habit::SlowReader if !due => Ok(()),
                    Habit::SlowReader => {
                        self.read = Some(Instant::now());
                        insist(socket, 1)
                    }
                    Habit::Insistent => insist(socket, 1 << 16),
                    Habit::EndlessHeaders => still_open(socket)
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

fn opening(habit: Habit) -> &'static str {
    match habit {
        Habit::Silent => "",
        Habit::HalfHead | Habit::EndlessHeaders => "GET /metrics HTTP/1.1\r\nHost: x\r\n",
        Habit::HalfForm => {
            "POST /api/v1/query_range HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nquery="
        }
        Habit::SlowReader | Habit::Insistent => ASKING,
    }
}

const ASKING: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

/// Takes up to `most` bytes and asks once more.
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
