//! The table of models.
//!
//! A model is a function in its own file under `models/`, and one row here. The row has its
//! name, its value of `--model`, its role in automatic selection and its line of documentation;
//! everything else derives them from it.

mod ar;
mod daily_wave;
mod ets;
mod last_value;
mod mean;
mod prophet;
mod theil_sen;

pub(crate) use ets::seasonal_periods;

use std::fmt;

use quantity::Timestamp;

use crate::origin::Origin;
use crate::point::Point;

use Predict::{Each, Together};
use Role::{Level, OnRequest, Part};

/// The role of a model in automatic selection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// A constant level, for series too short for other models.
    Level,
    /// A part of the mix. Its weight depends on its backtest error divided by `credit`, which is
    /// below 1 for models whose backtest errors are too optimistic.
    Part {
        /// Above 0, at most 1.
        credit: f64,
    },
    /// Used only if `--model` names it.
    OnRequest,
}

/// One row of the table.
struct Row {
    /// The name in reports, series and JSON.
    name: &'static str,
    /// The value of `--model`; `None` for a model that cannot be selected by it.
    word: Option<&'static str>,
    role: Role,
    predict: Predict,
    /// The line of documentation: the model's forecast.
    about: &'static str,
}

/// Values, or the reason for the report why the model does not fit the points.
type Predicted<T> = Result<T, String>;

/// A function that forecasts the value at each of the times; finite, in the unit of the points.
/// The points are in strictly increasing order of time and may have gaps.
///
/// A model reads no clock and knows no ceiling. It gives no interval: intervals follow from its
/// backtest errors.
enum Predict {
    /// Forecasts from one origin.
    Each(fn(&Origin<'_>) -> Predicted<Vec<f64>>),
    /// Forecasts from several origins in one series, faster than one by one.
    Together(fn(&[Origin<'_>]) -> Predicted<Vec<Vec<f64>>>),
}

macro_rules! models {
    ($($model:ident: $predict:expr, $name:literal, $word:expr, $role:expr, $about:literal;)+) => {
        /// A forecast model, simplest first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Model { $(#[doc = $about] $model,)+ }

        impl Model {
            /// Every model, simplest first.
            pub const ALL: &'static [Self] = &[$(Self::$model),+];

            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$model => &Row {
                        name: $name,
                        word: $word,
                        role: $role,
                        predict: $predict,
                        about: $about,
                    },)+
                }
            }
        }
    };
}

/// The credit of models whose backtest errors are smaller than their actual errors. On 3,008
/// windows of real machine metrics a credit of 1 gives a 0.7% larger error, and leaving the
/// model out 1.4% (autoregression) and 0.7% (daily wave).
const CREDIT: f64 = 0.85;

models! {
    LastValue: Each(last_value::predict), "last_value", Some("last"), Level,
        "naive forecast: the newest value, repeated";
    Mean: Each(mean::predict), "mean", None, Level,
        "the mean of all values";
    TheilSen: Each(theil_sen::predict), "theil_sen", Some("linear"), OnRequest,
        "a straight line: the median slope of all pairs of points, robust against single outliers";
    DailyWave: Each(daily_wave::predict), "daily_wave", None, Part { credit: CREDIT },
        "a smooth daily wave, for windows that cover a quarter of a day or more";
    Ar: Each(ar::predict), "ar", None, Part { credit: CREDIT },
        "autoregression: a weighted sum of the newest values about the level of the window's last third";
    Ets: Together(ets::predict), "ets", Some("ets"), Part { credit: 1.0 },
        "exponential smoothing: a level, a damped slope, and seasons that the window contains twice (hour, day, week)";
    Prophet: Each(prophet::predict), "prophet", Some("prophet"), OnRequest,
        "Prophet: a piecewise linear trend, and seasons that the window contains twice, fitted to the optimum of its posterior";
}

impl Model {
    /// The naive forecast: the reference of all errors.
    pub const NAIVE: Self = Self::LastValue;

    /// Returns the name in reports, series and JSON.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns the value of `--model`; `None` for a model that cannot be selected by it.
    pub const fn word(self) -> Option<&'static str> {
        self.row().word
    }

    /// Returns the line of documentation.
    pub const fn about(self) -> &'static str {
        self.row().about
    }

    /// Returns the role in automatic selection.
    pub const fn role(self) -> Role {
        self.row().role
    }

    /// Forecasts a series of at least one point at each of `times`, which lie after its newest
    /// point.
    ///
    /// # Errors
    /// The reason, for the report, why the model does not fit these points.
    pub fn predict(self, points: &[Point], times: &[Timestamp]) -> Result<Vec<f64>, String> {
        let origin = Origin {
            before: points,
            after: &[],
            periods: &seasonal_periods(points),
            times: times.to_vec(),
        };
        self.predict_from(&[origin]).map(|values| values.concat())
    }

    /// Forecasts from each of several origins in one series.
    ///
    /// # Errors
    /// The reason, for the report, why the model does not fit one of them.
    pub(crate) fn predict_from(self, origins: &[Origin<'_>]) -> Result<Vec<Vec<f64>>, String> {
        match self.row().predict {
            Each(predict) => origins.iter().map(predict).collect(),
            Together(predict) => predict(origins),
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The selection of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The mix weighted by backtest for each series.
    #[default]
    Auto,
    /// One model alone.
    Only(Model),
}

impl Choice {
    /// Every value of `--model`, in the order of help texts.
    pub const ALL: [Self; count_words() + 1] = {
        let mut all = [Self::Auto; count_words() + 1];
        let (mut model, mut next) = (Model::ALL.len(), 1);
        while model > 0 {
            model -= 1;
            if Model::ALL[model].word().is_some() {
                all[next] = Self::Only(Model::ALL[model]);
                next += 1;
            }
        }
        all
    };

    /// Returns the value of `--model`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Only(model) => match model.word() {
                Some(word) => word,
                None => model.name(),
            },
        }
    }
}

const fn count_words() -> usize {
    let (mut model, mut words) = (0, 0);
    while model < Model::ALL.len() {
        if Model::ALL[model].word().is_some() {
            words += 1;
        }
        model += 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names_are_distinct() {
        let names: Vec<&str> = Model::ALL.iter().map(|model| model.name()).collect();
        let words: Vec<&str> = Choice::ALL.iter().map(|choice| choice.label()).collect();
        for list in [names, words] {
            let distinct: std::collections::BTreeSet<_> = list.iter().collect();
            assert_eq!(distinct.len(), list.len(), "{list:?}");
        }
    }

    #[test]
    fn promised_words_stay_in_the_order_of_help() {
        let words = Choice::ALL.map(Choice::label);
        assert_eq!(words, ["auto", "prophet", "ets", "linear", "last"]);
    }
}
