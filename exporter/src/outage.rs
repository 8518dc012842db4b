//! Outages of a server that several endpoints are read from: the API server, or a kubelet.
//!
//! During an outage each endpoint backs off by itself. The first success shows that the
//! server is back, and that the others need not wait any longer.

use std::time::{Duration, Instant};

/// Minimum length of an outage, in rounds. In a shorter one no endpoint backs off for more
/// than two rounds; and while the server answers, two successes are never so far apart.
const SHORTEST_ROUNDS: f64 = 1.5;

/// A time span in which no request to the server succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// The last success before it.
    pub began: Instant,
    /// The first success after it.
    pub ended: Instant,
    /// Requests that failed in it are retried within this time after its end.
    pub spread: Duration,
}

/// The successes of requests to one server.
#[derive(Debug)]
pub struct Availability {
    last_success: Instant,
    shortest: Duration,
    outage: Option<Outage>,
}

impl Availability {
    /// Makes a server without successes. `round` is the time between two rounds.
    pub fn new(now: Instant, round: Duration) -> Self {
        Self {
            last_success: now,
            shortest: round.mul_f64(SHORTEST_ROUNDS),
            outage: None,
        }
    }

    /// Records a success. Returns whether it ends an outage.
    pub fn succeeded(&mut self, now: Instant, spread: Duration) -> bool {
        let began = std::mem::replace(&mut self.last_success, now);
        let is_end = now.saturating_duration_since(began) >= self.shortest;
        if is_end {
            self.outage = Some(Outage {
                began,
                ended: now,
                spread,
            });
        }
        is_end
    }

    /// The newest outage that has ended.
    pub fn outage(&self) -> Option<Outage> {
        self.outage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_gap_between_successes_is_an_outage() {
        let seconds = Duration::from_secs;
        let start = Instant::now();
        let mut server = Availability::new(start, seconds(30));
        for after in [0, 30, 60, 104] {
            assert!(!server.succeeded(start + seconds(after), seconds(5)));
        }
        assert_eq!(server.outage(), None);
        assert!(server.succeeded(start + seconds(224), seconds(5)));
        let outage = Outage {
            began: start + seconds(104),
            ended: start + seconds(224),
            spread: seconds(5),
        };
        assert!(!server.succeeded(start + seconds(225), seconds(5)));
        assert_eq!(server.outage(), Some(outage));
    }
}
