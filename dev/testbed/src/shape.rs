//! Load shapes: how busy a machine is at an instant, and the exact integral of that.
//!
//! In scope: pure functions of (shape, seed, seconds since the cluster
//! started). Out of scope: how pods share the load, clocks, rendering.
//!
//! A CPU counter is the integral of the cores curve, and it is evaluated in
//! closed form: a test that takes a rate between two samples can compare it
//! with the truth to the last digits, at any distance of the samples.

use std::f64::consts::TAU;
use std::time::Duration;

/// Shape of a machine's load over time. Shares are of the whole machine: 0.5 of
/// a machine with 4 cores is 2 cores.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Shape {
    /// Hardly anything runs.
    #[default]
    Idle,
    /// A constant load.
    Steady {
        /// Share of the cores.
        cpu: f64,
        /// Share of the memory.
        memory: f64,
    },
    /// Constant CPU and a memory leak that ends just under the machine's memory.
    Growing {
        /// Share of the cores.
        cpu: f64,
        /// Share of the memory when the cluster starts.
        memory: f64,
        /// Growth of the working set.
        bytes_per_second: f64,
    },
    /// A sine between two levels that starts at the lower one.
    Wave {
        /// Lowest share of the cores.
        low: f64,
        /// Highest share of the cores.
        high: f64,
        /// From low to low, longer than 0: a day, or less for the impatient.
        period: Duration,
    },
    /// A new pseudo-random level at the start of each slot.
    Spiky {
        /// Lowest share of the cores.
        base: f64,
        /// Highest share of the cores.
        peak: f64,
        /// Duration of a level, longer than 0.
        slot: Duration,
    },
}

/// Share of memory at which a leak stops: a kernel needs the rest to stay alive.
const LEAK_CEILING: f64 = 0.97;

const IDLE_CPU: f64 = 0.02;
const IDLE_MEMORY: f64 = 0.06;

const SECONDS_PER_DAY: u64 = 86_400;

impl Shape {
    /// A third of the cores, half of the memory.
    pub const STEADY: Self = Self::Steady {
        cpu: 0.35,
        memory: 0.5,
    };
    /// A leak of 1 MiB each second, from a third of the memory.
    pub const GROWING: Self = Self::Growing {
        cpu: 0.3,
        memory: 0.35,
        bytes_per_second: 1_048_576.0,
    };
    /// A daily wave between a tenth and eight tenths of the cores.
    pub const WAVE: Self = Self::Wave {
        low: 0.1,
        high: 0.8,
        period: Duration::from_secs(SECONDS_PER_DAY),
    };
    /// Levels that change each half minute, nearly idle to nearly full.
    pub const SPIKY: Self = Self::Spiky {
        base: 0.05,
        peak: 0.95,
        slot: Duration::from_secs(30),
    };

    /// Share of the cores in use, `at` seconds after the start. Before the
    /// start it is what it is at the start.
    pub(crate) fn cpu(&self, seed: u64, at: f64) -> f64 {
        let at = at.max(0.0);
        match *self {
            Self::Idle => IDLE_CPU,
            Self::Steady { cpu, .. } | Self::Growing { cpu, .. } => cpu,
            Self::Wave { low, high, period } => {
                let angle = TAU * at / period.as_secs_f64();
                low.midpoint(high) - (high - low) / 2.0 * angle.cos()
            }
            Self::Spiky { base, peak, slot } => {
                level(seed, (at / slot.as_secs_f64()) as u64, base, peak)
            }
        }
    }

    /// Integral of [`Shape::cpu`] from 0 to `at`, in shares times seconds;
    /// negative before the start.
    pub(crate) fn cpu_integral(&self, seed: u64, at: f64) -> f64 {
        if at <= 0.0 {
            return at * self.cpu(seed, 0.0);
        }
        match *self {
            Self::Idle | Self::Steady { .. } | Self::Growing { .. } => at * self.cpu(seed, 0.0),
            Self::Wave { low, high, period } => {
                let angular = TAU / period.as_secs_f64();
                low.midpoint(high) * at - (high - low) / 2.0 * (angular * at).sin() / angular
            }
            Self::Spiky { base, peak, slot } => {
                let slot = slot.as_secs_f64();
                let whole = (at / slot) as u64;
                let before: f64 = (0..whole).map(|n| level(seed, n, base, peak)).sum();
                before * slot + level(seed, whole, base, peak) * (at - whole as f64 * slot)
            }
        }
    }

    /// Share of the machine's memory in use, `at` seconds after the start.
    pub(crate) fn memory(&self, seed: u64, machine_bytes: u64, at: f64) -> f64 {
        let at = at.max(0.0);
        match *self {
            Self::Idle => IDLE_MEMORY,
            Self::Steady { memory, .. } => memory,
            Self::Growing {
                memory,
                bytes_per_second,
                ..
            } => (memory + bytes_per_second * at / machine_bytes as f64).min(LEAK_CEILING),
            Self::Wave { .. } | Self::Spiky { .. } => 0.3 + 0.4 * self.cpu(seed, at),
        }
    }
}

fn level(seed: u64, slot: u64, base: f64, peak: f64) -> f64 {
    base + (peak - base) * unit(mix(seed, slot))
}

/// A well-stirred 64-bit value of two others (the finaliser of SplitMix64).
pub(crate) fn mix(seed: u64, n: u64) -> u64 {
    let mut x = seed ^ n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A 64-bit value of a text (FNV-1a, then stirred).
pub(crate) fn mix_text(seed: u64, text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(seed, fnv)
}

/// The value as a number from 0 up to, not including, 1.
pub(crate) fn unit(value: u64) -> f64 {
    (value >> 11) as f64 / (1_u64 << 53) as f64
}

/// Pseudo-random numbers of a seed.
#[derive(Debug)]
pub struct Chance {
    seed: u64,
    drawn: u64,
}

impl Chance {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// A number from 0 up to, not including, 1.
    pub fn share(&mut self) -> f64 {
        self.drawn += 1;
        unit(mix(self.seed, self.drawn))
    }

    /// A number from 0 up to, not including, `limit`.
    pub fn below(&mut self, limit: f64) -> f64 {
        self.share() * limit
    }

    /// A number from `low` up to, not including, `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.below(high - low)
    }

    /// One of these, each as likely as any other.
    pub fn among<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as f64) as usize].clone()
    }

    /// A normal number with mean 0 and deviation 1 (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.share()).ln()).sqrt();
        radius * (TAU * self.share()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [Shape; 5] = [
        Shape::Idle,
        Shape::STEADY,
        Shape::GROWING,
        Shape::Wave {
            low: 0.1,
            high: 0.8,
            period: Duration::from_secs(600),
        },
        Shape::SPIKY,
    ];

    #[test]
    fn cpu_integral_matches_the_curve() {
        const STEP: f64 = 0.01;
        for shape in SHAPES {
            for (from, to) in [(-20.0, 5.0), (0.0, 100.0), (590.0, 700.0)] {
                let steps = ((to - from) / STEP) as u64;
                let sum: f64 = (0..steps)
                    .map(|n| shape.cpu(7, from + (n as f64 + 0.5) * STEP) * STEP)
                    .sum();
                let exact = shape.cpu_integral(7, to) - shape.cpu_integral(7, from);
                assert!(
                    (sum - exact).abs() < 0.01,
                    "{shape:?} {from}..{to}: {sum} against {exact}"
                );
            }
        }
    }

    #[test]
    fn leaks_stop_below_capacity() {
        let bytes = 16 * 1_073_741_824_u64;
        let shape = Shape::GROWING;
        let grown = (shape.memory(1, bytes, 100.0) - shape.memory(1, bytes, 0.0)) * bytes as f64;
        assert!((grown - 104_857_600.0).abs() < 1.0, "{grown}");
        assert_eq!(shape.memory(1, bytes, 1e9), LEAK_CEILING);
    }

    #[test]
    fn no_shape_leaves_the_machine() {
        for shape in SHAPES {
            for n in 0..2000 {
                let at = f64::from(n) * 3.7;
                assert!((0.0..=1.0).contains(&shape.cpu(3, at)), "{shape:?} at {at}");
                let memory = shape.memory(3, 1 << 34, at);
                assert!((0.0..=1.0).contains(&memory), "{shape:?} at {at}");
            }
        }
    }

    #[test]
    fn spikes_follow_from_the_seed() {
        let levels = |seed| -> Vec<f64> {
            (0..20)
                .map(|n| Shape::SPIKY.cpu(seed, f64::from(n) * 30.0))
                .collect()
        };
        assert_eq!(levels(1), levels(1));
        assert_ne!(levels(1), levels(2));
    }
}
