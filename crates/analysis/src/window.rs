//! The time range of a report: the lookback window and the forecast horizon.
//!
//! Everything is in whole seconds. No clock is read here.

use contract::limit;
use forecast::HORIZONS_IN_WINDOW;
use quantity::{TimeGrid, Timestamp, interval};

/// The lengths of a window in whole seconds, checked to fit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    lookback: u64,
    step: u64,
    horizon: u64,
}

/// The maximum number of points of a series in one query: Prometheus refuses more.
pub const MAX_POINTS: u64 = 11_000;

/// The longest span accepted, in seconds: every sum of times stays far from overflow.
pub const MAX_SPAN_SECONDS: u64 = limit::SPAN.end().as_secs();

/// A conflict between the lengths of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// The lookback is shorter than one step.
    LookbackUnderStep,
    /// The lookback has more than [`MAX_POINTS`] points at this step.
    TooManyPoints {
        /// The number of points.
        points: u64,
        /// The finest step, in seconds, that is coarse enough.
        step_that_would_do: u64,
    },
    /// The horizon has more than [`MAX_POINTS`] steps.
    HorizonTooFine {
        /// The finest step, in seconds, that is coarse enough.
        step_that_would_do: u64,
    },
}

impl Spans {
    /// Takes lengths in seconds, each above 0 and at most [`MAX_SPAN_SECONDS`].
    ///
    /// # Errors
    /// When they do not fit each other.
    pub fn new(lookback: u64, step: u64, horizon: u64) -> Result<Self, Misfit> {
        if lookback < step {
            return Err(Misfit::LookbackUnderStep);
        }
        let points = lookback / step + 1;
        if points > MAX_POINTS {
            return Err(Misfit::TooManyPoints {
                points,
                step_that_would_do: finest_step(lookback, MAX_POINTS),
            });
        }
        if horizon.div_ceil(step) > MAX_POINTS {
            return Err(Misfit::HorizonTooFine {
                step_that_would_do: horizon.div_ceil(MAX_POINTS),
            });
        }
        Ok(Self {
            lookback,
            step,
            horizon,
        })
    }

    /// Chooses the finest step that is a multiple of `interval`, the time between two samples, at
    /// least `least`, and coarse enough for both lengths. Where the lookback is shorter than that
    /// multiple, the step is the finest one that is coarse enough.
    ///
    /// # Errors
    /// When the lookback is shorter than any step that would do.
    pub fn sampled_every(
        lookback: u64,
        horizon: u64,
        interval: u64,
        least: u64,
    ) -> Result<Self, Misfit> {
        let finest = finest_step(lookback, MAX_POINTS)
            .max(horizon.div_ceil(MAX_POINTS))
            .max(least);
        let multiple = finest.div_ceil(interval) * interval;
        let step = if multiple <= lookback {
            multiple
        } else {
            finest
        };
        Self::new(lookback, step, horizon)
    }

    /// Returns the lookback, in seconds.
    pub fn lookback(&self) -> u64 {
        self.lookback
    }

    /// Returns the time between two points, in seconds.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Returns the horizon, in seconds.
    pub fn horizon(&self) -> u64 {
        self.horizon
    }

    /// Returns the window that ends at the last multiple of the step up to `now`, so that two runs,
    /// and two backends, evaluate at the same timestamps.
    pub fn ending_at(&self, now: Timestamp) -> Window {
        let step = self.step as i64;
        let end = now.unix().div_euclid(step) * step;
        self.ending_exactly_at(Timestamp::from_unix(end))
    }

    /// Returns the window that ends exactly at `end` and begins whole steps before it.
    pub fn ending_exactly_at(&self, end: Timestamp) -> Window {
        let start = end.unix() - (self.lookback / self.step * self.step) as i64;
        Window {
            past: TimeGrid {
                start: Timestamp::from_unix(start),
                end,
                step: self.step,
            },
            horizon: self.horizon,
        }
    }
}

/// Returns the finest whole step at which `lookback` has at most `points` points.
fn finest_step(lookback: u64, points: u64) -> u64 {
    // lookback / step + 1 <= points, with the division rounding down.
    lookback / points + 1
}

/// The timestamps of the past that a report evaluates, and the horizon after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The timestamps of the points; the horizon begins at the last of them.
    pub past: TimeGrid,
    /// The horizon, in seconds.
    pub horizon: u64,
}

/// The time for which a level must be held to count for the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The time, in seconds; 0 for the maximum itself.
    pub seconds: u64,
    /// The number of consecutive points that cover it; at least 1.
    pub points: usize,
}

/// The minimum default of [`Hold`], in seconds and in points: the shortest `for` of the alerts of
/// kubernetes-mixin, and more points than a single spike.
const MIN_HOLD_SECONDS: u64 = 300;
const MIN_HOLD_POINTS: u64 = 3;

/// A lookback that is too short for the backtest to cover the horizon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortLookback {
    window: Window,
}

impl ShortLookback {
    /// Describes the problem and its effect on the forecast.
    pub fn problem(&self) -> String {
        let Window { past, horizon } = self.window;
        format!(
            "the lookback of {} is shorter than {HORIZONS_IN_WINDOW} horizons of {}: beyond {} the forecast and its intervals are extrapolated, not tested",
            interval(past.seconds()),
            interval(horizon),
            interval(past.seconds() / HORIZONS_IN_WINDOW),
        )
    }

    /// Describes the fix.
    pub fn fix(&self) -> String {
        format!(
            "set --lookback to at least {}, or --forecast to less",
            interval(HORIZONS_IN_WINDOW * self.window.horizon)
        )
    }
}

impl Window {
    /// Returns the problem of a lookback that is too short for the horizon.
    pub fn short_lookback(&self) -> Option<ShortLookback> {
        // The window is rounded down to whole steps, so the lookback may be up to a step longer.
        let most = self.past.seconds() + self.past.step;
        (most <= HORIZONS_IN_WINDOW * self.horizon).then_some(ShortLookback { window: *self })
    }

    /// Returns the time for which a level must be held: `asked`, in seconds, or by default
    /// 3 points, at least 5 minutes.
    pub fn hold(&self, asked: Option<u64>) -> Hold {
        let least = || MIN_HOLD_SECONDS.max(MIN_HOLD_POINTS * self.past.step);
        let seconds = asked.unwrap_or_else(least);
        Hold {
            seconds,
            points: seconds.div_ceil(self.past.step).max(1) as usize,
        }
    }

    /// Returns the timestamps to forecast: one a step after the end, and so on; the last is always
    /// the end of the horizon.
    pub fn ahead(&self) -> Vec<Timestamp> {
        let end = self.past.end.unix();
        let whole = (1..).map(|k| k * self.past.step);
        whole
            .take_while(|ahead| *ahead < self.horizon)
            .chain([self.horizon])
            .map(|ahead| Timestamp::from_unix(end + ahead as i64))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_is_held_for_three_points_and_five_minutes() {
        let hold = |step, asked| {
            let spans = Spans::new(86_400, step, 7200).expect("fits");
            let window = spans.ending_at(Timestamp::from_unix(1_795_331_588));
            let hold = window.hold(asked);
            (hold.seconds, hold.points)
        };
        assert_eq!(hold(60, None), (300, 5));
        assert_eq!(hold(300, None), (900, 3));
        assert_eq!(hold(60, Some(0)), (0, 1));
        assert_eq!(hold(300, Some(301)), (301, 2));
    }

    #[test]
    fn lookback_bears_a_third_of_it() {
        let short = |lookback, step, horizon| {
            let spans = Spans::new(lookback, step, horizon).expect("fits");
            let window = spans.ending_at(Timestamp::from_unix(1_795_331_588));
            window.short_lookback()
        };
        for (lookback, step, horizon) in [(21_600, 60, 1800), (5400, 60, 1800), (5400, 420, 1800)] {
            assert_eq!(short(lookback, step, horizon), None, "{lookback} {step}");
        }
        assert!(short(5399, 60, 1800).is_some());
        let day = short(600, 60, 86_400).expect("too short");
        assert_eq!(
            day.problem(),
            "the lookback of 10m is shorter than 3 horizons of 1d: beyond 3m20s the forecast and its intervals are extrapolated, not tested"
        );
        assert_eq!(
            day.fix(),
            "set --lookback to at least 3d, or --forecast to less"
        );
    }

    #[test]
    fn windows_align_to_the_step() {
        let window = Spans::new(7200, 60, 1800)
            .expect("fits")
            .ending_at(Timestamp::from_unix(1_795_331_588));
        assert_eq!(window.past.end.to_string(), "2026-11-22T07:13:00Z");
        assert_eq!(window.past.start.to_string(), "2026-11-22T05:13:00Z");
        assert_eq!(window.past.count(), 121);
        assert_eq!(window.ahead().len(), 30);

        let odd = Spans::new(100, 60, 90)
            .expect("fits")
            .ending_at(Timestamp::from_unix(600));
        assert_eq!(
            (odd.past.start, odd.past.end),
            (Timestamp::from_unix(540), Timestamp::from_unix(600))
        );
        assert_eq!(
            odd.ahead(),
            [Timestamp::from_unix(660), Timestamp::from_unix(690)]
        );
    }

    #[test]
    fn refused_spans_suggest_a_step() {
        assert_eq!(Spans::new(59, 60, 60), Err(Misfit::LookbackUnderStep));
        for lookback in [11_000, 11_001, 86_400, 604_800, MAX_SPAN_SECONDS] {
            let Err(Misfit::TooManyPoints {
                points,
                step_that_would_do: step,
            }) = Spans::new(lookback, 1, 60)
            else {
                panic!("{lookback} points were accepted");
            };
            assert_eq!(points, lookback + 1);
            assert!(Spans::new(lookback, step, 60).is_ok(), "{lookback}");
            assert!(Spans::new(lookback, step - 1, 60).is_err() || step == 1);
        }
        assert!(Spans::new(10_999, 1, 60).is_ok());
        let Err(Misfit::HorizonTooFine { step_that_would_do }) = Spans::new(60, 1, 11_001) else {
            panic!("accepted");
        };
        assert!(Spans::new(60, step_that_would_do, 11_001).is_ok());
    }

    #[test]
    fn step_is_a_multiple_of_the_interval() {
        const HOUR: u64 = 3600;
        for (lookback, horizon, interval, step) in [
            (2 * HOUR, HOUR, 15, 60),
            (2 * HOUR, HOUR, 30, 60),
            (2 * HOUR, HOUR, 45, 90),
            (2 * HOUR, HOUR, 60, 60),
            (2 * HOUR, HOUR, 300, 300),
            // 43,200 minutes: the finest that would do is 236 s.
            (30 * 24 * HOUR, HOUR, 60, 240),
            (2 * HOUR, 365 * 24 * HOUR, 60, 2880),
            // No multiple fits into the lookback.
            (HOUR, HOUR, 2 * HOUR, 60),
        ] {
            let spans = Spans::sampled_every(lookback, horizon, interval, 60).expect("fits");
            assert_eq!(spans.step(), step, "{lookback} {horizon} {interval}");
        }
        assert_eq!(
            Spans::sampled_every(59, 60, 15, 60),
            Err(Misfit::LookbackUnderStep)
        );
    }
}
