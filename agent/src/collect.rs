//! Collects the measurements of a report: six range queries, independent of the number of
//! nodes.
//!
//! In scope: the queries, the parts of their answers to keep, and messages about missing data. Out
//! of scope: HTTP, JSON, files, and the meaning of the numbers.

use analysis::measurements::{LOOK_BACK_SECONDS, Measurements};
use analysis::recommend::Resource;
use analysis::series::{Series, merge, simultaneous};
use analysis::window::Window;
use contract::{label, series};
use quantity::TimeGrid;

use crate::source::{ByNode, Selection, Source, explain};

/// The queries for usage, which flags can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQueries {
    /// PromQL for cores by node.
    pub cpu: String,
    /// PromQL for bytes by node.
    pub memory: String,
}

/// The time range in seconds of queries for allocatable and capacity: the newest value counts.
const SIZE_WINDOW_SECONDS: u64 = 600;

#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Usage,
    Allocatable,
    Capacity,
}

impl Quantity {
    fn label(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Allocatable => "allocatable",
            Self::Capacity => "capacity",
        }
    }
}

/// Runs one query after the other, so that `source` bears the load of one at a time.
pub fn collect(source: &dyn Source, queries: &UsageQueries, window: &Window) -> Measurements {
    let sizes = window.past.last(SIZE_WINDOW_SECONDS);
    let (cpu, memory) = (Resource::Cpu, Resource::Memory);
    let (allocatable, capacity) = (Quantity::Allocatable, Quantity::Capacity);
    let plan = [
        (cpu, Quantity::Usage, queries.cpu.as_str()),
        (memory, Quantity::Usage, queries.memory.as_str()),
        (cpu, allocatable, series::CPU_ALLOCATABLE.name),
        (memory, allocatable, series::MEMORY_ALLOCATABLE.name),
        (cpu, capacity, series::CPU_CAPACITY.name),
        (memory, capacity, series::MEMORY_CAPACITY.name),
    ];
    let mut measurements = Measurements::default();
    let mut without_usage = Vec::new();
    for (resource, quantity, query) in plan {
        let asked = match quantity {
            Quantity::Usage => &window.past,
            // Without usage there is nothing to compare with a size.
            _ if measurements.has_no_usage() => break,
            Quantity::Allocatable | Quantity::Capacity => &sizes,
        };
        let subject = format!("{} {}", resource.label(), quantity.label());
        match source.select(query, asked, &[label::NODE]) {
            Ok(selection) => {
                note_remarks(
                    &subject,
                    query,
                    &selection,
                    &mut measurements.errors,
                    &mut measurements.warnings,
                );
                let answer = ByNode::of(selection.series);
                note_without_node(&mut measurements, &subject, query, &answer);
                if quantity == Quantity::Usage {
                    note_overlaps(&mut measurements, &subject, query, &answer, asked);
                }
                let of_others = selection.of_other_shards > 0;
                measurements.others_have_data |= of_others;
                if keep(&mut measurements, resource, quantity, answer) == 0 && !of_others {
                    match quantity {
                        Quantity::Usage => without_usage.push((subject, query)),
                        Quantity::Allocatable => measurements
                            .warnings
                            .push(format!("{subject}: {}", no_samples(query))),
                        // Only bounds a forecast.
                        Quantity::Capacity => {}
                    }
                }
            }
            Err(error) => {
                measurements.usage_query_failed |= quantity == Quantity::Usage;
                let problem = explain(&error);
                let is_repeated = (measurements.errors.last())
                    .is_some_and(|last| last.ends_with(&format!(": {problem}")));
                measurements.errors.push(match is_repeated {
                    true => format!("{subject}: the same error"),
                    false => format!("{subject}: {problem}"),
                });
                if error.is_unreachable() {
                    // Further queries would fail in the same way.
                    break;
                }
            }
        }
    }
    match without_usage.as_slice() {
        [(_, cpu), (_, memory)] => measurements.errors.push(format!(
            "no usage data: neither {cpu:?} nor {memory:?} has samples of any node from {} to {} (check that the exporter runs and is scraped, or set --cpu-query and --memory-query; `k8s-ai-agent doctor` examines the backend)",
            window.past.start, window.past.end,
        )),
        some => (measurements.errors)
            .extend(some.iter().map(|(subject, query)| format!("{subject}: {}", no_samples(query)))),
    }
    measurements
}

/// Keeps the values of each node. Returns the number of nodes.
fn keep(
    measurements: &mut Measurements,
    resource: Resource,
    quantity: Quantity,
    answer: ByNode,
) -> usize {
    let measured = measurements.of_mut(resource);
    let merged = answer
        .nodes
        .into_iter()
        .map(|(node, parts)| (node, merge(parts)))
        .filter(|(_, series)| series.last().is_some());
    let newest = |(node, series): (String, Series)| {
        let size = series.last()?.value;
        // A size of 0 is a failed reading.
        (size > 0.0).then_some((node, size))
    };
    let sizes = match quantity {
        Quantity::Usage => {
            measured.usage = merged.collect();
            return measured.usage.len();
        }
        Quantity::Allocatable => &mut measured.allocatable,
        Quantity::Capacity => &mut measured.capacity,
    };
    *sizes = merged.filter_map(newest).collect();
    sizes.len()
}

fn no_samples(query: &str) -> String {
    format!("no samples of any node for {query:?}")
}

/// Adds a warning about nodes that have several series at the same time. Those of replaced pods
/// follow one another, and overlap for as long as Prometheus looks back.
fn note_overlaps(
    measurements: &mut Measurements,
    subject: &str,
    query: &str,
    answer: &ByNode,
    grid: &TimeGrid,
) {
    let follows = LOOK_BACK_SECONDS / grid.step + 1;
    let overlapping = answer
        .nodes
        .values()
        .filter(|parts| simultaneous(parts) as u64 > follows)
        .count();
    if overlapping > 0 {
        measurements.warnings.push(format!(
            "{subject}: {query:?} returns several series at the same time for {overlapping} of {} nodes; one of each is used (add `sum by ({})`)",
            answer.nodes.len(),
            label::NODE,
        ));
    }
}

/// Adds a warning about series without a node.
fn note_without_node(measurements: &mut Measurements, subject: &str, query: &str, answer: &ByNode) {
    if answer.without_node > 0 {
        measurements.warnings.push(format!(
            "{subject}: {} series of {query:?} left out: they have no label {:?} (aggregate with `by ({})`)",
            answer.without_node,
            label::NODE,
            label::NODE,
        ));
    }
}

/// Adds the remarks of a backend, and messages about samples that were left out.
pub fn note_remarks(
    subject: &str,
    query: &str,
    selection: &Selection,
    errors: &mut Vec<String>,
    warnings: &mut Vec<String>,
) {
    let Selection {
        remarks, rejected, ..
    } = selection;
    for warning in &remarks.warnings {
        let text = format!("{subject}: the backend warns: {warning}");
        // Remarks on the expression start like this; all others are about
        // stores that did not answer.
        if warning.starts_with("PromQL ") {
            warnings.push(text);
        } else {
            errors.push(text);
        }
    }
    for info in &remarks.infos {
        warnings.push(format!("{subject}: the backend notes: {info}"));
    }
    if remarks.is_partial {
        errors.push(format!(
            "{subject}: the backend marked its answer as partial"
        ));
    }
    for (samples, reason) in [
        (rejected.implausible, "not a finite number from 0 to 2^53"),
        (rejected.off_grid, "not at a requested timestamp"),
        (
            rejected.out_of_order,
            "not later than the one before it (the backend sends samples twice or out of order)",
        ),
    ] {
        if samples > 0 {
            warnings.push(format!(
                "{subject}: {samples} samples of {query:?} left out: {reason}"
            ));
        }
    }
}
