//! The `d` attribute of an SVG path, short for any number of points.
//!
//! Coordinates are whole numbers from 0 to [`FULL`], to the right and down; the template scales the
//! drawing.

use std::fmt::Write;

/// The size of a drawing in both directions.
pub(super) const FULL: i32 = 1000;

/// A position in a drawing.
pub(super) type Place = (i32, i32);

/// Thins a series to at most `most` points, and keeps gaps: where points are too close to be told
/// apart, the highest and the lowest of each interval of time stay. The result is in order of time;
/// `time` and `value` read a point.
pub(super) fn thin<T: Copy>(
    points: &[T],
    most: usize,
    time: impl Fn(&T) -> i64,
    value: impl Fn(&T) -> f64,
) -> Vec<T> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    if points.len() <= most {
        return points.to_vec();
    }
    let stretches = (most / 2).max(1) as i64;
    let (start, span) = (time(first), time(last) - time(first) + 1);
    let stretch = |point: &T| (time(point) - start) * stretches / span;
    let by_value = |a: &&T, b: &&T| value(a).total_cmp(&value(b));
    points
        .chunk_by(|a, b| stretch(a) == stretch(b))
        .flat_map(|chunk| {
            let lowest = chunk.iter().min_by(by_value);
            let highest = chunk.iter().max_by(by_value);
            let mut both: Vec<T> = lowest.into_iter().chain(highest).copied().collect();
            both.sort_by_key(&time);
            both.dedup_by_key(|point| time(point));
            both
        })
        .collect()
}

/// Draws runs of positions as one path, each a line of its own. A single position is a dot, given
/// round line caps.
pub(super) fn lines(runs: &[Vec<Place>]) -> String {
    let mut out = String::new();
    for run in runs {
        let run = straightened(run);
        draw(&mut out, &run);
        if run.len() == 1 {
            out.push_str("h0");
        }
    }
    out
}

/// Draws the area between two lines, both from left to right.
pub(super) fn band(upper: &[Place], lower: &[Place]) -> String {
    let mut outline = straightened(upper);
    outline.extend(straightened(lower).into_iter().rev());
    let mut out = String::new();
    draw(&mut out, &outline);
    if !out.is_empty() {
        out.push('z');
    }
    out
}

fn draw(out: &mut String, run: &[Place]) {
    let Some(&(x, y)) = run.first() else {
        return;
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "M{x} {y}");
    for (index, step) in run.windows(2).enumerate() {
        let (dx, dy) = (step[1].0 - step[0].0, step[1].1 - step[0].1);
        out.push(if index == 0 { 'l' } else { ' ' });
        let _ = write!(out, "{dx} {dy}");
    }
}

/// Removes positions on the straight line between their neighbours, and repetitions.
fn straightened(run: &[Place]) -> Vec<Place> {
    let mut kept: Vec<Place> = Vec::with_capacity(run.len());
    for &place in run {
        if kept.last() == Some(&place) {
            continue;
        }
        if let [.., before, last] = kept[..] {
            let (ax, ay) = (last.0 - before.0, last.1 - before.1);
            let (bx, by) = (place.0 - last.0, place.1 - last.1);
            let onwards = i64::from(ax) * i64::from(bx) + i64::from(ay) * i64::from(by) > 0;
            if onwards && i64::from(ax) * i64::from(by) == i64::from(ay) * i64::from(bx) {
                kept.pop();
            }
        }
        kept.push(place);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_short_and_keep_corners() {
        for (run, path) in [
            (&[][..], ""),
            (&[(5, 5)], "M5 5h0"),
            (&[(5, 5), (5, 5)], "M5 5h0"),
            (&[(0, 9), (1, 9), (2, 9), (10, 9)], "M0 9l10 0"),
            (&[(0, 0), (1, 2), (2, 4), (3, 3)], "M0 0l2 4 1 -1"),
            // There and back again on one line.
            (&[(0, 0), (0, 9), (0, 3)], "M0 0l0 9 0 -6"),
        ] {
            assert_eq!(lines(&[run.to_vec()]), path);
        }
        let two = lines(&[vec![(0, 0), (1, 1)], vec![(5, 5), (6, 5)]]);
        assert_eq!(two, "M0 0l1 1M5 5l1 0");
    }

    #[test]
    fn bands_are_closed_outlines() {
        assert_eq!(
            band(&[(0, 5), (5, 1), (9, 1)], &[(0, 5), (5, 9), (9, 9)]),
            "M0 5l5 -4 4 0 0 8 -4 0 -5 -4z"
        );
        assert_eq!(band(&[], &[]), "");
    }

    proptest! {
        #[test]
        fn thinning_keeps_order_and_extremes(
            points in proptest::collection::btree_map(0..100_000i64, 0.0..1e6f64, 1..2000),
            most in 2..300usize,
        ) {
            let points: Vec<(i64, f64)> = points.into_iter().collect();
            let kept = thin(&points, most, |p| p.0, |p| p.1);
            prop_assert!(kept.len() <= most);
            prop_assert!(kept.windows(2).all(|w| w[0].0 < w[1].0));
            prop_assert!(kept.iter().all(|p| points.contains(p)));
            let highest = |points: &[(i64, f64)]| points.iter().map(|p| p.1).fold(0.0, f64::max);
            prop_assert_eq!(highest(&kept), highest(&points));
        }

        #[test]
        fn straightening_keeps_both_ends(
            run in proptest::collection::vec((0..20i32, 0..20i32), 1..50),
        ) {
            let kept = straightened(&run);
            prop_assert_eq!(kept.first(), run.first());
            prop_assert_eq!(kept.last(), run.last());
            prop_assert!(kept.len() <= run.len());
        }
    }
}
