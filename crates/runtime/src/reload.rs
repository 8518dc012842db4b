//! Values that are read again from files which may change at any time.

use std::fmt::Display;

use log::{info, warn};

/// The last good content of one or several files, and the value made of it. Both stay in use
/// while a file is empty, half-written, invalid or gone.
#[derive(Debug)]
pub struct LastGood<C, T = ()> {
    good: Option<(C, T)>,
    /// The problem of the last update, which is logged once.
    problem: Option<String>,
    replaced: u64,
}

impl<C, T> Default for LastGood<C, T> {
    fn default() -> Self {
        Self {
            good: None,
            problem: None,
            replaced: 0,
        }
    }
}

impl<C: PartialEq, T> LastGood<C, T> {
    /// Replaces the content with `read` if it has changed and `make` accepts it. `name` is the
    /// file in log lines. Returns the content and value in use.
    ///
    /// # Errors
    /// That of `read` or `make`, until there is a good content.
    pub fn update<E: Display>(
        &mut self,
        name: &dyn Display,
        read: Result<C, E>,
        make: impl FnOnce(&C) -> Result<T, E>,
    ) -> Result<&(C, T), E> {
        let changed = read.and_then(|content| match &self.good {
            Some((known, _)) if *known == content => Ok(None),
            _ => make(&content).map(|value| Some((content, value))),
        });
        let problem = match (changed, &self.good) {
            (Ok(None), _) => None,
            (Ok(Some(new)), good) => {
                if good.is_some() {
                    info!("{name} changed, using its new content");
                    self.replaced += 1;
                }
                self.good = Some(new);
                None
            }
            (Err(error), None) => return Err(error),
            (Err(error), Some(_)) => Some(error.to_string()),
        };
        if problem.is_some() && problem != self.problem {
            warn!(
                "{}; keeping the last good content",
                problem.as_deref().unwrap_or_default()
            );
        }
        self.problem = problem;
        Ok(self.good.as_ref().expect("set above, or an error"))
    }

    /// Returns the content and value in use; `None` before the first good update.
    pub fn get(&self) -> Option<&(C, T)> {
        self.good.as_ref()
    }

    /// Returns the number of times that one good content has replaced another.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_good_content_stays_in_use() {
        let mut file = LastGood::default();
        let mut update = |read: Result<&'static str, &'static str>| {
            let number = |text: &&str| text.parse::<u8>().map_err(|_| "no number");
            let (content, value) = file.update(&"file", read, number)?;
            Ok((*content, *value, file.replaced()))
        };
        assert_eq!(update(Err("gone")), Err("gone"));
        assert_eq!(update(Ok("x")), Err("no number"));
        assert_eq!(update(Ok("1")), Ok(("1", 1, 0)));
        for broken in [Ok("x"), Err("gone"), Ok("1")] {
            assert_eq!(update(broken), Ok(("1", 1, 0)));
        }
        assert_eq!(update(Ok("2")), Ok(("2", 2, 1)));
    }
}
