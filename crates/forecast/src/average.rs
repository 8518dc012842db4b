//! Mean and median.

use crate::point::Point;

/// Returns the arithmetic mean; 0 without values. The mean is updated value by value, not
/// divided from a sum, so that the mean of equal values is exactly that value.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    values
        .zip(1u32..)
        .fold(0.0, |mean, (value, n)| mean + (value - mean) / f64::from(n))
}

/// Returns the mean absolute difference of consecutive points; 0 for a single point.
pub(crate) fn mean_step(points: &[Point]) -> f64 {
    let steps = points.windows(2);
    mean(steps.map(|pair| (pair[1].value - pair[0].value).abs()))
}

/// Returns the middle value, or the mean of the two middle values; 0 without values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() {
        return 0.0;
    }
    let odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if odd {
        return upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    lower + (upper - lower) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_two() {
        for (values, expected) in [
            (vec![], 0.0),
            (vec![3.0], 3.0),
            (vec![3.0, 1.0], 2.0),
            (vec![9.0, 1.0, 5.0], 5.0),
            (vec![4.0, 1.0, 3.0, 2.0], 2.5),
            (vec![0.1, 0.1, 0.1, 0.1], 0.1),
        ] {
            assert_eq!(median(values), expected);
        }
    }
}
