//! Forecasts of a varied fleet compared with the future: auto against each model alone,
//! and the empirical coverage of the intervals.
//!
//! The series are those of `testbed::specimens`: 25 kinds in three windows, of seeds
//! that no number in crate forecast was chosen on.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use bench::figures::Figure;
use forecast::{Choice, Model, Point, Settings, forecast};
use quantity::Timestamp;
use testbed::{Specimen, VIEWS, specimens};

/// 40 fleets of 75 series.
const SEEDS: Range<u64> = 20_000..20_040;

/// The column of auto, behind those of the models.
const AUTO: usize = Model::ALL.len();

/// Sums over the series of a row.
#[derive(Default, Clone)]
struct Row {
    series: f64,
    errors: [f64; AUTO + 1],
    covered: f64,
    reported: f64,
}

/// Errors and coverage, of all series and by row.
pub(crate) struct Accuracy {
    whole: Row,
    rows: BTreeMap<String, Row>,
}

impl Accuracy {
    /// Forecasts every series by every model, and by auto.
    pub(crate) fn measure() -> Self {
        let mut whole = Row::default();
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for specimen in SEEDS.flat_map(|seed| specimens(seed, &VIEWS)) {
            let row = Row::of(&specimen);
            whole.add(&row);
            for name in [
                format!("window {}", specimen.view.name),
                specimen.family.to_owned(),
            ] {
                rows.entry(name).or_default().add(&row);
            }
        }
        Self { whole, rows }
    }

    /// The figures with their bounds.
    pub(crate) fn figures(&self) -> [Figure; 4] {
        let [alone @ .., auto] = self.whole.mean_errors();
        let (name, best) = Model::ALL
            .iter()
            .zip(alone)
            .map(|(model, error)| (model.name(), error))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or_default();
        let naive = alone[0];
        let Row {
            series,
            covered,
            reported,
            ..
        } = self.whole;
        let ours = format!("auto: {auto:.3}");
        let work = format!("mean MASE over {series} varied series, against the best model alone");
        let coverage = covered / series;
        let covers = |figure: fn(f64, f64, String) -> Figure, bound, side| {
            let work = format!("empirical coverage of the 80% intervals, {side}");
            let reported = 100.0 * reported / series;
            figure(bound, coverage, work)
                .ours(format!("{:.1}%", 100.0 * coverage))
                .peer(format!("reported by the backtests: {reported:.1}%"))
        };
        [
            Figure::at_most(1.0, auto / best, work)
                .ours(&*ours)
                .peer(format!("{name}: {best:.3}")),
            Figure::at_most(0.85, auto / naive, "the same, against the naive forecast")
                .ours(&*ours)
                .peer(format!("{}: {naive:.3}", Model::NAIVE.name())),
            covers(Figure::at_least, 0.75, "at least"),
            covers(Figure::at_most, 0.85, "at most"),
        ]
    }

    /// Errors by window and kind of series, as a Markdown table.
    pub(crate) fn table(&self) -> String {
        let names = Model::ALL
            .iter()
            .map(|model| model.name())
            .chain(["auto", "coverage"]);
        let names = Vec::from_iter(names);
        let mut text = format!(
            "| mean MASE | {} |\n|---|{}\n",
            names.join(" | "),
            "---|".repeat(names.len())
        );
        for (name, row) in self.rows.iter().chain([(&"all".to_owned(), &self.whole)]) {
            let errors = row.mean_errors().map(|error| format!("{error:.2}"));
            let covered = 100.0 * row.covered / row.series;
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {name} | {} | {covered:.0}% |", errors.join(" | "));
        }
        text
    }
}

impl Row {
    fn of(specimen: &Specimen) -> Self {
        let point = |&(at, value): &(i64, f64)| Point {
            at: Timestamp::from_unix(at),
            value,
        };
        let history: Vec<Point> = specimen.history.iter().map(point).collect();
        let times: Vec<Timestamp> = specimen
            .future
            .iter()
            .map(|(at, _)| Timestamp::from_unix(*at))
            .collect();
        let ceiling = Some(specimen.ceiling);
        let mut errors = [0.0; AUTO + 1];
        for (model, error) in Model::ALL.iter().zip(&mut errors) {
            // Where a model does not fit a series, the naive forecast stands in.
            let values = model
                .predict(&history, &times)
                .or_else(|_| Model::NAIVE.predict(&history, &times))
                .unwrap_or_default();
            let held = values
                .iter()
                .map(|value| value.clamp(0.0, specimen.ceiling));
            *error = specimen.scaled_error(&Vec::from_iter(held));
        }
        let settings = Settings {
            model: Choice::Auto,
            ..Settings::default()
        };
        let made =
            forecast(&history, &times, ceiling, &settings).expect("specimens have enough points");
        errors[AUTO] = specimen.scaled_error(&Vec::from_iter(made.path.iter().map(|p| p.value)));
        let ends = Vec::from_iter(made.path.iter().map(|p| (p.lower, p.upper)));
        Self {
            series: 1.0,
            errors,
            covered: specimen.covered(&ends),
            reported: made.backtest.map_or(0.0, |backtest| backtest.coverage),
        }
    }

    fn add(&mut self, other: &Self) {
        self.series += other.series;
        self.covered += other.covered;
        self.reported += other.reported;
        for (sum, error) in self.errors.iter_mut().zip(other.errors) {
            *sum += error;
        }
    }

    fn mean_errors(&self) -> [f64; AUTO + 1] {
        self.errors.map(|sum| sum / self.series)
    }
}
