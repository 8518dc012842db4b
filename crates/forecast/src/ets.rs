//! Exponential smoothing: a level, a slope and seasons that follow the series, each
//! as fast as would have served it best so far.
//!
//! The additive forms of Holt (1957) and Gardner and McKenzie (1985) — level alone,
//! level and slope, level and slope that fades — after the seasons are taken off
//! (see `season`). Points at uneven distances weigh as Wright (1986, "Forecasting
//! data published at irregular time intervals using an extension of Holt's method",
//! Management Science 32) has it: a gap is a gap.
//!
//! Three departures from the textbook. There are no starting values to guess: a
//! series begins as a mean or a least-squares line, whose weights fall as points
//! come in, and is smoothed from where the weights reach those of the smoothing.
//! What is minimised is the mean absolute error not one step ahead but over the
//! horizon that is asked for. And a smoothing may hold any error beyond the usual
//! one for the usual one, so that bursts do not drag the level (after Gelper, Fried
//! and Croux 2010, "Robust forecasting with exponential and Holt-Winters
//! smoothing", Journal of Forecasting 29).

use quantity::Timestamp;

use crate::cadence::{periods, step};
use crate::season::Season;
use crate::{Model, Point};

/// Predicts by exponential smoothing.
#[derive(Debug, Clone, Copy)]
pub struct Ets;

impl Model for Ets {
    fn name(&self) -> &'static str {
        "ets"
    }

    fn continue_from(&self, points: &[Point], times: &[Timestamp]) -> Result<Vec<f64>, String> {
        let (Some(newest), Some(end)) = (points.last(), times.last()) else {
            return Err("no points".to_owned());
        };
        let step = step(points);
        let seasons = seasons(points, step);
        let added = |at: Timestamp| seasons.iter().map(|season| season.at(at)).sum::<f64>();
        let rest: Vec<f64> = points.iter().map(|p| p.value - added(p.at)).collect();
        let track = Track::new(points, rest, step as f64);
        let horizon = end.since(newest.at) / step as f64;
        let smoothing = track.best_smoothing(horizon);
        let state = track.smoothed(smoothing, |_, _| ());
        let at = |time: &Timestamp| {
            let steps = time.since(newest.at) / step as f64;
            state.ahead(smoothing.kept(steps), steps).level + added(*time)
        };
        Ok(times.iter().map(at).collect())
    }
}

/// What the points repeat, shortest period first, each of what the ones before leave.
fn seasons(points: &[Point], step: i64) -> Vec<Season> {
    let mut rest = points.to_vec();
    let mut seasons = Vec::new();
    for period in periods(points, step) {
        if let Some(season) = Season::of(&rest, period, step) {
            rest.iter_mut().for_each(|p| p.value -= season.at(p.at));
            seasons.push(season);
        }
    }
    seasons
}

/// How fast level and slope follow the series.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Smoothing {
    /// Share of an error that moves the level, after one step: 0 to 1.
    level: f64,
    /// Share of that which moves the slope: 0 to 1.
    slope: f64,
    /// What a slope keeps of itself from step to step: 0 for no slope at all, 1 for
    /// one that stays.
    keeps: f64,
    /// Whether an error beyond the usual one counts as the usual one.
    robust: bool,
}

/// What is left of slopes after some steps, and what they add up to meanwhile.
#[derive(Debug, Clone, Copy)]
struct Kept {
    share: f64,
    sum: f64,
}

impl Smoothing {
    /// What a slope of 1 becomes in `steps`.
    fn kept(&self, steps: f64) -> Kept {
        if self.keeps == 0.0 || self.keeps == 1.0 {
            return Kept {
                share: self.keeps,
                sum: self.keeps * steps,
            };
        }
        let share = power(self.keeps, steps);
        Kept {
            share,
            sum: self.keeps * (1.0 - share) / (1.0 - self.keeps),
        }
    }
}

/// `base` to a power that is 1 nearly always.
fn power(base: f64, exponent: f64) -> f64 {
    if exponent == 1.0 {
        base
    } else {
        base.powf(exponent)
    }
}

/// The smoothings that are tried, simplest first: few, and far enough apart to
/// differ. A finer grid, or a search, did no better on a varied fleet.
fn smoothings() -> impl Iterator<Item = Smoothing> {
    let plain = Smoothing {
        level: 0.0,
        slope: 0.0,
        keeps: 0.0,
        robust: false,
    };
    let levels = [0.0, 0.05, 0.15, 0.4, 1.0].map(|level| Smoothing { level, ..plain });
    let robust = [0.0, 0.05, 0.2].map(|level| Smoothing {
        level,
        robust: true,
        ..plain
    });
    let slopes = [1.0, 0.97, 0.9].into_iter().flat_map(move |keeps| {
        [0.0, 0.1, 0.3, 0.7, 1.0]
            .into_iter()
            .flat_map(move |level| {
                [0.0, 0.03, 0.1, 0.3].map(|slope| Smoothing {
                    level,
                    slope,
                    keeps,
                    ..plain
                })
            })
    });
    levels.into_iter().chain(robust).chain(slopes)
}

/// A form with a slope must do better than one without by this factor: over a
/// horizon slopes go astray.
const SLOPE_MUST_GAIN: f64 = 1.03;

/// Errors that are held for the usual one begin beyond it by this factor.
const USUAL_ERRORS: f64 = 1.0;

/// Points from which errors are called usual, and the share of the newest in what
/// is usual from there on.
const WARM_UP: f64 = 8.0;
const NEWEST_ERROR: f64 = 0.1;

/// What one error may be at most, as a multiple of the usual one, in what is usual.
const WORST_ERROR: f64 = 4.0;

/// Level and slope after a point.
#[derive(Debug, Clone, Copy)]
struct State {
    level: f64,
    slope: f64,
}

impl State {
    /// The same some steps later.
    fn ahead(self, kept: Kept, steps: f64) -> Self {
        debug_assert!(steps >= 0.0);
        Self {
            level: self.level + self.slope * kept.sum,
            slope: self.slope * kept.share,
        }
    }
}

/// A series without its seasons, in steps.
struct Track {
    values: Vec<f64>,
    /// Steps since the first point.
    times: Vec<f64>,
}

impl Track {
    fn new(points: &[Point], values: Vec<f64>, step: f64) -> Self {
        let first = points[0].at;
        Self {
            values,
            times: points.iter().map(|p| p.at.since(first) / step).collect(),
        }
    }

    /// The smoothing whose predictions would have been best over the horizon, which
    /// is in steps: the mean absolute error at five distances, from all moments but
    /// the first, which only set the level.
    fn best_smoothing(&self, horizon: f64) -> Smoothing {
        let count = self.values.len();
        let far = (horizon.round() as usize).clamp(1, (count / 3).max(1));
        let mut distances = vec![
            1,
            far.div_ceil(4),
            far.div_ceil(2),
            (3 * far).div_ceil(4),
            far,
        ];
        distances.dedup();
        let settled = (count / 6).max(3);
        let error = |smoothing: Smoothing| {
            let whole: Vec<Kept> = distances
                .iter()
                .map(|d| smoothing.kept(*d as f64))
                .collect();
            let (mut sum, mut tries) = (0.0, 0u32);
            self.smoothed(smoothing, |index, state| {
                if index < settled {
                    return;
                }
                for (distance, whole) in distances.iter().zip(&whole) {
                    let Some(actual) = self.values.get(index + distance) else {
                        break;
                    };
                    let steps = self.times[index + distance] - self.times[index];
                    let kept = if steps == *distance as f64 {
                        *whole
                    } else {
                        smoothing.kept(steps)
                    };
                    sum += (actual - state.ahead(kept, steps).level).abs();
                    tries += 1;
                }
            });
            let gain = if smoothing.keeps > 0.0 {
                SLOPE_MUST_GAIN
            } else {
                1.0
            };
            gain * sum / f64::from(tries.max(1))
        };
        smoothings()
            .map(|smoothing| (smoothing, error(smoothing)))
            // The first of equals, which is the simplest.
            .reduce(|best, next| if next.1 < 0.999 * best.1 { next } else { best })
            .expect("there are smoothings to try")
            .0
    }

    /// Smooths the series, tells `after` of the state after each point, and returns
    /// the last one.
    fn smoothed(&self, by: Smoothing, mut after: impl FnMut(usize, State)) -> State {
        let mut state = State {
            level: self.values[0],
            slope: 0.0,
        };
        let mut usual = 0.0;
        after(0, state);
        for index in 1..self.values.len() {
            let steps = self.times[index] - self.times[index - 1];
            let count = (index + 1) as f64;
            let before = state.ahead(by.kept(steps), steps);
            let mut error = self.values[index] - before.level;
            if by.robust {
                error = held(error, &mut usual, count);
            }
            let smoothed = 1.0 - power(1.0 - by.level, steps);
            // The weights of a running mean, and of a running least-squares line.
            let (level, slope) = if by.keeps == 0.0 {
                (smoothed.max(1.0 / count), 0.0)
            } else {
                let pairs = count * (count + 1.0);
                (
                    smoothed.max(2.0 * (2.0 * count - 1.0) / pairs),
                    (by.level * by.slope).max(6.0 / pairs),
                )
            };
            state = State {
                level: before.level + level * error,
                slope: before.slope + slope * error / steps.max(1.0),
            };
            after(index, state);
        }
        state
    }
}

/// An error as a robust smoothing takes it, the `count`-th; `usual` is the mean
/// absolute error so far, and learns from it.
fn held(error: f64, usual: &mut f64, count: f64) -> f64 {
    let size = error.abs();
    if count < WARM_UP {
        *usual += (size - *usual) / count;
        return error;
    }
    let limit = USUAL_ERRORS * *usual;
    *usual += NEWEST_ERROR * (size.min(WORST_ERROR * *usual) - *usual);
    error.clamp(-limit, limit)
}
