//! Forecasts of a varied fleet compared with the actual values: a few hundred series, of seeds
//! that no constant was tuned on. `just bench-agent` uses thousands.

use forecast::{Choice, Forecast, Model, Point, Settings, forecast};
use quantity::Timestamp;
use testbed::{Specimen, VIEWS, specimens};

const SEEDS: std::ops::Range<u64> = 7000..7004;

fn fleet() -> Vec<Specimen> {
    SEEDS.flat_map(|seed| specimens(seed, &VIEWS)).collect()
}

fn history(specimen: &Specimen) -> Vec<Point> {
    let point = |&(at, value): &(i64, f64)| Point {
        at: Timestamp::from_unix(at),
        value,
    };
    specimen.history.iter().map(point).collect()
}

fn times(specimen: &Specimen) -> Vec<Timestamp> {
    let time = |(at, _): &(i64, f64)| Timestamp::from_unix(*at);
    specimen.future.iter().map(time).collect()
}

fn made(specimen: &Specimen, model: Choice) -> Forecast {
    let settings = Settings {
        model,
        ..Settings::default()
    };
    let (history, times) = (history(specimen), times(specimen));
    forecast(&history, &times, Some(specimen.ceiling), &settings).expect("enough points")
}

fn error(specimen: &Specimen, forecast: &Forecast) -> f64 {
    specimen.scaled_error(&Vec::from_iter(forecast.path.iter().map(|p| p.value)))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values = Vec::from_iter(values);
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn auto_is_no_worse_than_any_model() {
    let fleet = fleet();
    let auto = mean(fleet.iter().map(|s| error(s, &made(s, Choice::Auto))));
    let alone = |model: Model| {
        mean(fleet.iter().map(|specimen| {
            let (history, times) = (history(specimen), times(specimen));
            // The naive forecast replaces a model that does not fit.
            let values = model
                .predict(&history, &times)
                .or_else(|_| Model::NAIVE.predict(&history, &times))
                .expect("the naive forecast always fits");
            let bounded = values
                .iter()
                .map(|value| value.clamp(0.0, specimen.ceiling));
            specimen.scaled_error(&Vec::from_iter(bounded))
        }))
    };
    for model in Model::ALL {
        let alone = alone(*model);
        assert!(auto <= alone, "{}: {alone}, auto {auto}", model.name());
    }
    let naive = alone(Model::NAIVE);
    assert!(auto <= 0.85 * naive, "auto {auto}, naive forecast {naive}");
}

#[test]
fn intervals_cover_about_80_percent() {
    let fleet = fleet();
    let models = [Model::Ets, Model::Prophet, Model::LastValue].map(Choice::Only);
    for choice in [Choice::Auto].into_iter().chain(models) {
        let covered = mean(fleet.iter().map(|specimen| {
            let forecast = made(specimen, choice);
            specimen.covered(&Vec::from_iter(
                forecast.path.iter().map(|p| (p.lower, p.upper)),
            ))
        }));
        assert!((0.75..=0.85).contains(&covered), "{choice:?}: {covered}");
    }
}

#[test]
fn reported_coverage_is_about_the_actual_one() {
    let reported = mean(
        fleet()
            .iter()
            .filter_map(|specimen| made(specimen, Choice::Auto).backtest)
            .map(|backtest| backtest.coverage),
    );
    assert!((0.72..=0.85).contains(&reported), "{reported}");
}

#[test]
fn models_lead_on_series_that_suit_them() {
    let fleet = fleet();
    let chosen = |family: &str, view: &str| -> Vec<Model> {
        let of_kind = |s: &&Specimen| s.family == family && s.view.name == view;
        let of_kind = fleet.iter().filter(of_kind);
        of_kind
            .map(|specimen| made(specimen, Choice::Auto).model)
            .collect()
    };
    for (family, view, model) in [
        ("constant", "2h", Model::Ets),
        ("trend", "24h", Model::Ets),
        ("testbed wave", "24h", Model::DailyWave),
        ("office hours", "14d", Model::Ets),
    ] {
        let chosen = chosen(family, view);
        let right = chosen.iter().filter(|chosen| **chosen == model).count();
        assert!(2 * right > chosen.len(), "{family} {view}: {chosen:?}");
    }
}
