//! Comparison with stored results of Python Prophet, which uses Stan
//! (`reference/produce.py`).

mod reference;

use std::f64::consts::TAU;

use augurs_prophet::TrendIndicator;
use augurs_prophet::optimizer::Data;
use prophet::{Fitted, Growth, Parameters, Posterior, Seasonality};
use reference::{Series, max_difference, number, numbers};
use serde_json::Value;

const SECONDS_PER_DAY: f64 = 86_400.0;

impl Series {
    fn fit(&self) -> Fitted {
        prophet::fit(&self.points, &self.options).expect(&self.name)
    }

    /// Returns the data as Python Prophet prepares them, according to its documentation.
    fn prepared(&self) -> Data {
        let (first, last) = (self.points[0].0, self.points[self.points.len() - 1].0);
        let scale = self
            .points
            .iter()
            .map(|(_, value)| value.abs())
            .fold(0.0, f64::max);
        let scaled = |at: i64| (at - first) as f64 / (last - first) as f64;
        let early = (self.points.len() as f64 * 0.8) as usize;
        let t_change: Vec<f64> = (1..=25)
            .map(|j| (f64::from(j) / 25.0 * (early - 1) as f64).round() as usize)
            .map(|i| scaled(self.points[i].0))
            .collect();
        let mut waves: Vec<(f64, f64)> = Vec::new();
        // The order of Python Prophet's seasonalities, and so of its betas.
        for name in ["yearly", "weekly", "daily"] {
            if let Some(period) = self.stored["periods"].get(name) {
                for harmonic in 1..=period["order"].as_i64().expect("a number") {
                    waves.push((number(&period["days"]), harmonic as f64));
                }
            }
        }
        let row = |at: i64| -> Vec<f64> {
            let angle = |(days, harmonic)| TAU * harmonic * (at as f64 / SECONDS_PER_DAY) / days;
            waves
                .iter()
                .flat_map(|&wave| [angle(wave).sin(), angle(wave).cos()])
                .collect()
        };
        let features = (2 * waves.len()).max(1);
        let empty = waves.is_empty();
        let positive = |x: f64| x.try_into().expect("a positive number");
        let marked = |marks: Seasonality| {
            vec![i32::from(!empty && self.options.seasonality == marks); features]
        };
        Data {
            T: self.points.len() as i32,
            y: self.points.iter().map(|(_, value)| value / scale).collect(),
            t: self.points.iter().map(|&(at, _)| scaled(at)).collect(),
            cap: match self.options.growth {
                Growth::Logistic { cap } => vec![cap / scale; self.points.len()],
                _ => vec![0.0; self.points.len()],
            },
            S: t_change.len() as i32,
            t_change,
            trend_indicator: match self.options.growth {
                Growth::Linear => TrendIndicator::Linear,
                Growth::Logistic { .. } => TrendIndicator::Logistic,
                Growth::Flat => TrendIndicator::Flat,
            },
            K: features as i32,
            s_a: marked(Seasonality::Additive),
            s_m: marked(Seasonality::Multiplicative),
            X: if empty {
                vec![0.0; self.points.len()]
            } else {
                self.points.iter().flat_map(|&(at, _)| row(at)).collect()
            },
            sigmas: vec![positive(if empty { 1.0 } else { 10.0 }); features],
            tau: positive(0.05),
        }
    }
}

fn parameters(stored: &Value) -> Parameters {
    Parameters::new(
        number(&stored["k"]),
        number(&stored["m"]),
        &numbers(&stored["delta"]),
        &numbers(&stored["beta"]),
        number(&stored["sigma"]),
    )
}

#[test]
fn density_and_gradient_equal_stan() {
    for series in reference::all() {
        let data = series.prepared();
        let probes = series.stored["probes"].as_array().expect("an array").iter();
        for probe in probes.chain([&series.stored["lbfgs"], &series.stored["newton"]]) {
            let at = parameters(probe);
            let jacobian = probe["jacobian"].as_bool().unwrap_or(false);
            let posterior = Posterior::new(&data, jacobian).expect("prepared data");
            let (stan, ours) = (number(&probe["log_density"]), posterior.log_density(&at));
            // Ten significant digits are stored.
            let close = |a: f64, b: f64, size: f64| (a - b).abs() <= 1e-8 * size.max(1.0);
            assert!(
                close(ours, stan, stan.abs()),
                "{}: {ours}, Stan {stan}",
                series.name
            );
            let Some(stans) = probe.get("gradient").map(numbers) else {
                continue;
            };
            let ours = posterior.gradient(&at);
            assert_eq!(ours.len(), stans.len(), "{}", series.name);
            let size = stans.iter().map(|g| g.abs()).fold(0.0, f64::max);
            for (ours, stan) in ours.iter().zip(&stans) {
                assert!(
                    close(*ours, *stan, size),
                    "{}: {ours}, Stan {stan}",
                    series.name
                );
            }
        }
    }
}

#[test]
fn optimum_is_at_least_that_of_stan() {
    for series in reference::all() {
        let fitted = series.fit();
        let optimum = fitted.optimum();
        // The order of Stan's features differs; the density does not depend on it.
        let data = series.prepared();
        let posterior = Posterior::new(&data, false).expect("prepared data");
        for algorithm in ["lbfgs", "newton"] {
            let stan = posterior.log_density(&parameters(&series.stored[algorithm]));
            let margin = optimum.log_density - stan;
            println!("{}: {margin:.3e} above {algorithm}", series.name);
            assert!(
                margin >= -1e-6,
                "{}: {margin:e} against {algorithm}",
                series.name
            );
        }
        let own = Posterior::new(fitted.data(), false).expect("prepared data");
        let again = own.log_density(&optimum.parameters);
        assert!(
            (again - optimum.log_density).abs() < 1e-8,
            "{}",
            series.name
        );
    }
}

#[test]
fn forecasts_equal_python_prophet() {
    let mut agreeing = 0;
    for series in reference::all() {
        let ours: Vec<f64> = series
            .fit()
            .predict(&series.ahead)
            .expect(&series.name)
            .iter()
            .map(|prediction| prediction.value)
            .collect();
        let [lbfgs, newton] = ["lbfgs", "newton"].map(|by| numbers(&series.stored[by]["forecast"]));
        let slack = 1e-3 * series.range();
        let apart = max_difference(&lbfgs, &newton);
        println!(
            "{}: difference of Stan's algorithms {:.1e} of the range, of ours from L-BFGS {:.1e}, from Newton {:.1e}",
            series.name,
            apart / series.range(),
            max_difference(&ours, &lbfgs) / series.range(),
            max_difference(&ours, &newton) / series.range(),
        );
        agreeing += u32::from(apart <= slack);
        for ((ours, lbfgs), newton) in ours.iter().zip(&lbfgs).zip(&newton) {
            let (from_lbfgs, from_newton) = ((ours - lbfgs).abs(), (ours - newton).abs());
            let within = if apart <= slack {
                from_lbfgs.max(from_newton) <= slack
            } else {
                // Both may have stopped on the same side of the optimum, so their difference
                // is the tolerance around the nearer one.
                from_lbfgs.min(from_newton) <= (lbfgs - newton).abs() + slack
            };
            assert!(within, "{}: {ours}, Stan {lbfgs} and {newton}", series.name);
        }
    }
    assert!(agreeing > 0, "Stan's algorithms agree on no series");
}

#[test]
fn interval_widths_match_python_prophet() {
    let mut compared = 0;
    for series in reference::all() {
        let fitted = series.fit();
        let default = series.stored["default"].as_str().expect("an algorithm");
        let stan = number(&series.stored[default]["log_density"]);
        if fitted.optimum().log_density - stan > 5.0 {
            continue;
        }
        compared += 1;
        let ours = fitted.predict(&series.ahead).expect(&series.name);
        let [lower, upper] = ["lower", "upper"].map(|bound| numbers(&series.stored[bound]));
        let width: f64 = lower
            .iter()
            .zip(&upper)
            .map(|(lower, upper)| upper - lower)
            .sum();
        let own: f64 = ours.iter().map(|p| p.upper - p.lower).sum();
        let ratio = own / width;
        println!("{}: width ratio {ratio:.3}", series.name);
        // Both are simulated, by different methods.
        assert!((0.9..1.1).contains(&ratio), "{}: {ratio}", series.name);
    }
    assert!(compared >= 12, "{compared} series");
}
