//! Series of a varied fleet with the values that followed, for the evaluation of forecasts.
//!
//! In scope: a seed in, the history and the future of one series for each family
//! and each usual window out. Out of scope: forecasting them, and serving them.
//!
//! A family says how a share of a machine develops; what a seed decides are levels,
//! times and noise. Nothing is tuned to a forecast model: the families are what
//! nodes do (noise, drifts, days and weeks, cron jobs, deploys, leaks, limits), and
//! the usual shapes of the simulated cluster as the exporter would report them.
//!
//! Invariant: a seed gives the same series each time (held by
//! `a_seed_decides_all_of_a_specimen`).

use std::f64::consts::TAU;

use crate::shape::{Chance, Shape, mix, mix_text, unit};

/// Window of a series: points of history and points ahead, and their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// As tables name it.
    pub name: &'static str,
    /// Seconds between two points.
    pub step: i64,
    /// Points of history, both ends counted.
    pub points: usize,
    /// Points ahead.
    pub ahead: usize,
}

/// Usual windows: the default two hours with half an hour ahead,
/// a day with six hours ahead, a fortnight with a day ahead.
pub const VIEWS: [View; 3] = [
    view("2h", 60, 121, 30),
    view("24h", 300, 289, 72),
    view("14d", 3600, 337, 24),
];

const fn view(name: &'static str, step: i64, points: usize, ahead: usize) -> View {
    View {
        name,
        step,
        points,
        ahead,
    }
}

/// One series: its history, and the values that followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Specimen {
    /// Kind of series.
    pub family: &'static str,
    /// Its window.
    pub view: View,
    /// Seconds since the Unix epoch and amounts, in order of time; with gaps where
    /// the family has them.
    pub history: Vec<(i64, f64)>,
    /// The same for every time ahead.
    pub future: Vec<(i64, f64)>,
    /// The size of the machine: no amount is above it, or below 0.
    pub ceiling: f64,
}

impl Specimen {
    /// The mean absolute error of `values` at the times ahead, as a multiple of the
    /// mean absolute step from one point of the history to the next (MASE, Hyndman and
    /// Koehler 2006); steps count as a millionth of the greatest value at least.
    pub fn scaled_error(&self, values: &[f64]) -> f64 {
        let off = values
            .iter()
            .zip(&self.future)
            .map(|(value, (_, came))| (value - came).abs());
        let error = off.sum::<f64>() / self.future.len() as f64;
        if error == 0.0 {
            return 0.0;
        }
        let steps = self
            .history
            .windows(2)
            .map(|pair| (pair[1].1 - pair[0].1).abs());
        let step = steps.sum::<f64>() / (self.history.len() - 1) as f64;
        let greatest = self.history.iter().map(|p| p.1).fold(0.0, f64::max);
        error / step.max(1e-6 * greatest)
    }

    /// The share of the future values within the intervals.
    pub fn covered(&self, ends: &[(f64, f64)]) -> f64 {
        let inside = ends
            .iter()
            .zip(&self.future)
            .filter(|((lower, upper), (_, came))| lower <= came && came <= upper);
        inside.count() as f64 / self.future.len() as f64
    }
}

/// One specimen of each family in each of `views`.
pub fn specimens(seed: u64, views: &[View]) -> Vec<Specimen> {
    views
        .iter()
        .flat_map(|view| FAMILIES.map(|family| specimen(family, *view, seed)))
        .collect()
}

/// A Monday, 2026-01-05T00:00:00Z; a window begins somewhere in the week after it.
const MONDAY: i64 = 1_767_571_200;
const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;
const WEEK: f64 = 7.0 * DAY;

fn specimen(family: &'static Family, view: View, seed: u64) -> Specimen {
    let mut chance = Chance::new(mix_text(seed, family.name) ^ mix_text(seed, view.name));
    let offset = chance.below(WEEK) as i64 / view.step * view.step;
    let grid = Grid {
        start: MONDAY + offset,
        step: view.step,
        count: view.points + view.ahead,
    };
    // Cores of a middling node, bytes of another: forecasts must not care.
    let ceiling = chance.among(&[2.0, 8.0, 64.0, 16_777_216_000.0, 270_000_000_000.0]);
    let shares = (family.shares)(&mut chance, &grid);
    let mut history: Vec<(i64, f64)> = grid
        .times()
        .zip(shares)
        .map(|(at, share)| (at, share.clamp(0.0, 1.0) * ceiling))
        .collect();
    let future = history.split_off(view.points);
    if family.has_gaps {
        // A tenth of the scrapes failed, and once there was an outage.
        let from = chance.below(0.6) * view.points as f64;
        let outage = from as usize..(from + 0.15 * view.points as f64) as usize;
        let mut index = 0;
        history.retain(|_| {
            index += 1;
            !outage.contains(&index) && chance.share() > 0.1
        });
    }
    Specimen {
        family: family.name,
        view,
        history,
        future,
        ceiling,
    }
}

/// The times of one series, history and future.
struct Grid {
    start: i64,
    step: i64,
    count: usize,
}

impl Grid {
    fn times(&self) -> impl Iterator<Item = i64> {
        (0..self.count as i64).map(|k| self.start + k * self.step)
    }

    /// A share for each point: of its number and the seconds since a Monday's midnight.
    fn shares(&self, mut share: impl FnMut(f64, f64) -> f64) -> Vec<f64> {
        let clock = self.times().map(|at| (at - MONDAY) as f64);
        clock
            .enumerate()
            .map(|(k, clock)| share(k as f64, clock))
            .collect()
    }

    /// A share of the window that one point is.
    fn fraction(&self) -> f64 {
        1.0 / self.count as f64
    }
}

/// A kind of series.
struct Family {
    name: &'static str,
    /// Draws the shares of the machine in use, one for each point of the grid.
    shares: fn(&mut Chance, &Grid) -> Vec<f64>,
    /// The exporter was down at times.
    has_gaps: bool,
}

const fn family(name: &'static str, shares: fn(&mut Chance, &Grid) -> Vec<f64>) -> Family {
    Family {
        name,
        shares,
        has_gaps: false,
    }
}

const fn with_gaps(family: Family) -> Family {
    Family {
        has_gaps: true,
        ..family
    }
}

const FAMILIES: [&Family; 25] = [
    &family("constant", |chance, grid| {
        let level = chance.between(0.05, 0.9);
        grid.shares(|_, _| level)
    }),
    &family("idle", |chance, grid| {
        let level = chance.between(0.0, 0.02);
        grid.shares(|_, _| level + 0.004 * chance.normal().abs())
    }),
    &family("noise", |chance, grid| {
        let level = chance.between(0.2, 0.8);
        let spread = chance.between(0.01, 0.08);
        grid.shares(|_, _| level + spread * chance.normal())
    }),
    &family("autoregressive", autoregressive),
    &family("random walk", |chance, grid| {
        let mut level = chance.between(0.3, 0.7);
        grid.shares(|_, _| {
            level = (level + 0.012 * chance.normal()).clamp(0.02, 0.98);
            level
        })
    }),
    // A straight line: rising or falling by a tenth to a half of the machine.
    &family("trend", |chance, grid| {
        let rise = chance.between(0.1, 0.5) * chance.among(&[-1.0, 1.0]);
        let start = 0.5 - rise / 2.0;
        let spread = chance.between(0.005, 0.04);
        grid.shares(|k, _| start + rise * k * grid.fraction() + spread * chance.normal())
    }),
    // Two straight lines that meet in the middle third of the window.
    &family("trend that turns", |chance, grid| {
        let turn = chance.between(0.3, 0.65);
        let (before, after) = (chance.between(-0.4, 0.4), chance.between(-0.5, 0.5));
        let level = chance.between(0.35, 0.65);
        let spread = chance.between(0.005, 0.03);
        grid.shares(|k, _| {
            let away = k * grid.fraction() - turn;
            let slope = if away < 0.0 { before } else { after };
            level + slope * away + spread * chance.normal()
        })
    }),
    // A few sudden moves to another level, as when a deployment is scaled.
    &family("step", |chance, grid| {
        let mut level = chance.between(0.2, 0.7);
        let spread = chance.between(0.004, 0.03);
        grid.shares(|_, _| {
            if chance.share() < 3.0 * grid.fraction() {
                level = chance.between(0.1, 0.9);
            }
            level + spread * chance.normal()
        })
    }),
    // Now and then a batch of work that lasts a few points.
    &family("bursts", |chance, grid| {
        let level = chance.between(0.1, 0.3);
        let (mut left, mut height) = (0.0, 0.0);
        grid.shares(|_, _| {
            if left <= 0.0 && chance.share() < 0.05 {
                left = chance.between(1.0, 9.0);
                height = chance.between(0.2, 0.6);
            }
            left -= 1.0;
            level + height_if(left > 0.0, height) + 0.01 * chance.normal()
        })
    }),
    // Noise that is skewed upwards, as requests arrive.
    &family("lognormal", |chance, grid| {
        let level = chance.between(0.1, 0.3);
        let spread = chance.between(0.2, 0.7);
        grid.shares(|_, _| level * (spread * chance.normal()).exp())
    }),
    // A spike at a fixed distance: every 15 minutes, hour, six hours or day.
    &family("cron", |chance, grid| {
        let period = match grid.step {
            60 => chance.among(&[900.0, HOUR]),
            300 => chance.among(&[HOUR, 6.0 * HOUR]),
            _ => chance.among(&[6.0 * HOUR, DAY]),
        };
        let phase = chance.below(period);
        let lasts = chance.between(1.0, 4.0) * grid.step as f64;
        let level = chance.between(0.05, 0.4);
        let height = chance.between(0.2, 0.5);
        grid.shares(|_, clock| {
            let is_spike = (clock + phase).rem_euclid(period) < lasts;
            level + height_if(is_spike, height) + 0.01 * chance.normal()
        })
    }),
    // At one point an hour nothing of an hour can be seen: there half a day.
    &family("hourly wave", |chance, grid| {
        let period = if grid.step < 3600 { HOUR } else { DAY / 2.0 };
        wave(chance, grid, period, 0.0)
    }),
    &family("daily wave", daily_wave),
    // Busy from morning to evening, each day a little different.
    &family("office hours", |chance, grid| busy(chance, grid, |_| true)),
    &family("weekdays", |chance, grid| {
        busy(chance, grid, |clock| clock.rem_euclid(WEEK) < 5.0 * DAY)
    }),
    &family("daily wave that grows", |chance, grid| {
        let growth = chance.between(0.1, 0.3);
        wave(chance, grid, DAY, growth)
    }),
    // Grows towards the machine and stays there.
    &family("saturation", |chance, grid| {
        let middle = chance.between(0.3, 0.9);
        let steepness = chance.between(6.0, 14.0);
        let limit = chance.between(0.85, 1.05);
        grid.shares(|k, _| {
            let away = k * grid.fraction() - middle;
            limit / (1.0 + (-steepness * away).exp()) + 0.01 * chance.normal()
        })
    }),
    // Memory that each deployment frees, and that then fills a cache again.
    &family("deploys", |chance, grid| {
        let mut level = chance.between(0.3, 0.6);
        let mut since = chance.below(50.0);
        grid.shares(|_, _| {
            since += 1.0;
            if chance.share() < 5.0 * grid.fraction() {
                since = 0.0;
                level += 0.05 * chance.normal();
            }
            level + 0.15 * (1.0 - (-since / 12.0).exp()) + 0.004 * chance.normal()
        })
    }),
    // A leak that ends at a limit, where the container is killed and starts again.
    &family("leak with restarts", |chance, grid| {
        let base = chance.between(0.2, 0.4);
        let limit = base + chance.between(0.2, 0.5);
        let growth = (limit - base) * grid.fraction() * chance.between(1.5, 5.0);
        let mut leaked = chance.below(limit - base);
        grid.shares(|_, _| {
            leaked += growth * chance.between(0.6, 1.4);
            if base + leaked > limit {
                leaked = 0.0;
            }
            base + leaked + 0.004 * chance.normal()
        })
    }),
    // A quick sawtooth: a heap that fills within some ten points.
    &family("garbage collection", |chance, grid| {
        let base = chance.between(0.3, 0.6);
        let height = chance.between(0.05, 0.2);
        let mut filled = 0.0;
        grid.shares(|_, _| {
            filled += chance.between(0.05, 0.17);
            if filled > 1.0 {
                filled = chance.below(0.1);
            }
            base + height * filled + 0.004 * chance.normal()
        })
    }),
    &with_gaps(family("noise with gaps", autoregressive)),
    &with_gaps(family("daily wave with gaps", daily_wave)),
    // The leak of a machine with 64 GiB that began some time within the window.
    &family("testbed growing", |chance, grid| {
        let began = chance.below(0.5) * (grid.count as i64 * grid.step) as f64;
        grid.shares(|k, _| Shape::GROWING.memory(0, 64 << 30, k * grid.step as f64 - began))
    }),
    // The daily wave as the exporter reports it: cores are a rate between two
    // scrapes, and the simulated machine's counters are exact.
    &family("testbed wave", |_, grid| {
        let step = grid.step as f64;
        let counted = |clock| Shape::WAVE.cpu_integral(0, clock);
        grid.shares(|_, clock| (counted(clock + step) - counted(clock)) / step)
    }),
    // The same of the spiky shape, whose levels are independent of one another.
    &family("testbed spiky", |chance, grid| {
        let step = grid.step as f64;
        grid.shares(|_, _| Shape::SPIKY.cpu_integral(chance.share().to_bits(), step) / step)
    }),
];

/// An autoregression of the first order about a level: falls back to it slowly.
fn autoregressive(chance: &mut Chance, grid: &Grid) -> Vec<f64> {
    let level = chance.between(0.3, 0.7);
    let memory = chance.between(0.6, 0.97);
    let mut away = 0.0;
    grid.shares(|_, _| {
        away = memory * away + 0.03 * chance.normal();
        level + away
    })
}

fn daily_wave(chance: &mut Chance, grid: &Grid) -> Vec<f64> {
    wave(chance, grid, DAY, 0.0)
}

/// A wave of `period` seconds with noise.
fn wave(chance: &mut Chance, grid: &Grid, period: f64, growth: f64) -> Vec<f64> {
    let level = chance.between(0.35, 0.5);
    let height = chance.between(0.1, 0.3);
    let second = chance.between(0.0, 0.08);
    let phase = chance.below(TAU);
    let spread = chance.between(0.005, 0.04);
    grid.shares(|k, clock| {
        let angle = TAU * clock / period + phase;
        let grown = level + growth * k * grid.fraction();
        grown + height * angle.sin() + second * (2.0 * angle).cos() + spread * chance.normal()
    })
}

fn busy(chance: &mut Chance, grid: &Grid, works: fn(f64) -> bool) -> Vec<f64> {
    let level = chance.between(0.08, 0.2);
    let height = chance.between(0.3, 0.6);
    let spread = chance.between(0.01, 0.03);
    let seed = chance.share().to_bits();
    grid.shares(|_, clock| {
        let hour = clock.rem_euclid(DAY) / HOUR;
        // Up around eight, down around eighteen.
        let rises = 1.0 / (1.0 + (-(hour - 8.0) * 2.0).exp());
        let falls = 1.0 / (1.0 + ((hour - 18.0) * 1.5).exp());
        let today = 0.9 + 0.2 * unit(mix(seed, (clock / DAY) as u64));
        let busy = height_if(works(clock), height * today * rises * falls);
        level + busy + spread * chance.normal()
    })
}

fn height_if(condition: bool, height: f64) -> f64 {
    if condition { height } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_all_of_a_specimen() {
        assert_eq!(specimens(7, &VIEWS), specimens(7, &VIEWS));
        let (one, other) = (specimens(7, &VIEWS), specimens(8, &VIEWS));
        for (a, b) in one.iter().zip(&other) {
            assert_ne!(a.history, b.history, "{} {}", a.family, a.view.name);
        }
    }

    #[test]
    fn specimens_stay_on_grid_and_in_range() {
        for specimen in specimens(3, &VIEWS) {
            let Specimen {
                family,
                view,
                history,
                future,
                ceiling,
            } = specimen;
            let kind = format!("{family} {}", view.name);
            assert_eq!(future.len(), view.ahead, "{kind}");
            let all: Vec<_> = history.iter().chain(&future).collect();
            assert!(
                all.iter().all(|(_, v)| (0.0..=ceiling).contains(v)),
                "{kind}"
            );
            assert!(all.windows(2).all(|w| w[0].0 < w[1].0), "{kind}");
            assert!(all.iter().all(|(at, _)| at % view.step == 0), "{kind}");
            assert_eq!(
                history.len() < view.points,
                family.ends_with("gaps"),
                "{kind}"
            );
            assert!(history.len() > view.points / 2, "{kind}");
        }
    }

    #[test]
    fn errors_are_scaled_by_mean_step() {
        let specimen = Specimen {
            family: "by hand",
            view: VIEWS[0],
            history: vec![(0, 1.0), (60, 3.0), (120, 2.0)],
            future: vec![(180, 2.0), (240, 4.0)],
            ceiling: 4.0,
        };
        assert_eq!(specimen.scaled_error(&[2.0, 4.0]), 0.0);
        assert_eq!(specimen.scaled_error(&[2.0, 1.0]), 1.0);
        assert_eq!(specimen.covered(&[(1.0, 3.0), (1.0, 3.0)]), 0.5);
    }

    #[test]
    fn specimen_kinds_have_their_traits() {
        let of = |name: &str| -> Specimen {
            specimens(5, &VIEWS[..1])
                .into_iter()
                .find(|s| s.family == name)
                .expect("a family of that name")
        };
        let values = |s: &Specimen| s.history.iter().map(|p| p.1).collect::<Vec<_>>();
        let constant = values(&of("constant"));
        assert!(constant.iter().all(|v| *v == constant[0]));
        let idle = of("idle");
        assert!(values(&idle).iter().all(|v| *v < 0.1 * idle.ceiling));
        let leak = values(&of("leak with restarts"));
        let falls = leak.windows(2).filter(|w| w[1] < 0.8 * w[0]).count();
        assert!((1..=6).contains(&falls), "{falls} restarts");
        let growing = values(&of("testbed growing"));
        assert!(growing.windows(2).all(|w| w[1] >= w[0]));
    }
}
