//! The flags of forecasts: the model and its interval.

use contract::limit::INTERVAL_PERCENT;
use forecast::Choice;
use settings::{Within, settings, words};

use super::percent::Percent;

settings! {
    /// The flags of forecasts.
    pub struct Flags {
        "Forecasts" => {
            /// forecasting model; auto mixes several, weighted for each series by their errors in a rolling-origin backtest
            model: ModelWord = "auto";

            /// nominal coverage of the prediction interval, in percent
            interval: Percent = "80", within: Within::Numbers(
                *INTERVAL_PERCENT.start() as u64..=*INTERVAL_PERCENT.end() as u64
            );
        }
    }
}

words! {
    /// Models.
    pub struct ModelWord(Choice) = Choice::ALL, Choice::label;
}
