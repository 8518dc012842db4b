//! SIGTERM and SIGINT.
//!
//! PID 1 of a container has no default action for them: without a handler they are ignored.
//! A separate thread waits for them, so that no slow request or pause has to be interrupted.

use std::io;
use std::process;
use std::sync::{Mutex, TryLockError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::lock::lock;

/// Locked while an output is written.
static WRITING: Mutex<()> = Mutex::new(());

/// Maximum wait for an output in progress: 20 × 50 ms. After that its reader has stalled, and
/// the process exits in time.
const CHECKS: u32 = 20;
const BETWEEN_CHECKS: Duration = Duration::from_millis(50);

/// Signals that are caught, and kept until they are handled.
#[derive(Debug)]
pub struct Signals(signal_hook::iterator::Signals);

impl Signals {
    /// Replaces the default action of SIGTERM and SIGINT.
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub fn catch() -> io::Result<Self> {
        signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map(Self)
    }

    /// Calls `act` with the number of the first signal, on a thread of its own. Further
    /// signals are ignored.
    ///
    /// # Errors
    /// When the operating system refuses the thread.
    pub fn on_first(mut self, act: impl FnOnce(i32) + Send + 'static) -> io::Result<()> {
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || self.0.forever().next().map(act))?;
        Ok(())
    }
}

/// Returns the exit code of a program that a signal ended, as in shells: 128 + signal.
pub fn exit_code(signal: i32) -> u8 {
    // Numbers of signals are below 65.
    u8::try_from(signal).map_or(128, |signal| signal.saturating_add(128))
}

/// Ends the process: at once, or when an output in progress is complete, at most a second
/// later.
pub fn exit(code: u8) -> ! {
    let mut checks = 0;
    let _no_output_begins = loop {
        match WRITING.try_lock() {
            Err(TryLockError::WouldBlock) if checks < CHECKS => {
                checks += 1;
                thread::sleep(BETWEEN_CHECKS);
            }
            result => break result,
        }
    };
    process::exit(i32::from(code))
}

/// Runs `work`, for whose end [`exit`] waits.
pub fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let _exit_waits = lock(&WRITING);
    work()
}
