//! How far the gathering is: a bar that redraws itself on a terminal, a line
//! now and then elsewhere.

use std::io::{self, IsTerminal, Write};

const WIDTH: u64 = 40;

/// Seconds between two lines where nothing can be redrawn.
const LINE_EVERY: u64 = 5;

/// Progress on standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    redraws: bool,
    shown: Option<u64>,
}

impl Progress {
    /// Of so many seconds.
    pub(crate) fn new(total: u64) -> Self {
        Self {
            total,
            redraws: io::stderr().is_terminal(),
            shown: None,
        }
    }

    /// So many seconds are over.
    pub(crate) fn show(&mut self, seconds: u64) {
        let seconds = seconds.min(self.total);
        if self.shown == Some(seconds) {
            return;
        }
        self.shown = Some(seconds);
        let text = self.text(seconds);
        // With standard error gone there is nobody who waits.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    fn text(&self, seconds: u64) -> String {
        let total = self.total;
        if self.redraws {
            let done = (WIDTH * seconds / total) as usize;
            let left = WIDTH as usize - done;
            return format!(
                "\r   [{}{}] {seconds:>3} of {total} s",
                "#".repeat(done),
                ".".repeat(left)
            );
        }
        let is_due = seconds > 0 && (seconds.is_multiple_of(LINE_EVERY) || seconds == total);
        match is_due {
            true => format!("   {seconds:>3} of {total} s\n"),
            false => String::new(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.redraws && self.shown.is_some() {
            // The bar stays where it got to, also when it was interrupted.
            let _ = io::stderr().write_all(b"\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(redraws: bool) -> Progress {
        Progress {
            total: 40,
            redraws,
            shown: None,
        }
    }

    #[test]
    fn the_bar_fills_from_nothing_to_all() {
        let bar = progress(true);
        let (empty, full) = (".".repeat(40), "#".repeat(40));
        assert_eq!(bar.text(0), format!("\r   [{empty}]   0 of 40 s"));
        assert_eq!(
            bar.text(10),
            format!("\r   [{}{}]  10 of 40 s", &full[..10], &empty[..30])
        );
        assert_eq!(bar.text(40), format!("\r   [{full}]  40 of 40 s"));
    }

    #[test]
    fn where_nothing_redraws_there_is_a_line_every_five_seconds() {
        let lines: String = (0..=12).map(|n| progress(false).text(n)).collect();
        assert_eq!(lines, "     5 of 40 s\n    10 of 40 s\n");
    }
}
