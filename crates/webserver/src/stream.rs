//! A client's connection with one deadline, with or without a session such as TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::policy::Session;
use crate::receive::Connection;

/// A connection whose reads and writes fail after a deadline, with
/// [`io::ErrorKind::TimedOut`]. Another thread ends them by shutting the socket down.
pub(crate) struct ClientStream {
    socket: DeadlineSocket,
    session: Option<Box<dyn Session>>,
}

impl ClientStream {
    pub(crate) fn new(socket: Arc<TcpStream>, session: Option<Box<dyn Session>>) -> Self {
        Self {
            socket: DeadlineSocket {
                socket,
                deadline: Instant::now(),
            },
            session,
        }
    }

    /// Returns whether no response can be sent yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.is_handshaking())
    }

    /// Returns whether the client has presented a certificate, which was verified.
    pub(crate) fn has_certificate(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.has_certificate())
    }

    /// Waits for the first byte of a client that should start a session. Returns true if it
    /// sends plain HTTP; the connection then continues without a session.
    pub(crate) fn falls_back_to_plain(&mut self) -> io::Result<bool> {
        if self.session.is_none() {
            return Ok(false);
        }
        let mut first = [0];
        let count = self.socket.peek(&mut first)?;
        let is_plain = count > 0 && first[0].is_ascii_alphabetic();
        if is_plain {
            self.session = None;
        }
        Ok(is_plain)
    }

    /// Ends the sending side.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            session.close(&mut self.socket)?;
        }
        self.socket.socket.shutdown(Shutdown::Write)
    }

    /// Discards what the client sends, until its end, the deadline or `most` bytes.
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

impl Connection for ClientStream {
    fn set_deadline(&mut self, time: Duration) {
        self.socket.deadline = Instant::now() + time;
    }
}

impl Read for ClientStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.session {
            None => self.socket.read(buffer),
            Some(session) => session.read(&mut self.socket, buffer),
        }
    }
}

impl Write for ClientStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.session {
            None => self.socket.write(bytes),
            Some(session) => session.write(&mut self.socket, bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.session {
            None => Ok(()),
            Some(session) => session.flush(&mut self.socket),
        }
    }
}

/// A socket whose reads and writes fail after a deadline.
#[derive(Debug)]
struct DeadlineSocket {
    socket: Arc<TcpStream>,
    deadline: Instant,
}

impl DeadlineSocket {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // A timeout of zero would mean none.
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }

    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.peek(buffer).map_err(timed_out)
    }
}

/// Converts a socket's timeout, which Unix reports as `WouldBlock`.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl Read for DeadlineSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        (&*self.socket).read(buffer).map_err(timed_out)
    }
}

impl Write for DeadlineSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        (&*self.socket).write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
