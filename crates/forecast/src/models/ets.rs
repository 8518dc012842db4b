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
use crate::origin::Origin;
use crate::point::Point;
use crate::season::Season;

/// The periods of the seasons that a series shows, in seconds.
pub(crate) fn seasonal_periods(points: &[Point]) -> Vec<i64> {
    let periods = periods(points, step(points));
    let seasons = seasons(points, &periods);
    seasons.iter().map(Season::period).collect()
}

/// Predicts by exponential smoothing from origins in the same series. How fast to smooth
/// is chosen for all in one pass over the points before the latest of them.
pub(super) fn predict(origins: &[Origin<'_>]) -> Result<Vec<Vec<f64>>, String> {
    let whole = origins.iter().max_by_key(|origin| origin.before.len());
    let whole = whole.ok_or("no points")?;
    let (Some(newest), Some(end)) = (whole.before.last(), whole.times.last()) else {
        return Err("no points".to_owned());
    };
    let step = step(whole.before);
    let track = Track::of(whole.before, &seasons(&whole.around(), whole.periods), step);
    let splits = Vec::from_iter(origins.iter().map(|origin| origin.before.len()));
    let horizon = end.since(newest.at) / step as f64;
    let smoothings = track.best_smoothings(&splits, horizon);
    let continued = |(origin, smoothing): (&Origin<'_>, Smoothing)| {
        let seasons = seasons(&origin.around(), origin.periods);
        let track = Track::of(origin.before, &seasons, step);
        let state = track
            .states(smoothing)
            .last()
            .expect("a state after each of the points");
        let newest = origin.before[origin.before.len() - 1].at;
        let at = |time: &Timestamp| {
            let steps = time.since(newest) / step as f64;
            state.ahead(smoothing.kept(steps)).level + added(&seasons, *time)
        };
        origin.times.iter().map(at).collect()
    };
    Ok(origins.iter().zip(smoothings).map(continued).collect())
}

/// Returns the sum of all seasons at a time.
fn added(seasons: &[Season], at: Timestamp) -> f64 {
    seasons.iter().map(|season| season.at(at)).sum()
}

/// Returns the seasons, shortest period first, each of the remainder of the ones before.
fn seasons(points: &[Point], periods: &[i64]) -> Vec<Season> {
    let step = step(points);
    let mut seasons = Vec::new();
    if periods.is_empty() {
        return seasons;
    }
    let mut rest = points.to_vec();
    for period in periods {
        if let Some(season) = Season::of(&rest, *period, step) {
            rest.iter_mut().for_each(|p| p.value -= season.at(p.at));
            seasons.push(season);
        }
    }
    seasons
}

/// The smoothing parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Smoothing {
    /// Share of an error that moves the level, after one step: 0 to 1.
    level: f64,
    /// Share of that which moves the slope: 0 to 1.
    slope: f64,
    /// The damping of the slope from step to step: 0 for no slope at all, 1 for
    /// one that stays.
    keeps: f64,
    /// Set if an error beyond the usual one counts as the usual one.
    robust: bool,
}

/// The remainder of a slope after some steps, and its sum until then.
#[derive(Debug, Clone, Copy)]
struct Kept {
    share: f64,
    sum: f64,
}

impl Smoothing {
    /// The mean, for ever.
    const PLAIN: Self = Self {
        level: 0.0,
        slope: 0.0,
        keeps: 0.0,
        robust: false,
    };

    /// Returns the remainder and the sum of a slope of 1 after `steps`.
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
    let levels = [0.0, 0.05, 0.15, 0.4, 1.0].map(|level| Smoothing {
        level,
        ..Smoothing::PLAIN
    });
    let robust = [0.0, 0.05, 0.2].map(|level| Smoothing {
        level,
        robust: true,
        ..Smoothing::PLAIN
    });
    let slopes = [1.0, 0.97, 0.9].into_iter().flat_map(|keeps| {
        [0.0, 0.1, 0.3, 0.7, 1.0]
            .into_iter()
            .flat_map(move |level| {
                [0.0, 0.03, 0.1, 0.3].map(|slope| Smoothing {
                    level,
                    slope,
                    keeps,
                    ..Smoothing::PLAIN
                })
            })
    });
    levels.into_iter().chain(robust).chain(slopes)
}

/// A form with a slope must do better than one without by this factor: over a
/// horizon slopes go astray.
const SLOPE_MUST_GAIN: f64 = 1.03;

/// The share of the error so far under which a smoothing is better, not just luckier.
const MUST_BE_LESS: f64 = 0.999;

/// Errors that are held for the usual one begin beyond it by this factor.
const USUAL_ERRORS: f64 = 1.0;

/// Points from which errors are called usual, and the share of the newest in what
/// is usual from there on.
const WARM_UP: f64 = 8.0;
const NEWEST_ERROR: f64 = 0.1;

/// The largest error, as a multiple of the usual one, that enters the usual one.
const WORST_ERROR: f64 = 4.0;

/// The sums of all values up to each.
fn running(mut values: Vec<f64>) -> Vec<f64> {
    let mut sum = 0.0;
    for value in &mut values {
        sum += *value;
        *value = sum;
    }
    values
}

/// Level and slope after a point.
#[derive(Debug, Clone, Copy)]
struct State {
    level: f64,
    slope: f64,
}

impl State {
    /// The same after the steps that this is left of.
    fn ahead(self, kept: Kept) -> Self {
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
    fn of(points: &[Point], seasons: &[Season], step: i64) -> Self {
        let first = points[0].at;
        Self {
            values: points
                .iter()
                .map(|p| p.value - added(seasons, p.at))
                .collect(),
            times: points
                .iter()
                .map(|p| p.at.since(first) / step as f64)
                .collect(),
        }
    }

    /// For each number of points the smoothing whose predictions within them would
    /// have been best over the horizon, which is in steps; the simplest of equals.
    fn best_smoothings(&self, splits: &[usize], horizon: f64) -> Vec<Smoothing> {
        let most = (self.values.len() / 3).max(1);
        let far = (horizon.round() as usize).clamp(1, most);
        let distances = [
            1,
            far.div_ceil(4),
            far.div_ceil(2),
            (3 * far).div_ceil(4),
            far,
        ];
        let mut ends = splits.to_vec();
        ends.sort_unstable();
        let mut best = vec![(Smoothing::PLAIN, f64::INFINITY); ends.len()];
        for smoothing in smoothings() {
            let limits = Vec::from_iter(best.iter().map(|(_, error)| MUST_BE_LESS * error));
            let errors = self.errors(smoothing, distances, &ends, &limits);
            for ((best, error), limit) in best.iter_mut().zip(errors).zip(limits) {
                if error < limit {
                    *best = (smoothing, error);
                }
            }
        }
        splits
            .iter()
            .map(|split| best[ends.partition_point(|end| end < split)].0)
            .collect()
    }

    /// The sum of absolute errors so many points ahead within the points before each of
    /// `ends`, which rise; from all points but the first, which only set the level. Given
    /// up, which leaves infinity, where no sum can stay under its limit.
    fn errors(
        &self,
        smoothing: Smoothing,
        distances: [usize; 5],
        ends: &[usize],
        limits: &[f64],
    ) -> Vec<f64> {
        let whole = distances.map(|distance| smoothing.kept(distance as f64));
        let factor = if smoothing.keeps > 0.0 {
            SLOPE_MUST_GAIN
        } else {
            1.0
        };
        let longest = ends[ends.len() - 1];
        let settled = (longest / 6).min(ends[0] / 2).max(3);
        let mut sums = vec![0.0; ends.len()];
        // The first end that each distance has not reached, and the origin has not.
        let mut reached = [0; 5];
        let mut open = 0;
        for (index, state) in self.states(smoothing).enumerate().skip(settled) {
            while open < ends.len() && ends[open] <= index {
                open += 1;
                let so_far = running(sums.clone());
                if (open..ends.len()).all(|end| so_far[end] >= limits[end]) {
                    sums[open..].fill(f64::INFINITY);
                    return running(sums);
                }
            }
            for (k, (distance, whole)) in distances.iter().zip(&whole).enumerate() {
                let target = index + distance;
                let Some(actual) = self.values.get(target) else {
                    break;
                };
                while reached[k] < ends.len() && ends[reached[k]] <= target {
                    reached[k] += 1;
                }
                let Some(sum) = sums.get_mut(reached[k]) else {
                    break;
                };
                let steps = self.times[target] - self.times[index];
                let kept = if steps == *distance as f64 {
                    *whole
                } else {
                    smoothing.kept(steps)
                };
                *sum += factor * (actual - state.ahead(kept).level).abs();
            }
        }
        running(sums)
    }

    /// Level and slope after each point.
    fn states(&self, by: Smoothing) -> impl Iterator<Item = State> {
        let mut state = State {
            level: self.values[0],
            slope: 0.0,
        };
        let mut usual = 0.0;
        (0..self.values.len()).map(move |index| {
            if index == 0 {
                return state;
            }
            let steps = self.times[index] - self.times[index - 1];
            let count = (index + 1) as f64;
            let before = state.ahead(by.kept(steps));
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
            state
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{ahead, series, spaced};
    use proptest::prelude::*;

    fn continued(points: &[Point], steps: i64) -> Vec<f64> {
        let times = ahead(points, steps);
        let origin = Origin {
            before: points,
            after: &[],
            periods: &seasonal_periods(points),
            times,
        };
        predict(&[origin]).expect("fits").concat()
    }

    fn last_state(values: &[f64], by: Smoothing) -> State {
        let points = spaced(values);
        let track = Track::of(&points, &[], 60);
        track.states(by).last().expect("points")
    }

    #[test]
    fn alternation_continues_as_mean_step_as_level() {
        let alternating: Vec<f64> = (0..60).map(|k| f64::from(k % 2)).collect();
        let values = continued(&spaced(&alternating), 30);
        assert!(values.iter().all(|v| (v - 0.5).abs() < 0.02), "{values:?}");
        let step: Vec<f64> = (0..60).map(|k| if k < 40 { 1.0 } else { 5.0 }).collect();
        let values = continued(&spaced(&step), 30);
        assert!(values.iter().all(|v| (v - 5.0).abs() < 0.02), "{values:?}");
    }

    #[test]
    fn a_line_goes_on_also_across_a_gap() {
        let minutes = (0..40).chain(55..100);
        let line: Vec<(i64, f64)> = minutes.map(|k| (k * 60, 3.0 + 0.5 * k as f64)).collect();
        for (k, value) in (100..).zip(continued(&series(&line), 30)) {
            let expected = 3.0 + 0.5 * f64::from(k);
            assert!((value - expected).abs() < 1e-6, "{k}: {value}");
        }
    }

    #[test]
    fn a_job_of_each_hour_is_continued_at_its_minutes() {
        let busy = |minute: i64| if minute % 60 < 5 { 8.0 } else { 1.0 };
        let points: Vec<(i64, f64)> = (0..150).map(|k| (k * 60, busy(k))).collect();
        for (k, value) in (150..).zip(continued(&series(&points), 60)) {
            assert!((value - busy(k)).abs() < 0.5, "{k}: {value}");
        }
    }

    #[test]
    fn bursts_do_not_drag_the_level() {
        let quiet_but = |k: u32| {
            if k % 17 < 3 {
                9.0
            } else {
                1.0 + f64::from(k % 3) / 100.0
            }
        };
        let values: Vec<f64> = (0..120).map(quiet_but).collect();
        let continued = continued(&spaced(&values), 30);
        assert!(continued.iter().all(|v| *v < 1.3), "{continued:?}");
    }

    #[test]
    fn point_after_a_gap_weighs_for_missing_ones() {
        let by = Smoothing {
            level: 0.5,
            ..Smoothing::PLAIN
        };
        // Long enough for the running mean to weigh less.
        let mut times: Vec<(i64, f64)> = (0..10).map(|k| (k * 60, 0.0)).collect();
        times.push((12 * 60, 8.0));
        let points = series(&times);
        let state = Track::of(&points, &[], 60).states(by).last();
        // 1 - 0.5 to the third.
        assert_eq!(state.expect("points").level, 7.0);
    }

    proptest! {
        #[test]
        fn series_begins_as_mean_or_least_squares_line(
            values in proptest::collection::vec(0.0..100.0f64, 2..50),
        ) {
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let level = last_state(&values, Smoothing::PLAIN).level;
            prop_assert!((level - mean).abs() < 1e-9, "{} {}", level, mean);

            let line = last_state(&values, Smoothing { keeps: 1.0, ..Smoothing::PLAIN });
            let middle = (count - 1.0) / 2.0;
            let away = (0..).map(|k| f64::from(k) - middle);
            let rise: f64 = away.clone().zip(&values).map(|(x, y)| x * y).sum();
            let spread: f64 = away.take(values.len()).map(|x| x * x).sum();
            let slope = rise / spread;
            prop_assert!((line.slope - slope).abs() < 1e-6, "{} {}", line.slope, slope);
            let end = mean + slope * middle;
            prop_assert!((line.level - end).abs() < 1e-6, "{} {}", line.level, end);
        }
    }
}
