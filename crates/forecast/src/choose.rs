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
use crate::models::{Choice, Model, Role};
use crate::point::{Point, bounded};
use crate::settings::Settings;

/// Fewest points for a trend: with fewer, a forecast is a level.
pub const MIN_POINTS_FOR_TREND: usize = 20;

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

/// A model that was considered.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The model.
    pub model: Model,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of considering a model.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was tried: its mean absolute scaled error.
    Error(f64),
    /// It was not tried, or could not be fitted: why.
    LeftOut(String),
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
    pub(crate) model: Model,
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
    let mut attempts = Vec::new();
    let mut left_out = Vec::new();
    for model in considered(question.settings.model) {
        match Attempt::of(model, question, &folds) {
            Ok(attempt) => attempts.push(attempt),
            Err(why) => left_out.push(Candidate {
                model,
                outcome: Outcome::LeftOut(why),
            }),
        }
    }
    let asked_for = match question.settings.model {
        Choice::Auto => None,
        Choice::Only(asked) => attempts.iter().position(|a| a.model == asked),
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

/// The models that are tried, simplest first: the naive one, which all are held
/// against, and the one that is asked for; or all of the automatic choice.
fn considered(choice: Choice) -> impl Iterator<Item = Model> {
    let is_considered = move |model: &Model| match choice {
        Choice::Only(asked) if asked.role() != Role::Challenger => {
            *model == Model::NAIVE || *model == asked
        }
        Choice::Auto | Choice::Only(_) => model.role() != Role::OnRequest,
    };
    Model::ALL.iter().copied().filter(is_considered)
}

/// Chooses for a series too short for a trend, or whose points lie too unevenly to
/// try one: the level that would have done better so far, the mean on a tie.
fn choose_level(question: &Question<'_>) -> Chosen {
    let folds = folds_of_few(question.points, question.horizon);
    let asked = match question.settings.model {
        Choice::Auto => None,
        Choice::Only(model) => Some(model),
    };
    let (mut levels, mut others): (Vec<Model>, Vec<Model>) = Model::ALL
        .iter()
        .filter(|model| model.role() != Role::OnRequest || Some(**model) == asked)
        .partition(|model| model.role() == Role::Level);
    // Of equals the mean is taken.
    levels.reverse();
    if let Some(level) = asked.filter(|model| model.role() == Role::Level) {
        levels = vec![level];
        others.clear();
    }
    let levels = levels
        .into_iter()
        .map(|model| Attempt::of(model, question, &folds));
    // No level refuses.
    let mut attempts: Vec<Attempt> = levels.flatten().collect();
    let left_out = others.into_iter().map(|model| Candidate {
        model,
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
    let errors: Vec<f64> = attempts.iter().map(|a| a.trial.error()).collect();
    let is = |role: Role| move |attempt: &Attempt| attempt.model.role() == role;
    let yardstick = attempts
        .iter()
        .position(is(Role::Yardstick))
        .unwrap_or_default();
    let is_challenger = is(Role::Challenger);
    let leader = (0..attempts.len())
        .filter(|index| is_challenger(&attempts[*index]))
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
    fn of(model: Model, question: &Question<'_>, folds: &[Fold]) -> Result<Self, String> {
        let Question {
            points,
            times,
            ceiling,
            ..
        } = *question;
        let trial = Trial::of(model, points, folds, ceiling)?;
        let values = model.predict(points, times)?;
        Ok(Self {
            model,
            trial,
            values: values
                .into_iter()
                .map(|value| bounded(value, ceiling))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{ahead, spaced};

    fn chosen(points: &[Point], times: &[Timestamp], model: Choice) -> Chosen {
        let newest = points[points.len() - 1].at;
        choose(&Question {
            points,
            times,
            ceiling: None,
            horizon: times[times.len() - 1].since(newest),
            settings: Settings {
                model,
                ..Settings::default()
            },
        })
    }

    fn rising() -> Vec<Point> {
        let noise = [0.3, -0.1, 0.2, -0.4, 0.1, -0.2, 0.05];
        let values = (0..121).map(|k| 10.0 + 0.1 * f64::from(k) + noise[k as usize % 7]);
        spaced(&values.collect::<Vec<_>>())
    }

    #[test]
    fn the_model_that_is_asked_for_is_taken_and_held_against_the_newest_value() {
        let points = rising();
        let times = ahead(&points, 30);
        for model in [
            Model::LastValue,
            Model::TheilSen,
            Model::Ets,
            Model::Prophet,
        ] {
            let chosen = chosen(&points, &times, Choice::Only(model));
            assert_eq!(chosen.leader.model, model);
            assert_eq!(chosen.candidates[0].model, Model::NAIVE);
            assert!(chosen.naive_error.is_some());
        }
    }

    #[test]
    fn auto_names_the_line_where_smoothing_forecasts_the_same() {
        let points = rising();
        let chosen = chosen(&points, &ahead(&points, 30), Choice::Auto);
        assert_eq!(chosen.leader.model, Model::TheilSen);
        let named: Vec<Model> = chosen.candidates.iter().map(|c| c.model).collect();
        assert_eq!(
            named,
            [
                Model::LastValue,
                Model::Mean,
                Model::TheilSen,
                Model::Ets,
                Model::Prophet,
                Model::DailyWave
            ]
        );
        let daily_wave = &chosen.candidates[5].outcome;
        assert!(matches!(daily_wave, Outcome::LeftOut(why) if why.contains("quarter of a day")));
    }

    #[test]
    fn a_model_that_does_not_fit_leaves_the_choice_open() {
        let points = rising();
        // Farther ahead than Prophet goes.
        let end = points[points.len() - 1].at.unix();
        let times = [Timestamp::from_unix(end + 200 * 7200)];
        let chosen = chosen(&points, &times, Choice::Only(Model::Prophet));
        assert_eq!(chosen.leader.model, Model::Ets);
        let left_out = |c: &&Candidate| matches!(c.outcome, Outcome::LeftOut(_));
        let left_out: Vec<Model> = chosen
            .candidates
            .iter()
            .filter(left_out)
            .map(|c| c.model)
            .collect();
        assert_eq!(left_out, [Model::DailyWave, Model::Prophet]);
    }

    #[test]
    fn few_points_have_levels_alone_and_no_backtest() {
        let points = &rising()[..19];
        let chosen = chosen(points, &ahead(points, 30), Choice::Only(Model::Prophet));
        assert_eq!(chosen.leader.model, Model::LastValue);
        assert_eq!(chosen.naive_error, None);
        let tried = |c: &&Candidate| matches!(c.outcome, Outcome::Error(_));
        assert_eq!(chosen.candidates.iter().filter(tried).count(), 2);
        assert_eq!(chosen.candidates.len(), 6);
    }
}
