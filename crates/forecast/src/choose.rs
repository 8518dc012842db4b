//! Which model continues a series: the simplest of those that are equal.
//!
//! Exponential smoothing is the yardstick: among its forms are the mean, the newest
//! value and a straight line, so it is seldom far off. The few folds of a backtest
//! are hardly independent of each other, so a better error there is often luck:
//! another model takes the lead only when its error is under [`MUST_GAIN`] of that.
//! Then the simplest model is taken that forecasts the same ([`SAME`]) and errs
//! hardly more ([`EQUAL`]).

use quantity::Timestamp;

use crate::backtest::{Fold, Trial, folds, folds_of_few};
use crate::settings::{Choice, Settings};
use crate::{
    Candidate, Continuation, Ets, LastValue, MIN_POINTS_FOR_TREND, Mean, Model, Outcome, Point,
    TheilSen, held,
};

/// The share of the yardstick's error under which another model leads. Measured on
/// a varied fleet: nearer to 1, luck decides too often.
const MUST_GAIN: f64 = 0.7;

/// Forecasts are the same when they are nowhere further apart than this share of
/// the mean error of the leading one.
const SAME: f64 = 0.3;

/// How much more a simpler model may err, as a factor.
const EQUAL: f64 = 1.05;

/// Fewest folds to choose by.
const MIN_FOLDS: usize = 3;

/// A series and what is asked of it.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) points: &'a [Point],
    pub(crate) times: &'a [Timestamp],
    pub(crate) ceiling: Option<f64>,
    /// From the newest point to the last of the times, in seconds.
    pub(crate) horizon: f64,
    pub(crate) settings: Settings,
}

/// What came of all models.
pub(crate) struct Chosen {
    /// The model that continues the series.
    pub(crate) leader: Attempt,
    /// Scaled error of the newest value carried forward; `None` for a series too
    /// short for a backtest.
    pub(crate) naive_error: Option<f64>,
    pub(crate) candidates: Vec<Candidate>,
}

/// What a model makes of the past and of the future.
pub(crate) struct Attempt {
    pub(crate) model: &'static str,
    pub(crate) trial: Trial,
    /// Between 0 and the ceiling.
    pub(crate) continuation: Continuation,
}

/// Chooses for a series with enough points to say anything.
pub(crate) fn choose(question: &Question<'_>) -> Chosen {
    let folds = folds(question.points, question.horizon);
    if question.points.len() < MIN_POINTS_FOR_TREND || folds.len() < MIN_FOLDS {
        return choose_level(question);
    }
    // The first is what all are held against. Simplest first.
    let models: &[&dyn Model] = match question.settings.model {
        Choice::Last => &[&LastValue],
        Choice::Linear => &[&LastValue, &TheilSen],
        Choice::Ets => &[&LastValue, &Ets],
        Choice::Auto | Choice::Prophet => &[&LastValue, &Mean, &TheilSen, &Ets],
    };
    let mut attempts = Vec::new();
    let mut left_out = Vec::new();
    for model in models {
        match Attempt::of(*model, question, &folds) {
            Ok(attempt) => attempts.push(attempt),
            Err(why) => left_out.push(Candidate {
                model: model.name(),
                outcome: Outcome::LeftOut(why),
            }),
        }
    }
    let leader = match question.settings.model {
        Choice::Auto | Choice::Prophet => simplest_of_equals(&attempts),
        _ => attempts.len() - 1,
    };
    Chosen {
        naive_error: Some(attempts[0].trial.scaled_error()),
        candidates: attempts
            .iter()
            .map(Attempt::candidate)
            .chain(left_out)
            .collect(),
        leader: attempts.swap_remove(leader),
    }
}

/// Chooses for a series too short for a trend, or whose points lie too unevenly to
/// try one: the level that would have done better so far, the mean on a tie.
fn choose_level(question: &Question<'_>) -> Chosen {
    let folds = folds_of_few(question.points, question.horizon);
    let models: &[&dyn Model] = match question.settings.model {
        Choice::Last => &[&LastValue],
        _ => &[&Mean, &LastValue],
    };
    let levels = models
        .iter()
        .map(|model| Attempt::of(*model, question, &folds));
    let mut attempts: Vec<Attempt> = levels.flatten().collect();
    let left_out = [&TheilSen as &dyn Model, &Ets].map(|model| Candidate {
        model: model.name(),
        outcome: Outcome::LeftOut(format!(
            "needs {MIN_POINTS_FOR_TREND} points, spread evenly enough to try it on"
        )),
    });
    let mut leader = 0;
    for (index, attempt) in attempts.iter().enumerate() {
        if attempt.trial.error() < attempts[leader].trial.error() {
            leader = index;
        }
    }
    Chosen {
        naive_error: None,
        candidates: attempts
            .iter()
            .map(Attempt::candidate)
            .chain(left_out)
            .collect(),
        leader: attempts.swap_remove(leader),
    }
}

/// The one that leads, or a simpler one that is as good.
fn simplest_of_equals(attempts: &[Attempt]) -> usize {
    let errors: Vec<f64> = attempts
        .iter()
        .map(|attempt| attempt.trial.error())
        .collect();
    let yardstick = attempts
        .iter()
        .position(|attempt| attempt.model == Ets.name())
        .unwrap_or_default();
    let mut leader = yardstick;
    for (index, error) in errors.iter().enumerate() {
        let leads = if leader == yardstick {
            MUST_GAIN * errors[yardstick]
        } else {
            errors[leader]
        };
        if *error < leads {
            leader = index;
        }
    }
    let apart = |index: usize| {
        let values = |index: usize| attempts[index].continuation.values.iter();
        values(index)
            .zip(values(leader))
            .fold(0.0, |most, (a, b)| f64::max(most, (a - b).abs()))
    };
    (0..leader)
        .find(|index| {
            errors[*index] <= EQUAL * errors[leader] && apart(*index) <= SAME * errors[leader]
        })
        .unwrap_or(leader)
}

impl Attempt {
    fn of(model: &dyn Model, question: &Question<'_>, folds: &[Fold]) -> Result<Self, String> {
        let Question {
            points,
            times,
            ceiling,
            ..
        } = *question;
        let coverage = question.settings.coverage;
        let trial = Trial::of(model, points, folds, ceiling, coverage)?;
        let mut continuation = model.continue_from(points, times, coverage)?;
        for value in &mut continuation.values {
            *value = held(*value, ceiling);
        }
        Ok(Self {
            model: model.name(),
            trial,
            continuation,
        })
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            model: self.model,
            outcome: Outcome::Error(self.trial.scaled_error()),
        }
    }
}
