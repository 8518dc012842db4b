//! The cadence of a series: the time between its points, and the periods that it covers twice.

use crate::point::Point;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// The candidate periods of a load, in seconds: hour, day and week.
const PERIODS: [i64; 3] = [HOUR, DAY, WEEK];

/// The minimum number of points per period.
const MIN_POINTS_PER_PERIOD: i64 = 6;

/// Returns the median time between consecutive points in seconds, at least 1; 1 for a single
/// point.
pub(crate) fn step(points: &[Point]) -> i64 {
    let mut gaps: Vec<i64> = points
        .windows(2)
        .map(|pair| pair[1].at.unix() - pair[0].at.unix())
        .collect();
    if gaps.is_empty() {
        return 1;
    }
    let middle = gaps.len() / 2;
    let (_, median, _) = gaps.select_nth_unstable(middle);
    (*median).max(1)
}

/// Returns the periods that the points cover at least twice with enough points each, shortest
/// first, in seconds.
///
/// A period needs as many points as one whole period has, so two periods may lack at most half
/// of their points.
pub(crate) fn periods(points: &[Point], step: i64) -> Vec<i64> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    // The last point covers the step that begins with it.
    let span = last.at.unix() - first.at.unix() + step;
    PERIODS
        .into_iter()
        .filter(|period| {
            let per_period = period / step;
            2 * period <= span
                && MIN_POINTS_PER_PERIOD <= per_period
                && per_period <= points.len() as i64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::series;

    fn ticking(step: i64, count: i64) -> Vec<Point> {
        series(&(0..count).map(|k| (k * step, 1.0)).collect::<Vec<_>>())
    }

    #[test]
    fn step_is_the_median_time_between_points() {
        for (times, expected) in [
            (vec![5], 1),
            (vec![0, 60], 60),
            (vec![0, 60, 120, 9000, 9060], 60),
            (vec![0, 1, 61, 121], 60),
        ] {
            let points = series(&times.iter().map(|at| (*at, 1.0)).collect::<Vec<_>>());
            assert_eq!(step(&points), expected, "{times:?}");
        }
    }

    #[test]
    fn a_period_needs_two_repetitions() {
        for (step, count, expected) in [
            (60, 119, vec![]),
            (60, 120, vec![HOUR]),
            (300, 575, vec![HOUR]),
            (300, 576, vec![HOUR, DAY]),
            // Two points an hour are too few for an hourly season.
            (1800, 96, vec![DAY]),
            (3600, 336, vec![DAY, WEEK]),
            // One point a day is too few for a day, and enough for a week.
            (DAY, 14, vec![WEEK]),
        ] {
            assert_eq!(periods(&ticking(step, count), step), expected, "{count}");
        }
    }

    #[test]
    fn sparse_points_show_no_period() {
        let mut points = ticking(1, 30);
        points.extend(series(&[(10 * WEEK, 1.0)]));
        assert_eq!(periods(&points, step(&points)), Vec::<i64>::new());
    }
}
