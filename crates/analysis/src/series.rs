//! The points of one node and resource: in order of time, with gaps left open.
//!
//! A gap is the absence of points: nothing fills it, and no value stands for it. Units are those of
//! the query (cores or bytes).
//!
//! Invariant: the order of the parts of a series in an answer never changes the result (held by
//! `order_of_parts_does_not_matter`).

use forecast::Point;
use quantity::Timestamp;

/// Points in strictly rising order of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    points: Vec<Point>,
}

impl Series {
    /// Appends a point if it is later than the last one. Returns `false` if it is not.
    pub fn push(&mut self, point: Point) -> bool {
        let later = self.last().is_none_or(|last| last.at < point.at);
        if later {
            self.points.push(point);
        }
        later
    }

    /// Returns the points, oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Returns the points, oldest first, without copying them.
    pub fn into_points(self) -> Vec<Point> {
        self.points
    }

    /// Returns the newest point.
    pub fn last(&self) -> Option<Point> {
        self.points.last().copied()
    }
}

/// Returns the least number of samples behind `points`, if a backend repeats each sample for
/// `look_back` seconds: successive equal values within that time may be one sample. Separate
/// measurements of CPU and memory are hardly ever equal.
pub fn fewest_samples(points: &[Point], look_back: u64) -> usize {
    points
        .chunk_by(|a, b| a.value == b.value)
        .map(|same| {
            let spanned = same[same.len() - 1].at.since(same[0].at);
            1 + (spanned / (look_back + 1) as f64) as usize
        })
        .sum()
}

/// Returns the number of timestamps at which more than one of the series has a point.
pub fn simultaneous(parts: &[Series]) -> usize {
    let mut times: Vec<Timestamp> = parts
        .iter()
        .flat_map(|part| part.points.iter().map(|point| point.at))
        .collect();
    times.sort_unstable();
    times
        .chunk_by(|a, b| a == b)
        .filter(|same| same.len() > 1)
        .count()
}

/// Merges the series that successive exporter pods produced for one node.
///
/// Where several have a point at the same time, that of the series with the newest last point wins:
/// the other pod was gone by then, and Prometheus repeated an older sample of it. If their last
/// points are equally new, the series that began later wins; if that is equal too, the one with the
/// greater values, so that the order of the answer never decides.
pub fn merge(mut parts: Vec<Series>) -> Series {
    if parts.len() == 1 {
        return parts.swap_remove(0);
    }
    parts.retain(|part| !part.points.is_empty());
    // Weakest first.
    parts.sort_by(|a, b| {
        let ends = |s: &Series| (s.points[s.points.len() - 1].at, s.points[0].at);
        let values = |s: &Series| -> Vec<u64> {
            // Values are not negative: their bits are in the order of the values.
            s.points.iter().map(|p| p.value.to_bits()).collect()
        };
        ends(a)
            .cmp(&ends(b))
            .then_with(|| values(a).cmp(&values(b)))
    });
    let mut points: Vec<(usize, Point)> = parts
        .into_iter()
        .enumerate()
        .flat_map(|(rank, part)| part.points.into_iter().map(move |point| (rank, point)))
        .collect();
    points.sort_by_key(|(rank, point)| (point.at, std::cmp::Reverse(*rank)));
    points.dedup_by_key(|(_, point)| point.at);
    Series {
        points: points.into_iter().map(|(_, point)| point).collect(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn series(points: &[(i64, f64)]) -> Series {
        let mut series = Series::default();
        for &(at, value) in points {
            let at = Timestamp::from_unix(at);
            assert!(series.push(Point { at, value }), "points out of order");
        }
        series
    }

    #[test]
    fn points_out_of_order_are_dropped() {
        let mut one = series(&[(60, 1.0)]);
        for at in [60, 0] {
            let at = Timestamp::from_unix(at);
            assert!(!one.push(Point { at, value: 2.0 }));
        }
        assert_eq!(one, series(&[(60, 1.0)]));
    }

    #[test]
    fn newest_series_wins_an_overlap() {
        let old = series(&[(0, 1.0), (60, 1.0), (120, 1.0)]);
        let new = series(&[(120, 2.0), (180, 2.0)]);
        let newest = series(&[(180, 3.0), (300, 3.0)]);
        let expected = series(&[(0, 1.0), (60, 1.0), (120, 2.0), (180, 3.0), (300, 3.0)]);
        for parts in [
            vec![old.clone(), new.clone(), newest.clone()],
            vec![newest.clone(), old.clone(), new.clone()],
            vec![new, newest, Series::default(), old],
        ] {
            assert_eq!(merge(parts), expected);
        }
    }

    #[test]
    fn overlapping_series_are_counted() {
        let first = series(&[(0, 1.0), (60, 1.0), (120, 1.0)]);
        let beside = series(&[(0, 2.0), (60, 2.0), (120, 2.0)]);
        let after = series(&[(120, 2.0), (180, 2.0)]);
        assert_eq!(simultaneous(std::slice::from_ref(&first)), 0);
        assert_eq!(simultaneous(&[first.clone(), after]), 1);
        assert_eq!(simultaneous(&[first, beside]), 3);
    }

    #[test]
    fn later_start_wins_a_tie() {
        let old = series(&[(0, 1.0), (60, 1.0), (120, 1.0)]);
        let new = series(&[(60, 2.0), (120, 2.0)]);
        let expected = series(&[(0, 1.0), (60, 2.0), (120, 2.0)]);
        assert_eq!(merge(vec![old.clone(), new.clone()]), expected);
        assert_eq!(merge(vec![new, old]), expected);
    }

    #[test]
    fn repeated_values_count_as_one_sample() {
        for (points, samples) in [
            (&[][..], 0),
            (&[(0, 1.0)], 1),
            // One sample, shown for five minutes.
            (
                &[(0, 1.0), (60, 1.0), (120, 1.0), (240, 1.0), (300, 1.0)],
                1,
            ),
            // It cannot have been shown for longer.
            (&[(0, 1.0), (60, 1.0), (301, 1.0)], 2),
            (&[(0, 1.0), (301, 1.0), (602, 1.0), (7200, 1.0)], 24),
            (&[(0, 1.0), (60, 1.5), (120, 1.0), (180, 1.0)], 3),
        ] {
            assert_eq!(
                fewest_samples(series(points).points(), 300),
                samples,
                "{points:?}"
            );
        }
    }

    #[test]
    fn merge_of_empty_series_is_empty() {
        assert_eq!(merge(Vec::new()), Series::default());
        assert_eq!(
            merge(vec![Series::default(), Series::default()]),
            Series::default()
        );
    }

    fn any_series() -> impl Strategy<Value = Series> {
        proptest::collection::btree_map(0..20i64, 0.0..9.0f64, 0..12).prop_map(|points| {
            series(
                &points
                    .into_iter()
                    .map(|(t, v)| (t * 60, v))
                    .collect::<Vec<_>>(),
            )
        })
    }

    proptest! {
        #[test]
        fn order_of_parts_does_not_matter(
            parts in proptest::collection::vec(any_series(), 0..5),
            turn in 0..5usize,
        ) {
            let mut turned = parts.clone();
            let by = turn.min(turned.len());
            turned.rotate_left(by);
            let mut reversed = parts.clone();
            reversed.reverse();
            let merged = merge(parts);
            prop_assert_eq!(&merge(turned), &merged);
            prop_assert_eq!(&merge(reversed), &merged);
            prop_assert!(merged.points().windows(2).all(|w| w[0].at < w[1].at));
        }
    }
}
