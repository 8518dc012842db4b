//! Errors of forecasts on windows of real machine metrics, compared with stored errors of other
//! programs on the same windows.
//!
//! `BINBOTS_WINDOWS` is a folder with `data/SHAPE.npz` (`train` and `test`, windows × points, NaN
//! for a gap; `step` in seconds) and `peers/SHAPE.npz` (`PEER_mase` and `PEER_is`, one number for
//! each window).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use bench::figures::Figure;
use forecast::{Point, Settings, forecast};
use quantity::Timestamp;

use crate::npz::Archive;

/// The time of the first point of each window.
const START: i64 = 1_700_006_400;

/// The number of consecutive points of a held level, in forecasts and actual values.
const HELD: usize = 3;

/// The peers with bounds: exponential smoothing alone, and automatic selection, of the version
/// before forecasts were mixed.
const ETS_BEFORE: &str = "now_ets";
const AUTO_BEFORE: &str = "now_auto";

/// The kinds of windows, by features of the window without its future.
const KINDS: [&str; 4] = ["bursts", "level shift", "more volatile", "less volatile"];

/// The outcome of one window.
struct Outcome {
    /// The mean absolute scaled error.
    mase: f64,
    /// The mean absolute scaled error of the naive forecast.
    naive_mase: f64,
    /// The interval score (Gneiting and Raftery 2007), with the scale of the errors.
    score: f64,
    /// The empirical coverage of the interval, 0 to 1.
    covered: f64,
    /// 1 if the actual maximum is not above the upper end, otherwise 0.
    below: f64,
    /// The symmetric absolute percentage error of the maximum.
    maximum: f64,
    /// Set if the forecast holds a level above the threshold, the 90% quantile of the window.
    warned: bool,
    /// Set if the actual values hold a level above the threshold.
    exceeded: bool,
    /// Set for each of [`KINDS`] that applies.
    kinds: [bool; KINDS.len()],
}

/// The outcomes of one shape of windows.
struct Shape {
    name: String,
    outcomes: Vec<Outcome>,
    /// Mean absolute scaled error and interval score of each peer, divided by ours.
    peers: BTreeMap<String, (f64, f64)>,
}

/// The measures on all windows.
pub(crate) struct Windows(Vec<Shape>);

impl Windows {
    /// Forecasts every window in the folder of `BINBOTS_WINDOWS`; `None` without the variable.
    pub(crate) fn measure() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os("BINBOTS_WINDOWS")?);
        let entries = std::fs::read_dir(folder.join("data"));
        let entries = entries.unwrap_or_else(|e| panic!("{}/data: {e}", folder.display()));
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|kind| kind == "npz"));
        files.sort();
        let shapes = files.iter().map(|file| Shape::measure(&folder, file));
        Some(Self(shapes.collect()))
    }

    /// Returns the figures with their bounds.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let by_shape = |number: fn(&Shape) -> f64| Vec::from_iter(self.0.iter().map(number));
        let outcomes = || self.0.iter().flat_map(|shape| &shape.outcomes);
        let of_kind = |kind: usize, number: fn(&Outcome) -> f64| {
            mean(outcomes().filter(|o| o.kinds[kind]).map(number))
        };
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let below = by_shape(|shape| shape.mean(|o| o.below));
        let maximum = by_shape(|shape| shape.mean(|o| o.maximum));
        let errors = by_shape(|shape| 1.0 / shape.peers[ETS_BEFORE].0);
        let scores = by_shape(|shape| 1.0 / shape.peers[AUTO_BEFORE].1);
        let finding = by_shape(Shape::f1);
        let warned = by_shape(|shape| shape.mean(|o| f64::from(u8::from(o.warned))));
        let average = |values: &[f64]| mean(values.iter().copied());
        let mut figures = vec![
            Figure::at_least(0.88, average(&below), "windows: maximum not above `upper`"),
            Figure::at_most(0.92, average(&below), "the same, at most"),
            Figure::at_least(0.84, least(&below), "the same, worst shape"),
            Figure::at_least(0.82, of_kind(0, |o| o.below), "the same, bursts"),
            Figure::at_most(25.0, most(&maximum), "error of `max`, worst shape: %"),
            Figure::at_most(
                0.98,
                average(&errors),
                "MASE as a multiple of ETS alone (previous version)",
            ),
            Figure::at_most(1.0, most(&errors), "the same, worst shape"),
            Figure::at_most(
                0.96,
                average(&scores),
                "interval score as a multiple of the previous version",
            ),
            Figure::at_least(0.6, average(&finding), "F1 of warnings of a held level"),
            Figure::at_most(0.35, average(&warned), "share of windows warned"),
        ];
        for (index, kind) in KINDS.iter().enumerate().skip(1) {
            let covered = of_kind(index, |o| o.covered);
            let work = format!("coverage of 80% intervals, {kind}");
            figures.push(Figure::at_least(0.75, covered, format!("{work}: at least")));
            figures.push(Figure::at_most(0.85, covered, format!("{work}: at most")));
        }
        figures
    }

    /// Returns the errors by shape, with those of the peers, as a Markdown table.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from(
            "| windows | | MASE | covered | maximum below `upper` | error of `max` | MASE of peers as a multiple of ours |\n|---|---|---|---|---|---|---|\n",
        );
        for shape in &self.0 {
            let peers = shape.peers.iter();
            let peers = peers.map(|(name, (error, _))| format!("{name} {error:.2}"));
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} | {:.3} | {:.1}% | {:.1}% | {:.1}% | {} |",
                shape.name,
                shape.outcomes.len(),
                shape.mean(|o| o.mase),
                100.0 * shape.mean(|o| o.covered),
                100.0 * shape.mean(|o| o.below),
                shape.mean(|o| o.maximum),
                Vec::from_iter(peers).join(", ")
            );
        }
        text
    }
}

impl Shape {
    fn measure(folder: &Path, file: &Path) -> Self {
        let windows = Archive::read(file);
        let step = windows.numbers("step")[0] as i64;
        let pairs = windows.rows("train").into_iter().zip(windows.rows("test"));
        let outcomes: Vec<Outcome> = pairs
            .map(|(train, test)| Outcome::of(&train, &test, step))
            .collect();
        let name = file.file_name().unwrap_or_default();
        let stored = Archive::read(&folder.join("peers").join(name));
        let naive = outcomes.iter().map(|o| o.naive_mase);
        // Capped, so that a few extreme windows do not decide the mean.
        let most = 3.0 * quantile(naive, 0.995);
        let error = |errors: &[f64]| mean(errors.iter().map(|error| error.min(most)));
        let score = |scores: &[f64]| {
            let most = quantile(scores.iter().copied(), 0.99);
            mean(scores.iter().map(|score| score.min(most)))
        };
        let ours = (
            error(&Vec::from_iter(outcomes.iter().map(|o| o.mase))),
            score(&Vec::from_iter(outcomes.iter().map(|o| o.score))),
        );
        let peers = stored.names().filter_map(|name| name.strip_suffix("_mase"));
        let ratios = |peer: &str| {
            let (errors, scores) = (format!("{peer}_mase"), format!("{peer}_is"));
            let (errors, scores) = (stored.numbers(&errors), stored.numbers(&scores));
            (error(errors) / ours.0, score(scores) / ours.1)
        };
        Self {
            name: file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into(),
            peers: peers.map(|peer| (peer.to_owned(), ratios(peer))).collect(),
            outcomes,
        }
    }

    fn mean(&self, number: impl Fn(&Outcome) -> f64) -> f64 {
        mean(self.outcomes.iter().map(number))
    }

    /// Returns the F1 score of the warnings.
    fn f1(&self) -> f64 {
        let count = |is: fn(&&Outcome) -> bool| self.outcomes.iter().filter(is).count() as f64;
        let right = count(|o| o.warned && o.exceeded);
        2.0 * right / (count(|o| o.warned) + count(|o| o.exceeded)).max(1.0)
    }
}

impl Outcome {
    fn of(train: &[f64], test: &[f64], step: i64) -> Self {
        let time = |k: usize| Timestamp::from_unix(START + k as i64 * step);
        let known = train
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_finite());
        let points: Vec<Point> = known
            .map(|(k, value)| Point {
                at: time(k),
                value: *value,
            })
            .collect();
        let horizon = test.len();
        let times: Vec<Timestamp> = (train.len()..train.len() + horizon).map(time).collect();
        let made = forecast(&points, &times, None, &Settings::default());
        let made = made.expect("windows have enough points");
        let finite = |values: &[f64]| values.iter().copied().filter(|v| v.is_finite()).collect();
        let (before, after): (Vec<f64>, Vec<f64>) = (finite(train), finite(test));
        let steps = |values: &[f64]| mean(values.windows(2).map(|p| (p[1] - p[0]).abs()));
        let greatest = before
            .iter()
            .fold(0.0, |most, value| f64::max(most, *value));
        let scale = steps(train).max(1e-6 * greatest);
        let pairs = || made.path.iter().zip(test).filter(|(_, v)| v.is_finite());
        let newest = points[points.len() - 1].value;
        let actual = after.iter().copied().fold(0.0, f64::max);
        let threshold = quantile(before.iter().copied(), 0.9);
        let centre = mean(before.iter().copied());
        let central_moment =
            |power: i32| mean(before.iter().map(|value| (value - centre).powi(power)));
        let tail = |values: &[f64], count: usize| values[values.len() - count..].to_vec();
        let late = steps(&tail(train, 12.max(horizon / 2) + 1)) / scale;
        let level = mean(tail(train, 5.max(horizon / 4)));
        let middle = quantile(before.iter().copied(), 0.5);
        Self {
            mase: mean(pairs().map(|(p, v)| (p.value - v).abs())) / scale,
            naive_mase: mean(after.iter().map(|v| (newest - v).abs())) / scale,
            score: mean(pairs().map(|(p, v)| {
                let outside = (p.lower - v).max(0.0) + (v - p.upper).max(0.0);
                p.upper - p.lower + 2.0 / (1.0 - made.coverage) * outside
            })) / scale,
            covered: mean(
                pairs().map(|(p, v)| f64::from(u8::from(p.lower <= *v && *v <= p.upper))),
            ),
            below: f64::from(u8::from(actual <= made.upper() * (1.0 + 1e-9))),
            maximum: 200.0 * (made.max() - actual).abs()
                / (made.max() + actual).max(f64::MIN_POSITIVE),
            warned: made.paths.held(HELD).median() > threshold,
            exceeded: test
                .windows(HELD)
                .any(|run| run.iter().all(|value| *value > threshold)),
            kinds: [
                central_moment(4) > 20.0 * central_moment(2).powi(2),
                (level - middle).abs() > 2.0 * central_moment(2).sqrt(),
                late > 1.5,
                late < 0.5,
            ],
        }
    }
}

/// Returns the mean of the finite values.
fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values.into_iter().filter(|value| value.is_finite()) {
        sum += value;
        count += 1.0;
    }
    sum / f64::max(count, 1.0)
}

/// Returns the quantile of the finite values, interpolated linearly; 0 without values.
fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    let place = share * values.len().saturating_sub(1) as f64;
    let at = |place: f64| values.get(place as usize).copied().unwrap_or_default();
    at(place.floor()) + (at(place.ceil()) - at(place.floor())) * place.fract()
}
