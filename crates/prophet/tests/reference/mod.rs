//! The series of `reference/numbers.json` with what Python Prophet made of them.
//!
//! Also included by `dev/verify-prophet` and by `dev/bench`.

#![allow(dead_code, reason = "who includes this takes what it needs of it")]

use std::collections::BTreeMap;

use prophet::{Growth, Options, Seasonality};
use serde_json::Value;

/// A series with the options it is forecast by.
pub(crate) struct Series {
    pub(crate) name: String,
    /// Everything that is stored about it.
    pub(crate) stored: Value,
    /// Unix seconds and values, without those that are missing.
    pub(crate) points: Vec<(i64, f64)>,
    /// Unix seconds after the last point that are forecast.
    pub(crate) ahead: Vec<i64>,
    pub(crate) options: Options,
}

/// All of them, by name.
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

    /// Largest value less smallest.
    pub(crate) fn range(&self) -> f64 {
        let values = || self.points.iter().map(|(_, value)| *value);
        values().fold(f64::MIN, f64::max) - values().fold(f64::MAX, f64::min)
    }
}

/// The number in a stored field.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The numbers in a stored field.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    let array = value.as_array().expect("an array");
    array.iter().map(number).collect()
}

/// The largest difference between two forecasts at the same time.
pub(crate) fn furthest_apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}
