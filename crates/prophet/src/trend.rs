//! The three trends of Prophet: linear, logistic and flat.
//!
//! In scope: the trend at scaled times, for fitting and for prediction. Out of scope:
//! seasonalities, noise, estimation of the parameters.
//!
//! Each trend is a function of a continuous, piecewise linear curve `c(t)`, whose slope
//! changes by `delta[j]` at changepoint `j`. Linear growth is the curve itself, with slope
//! `k` and value `m` at 0. Logistic growth is `cap / (1 + exp(-c(t)))` with
//! `c(t) = k·(t - m)` before the first changepoint. Stan's model has offsets `gamma` that
//! make the pieces continuous; computing them divides by a rate that may be zero. The
//! curve is continuous without them. Flat growth is the constant `m`.

use augurs_prophet::TrendIndicator;

/// A trend with its parameters, in the model's scaled time and values.
pub(crate) struct Trend<'a> {
    pub(crate) growth: TrendIndicator,
    pub(crate) k: f64,
    pub(crate) m: f64,
    /// Times of the changepoints, ascending.
    pub(crate) changepoints: &'a [f64],
    /// Change of slope at each changepoint.
    pub(crate) delta: &'a [f64],
}

impl Trend<'_> {
    /// Returns the piecewise linear curve at ascending times.
    pub(crate) fn curve(&self, times: &[f64]) -> Vec<f64> {
        let (mut slope, mut offset) = match self.growth {
            TrendIndicator::Linear => (self.k, self.m),
            TrendIndicator::Logistic => (self.k, -self.k * self.m),
            TrendIndicator::Flat => return vec![self.m; times.len()],
        };
        let mut changes = self.changepoints.iter().zip(self.delta).peekable();
        times
            .iter()
            .map(|&t| {
                while let Some((at, delta)) = changes.next_if(|&(&at, _)| at <= t) {
                    slope += delta;
                    offset -= at * delta;
                }
                slope * t + offset
            })
            .collect()
    }
}

/// Returns the trend for a value of the curve.
pub(crate) fn level(growth: TrendIndicator, curve: f64, cap: f64) -> f64 {
    match growth {
        TrendIndicator::Linear | TrendIndicator::Flat => curve,
        TrendIndicator::Logistic => cap / (1.0 + (-curve).exp()),
    }
}

/// Returns the derivative of [`level`] with respect to the curve.
pub(crate) fn level_derivative(growth: TrendIndicator, curve: f64, cap: f64) -> f64 {
    match growth {
        TrendIndicator::Linear | TrendIndicator::Flat => 1.0,
        TrendIndicator::Logistic => {
            // The derivative is symmetric; a negative exponent cannot overflow.
            let fade = (-curve.abs()).exp();
            cap * fade / ((1.0 + fade) * (1.0 + fade))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the trend as `prophet.stan` computes it, with an offset for each piece.
    fn logistic_of_stan(trend: &Trend, times: &[f64], cap: f64) -> Vec<f64> {
        let (mut rate, mut offset) = (trend.k, trend.m);
        let mut pieces = vec![(f64::NEG_INFINITY, rate, offset)];
        for (&at, delta) in trend.changepoints.iter().zip(trend.delta) {
            offset += (at - offset) * (1.0 - rate / (rate + delta));
            rate += delta;
            pieces.push((at, rate, offset));
        }
        let value = |&t: &f64| {
            let piece = pieces
                .iter()
                .rfind(|(from, ..)| *from <= t)
                .expect("the first piece starts at minus infinity");
            cap / (1.0 + (-piece.1 * (t - piece.2)).exp())
        };
        times.iter().map(value).collect()
    }

    #[test]
    fn linear_trend_changes_at_changepoints() {
        let trend = Trend {
            growth: TrendIndicator::Linear,
            k: 1.0,
            m: 2.0,
            changepoints: &[0.5, 0.75],
            delta: &[2.0, -3.0],
        };
        let curve = trend.curve(&[-1.0, 0.0, 0.5, 0.75, 1.0, 2.0]);
        assert_eq!(curve, [1.0, 2.0, 2.5, 3.25, 3.25, 3.25]);
    }

    proptest! {
        #[test]
        fn logistic_trend_equals_stan(
            k in 0.5..3.0f64,
            m in -1.0..2.0f64,
            delta in proptest::collection::vec(0.1..1.0f64, 3),
            cap in 0.5..3.0f64,
        ) {
            let trend = Trend {
                growth: TrendIndicator::Logistic,
                k,
                m,
                changepoints: &[0.2, 0.4, 0.7],
                delta: &delta,
            };
            let times: Vec<f64> = (0..=20).map(|i| f64::from(i) / 15.0).collect();
            let ours = trend.curve(&times).into_iter().map(|c| level(trend.growth, c, cap));
            for (ours, stan) in ours.zip(logistic_of_stan(&trend, &times, cap)) {
                prop_assert!((ours - stan).abs() < 1e-12, "{} {}", ours, stan);
            }
        }

        #[test]
        fn trend_derivative_equals_finite_difference(curve in -30.0..30.0f64, cap in 0.1..10.0f64) {
            for growth in [TrendIndicator::Linear, TrendIndicator::Logistic, TrendIndicator::Flat] {
                let step = 1e-5;
                let rise = level(growth, curve + step, cap) - level(growth, curve - step, cap);
                let steep = level_derivative(growth, curve, cap);
                prop_assert!((rise / (2.0 * step) - steep).abs() < 1e-8, "{:?}", growth);
            }
        }
    }
}
