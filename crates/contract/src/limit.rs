//! Limits of flags: the programs refuse what lies outside, and so does the chart's schema.

use std::ops::RangeInclusive;
use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const DAY: u64 = 86_400;

/// Interval of scrapes, of either endpoint. Below the minimum the exporter would measure
/// itself.
pub const SCRAPE_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(100)..=seconds(DAY);

/// Length of the exporter's history; zero is off. Longer than any forecast looks back.
pub const HISTORY: RangeInclusive<Duration> = Duration::ZERO..=seconds(7 * DAY);

/// Memory of the exporter's history, in bytes.
pub const HISTORY_MEMORY: RangeInclusive<u64> = 1 << 20..=64 << 30;

/// The agent's lookback and forecast, in whole seconds: up to ten years.
pub const SPAN: RangeInclusive<Duration> = seconds(1)..=seconds(3_653 * DAY);

/// The agent's step, in whole seconds: the longest lookback has five points at the longest step.
pub const STEP: RangeInclusive<Duration> = seconds(1)..=seconds(3_653 / 4 * DAY);

/// Time for which a level must be held to be a finding, in whole seconds; zero for any spike.
pub const HOLD: RangeInclusive<Duration> = Duration::ZERO..=*SPAN.end();

/// Interval of reports of a long-running agent.
pub const EVERY: RangeInclusive<Duration> = seconds(1)..=seconds(DAY);

/// Nominal coverage of the prediction interval, in percent. Tails beyond these limits cannot
/// be estimated from a few errors.
pub const INTERVAL_PERCENT: RangeInclusive<u8> = 10..=99;

/// Thresholds of findings, in percent of allocatable: above the start, up to the end.
pub const THRESHOLD_PERCENT: RangeInclusive<u8> = 0..=100;

/// Minimum number of nodes to keep.
pub const KEEP_NODES: RangeInclusive<u32> = 1..=100_000;

/// Number of shards.
pub const SHARDS: RangeInclusive<u32> = 1..=10_000;
