//! Leaves at once when told to, without half a report.
//!
//! As process 1 of a container the program has no default action for SIGTERM:
//! without a handler the signal is ignored. A thread of its own waits for it,
//! so that no slow backend or pause between attempts has to be interrupted.

use std::io::{self, BufWriter, Write};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Held while the report is written.
static WRITING: Mutex<()> = Mutex::new(());

/// Exit code of a program that a signal ended, as shells report it: 128 + signal.
const SIGNAL_BASE: i32 = 128;

/// How long a report that is being written may still take: 20 × 50 ms. After
/// that its reader has stalled, and leaving in time matters more.
const CHECKS: u32 = 20;
const BETWEEN_CHECKS: Duration = Duration::from_millis(50);

/// From here on SIGTERM and SIGINT end the process with 128 + signal: at once,
/// or, if a report is just being written, a second later at most.
///
/// # Errors
/// When the operating system refuses the handlers or the thread.
pub fn leave_on_signals() -> io::Result<()> {
    Awaited::signals()?.leave(|signal| SIGNAL_BASE + signal)
}

/// Signals that are caught, and kept until somebody acts on them.
#[derive(Debug)]
pub struct Awaited(Signals);

impl Awaited {
    /// From here on SIGTERM and SIGINT do nothing by themselves.
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub fn signals() -> io::Result<Self> {
        Signals::new([SIGTERM, SIGINT]).map(Self)
    }

    /// Ends the process on the first signal with the exit code that `farewell` says,
    /// when a report that is just being written is done, a second later at most.
    ///
    /// # Errors
    /// When the operating system refuses the thread.
    pub fn leave(mut self, farewell: impl FnOnce(i32) -> i32 + Send + 'static) -> io::Result<()> {
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                if let Some(signal) = self.0.forever().next() {
                    let _no_report_begins = wait_for_report();
                    process::exit(farewell(signal));
                }
            })?;
        Ok(())
    }
}

fn wait_for_report() -> Option<MutexGuard<'static, ()>> {
    for _ in 0..CHECKS {
        match WRITING.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN_CHECKS),
        }
    }
    None
}

/// Writes what `write` has to say in one go; a signal that arrives meanwhile waits
/// for it.
///
/// # Errors
/// Whatever `out` reports.
pub fn write_whole(
    out: &mut dyn io::Write,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> io::Result<()> {
    uninterrupted(|| {
        let mut buffered = BufWriter::with_capacity(BUFFER_BYTES, out);
        write(&mut buffered)?;
        buffered.flush()
    })
}

/// Bytes of a report held at a time, where its form can be written piece by piece.
pub const BUFFER_BYTES: usize = 64 * 1024;

/// Does `work`; a signal that arrives meanwhile waits for it, as long as for a report.
pub fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let _signals_wait = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}
