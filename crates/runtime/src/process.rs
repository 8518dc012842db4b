//! Statistics of the process from `/proc`, under the names that Prometheus's client
//! libraries use.

use std::fs;
use std::time::Duration;

use contract::{Series, series};

/// Ticks per second in `/proc/self/stat`: `USER_HZ`, which Linux fixes at 100 for programs on
/// every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the `process_*` series with their values; unreadable ones are left out.
pub fn figures() -> impl Iterator<Item = (&'static Series, f64)> {
    let stat = read("/proc/self/stat");
    let status = read("/proc/self/status");
    // The directory's own handle is open while it is read.
    let open_files = fs::read_dir("/proc/self/fd")
        .ok()
        .map(|fds| fds.count().saturating_sub(1) as f64);
    [
        (&series::PROCESS_CPU, cpu_seconds(&stat)),
        (&series::PROCESS_OPEN_FDS, open_files),
        (
            &series::PROCESS_MAX_FDS,
            max_open_files().map(|max| max as f64),
        ),
        (
            &series::PROCESS_VIRTUAL_MEMORY,
            kilobytes(&status, "VmSize:"),
        ),
        (
            &series::PROCESS_RESIDENT_MEMORY,
            kilobytes(&status, "VmRSS:"),
        ),
        (
            &series::PROCESS_START_TIME,
            start_time(&stat, &read("/proc/stat")),
        ),
    ]
    .into_iter()
    .filter_map(|(series, value)| Some((series, value?)))
}

/// Returns the number of file descriptors that the process may open; `None` if it is
/// unlimited or cannot be read.
pub fn max_open_files() -> Option<u64> {
    soft_limit(&read("/proc/self/limits"), "Max open files")
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Returns field `number` of `/proc/self/stat`, counted from 1 as in proc(5). The second is
/// the program's name in brackets, with any characters.
fn stat_field(stat: &str, number: usize) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name
        .split_whitespace()
        .nth(number.checked_sub(3)?)?
        .parse()
        .ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((stat_field(stat, 14)? + stat_field(stat, 15)?) / TICKS_PER_SECOND)
}

fn start_time(stat: &str, system_stat: &str) -> Option<f64> {
    let boot: f64 = system_stat
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    let since_boot = stat_field(stat, 22)? / TICKS_PER_SECOND;
    Some(
        Duration::try_from_secs_f64(boot + since_boot)
            .ok()?
            .as_secs_f64(),
    )
}

fn kilobytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn soft_limit(limits: &str, name: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_fields_follow_any_program_name() {
        let stat = "7 (k8s) ai (x) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 4 0 12345 1 2";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(start_time(stat, "cpu 1 2\nbtime 1000\n"), Some(1123.45));
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn units_are_read() {
        assert_eq!(
            kilobytes("VmSize:\t  8 kB\nVmRSS:\t  4 kB\n", "VmRSS:"),
            Some(4096.0)
        );
        assert_eq!(
            soft_limit(
                "Max open files            1024                 4096                 files     \n",
                "Max open files"
            ),
            Some(1024)
        );
        assert_eq!(
            soft_limit(
                "Max open files  unlimited unlimited files",
                "Max open files"
            ),
            None
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn every_figure_is_known_on_linux() {
        let figures: Vec<_> = figures().collect();
        assert_eq!(figures.len(), 6);
        for (series, value) in figures {
            assert!(value > 0.0 || series.name == "process_cpu_seconds_total");
        }
    }
}
