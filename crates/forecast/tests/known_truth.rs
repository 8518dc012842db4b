//! Forecasts of synthetic series whose future is known: a level shift, an outlier, a scheduled
//! job, noise around a level. 40 series of each, two hours at one point a minute, with a horizon
//! of 30 minutes.

use forecast::{Forecast, Point, Settings, forecast};
use quantity::Timestamp;

const POINTS: usize = 121;
const AHEAD: usize = 30;
const SERIES: u64 = 40;

/// Deterministic normal noise: sums of twelve numbers from a congruential generator.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        let mut uniform = || {
            let (a, c) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
            self.0 = self.0.wrapping_mul(a).wrapping_add(c);
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }
}

/// Returns 40 series; `value` gets the seed, the index of the point and its noise.
fn series(value: impl Fn(u64, usize, f64) -> f64) -> Vec<Vec<f64>> {
    let one = |seed| {
        let mut noise = Noise(seed);
        let values = (0..POINTS + AHEAD).map(|k| value(seed, k, noise.next()));
        values.collect()
    };
    (0..SERIES).map(one).collect()
}

/// Forecasts a series from its first two hours.
fn made(values: &[f64]) -> Forecast {
    let time = |k: usize| Timestamp::from_unix(1_795_356_000 + 60 * k as i64);
    let point = |(k, value): (usize, &f64)| Point {
        at: time(k),
        value: *value,
    };
    let points: Vec<Point> = values[..POINTS].iter().enumerate().map(point).collect();
    let times: Vec<Timestamp> = (POINTS..POINTS + AHEAD).map(time).collect();
    forecast(&points, &times, None, &Settings::default()).expect("enough points")
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values = Vec::from_iter(values);
    values.iter().sum::<f64>() / values.len() as f64
}

/// Returns the mean of `number`, of the forecast and the actual values, over all series.
fn over(series: &[Vec<f64>], number: impl Fn(&Forecast, &[f64]) -> f64) -> f64 {
    mean(
        series
            .iter()
            .map(|values| number(&made(values), &values[POINTS..])),
    )
}

fn covered(forecast: &Forecast, actual: &[f64]) -> f64 {
    let pairs = forecast.path.iter().zip(actual);
    mean(pairs.map(|(p, value)| f64::from(u8::from(p.lower <= *value && *value <= p.upper))))
}

fn maximum(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

#[test]
fn new_level_is_within_the_interval_after_two_points() {
    for points in [2, 3] {
        let steps = series(|_, k, noise| {
            let level = if k < POINTS - points { 2.0 } else { 6.0 };
            level + 0.1 * noise
        });
        let covered = over(&steps, covered);
        assert!(covered >= 0.6, "{points} points: {covered}");
        let moved = over(&steps, |forecast, _| (forecast.mean() - 2.0) / 4.0);
        assert!((0.4..=0.6).contains(&moved), "{points} points: {moved}");
    }
}

#[test]
fn one_outlier_does_not_move_the_forecast() {
    let calm = series(|_, _, noise| 1.0 + 0.05 * noise);
    let level = over(&calm, |forecast, _| forecast.mean());
    for factor in [20.0, 1000.0] {
        let mut with_outlier = calm.clone();
        with_outlier
            .iter_mut()
            .for_each(|values| values[POINTS - 1] *= factor);
        let moved = over(&with_outlier, |forecast, _| forecast.mean()) / level - 1.0;
        assert!(moved.abs() <= 0.02, "× {factor}: {moved}");
    }
}

#[test]
fn upper_end_of_a_scheduled_job_is_its_height() {
    let jobs = series(|seed, k, noise| {
        let busy = (k + seed as usize) % 15 < 3;
        1.0 + 2.0 * f64::from(u8::from(busy)) + 0.05 * noise
    });
    let ratio = over(&jobs, |forecast, actual| forecast.upper() / maximum(actual));
    assert!((0.95..=1.15).contains(&ratio), "{ratio}");
}

#[test]
fn maximum_of_noise_stays_below_its_upper_end() {
    let calm = series(|_, _, noise| 5.0 + noise.abs());
    let below = over(&calm, |forecast, actual| {
        f64::from(u8::from(maximum(actual) <= forecast.upper()))
    });
    assert!((0.75..=1.0).contains(&below), "{below}");
    let error = over(&calm, |forecast, actual| {
        forecast.max() / maximum(actual) - 1.0
    });
    assert!(error.abs() < 0.1, "{error}");
}

#[test]
fn bursts_raise_the_maximum_and_not_the_held_level() {
    let bursts = series(|seed, k, noise| {
        let burst = (k * 7 + seed as usize * 3).is_multiple_of(23);
        1.0 + 5.0 * f64::from(u8::from(burst)) + 0.05 * noise
    });
    let held = over(&bursts, |forecast, _| forecast.paths.held(5).median());
    let upper = over(&bursts, |forecast, _| forecast.upper());
    assert!(held < 1.5 && upper > 5.0, "held {held}, upper {upper}");
}
