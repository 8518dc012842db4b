//! A connection's bytes under one deadline.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A socket whose reads and writes all end by a deadline, with the error
/// [`io::ErrorKind::TimedOut`]. Another thread ends them by shutting the socket down.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Arc<TcpStream>,
    deadline: Instant,
}

impl Wire {
    pub(crate) fn new(socket: Arc<TcpStream>) -> Self {
        Self {
            socket,
            deadline: Instant::now(),
        }
    }

    /// From now on, everything must be done within `time`.
    pub(crate) fn within(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            // The socket would take a timeout of zero for none at all.
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Some(left))
    }
}

/// What Unix calls a socket's timeout.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        (&*self.socket).read(buffer).map_err(timed_out)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        (&*self.socket).write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
