//! Limits of flags: the programs refuse what lies outside, and so does the chart's schema.

use std::ops::RangeInclusive;
use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const DAY: u64 = 86_400;

/// Time between two rounds of the exporter, of either endpoint. Below it the exporter would
/// measure itself.
pub const SCRAPE_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=seconds(DAY);

/// How much history the exporter keeps; zero is off. Longer than any forecast looks back.
pub const HISTORY: RangeInclusive<Duration> = Duration::ZERO..=seconds(7 * DAY);

/// Memory of the exporter's history, in bytes.
pub const HISTORY_MEMORY: RangeInclusive<u64> = 1 << 20..=64 << 30;

/// The agent's lookback, step and forecast, in whole seconds: up to ten years.
pub const SPAN: RangeInclusive<Duration> = seconds(1)..=seconds(3_653 * DAY);

/// Time between two reports of an agent that stays.
pub const EVERY: RangeInclusive<Duration> = seconds(1)..=seconds(DAY);

/// Nominal coverage of the prediction interval, in percent. Tails that a handful of errors
/// could not show are refused.
pub const INTERVAL_PERCENT: RangeInclusive<u8> = 10..=99;

/// Thresholds of findings, in percent of allocatable: above the start, up to the end.
pub const THRESHOLD_PERCENT: RangeInclusive<u8> = 0..=100;

/// Nodes that the fleet keeps.
pub const KEEP_NODES: RangeInclusive<u32> = 1..=100_000;

/// Shards of a fleet.
pub const SHARDS: RangeInclusive<u32> = 1..=10_000;
