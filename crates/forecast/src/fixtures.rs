//! Series for tests.

use quantity::Timestamp;

use crate::point::Point;

const STEP: i64 = 60;

pub(crate) fn series(points: &[(i64, f64)]) -> Vec<Point> {
    let point = |&(at, value): &(i64, f64)| Point {
        at: Timestamp::from_unix(at),
        value,
    };
    points.iter().map(point).collect()
}

/// Returns one point a minute.
pub(crate) fn spaced(values: &[f64]) -> Vec<Point> {
    let times = (0..).map(|k| k * STEP);
    series(&times.zip(values.iter().copied()).collect::<Vec<_>>())
}

/// Returns the first `steps` minutes after the newest point.
pub(crate) fn ahead(points: &[Point], steps: i64) -> Vec<Timestamp> {
    let end = points[points.len() - 1].at.unix();
    (1..=steps)
        .map(|k| Timestamp::from_unix(end + k * STEP))
        .collect()
}
