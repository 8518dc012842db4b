//! The series of `reference/numbers.json` with the results of Python Prophet.
//!
//! Also included by `dev/verify-prophet` and by `dev/bench`.

#![allow(
    dead_code,
    reason = "each including program uses a part of this module"
)]

use std::collections::BTreeMap;

use prophet::{Growth, Options, Seasonality};
use serde_json::Value;

/// A series with its forecast options.
pub(crate) struct Series {
    pub(crate) name: String,
    /// The stored entry.
    pub(crate) stored: Value,
    /// Timestamps in Unix seconds with values, without missing ones.
    pub(crate) points: Vec<(i64, f64)>,
    /// Prediction times in Unix seconds, after the last point.
    pub(crate) ahead: Vec<i64>,
    pub(crate) options: Options,
}

/// Returns all series, ordered by name.
pub(crate) fn all() -> Vec<Series> {
    let text = include_str!("../../reference/numbers.json");
    let stored: BTreeMap<String, Value> = serde_json::from_str(text).expect("JSON");
    let all: Vec<Series> = stored
        .into_iter()
        .map(|(name, stored)| Series::new(name, stored))
        .collect();
    assert!(all.len() >= 12, "{} series", all.len());
    all
}

impl Series {
    fn new(name: String, stored: Value) -> Self {
        let [start, step] = ["start", "step"].map(|key| stored[key].as_i64().expect("seconds"));
        let values = stored["values"].as_array().expect("an array");
        let at = |i: usize| start + step * i as i64;
        let points = values
            .iter()
            .enumerate()
            .filter_map(|(i, value)| Some((at(i), value.as_f64()?)))
            .collect();
        let growth = match stored["growth"].as_str() {
            Some("linear") => Growth::Linear,
            Some("flat") => Growth::Flat,
            Some("logistic") => Growth::Logistic {
                cap: number(&stored["cap"]),
            },
            other => panic!("growth {other:?}"),
        };
        let seasonality = match stored["mode"].as_str() {
            Some("additive") => Seasonality::Additive,
            Some("multiplicative") => Seasonality::Multiplicative,
            other => panic!("mode {other:?}"),
        };
        let ahead = (0..numbers(&stored["lower"]).len())
            .map(|i| at(values.len() + i))
            .collect();
        let options = Options {
            growth,
            seasonality,
            ..Options::default()
        };
        Self {
            name,
            stored,
            points,
            ahead,
            options,
        }
    }

    /// Returns the largest value minus the smallest.
    pub(crate) fn range(&self) -> f64 {
        let values = || self.points.iter().map(|(_, value)| *value);
        values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min)
    }
}

/// Returns the number in a stored field.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// Returns the numbers in a stored field.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    let array = value.as_array().expect("an array");
    array.iter().map(number).collect()
}

/// Returns the largest absolute difference between two forecasts.
pub(crate) fn max_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}
