//! Whether the program stays, and reports again and again.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use commandline::{BadValue, flag, parse_text};
use contract::limit;
use quantity::{Interval, parse_duration};
use webserver::ListenAddress;

use super::flags::Args;

const DEFAULT_EVERY: Duration = Duration::from_secs(10 * 60);

/// What a long-running agent does beside reporting.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Where it serves.
    pub listen: ListenAddress,
    /// How that port is protected.
    pub protection: webconfig::Files,
    /// Time from one report to the next.
    pub every: Duration,
}

impl Service {
    pub(super) fn resolve(args: &Args) -> Result<Option<Self>, BadValue> {
        let listen = flag("--serve", args.serve.clone(), str::parse)?;
        let every = flag("--every", args.every.clone(), parse_every)?;
        let path = |text: &str| parse_text(text).map(PathBuf::from);
        let protection = webconfig::Files {
            web_config: flag("--web-config-file", args.web_config_file.clone(), path)?,
            bearer_token: flag(
                "--web-bearer-token-file",
                args.web_bearer_token_file.clone(),
                path,
            )?,
        };
        let Some(listen) = listen else {
            let idle = [
                ("--every", &args.every),
                ("--web-config-file", &args.web_config_file),
                ("--web-bearer-token-file", &args.web_bearer_token_file),
            ];
            return match idle
                .into_iter()
                .find_map(|(name, typed)| Some((name, typed.as_ref()?)))
            {
                Some((setting, value)) => Err(BadValue {
                    setting: setting.to_owned(),
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
            protection,
            every: every.unwrap_or(DEFAULT_EVERY),
        }))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--serve={}", self.listen)?;
        writeln!(f, "--every={}", Interval(self.every))?;
        let files = &self.protection;
        [
            ("--web-config-file", &files.web_config),
            ("--web-bearer-token-file", &files.bearer_token),
        ]
        .into_iter()
        .filter_map(|(flag, path)| Some((flag, path.as_ref()?)))
        .try_for_each(|(flag, path)| writeln!(f, "{flag}={}", path.display()))
    }
}

fn parse_every(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .ok()
        .filter(|every| limit::EVERY.contains(every))
        .ok_or("a duration such as 10m, from 1s to 1d")
}
