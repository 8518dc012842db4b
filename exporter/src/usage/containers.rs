//! Throttling and OOM kills of containers between two readings of cAdvisor.

use std::collections::BTreeMap;
use std::time::Instant;

use quantity::Ratio;

use super::known::Known;
use crate::readings::{At, ContainerReading, MAX_ROWS};

/// Limit for the OOM kills of one container between two readings.
const MAX_KILLS: f64 = 1e6;

/// Counters of containers over readings.
#[derive(Debug, Default)]
pub(super) struct Containers {
    /// By cgroup path. One that is missing from a reading is kept until its time, so that
    /// it is not taken for a new one when it returns.
    last: BTreeMap<Box<[u8]>, (ContainerReading, Instant)>,
    throttled: Option<Known<Ratio>>,
    /// Never falls while the program runs.
    oom_kills: u64,
    /// Time until which `oom_kills` is valid; `None` if the last reading did not report the
    /// OOM kills of all containers.
    oom_kills_until: Option<Instant>,
}

impl Containers {
    /// Drops all but the OOM kills counted so far.
    pub(super) fn forget(&mut self) {
        *self = Self {
            oom_kills: self.oom_kills,
            ..Self::default()
        };
    }

    /// Takes a reading. `has_all_oom_kills` is true if it reports the OOM kills of every
    /// container.
    pub(super) fn observe(
        &mut self,
        reading: BTreeMap<Box<[u8]>, ContainerReading>,
        has_all_oom_kills: bool,
        now: Instant,
        until: Instant,
    ) {
        // A new container's count began at 0 after the last reading.
        let counts_new = self.oom_kills(now).is_some();
        let (mut periods, mut throttled) = (0.0, 0.0);
        let mut advanced = false;
        let mut count_kills = |kills: Option<f64>| {
            if let Some(kills) = kills.filter(|kills| *kills <= MAX_KILLS) {
                // Whole and bounded.
                self.oom_kills += kills as u64;
            }
        };
        for (id, mut new) in reading {
            let Some((before, kept_until)) = self.last.get_mut(&id) else {
                if counts_new {
                    count_kills(new.oom_kills.map(|kills| kills.value));
                }
                self.last.insert(id, (new, until));
                continue;
            };
            let period_growth = growth(before.periods, new.periods);
            let throttled_growth = growth(before.throttled, new.throttled);
            if let (Some(p), Some(t)) = (period_growth, throttled_growth) {
                advanced = true;
                periods += p;
                throttled += t.min(p);
            }
            count_kills(increase(before.oom_kills, new.oom_kills));
            new.periods = newest(before.periods, new.periods);
            new.throttled = newest(before.throttled, new.throttled);
            new.oom_kills = newest(before.oom_kills, new.oom_kills);
            (*before, *kept_until) = (new, until);
        }
        if advanced {
            // No period passed in the interval: nothing could be throttled, and there is no
            // ratio.
            self.throttled = Ratio::of(throttled, periods).map(|value| Known { value, until });
        }
        let has_room = self.last.len() <= MAX_ROWS;
        self.last
            .retain(|_, (_, kept_until)| *kept_until == until || (has_room && now < *kept_until));
        self.oom_kills_until = has_all_oom_kills.then_some(until);
    }

    /// Returns the share of scheduler periods in which containers with a limit were throttled.
    pub(super) fn throttled(&self, now: Instant) -> Option<Ratio> {
        Known::at(self.throttled, now)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.last.len()
    }

    /// Returns the OOM kills since the start, while the readings report all of them.
    pub(super) fn oom_kills(&self, now: Instant) -> Option<u64> {
        self.oom_kills_until
            .filter(|until| now < *until)
            .map(|_| self.oom_kills)
    }
}

/// Growth of a counter over a whole interval; `None` without one: not in both readings,
/// measured only once, or fallen.
fn growth(before: Option<At<f64>>, now: Option<At<f64>>) -> Option<f64> {
    let (before, now) = (before?, now?);
    (now.at > before.at && now.value >= before.value).then_some(now.value - before.value)
}

/// Returns the events since the last reading. A counter that fell started again at 0.
fn increase(before: Option<At<f64>>, now: Option<At<f64>>) -> Option<f64> {
    let (before, now) = (before?, now?);
    let base = if now.value < before.value {
        0.0
    } else {
        before.value
    };
    (now.at > before.at).then_some(now.value - base)
}

/// The sample to measure the next growth from. An older one than is known must
/// not become it, or its interval would be counted twice; but an older time
/// with no smaller count is a clock that was set back.
fn newest(before: Option<At<f64>>, now: Option<At<f64>>) -> Option<At<f64>> {
    match (before, now) {
        (Some(b), Some(n)) if n.at < b.at && n.value < b.value => before,
        _ => now,
    }
}
