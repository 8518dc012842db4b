//! Samples of our series from the current values, and their text.
//!
//! Invariant: promtool finds no fault with the metrics (held by `promtool_accepts_the_metrics` in
//! e2e).

use std::time::Instant;

use contract::kubelet::cadvisor::PRESSURE;
use contract::{Series, series};
use exposition::write::{Format, Sample, Writer};
use quantity::{Bytes, Cores, Ratio};
use runtime::lock::lock;
use runtime::process;
use runtime::{REVISION, VERSION};

use crate::apiserver::{NodeObject, Resources};
use crate::kernel::Kernel;
use crate::node::{Health, NodeState};
use crate::state::SharedState;
use crate::usage::Known;

/// Appends the samples of a node with this name. `kernel` is the exporter's own, where it
/// may be the node's too.
pub fn node<'a>(
    state: &'a NodeState,
    node: &'a str,
    now: Instant,
    kernel: Option<Kernel>,
    namespaces: bool,
    out: &mut Vec<Sample<'a>>,
) {
    let mut put = |series: &'static Series, more: &[&'a str], value: Option<f64>| {
        if let Some(value) = value {
            let labels: Vec<&str> = std::iter::once(node).chain(more.iter().copied()).collect();
            out.push(Sample::new(series, &labels, value));
        }
    };
    let usage = &state.usage;
    put(&series::CPU_USAGE, &[], usage.cpu(now).map(Cores::get));
    put(
        &series::MEMORY_USAGE,
        &[],
        usage.memory(now).map(Bytes::as_f64),
    );
    // Counts below are far under 2^53, where f64 is exact.
    put(
        &series::ACTIVE_PODS,
        &[],
        state.active_pods(now).map(|pods| pods as f64),
    );
    if let Some(NodeObject {
        allocatable,
        capacity,
        boot_id: _,
    }) = Known::at(state.object, now)
    {
        let Resources { cpu, memory, pods } = allocatable;
        put(&series::CPU_ALLOCATABLE, &[], cpu);
        put(&series::MEMORY_ALLOCATABLE, &[], memory);
        put(&series::PODS_ALLOCATABLE, &[], pods);
        let Resources { cpu, memory, pods } = capacity;
        put(&series::CPU_CAPACITY, &[], cpu);
        put(&series::MEMORY_CAPACITY, &[], memory);
        put(&series::PODS_CAPACITY, &[], pods);
    }
    put(
        &series::CPU_THROTTLED,
        &[],
        usage.throttled(now).map(Ratio::get),
    );
    put(
        &series::OOM_KILLS,
        &[],
        state.oom_kills(kernel, now).map(|n| n as f64),
    );
    for ((_, resource, kind), ratio) in PRESSURE.iter().zip(usage.pressure(now)) {
        put(&series::PRESSURE, &[resource, kind], ratio.map(Ratio::get));
    }
    if namespaces {
        for (namespace, (cores, bytes)) in usage.namespaces(now) {
            put(&series::NAMESPACE_CPU, &[namespace], cores.map(Cores::get));
            put(
                &series::NAMESPACE_MEMORY,
                &[namespace],
                bytes.map(Bytes::as_f64),
            );
        }
    }
    health(&state.health, node, out);
}

/// Appends the samples of scrape health; an empty `node` stands for all nodes.
fn health<'a>(health: &Health, node: &'a str, out: &mut Vec<Sample<'a>>) {
    for (endpoint, scrapes) in health.iter() {
        // Not scraped yet.
        let Some(up) = scrapes.up else { continue };
        let labels = [node, endpoint.name()];
        let mut put = |series, value| out.push(Sample::new(series, &labels, value));
        put(&series::UP, f64::from(u8::from(up)));
        put(&series::SCRAPE_DURATION, scrapes.duration.as_secs_f64());
        if let Some(at) = scrapes.last_success {
            put(&series::LAST_SUCCESS, at.as_secs_f64());
        }
        put(&series::RESPONSE_BYTES, scrapes.bytes as f64);
        for (reason, count) in scrapes.errors.iter() {
            let labels = [labels[0], labels[1], reason.name()];
            out.push(Sample::new(&series::SCRAPE_ERRORS, &labels, count as f64));
        }
    }
}

/// Returns all current samples as text.
pub fn exposition(shared: &SharedState, format: Format) -> String {
    let now = Instant::now();
    let kernel = shared.kernel();
    let mut text = Writer::new(series::ALL, format);
    for each in shared.nodes().iter() {
        let mut samples = Vec::new();
        let state = lock(&each.state);
        node(
            &state,
            each.name.as_str(),
            now,
            kernel,
            shared.config.flags.enable_namespace_metrics,
            &mut samples,
        );
        text.add(&samples);
    }
    let mut samples = Vec::new();
    health(&lock(&shared.lists), "", &mut samples);
    let mut put = |series, value: usize| {
        samples.push(Sample::new(series, &[], value as f64));
    };
    if let Some(history) = &shared.history {
        let (bytes, series) = lock(history).size();
        put(&series::HISTORY_SERIES, series);
        put(&series::HISTORY_BYTES, bytes);
    }
    let reloads = shared.credentials.token_reloads() as f64;
    samples.push(Sample::new(&series::TOKEN_RELOADS, &[], reloads));
    let build = [VERSION, REVISION];
    samples.push(Sample::new(&series::BUILD_INFO, &build, 1.0));
    samples.extend(process::figures().map(|(series, value)| Sample::new(series, &[], value)));
    text.add(&samples);
    text.finish()
}
