//! Which model continues a series: the simplest of those that are equal.
//!
//! Exponential smoothing is the yardstick: among its forms are the mean, the newest
//! value and a straight line, and it chooses between them by errors from every moment
//! of the series. The few folds of a backtest are hardly independent of each other,
//! and know less: where a mean or a line looks better there, it is luck. So only a
//! model that is something else takes the lead, and only when it is better by far
//! ([`MUST_GAIN`]) and nearly always ([`MUST_WIN`]).
//!
//! Then the simplest model is taken that forecasts the same as the leading one
//! ([`SAME`]) and errs hardly more ([`EQUAL`]): most of the time there is one.
//! All four numbers were measured on a varied fleet.

use quantity::Timestamp;

use crate::backtest::{Fold, Trial, folds, folds_of_few};
use crate::settings::{Choice, Settings};
use crate::{
    Candidate, DailyWave, Ets, LastValue, MIN_POINTS_FOR_TREND, Mean, Model, Outcome, Point,
    Prophet, TheilSen, held,
};

/// The share of the yardstick's error under which another model leads.
const MUST_GAIN: f64 = 0.7;

/// The share of folds at which it must have been better.
const MUST_WIN: f64 = 0.75;

/// Forecasts are the same when they are nowhere further apart than this share of
/// the mean error of the leading one.
const SAME: f64 = 0.5;

/// How much more a simpler model may err, as a factor.
const EQUAL: f64 = 1.05;

/// What does not count between forecasts that are exact, as a share of their values.
const ROUNDING: f64 = 1e-9;

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
    pub(crate) values: Vec<f64>,
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
        Choice::Auto | Choice::Prophet => {
            &[&LastValue, &Mean, &TheilSen, &DailyWave, &Ets, &Prophet]
        }
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
    let asked_for = match question.settings.model {
        Choice::Auto => None,
        Choice::Prophet => attempts.iter().position(|a| a.model == Prophet.name()),
        Choice::Ets | Choice::Linear | Choice::Last => Some(attempts.len() - 1),
    };
    // A model that is asked for and does not fit leaves the choice open.
    let leader = asked_for.unwrap_or_else(|| simplest_of_equals(&attempts));
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
    let (levels, others): (&[&dyn Model], &[&dyn Model]) = match question.settings.model {
        Choice::Last => (&[&LastValue], &[]),
        _ => (
            &[&Mean, &LastValue],
            &[&TheilSen, &DailyWave, &Ets, &Prophet],
        ),
    };
    let levels = levels
        .iter()
        .map(|model| Attempt::of(*model, question, &folds));
    // No level refuses.
    let mut attempts: Vec<Attempt> = levels.flatten().collect();
    let left_out = others.iter().map(|model| Candidate {
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
    let of = |model: &dyn Model| attempts.iter().position(|a| a.model == model.name());
    let errors: Vec<f64> = attempts.iter().map(|a| a.trial.error()).collect();
    let yardstick = of(&Ets).unwrap_or_default();
    let leader = [&DailyWave as &dyn Model, &Prophet]
        .into_iter()
        .filter_map(of)
        .filter(|other| {
            let pairs = attempts[*other]
                .trial
                .errors()
                .zip(attempts[yardstick].trial.errors());
            let won = pairs.filter(|(other, yardstick)| other < yardstick).count() as f64;
            errors[*other] < MUST_GAIN * errors[yardstick]
                && won >= MUST_WIN * attempts[yardstick].trial.folds() as f64
        })
        .min_by(|a, b| errors[*a].total_cmp(&errors[*b]))
        .unwrap_or(yardstick);
    let values = |index: usize| attempts[index].values.iter();
    let apart = |index: usize| {
        let pairs = values(index).zip(values(leader));
        pairs.fold(0.0, |most, (a, b)| f64::max(most, (a - b).abs()))
    };
    let rounding = ROUNDING * values(leader).fold(0.0, |most, value| f64::max(most, *value));
    (0..leader)
        .find(|index| {
            errors[*index] <= EQUAL * errors[leader] + rounding
                && apart(*index) <= SAME * errors[leader] + rounding
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
        let trial = Trial::of(model, points, folds, ceiling)?;
        let values = model.continue_from(points, times)?;
        Ok(Self {
            model: model.name(),
            trial,
            values: values
                .into_iter()
                .map(|value| held(value, ceiling))
                .collect(),
        })
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            model: self.model,
            outcome: Outcome::Error(self.trial.scaled_error()),
        }
    }
}
