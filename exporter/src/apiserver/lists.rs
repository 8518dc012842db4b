//! Lists of nodes and pods, read page by page; only the wanted field of each object is
//! kept.

use std::collections::BTreeMap;
use std::time::Instant;

use contract::{PodPhase, Reason};
use webclient::Caps;

use super::error::ScrapeError;
use super::request::{JSON_CAPS, MIB, json};
use super::wire::{ListForm, Page};
use crate::credentials::Credentials;
use crate::nodes::NodeName;

/// Tables: some 300 bytes a row, where the objects themselves are 10 KB each.
const ACCEPT_TABLE: &str = "application/json;as=Table;g=meta.k8s.io;v=v1";

/// Objects requested in one page. The API server's cache ignores it and sends all.
const PER_PAGE: u32 = 500;

/// Maximum number of pages: 150,000 pods take 300.
const MAX_PAGES: u32 = 1000;

/// Limits of a list of a whole cluster: 150,000 pods in tables are 50 MB.
const CLUSTER_CAPS: Caps = Caps {
    compressed: 64 * MIB,
    decompressed: 256 * MIB,
};

/// Time for all pages, in deadlines of one request.
const CLUSTER_DEADLINES: u32 = 6;

/// Maximum number of nodes: more than any cluster has.
const MAX_NODES: usize = 65_536;

const PODS: ListForm = ListForm {
    column: "Node",
    kind: "PodList",
    pointer: "/spec/nodeName",
};

const NODES: ListForm = ListForm {
    column: "Name",
    kind: "NodeList",
    pointer: "/metadata/name",
};

/// Counts a node's pods whose phase is none of `excluded`.
///
/// # Errors
/// When the list did not arrive whole.
pub fn active_pods(
    credentials: &Credentials,
    node: &NodeName,
    excluded: &[PodPhase],
    bytes: &mut u64,
) -> Result<u64, ScrapeError> {
    let selector = format!("spec.nodeName={node},{}", phases(excluded));
    let list = List {
        path: "pods",
        selector: selector.trim_end_matches(','),
        form: PODS,
        caps: JSON_CAPS,
        deadlines: 1,
    };
    list.read(credentials, bytes, || 0, |count, _| *count += 1)
}

/// Counts the pods of each node whose phase is none of `excluded`.
///
/// # Errors
/// When the list did not arrive whole.
pub fn active_pods_by_node(
    credentials: &Credentials,
    excluded: &[PodPhase],
    bytes: &mut u64,
) -> Result<BTreeMap<String, u64>, ScrapeError> {
    let list = List {
        path: "pods",
        selector: &phases(excluded),
        form: PODS,
        caps: CLUSTER_CAPS,
        deadlines: CLUSTER_DEADLINES,
    };
    list.read(credentials, bytes, BTreeMap::new, |counts, node| {
        if let Some(count) = counts.get_mut(node) {
            *count += 1;
        } else if counts.len() < MAX_NODES {
            counts.insert(node.to_owned(), 1);
        }
    })
}

/// Lists the names of all nodes.
///
/// # Errors
/// When the list did not arrive whole.
pub fn node_names(
    credentials: &Credentials,
    bytes: &mut u64,
) -> Result<Vec<NodeName>, ScrapeError> {
    let list = List {
        path: "nodes",
        selector: "",
        form: NODES,
        caps: CLUSTER_CAPS,
        deadlines: CLUSTER_DEADLINES,
    };
    list.read(credentials, bytes, Vec::new, |nodes, name| {
        if nodes.len() < MAX_NODES {
            // The API server accepts no other names.
            nodes.extend(NodeName::parse(name));
        }
    })
}

fn phases(excluded: &[PodPhase]) -> String {
    let terms: Vec<String> = excluded
        .iter()
        .map(|phase| format!("status.phase!={}", phase.name()))
        .collect();
    terms.join(",")
}

/// A list to request.
#[derive(Clone, Copy)]
struct List<'a> {
    path: &'static str,
    /// Field selector; empty selects everything.
    selector: &'a str,
    form: ListForm,
    /// Of one page.
    caps: Caps,
    /// Time for all pages together, in deadlines of one request.
    deadlines: u32,
}

impl List<'_> {
    /// Reads all pages, and calls `take` with the wanted text of each object.
    fn read<T>(
        self,
        credentials: &Credentials,
        bytes: &mut u64,
        empty: fn() -> T,
        take: fn(&mut T, &str),
    ) -> Result<T, ScrapeError> {
        let mut query = format!("/api/v1/{}?includeObject=None&limit={PER_PAGE}", self.path);
        if !self.selector.is_empty() {
            query.push_str("&fieldSelector=");
            query.push_str(&percent_encode(self.selector));
        }
        let started = Instant::now();
        let mut taken = empty();
        let mut token = String::new();
        for _ in 0..MAX_PAGES {
            let url = match token.as_str() {
                // From the API server's cache, without a read of etcd. A continue token may be
                // combined with the rest of its query, but not with resourceVersion.
                "" => format!("{query}&resourceVersion=0"),
                token => format!("{query}&continue={}", percent_encode(token)),
            };
            let page = Page {
                form: self.form,
                each: &mut |text| take(&mut taken, text),
            };
            match json(credentials, &url, ACCEPT_TABLE, self.caps, page, bytes) {
                Ok(next) if next.is_empty() => return Ok(taken),
                Ok(next) => token = next,
                // The rest of the list has expired: start again.
                Err(error) if is_expired(&error) && !token.is_empty() => {
                    taken = empty();
                    token.clear();
                }
                Err(error) => return Err(error),
            }
            if started.elapsed() > credentials.deadline() * self.deadlines {
                return Err(ScrapeError::new(
                    Reason::Timeout,
                    format!(
                        "the list of {} took longer than --request-timeout times {}",
                        self.path, self.deadlines
                    ),
                ));
            }
        }
        Err(ScrapeError::new(
            Reason::TooLarge,
            format!(
                "the list of {} did not end after {MAX_PAGES} pages",
                self.path
            ),
        ))
    }
}

fn is_expired(error: &ScrapeError) -> bool {
    error.message.starts_with("HTTP 410")
}

/// Encodes a query value: everything but RFC 3986's unreserved characters.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selector_survives_the_query_string() {
        assert_eq!(
            percent_encode("spec.nodeName=a-1,status.phase!=Failed"),
            "spec.nodeName%3Da-1%2Cstatus.phase%21%3DFailed"
        );
    }
}
