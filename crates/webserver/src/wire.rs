//! A connection's bytes under one deadline, in TLS or not.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, Stream};

/// A connection whose reads and writes all end by a deadline, with the error
/// [`io::ErrorKind::TimedOut`]. Another thread ends them by shutting the socket down.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Timed,
    tls: Option<Box<ServerConnection>>,
}

impl Wire {
    /// The handshake takes place with the first bytes that are read.
    pub(crate) fn new(socket: Arc<TcpStream>, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let tls = tls.map(|config| ServerConnection::new(Arc::clone(config)));
        Ok(Self {
            socket: Timed {
                socket,
                deadline: Instant::now(),
            },
            tls: tls.transpose().map_err(io::Error::other)?.map(Box::new),
        })
    }

    /// From now on, everything must be done within `time`.
    pub(crate) fn within(&mut self, time: Duration) {
        self.socket.deadline = Instant::now() + time;
    }

    /// Whether nothing can be said yet, nor understood.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Whether the client has shown a certificate; it was a good one then.
    pub(crate) fn has_certificate(&self) -> bool {
        let tls = self.tls.as_ref();
        tls.is_some_and(|tls| tls.peer_certificates().is_some())
    }

    /// Takes the first bytes of a client that should speak TLS. True where it does not.
    pub(crate) fn speaks_plainly(&mut self) -> io::Result<bool> {
        let mut first = [0];
        let count = self.socket.peek(&mut first)?;
        Ok(count > 0 && first[0].is_ascii_alphabetic())
    }

    /// Goes on without TLS, which has not begun.
    pub(crate) fn without_tls(&mut self) {
        self.tls = None;
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            }
        }
        self.socket.socket.shutdown(Shutdown::Write)
    }

    /// Takes what is still sent, unread, until the end or the deadline or `most` bytes.
    pub(crate) fn drain(&mut self, most: usize) -> io::Result<()> {
        let mut left = most;
        let mut bytes = [0; 2048];
        while left > 0 {
            match self.socket.read(&mut bytes)? {
                0 => break,
                count => left = left.saturating_sub(count),
            }
        }
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(buffer),
            Some(tls) => Stream::new(tls.as_mut(), &mut self.socket).read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.write(bytes),
            Some(tls) => Stream::new(tls.as_mut(), &mut self.socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => Stream::new(tls.as_mut(), &mut self.socket).flush(),
        }
    }
}

/// The socket itself.
#[derive(Debug)]
struct Timed {
    socket: Arc<TcpStream>,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // The socket would take a timeout of zero for none at all.
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }

    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.peek(buffer).map_err(timed_out)
    }
}

/// What Unix calls a socket's timeout.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        (&*self.socket).read(buffer).map_err(timed_out)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        (&*self.socket).write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
