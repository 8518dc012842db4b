//! What the exporter publishes of the nodes, beside what is true of them.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use contract::{Series, series};
use testbed::Running;

use crate::cast::CAST;

const BYTES_PER_GIB: f64 = 1_073_741_824.0;

/// A table: for each node its CPU, memory and pods, measured and true.
pub(crate) fn table(exposition: &str, cluster: &Running) -> String {
    let mut table = format!(
        "   {:<10} {:>16} {:>18} {:>14}\n   {:<10} {:>9}{:>7} {:>11}{:>7} {:>8}{:>6}\n",
        "",
        "CPU, cores",
        "memory, GiB",
        "active pods",
        "",
        "measured",
        "true",
        "measured",
        "true",
        "counted",
        "true"
    );
    for role in CAST {
        let measured = |series| value(exposition, series, role.name);
        let truth = cluster.truth(role.name, middle_of_a_sample());
        let memory = measured(&series::MEMORY_USAGE).map(|bytes| bytes / BYTES_PER_GIB);
        // A write to memory cannot fail.
        let _ = writeln!(
            table,
            "   {:<10} {:>9}{:>7.2} {:>11}{:>7.2} {:>8}{:>6}",
            role.name,
            number(measured(&series::CPU_USAGE), 2),
            truth.cores,
            number(memory, 2),
            truth.memory_bytes as f64 / BYTES_PER_GIB,
            number(measured(&series::ACTIVE_PODS), 0),
            truth.active_pods,
        );
    }
    table
}

/// The moment that a value published now is about, most likely: samples are
/// taken each second, and scraped each second.
fn middle_of_a_sample() -> SystemTime {
    SystemTime::now() - Duration::from_secs(1)
}

/// A number, or a dash for one that is not published.
fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// The value of a series that has one label, the node.
fn value(exposition: &str, series: &Series, node: &str) -> Option<f64> {
    let start = format!("{}{{node=\"{node}\"}} ", series.name);
    let line = exposition.lines().find_map(|l| l.strip_prefix(&start))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_that_of_the_series_and_the_node() {
        let exposition = "# TYPE k8s_node_cpu_usage_cores gauge\n\
                          k8s_node_cpu_usage_cores{node=\"a\"} 0.25\n\
                          k8s_node_cpu_usage_cores{node=\"ab\"} 1.5\n";
        let cores = |node| value(exposition, &series::CPU_USAGE, node);
        assert_eq!(cores("a"), Some(0.25));
        assert_eq!(cores("ab"), Some(1.5));
        assert_eq!(cores("b"), None);
        assert_eq!(value(exposition, &series::MEMORY_USAGE, "a"), None);
    }

    #[test]
    fn what_is_not_published_is_a_dash() {
        assert_eq!(number(None, 2), "-");
        assert_eq!(number(Some(1.005), 1), "1.0");
    }
}
