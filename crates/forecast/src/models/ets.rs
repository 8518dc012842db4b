//! Exponential smoothing: level, slope and seasons, with smoothing parameters chosen by their
//! past forecast errors.
//!
//! The additive forms of Holt (1957) and Gardner and McKenzie (1985) on the seasonally adjusted
//! series (see `season`): level alone, level and slope, level and damped slope. Irregularly
//! spaced points are weighted by their time intervals (Wright 1986, "Forecasting data published
//! at irregular time intervals using an extension of Holt's method", Management Science 32).
//!
//! Three differences from the textbook:
//!
//! - No starting values: a series begins as a running mean or least-squares line, whose weights
//!   fall with each point, until they reach the smoothing parameters.
//! - The smoothing parameters minimise the mean absolute error over the requested horizon, not
//!   one step ahead.
//! - A robust form clips errors to the typical error, so that bursts do not move the level
//!   (after Gelper, Fried and Croux 2010, "Robust forecasting with exponential and Holt-Winters
//!   smoothing", Journal of Forecasting 29).

use quantity::Timestamp;

use crate::cadence::{periods, step};
use crate::origin::Origin;
use crate::point::Point;
use crate::season::Season;

/// Returns the periods of the seasons found in a series, in seconds.
pub(crate) fn seasonal_periods(points: &[Point]) -> Vec<i64> {
    let periods = periods(points, step(points));
    let seasons = seasons(points, &periods);
    seasons.iter().map(Season::period).collect()
}

/// Forecasts by exponential smoothing from origins in the same series. The smoothing parameters
/// of all origins are chosen in one pass over the points before the latest origin.
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
            state.ahead(smoothing.damped(steps)).level + seasonal_sum(&seasons, *time)
        };
        origin.times.iter().map(at).collect()
    };
    Ok(origins.iter().zip(smoothings).map(continued).collect())
}

/// Returns the sum of all seasons at a time.
fn seasonal_sum(seasons: &[Season], at: Timestamp) -> f64 {
    seasons.iter().map(|season| season.at(at)).sum()
}

/// Returns the seasons, shortest period first, each estimated after removing those before.
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
    /// The share of an error that the level moves by in one step: 0 to 1.
    level: f64,
    /// The share of the level's move that the slope moves by: 0 to 1.
    slope: f64,
    /// The damping factor of the slope in each step: 0 for no slope, 1 for an undamped one.
    damping: f64,
    /// Set if errors are clipped to the typical error.
    robust: bool,
}

/// A slope of 1 after some damped steps: the slope left, and its sum over the steps.
#[derive(Debug, Clone, Copy)]
struct Damped {
    share: f64,
    sum: f64,
}

impl Smoothing {
    /// The mean of all values.
    const PLAIN: Self = Self {
        level: 0.0,
        slope: 0.0,
        damping: 0.0,
        robust: false,
    };

    /// Returns a slope of 1 after `steps`.
    fn damped(&self, steps: f64) -> Damped {
        if self.damping == 0.0 || self.damping == 1.0 {
            return Damped {
                share: self.damping,
                sum: self.damping * steps,
            };
        }
        let share = power(self.damping, steps);
        Damped {
            share,
            sum: self.damping * (1.0 - share) / (1.0 - self.damping),
        }
    }
}

/// Returns `base` to the power of `exponent`, which is nearly always 1 and then fast.
fn power(base: f64, exponent: f64) -> f64 {
    if exponent == 1.0 {
        base
    } else {
        base.powf(exponent)
    }
}

/// Returns the grid of smoothing parameters, simplest first. Neither a finer grid nor a search
/// gave smaller errors on a varied fleet.
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
    let slopes = [1.0, 0.97, 0.9].into_iter().flat_map(|damping| {
        [0.0, 0.1, 0.3, 0.7, 1.0]
            .into_iter()
            .flat_map(move |level| {
                [0.0, 0.03, 0.1, 0.3].map(|slope| Smoothing {
                    level,
                    slope,
                    damping,
                    ..Smoothing::PLAIN
                })
            })
    });
    levels.into_iter().chain(robust).chain(slopes)
}

/// The factor on errors of forms with a slope, since wrong slopes cost more as the horizon grows.
const SLOPE_PENALTY: f64 = 1.03;

/// The share of the smallest error so far that a smoothing must stay below to replace a simpler
/// one.
const IMPROVEMENT: f64 = 0.999;

/// The limit that robust smoothing clips errors to, as a multiple of the typical error.
const CLIP: f64 = 1.0;

/// The number of points before errors are clipped. The typical error is a mean until then, and
/// afterwards an exponential moving average.
const WARM_UP: f64 = 8.0;

/// The weight of the newest error in that moving average.
const NEWEST_ERROR: f64 = 0.1;

/// The maximum error that enters the typical error, as a multiple of it.
const MAX_ERROR: f64 = 4.0;

/// Returns the cumulative sums.
fn cumulative(mut values: Vec<f64>) -> Vec<f64> {
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
    /// Returns the state after these damped steps.
    fn ahead(self, damped: Damped) -> Self {
        Self {
            level: self.level + self.slope * damped.sum,
            slope: self.slope * damped.share,
        }
    }
}

/// A seasonally adjusted series, with times in steps.
struct Track {
    values: Vec<f64>,
    /// Steps after the first point.
    times: Vec<f64>,
}

impl Track {
    fn of(points: &[Point], seasons: &[Season], step: i64) -> Self {
        let first = points[0].at;
        Self {
            values: points
                .iter()
                .map(|p| p.value - seasonal_sum(seasons, p.at))
                .collect(),
            times: points
                .iter()
                .map(|p| p.at.since(first) / step as f64)
                .collect(),
        }
    }

    /// Returns for each of `splits`, a number of points, the smoothing with the smallest error
    /// within these points over the horizon, which is in steps; the simplest on a tie.
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
            let limits = Vec::from_iter(best.iter().map(|(_, error)| IMPROVEMENT * error));
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

    /// Returns the sum of absolute errors at these distances, in points, within the points
    /// before each of `ends`, which are in increasing order. The first points only set the
    /// level. Stops with infinity once no later sum can stay below its limit.
    fn errors(
        &self,
        smoothing: Smoothing,
        distances: [usize; 5],
        ends: &[usize],
        limits: &[f64],
    ) -> Vec<f64> {
        let whole = distances.map(|distance| smoothing.damped(distance as f64));
        let factor = if smoothing.damping > 0.0 {
            SLOPE_PENALTY
        } else {
            1.0
        };
        let longest = ends[ends.len() - 1];
        let settled = (longest / 6).min(ends[0] / 2).max(3);
        let mut sums = vec![0.0; ends.len()];
        // The first end not yet reached by each distance, and by the origin.
        let mut reached = [0; 5];
        let mut open = 0;
        for (index, state) in self.states(smoothing).enumerate().skip(settled) {
            while open < ends.len() && ends[open] <= index {
                open += 1;
                let so_far = cumulative(sums.clone());
                if (open..ends.len()).all(|end| so_far[end] >= limits[end]) {
                    sums[open..].fill(f64::INFINITY);
                    return cumulative(sums);
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
                let damped = if steps == *distance as f64 {
                    *whole
                } else {
                    smoothing.damped(steps)
                };
                *sum += factor * (actual - state.ahead(damped).level).abs();
            }
        }
        cumulative(sums)
    }

    /// Returns level and slope after each point.
    fn states(&self, by: Smoothing) -> impl Iterator<Item = State> {
        let mut state = State {
            level: self.values[0],
            slope: 0.0,
        };
        let mut typical = 0.0;
        (0..self.values.len()).map(move |index| {
            if index == 0 {
                return state;
            }
            let steps = self.times[index] - self.times[index - 1];
            let count = (index + 1) as f64;
            let before = state.ahead(by.damped(steps));
            let mut error = self.values[index] - before.level;
            if by.robust {
                error = clipped(error, &mut typical, count);
            }
            let smoothed = 1.0 - power(1.0 - by.level, steps);
            // At least the weights of a running mean or a running least-squares line.
            let (level, slope) = if by.damping == 0.0 {
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

/// Returns the error clipped to `typical`, the typical error, and updates the latter. `count` is
/// the number of points up to this one; before [`WARM_UP`] nothing is clipped.
fn clipped(error: f64, typical: &mut f64, count: f64) -> f64 {
    let size = error.abs();
    if count < WARM_UP {
        *typical += (size - *typical) / count;
        return error;
    }
    let limit = CLIP * *typical;
    *typical += NEWEST_ERROR * (size.min(MAX_ERROR * *typical) - *typical);
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
    fn a_line_is_continued_across_a_gap() {
        let minutes = (0..40).chain(55..100);
        let line: Vec<(i64, f64)> = minutes.map(|k| (k * 60, 3.0 + 0.5 * k as f64)).collect();
        for (k, value) in (100..).zip(continued(&series(&line), 30)) {
            let expected = 3.0 + 0.5 * f64::from(k);
            assert!((value - expected).abs() < 1e-6, "{k}: {value}");
        }
    }

    #[test]
    fn hourly_job_is_forecast_at_its_minutes() {
        let busy = |minute: i64| if minute % 60 < 5 { 8.0 } else { 1.0 };
        let points: Vec<(i64, f64)> = (0..150).map(|k| (k * 60, busy(k))).collect();
        for (k, value) in (150..).zip(continued(&series(&points), 60)) {
            assert!((value - busy(k)).abs() < 0.5, "{k}: {value}");
        }
    }

    #[test]
    fn bursts_do_not_move_the_level() {
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
    fn point_after_a_gap_has_the_weight_of_the_gap() {
        let by = Smoothing {
            level: 0.5,
            ..Smoothing::PLAIN
        };
        // Enough points for the weight of the running mean to be below 0.5.
        let mut times: Vec<(i64, f64)> = (0..10).map(|k| (k * 60, 0.0)).collect();
        times.push((12 * 60, 8.0));
        let points = series(&times);
        let state = Track::of(&points, &[], 60).states(by).last();
        // The weight is 1 - 0.5³.
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

            let line = last_state(&values, Smoothing { damping: 1.0, ..Smoothing::PLAIN });
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
