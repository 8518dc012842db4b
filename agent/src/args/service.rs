//! Whether the program stays, and reports again and again.

use std::fmt;
use std::time::Duration;

use commandline::{BadValue, flag};
use quantity::{Interval, parse_duration};
use webserver::ListenAddress;

use super::flags::Args;

const DEFAULT_EVERY: Duration = Duration::from_secs(10 * 60);

/// What a long-running agent does beside reporting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Service {
    /// Where it serves.
    pub listen: ListenAddress,
    /// Time from one report to the next.
    pub every: Duration,
}

impl Service {
    pub(super) fn resolve(args: &Args) -> Result<Option<Self>, BadValue> {
        let listen = flag("--serve", args.serve.clone(), str::parse)?;
        let every = flag("--every", args.every.clone(), parse_every)?;
        let Some(listen) = listen else {
            return match &args.every {
                Some(value) => Err(BadValue {
                    setting: "--every".to_owned(),
                    value: value.clone(),
                    expected: "of use without --serve".to_owned(),
                }),
                None => Ok(None),
            };
        };
        let at = args.at.as_ref().map(|at| ("--at", at));
        let input = args.input.first().map(|file| ("--input", file));
        if let Some((setting, value)) = at.or(input) {
            return Err(BadValue {
                setting: setting.to_owned(),
                value: value.clone(),
                expected: "of use with --serve, which reports as of now".to_owned(),
            });
        }
        Ok(Some(Self {
            listen,
            every: every.unwrap_or(DEFAULT_EVERY),
        }))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--serve={}", self.listen)?;
        writeln!(f, "--every={}", Interval(self.every))
    }
}

fn parse_every(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .ok()
        .filter(|d| (Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(d))
        .ok_or("a duration such as 10m, from 1s to 1d")
}
