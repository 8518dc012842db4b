//! Developer programs, which stop all that they have started however they end.
//!
//! A release build aborts where it panics and a signal ends a process at once, so in
//! neither case do handles clean up after themselves.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;

use runtime::lock::lock;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// As shells report a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

type Action = Box<dyn Fn() + Send>;

static ACTIONS: Mutex<Vec<Action>> = Mutex::new(Vec::new());

/// Does this where the program ends early; it may have been done before.
pub(crate) fn on_early_end(action: impl Fn() + Send + 'static) {
    lock(&ACTIONS).push(Box::new(action));
}

/// Runs a program. A panic ends it with one line and exit code 2, a signal with 130.
pub fn developer_program(name: &'static str, body: impl FnOnce() -> ExitCode) -> ExitCode {
    std::panic::set_hook(Box::new(move |panic| {
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or(payload.downcast_ref::<String>().map(String::as_str));
        end(name, message.unwrap_or("it failed"), 2);
    }));
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).expect("signals can be caught");
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            end(name, "interrupted; everything is stopped", INTERRUPTED);
        }
    });
    body()
}

fn end(name: &str, message: &str, code: i32) -> ! {
    // Standard error may be closed.
    let _ = writeln!(std::io::stderr(), "{name}: {message}");
    for action in lock(&ACTIONS).iter() {
        action();
    }
    std::process::exit(code)
}
