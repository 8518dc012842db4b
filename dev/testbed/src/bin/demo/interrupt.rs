//! Pauses that Ctrl-C ends, so that whatever runs beside us is stopped by the
//! same `Drop`s as always.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::trouble::Trouble;

/// Knows when somebody wants the show to stop.
pub(crate) struct Interrupt(Receiver<()>);

impl Interrupt {
    /// Listens for signals from now on; they no longer end the process.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for _ in signals.forever() {
                // Nobody receives once the show is over, which is the point.
                let _ = sender.send(());
            }
        });
        Ok(Self(receiver))
    }

    /// Waits this long.
    ///
    /// # Errors
    /// At once when a signal arrives, or arrived since the last pause.
    pub(crate) fn pause(&self, time: Duration) -> Result<(), Trouble> {
        match self.0.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Trouble::Interrupted),
        }
    }
}
