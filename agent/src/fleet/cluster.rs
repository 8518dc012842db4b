//! Nodes, pods and PodDisruptionBudgets from kube-state-metrics's series.
//!
//! In scope: running the queries and reading their rows. Out of scope: the meaning for a node, and
//! the texts of the queries.

use std::collections::BTreeMap;

use analysis::fleet::cluster::{Controller, NodeState, NodeStates, Pod, Pods};
use analysis::fleet::packing::Amounts;
use analysis::recommend::Resource;
use contract::kube_state::{self, label as kube};
use contract::label;
use promql::{Defect, QueryError};
use quantity::TimeGrid;

use super::queries;
use crate::collect::note_remarks;
use crate::source::{LabelNames, Selected, Source, explain};

/// A series, and its newest value.
type Row = (Selected, f64);

/// Runs the queries and keeps errors and warnings.
pub struct Inquiry<'a> {
    source: &'a dyn Source,
    at: TimeGrid,
    /// Problems that make the report incomplete, one sentence each.
    pub errors: Vec<String>,
    /// Problems that do not, one sentence each.
    pub warnings: Vec<String>,
}

impl<'a> Inquiry<'a> {
    /// Makes an inquiry of `source` about the end of `past`.
    pub fn new(source: &'a dyn Source, past: &TimeGrid) -> Self {
        Self {
            source,
            at: past.last(0),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Returns the state of each node.
    ///
    /// # Errors
    /// The reason why nothing is known.
    pub fn nodes(&mut self) -> Result<NodeStates, String> {
        let mut states = NodeStates::new();
        let labels = &[
            label::NODE,
            label::RESOURCE,
            kube::EFFECT,
            kube::KEY,
            kube::VALUE,
            kube::ROLE,
            kube::CONDITION,
        ];
        let rows = self.ask("nodes", &queries::nodes(), labels)?;
        for (row, value) in &rows {
            if let Some(node) = row.label(label::NODE) {
                note_fact(states.entry(node.to_owned()).or_default(), row, *value);
            }
        }
        if states.is_empty() {
            return Err(format!(
                "the backend has no kube-state-metrics series such as {}",
                kube_state::NODE_UNSCHEDULABLE
            ));
        }
        let rows = self.ask(
            "pods by node",
            &queries::totals(),
            &[label::NODE, label::RESOURCE],
        )?;
        for (row, value) in &rows {
            let Some(state) = row.label(label::NODE).and_then(|node| states.get_mut(node)) else {
                continue;
            };
            match row.label(label::RESOURCE) {
                Some(resource) => set_request(&mut state.requested, resource, *value),
                None => state.pods = *value as u64,
            }
        }
        if states.values().all(|state| state.pods == 0) {
            return Err(format!(
                "the backend has no kube-state-metrics series {}",
                kube_state::POD_INFO
            ));
        }
        Ok(states)
    }

    /// Returns the pods of these nodes, and the budgets that allow no eviction.
    ///
    /// # Errors
    /// The reason why they are unknown.
    pub fn pods(&mut self, nodes: &[&str]) -> Result<Pods, String> {
        let labels = &[
            label::NODE,
            label::NAMESPACE,
            kube::POD,
            kube::CREATED_BY_KIND,
            label::RESOURCE,
        ];
        let mut found: BTreeMap<(String, String, String), Pod> = BTreeMap::new();
        let mut requests = Vec::new();
        for (row, value) in self.ask("pods", &queries::pods_of(nodes), labels)? {
            let of = |name| row.label(name).unwrap_or_default().to_owned();
            let key = (of(label::NODE), of(label::NAMESPACE), of(kube::POD));
            match row.label(label::RESOURCE) {
                Some(resource) => requests.push((key, resource.to_owned(), value)),
                None => {
                    let pod = Pod {
                        namespace: key.1.clone(),
                        name: key.2.clone(),
                        controller: controller(row.label(kube::CREATED_BY_KIND)),
                        requested: Amounts::default(),
                    };
                    found.insert(key, pod);
                }
            }
        }
        for (key, resource, value) in requests {
            if let Some(pod) = found.get_mut(&key) {
                set_request(&mut pod.requested, &resource, value);
            }
        }
        let mut pods = Pods::default();
        for ((node, ..), pod) in found {
            pods.of.entry(node).or_default().push(pod);
        }
        let labels = &[label::NAMESPACE, kube::BUDGET];
        for (row, _) in self.ask("budgets", &queries::budgets(), labels)? {
            match (row.label(label::NAMESPACE), row.label(kube::BUDGET)) {
                (Some(namespace), Some(budget)) => {
                    let budgets = pods.exhausted_budgets.entry(namespace.to_owned());
                    budgets.or_default().insert(budget.to_owned());
                }
                _ => pods.budgets_known = true,
            }
        }
        Ok(pods)
    }

    /// Runs one query. A failure for lack of PromQL in the backend is only the reason for a poorer
    /// report; any other failure is an error.
    fn ask(&mut self, what: &str, query: &str, labels: LabelNames) -> Result<Vec<Row>, String> {
        let subject = format!("fleet, {what}");
        match self.source.select(query, &self.at, labels) {
            Ok(selection) => {
                note_remarks(
                    &subject,
                    "kube-state-metrics",
                    &selection,
                    &mut self.errors,
                    &mut self.warnings,
                );
                let row = |series: Selected| series.newest().map(|value| (series, value));
                Ok(selection.series.into_iter().filter_map(row).collect())
            }
            Err(error) if is_unsupported(&error) => Err(format!(
                "the backend cannot evaluate the queries ({})",
                beginning(&explain(&error))
            )),
            Err(error) => {
                self.errors.push(format!("{subject}: {}", explain(&error)));
                Err(format!("the query for {what} failed"))
            }
        }
    }
}

/// Returns the start of a refusal, which may repeat the query.
fn beginning(refusal: &str) -> String {
    const MOST_CHARS: usize = 120;
    match refusal.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &refusal[..end]),
        None => refusal.to_owned(),
    }
}

/// Returns `true` if the backend cannot evaluate the query, as the exporter's history with all
/// PromQL other than selectors.
fn is_unsupported(error: &QueryError) -> bool {
    match error {
        QueryError::Status { status, .. } => *status == 400,
        QueryError::Defect(Defect::Refused(refusal)) => refusal.error_type == "bad_data",
        _ => false,
    }
}

/// Reads one row of [`queries::nodes`].
fn note_fact(state: &mut NodeState, row: &Selected, value: f64) {
    if let Some(effect) = row.label(kube::EFFECT) {
        let key = row.label(kube::KEY).unwrap_or_default();
        let taint = match row.label(kube::VALUE) {
            Some(value) => format!("{key}={value}:{effect}"),
            None => format!("{key}:{effect}"),
        };
        state.taints.insert(taint);
    } else if row.label(kube::ROLE).is_some() {
        state.control_plane = true;
    } else if row.label(kube::CONDITION).is_some() {
        // Where two replicas disagree, not ready counts.
        state.ready = Some(value == 1.0 && state.ready != Some(false));
    } else if row.label(label::RESOURCE).is_some() {
        state.most_pods = Some(value as u64);
    } else {
        state.cordoned |= value == 1.0;
    }
}

fn set_request(requested: &mut Amounts, resource: &str, value: f64) {
    // Requests are whole in these units, but for rounding of sums.
    if resource == Resource::Cpu.label() {
        requested.millicores = (value * 1000.0).round() as u64;
    } else if resource == Resource::Memory.label() {
        requested.bytes = value.round() as u64;
    }
}

fn controller(kind: Option<&str>) -> Controller {
    match kind {
        // Mirror pods of static ones are owned by their node.
        Some("DaemonSet" | "Node") => Controller::OfTheNode,
        None | Some("<none>") => Controller::None,
        Some(_) => Controller::Other,
    }
}
