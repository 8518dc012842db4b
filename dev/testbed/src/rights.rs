//! Rights of the client's account by RBAC, and the access reviews that ask for them.
//!
//! Out of scope: other accounts, namespaces, names of resources.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::requests::Endpoint;

/// A verb on a resource, as a rule of a role grants it and an access review asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// The verb, such as `get`.
    pub verb: &'static str,
    /// The resource, such as `nodes/proxy`.
    pub resource: &'static str,
}

impl Right {
    /// A kubelet through the API server, and most of a kubelet at its own port.
    pub const GET_NODES_PROXY: Self = Self::new("get", "nodes/proxy");
    /// A kubelet's metrics at its own port.
    pub const GET_NODES_METRICS: Self = Self::new("get", "nodes/metrics");
    /// One node object.
    pub const GET_NODES: Self = Self::new("get", "nodes");
    /// All node objects.
    pub const LIST_NODES: Self = Self::new("list", "nodes");
    /// All pods.
    pub const LIST_PODS: Self = Self::new("list", "pods");

    /// The rights that the exporter needs in one of its modes.
    pub const ALL: [Self; 5] = [
        Self::GET_NODES_PROXY,
        Self::GET_NODES_METRICS,
        Self::GET_NODES,
        Self::LIST_NODES,
        Self::LIST_PODS,
    ];

    const fn new(verb: &'static str, resource: &'static str) -> Self {
        Self { verb, resource }
    }

    /// The review of a request to the API server; none for public routes.
    pub(crate) fn at_api_server(method: &str, endpoint: Endpoint) -> Option<Self> {
        Some(match endpoint {
            Endpoint::Resource | Endpoint::Cadvisor | Endpoint::OtherProxy => {
                Self::new(verb(method), "nodes/proxy")
            }
            Endpoint::Node => Self::GET_NODES,
            Endpoint::Nodes => Self::LIST_NODES,
            Endpoint::Pods => Self::LIST_PODS,
            Endpoint::Health | Endpoint::Other => return None,
        })
    }

    /// The reviews of a request to a kubelet's own port, of which one must be
    /// allowed: verb by method, resource by path, the fine-grained one first
    /// (`KubeletFineGrainedAuthz`, on since Kubernetes 1.33).
    ///
    /// Source: <https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/>
    pub(crate) fn at_kubelet(method: &str, path: &str) -> Vec<Self> {
        let is_below = |root: &str| {
            let rest = path.strip_prefix(root);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        const OWN: [(&str, &str); 4] = [
            ("/stats", "nodes/stats"),
            ("/metrics", "nodes/metrics"),
            ("/logs", "nodes/log"),
            ("/checkpoint", "nodes/checkpoint"),
        ];
        const FINE: [(&str, &str); 5] = [
            ("/pods", "nodes/pods"),
            ("/runningpods", "nodes/pods"),
            ("/healthz", "nodes/healthz"),
            ("/configz", "nodes/configz"),
            ("/statusz", "nodes/statusz"),
        ];
        let of = |list: &[(&str, &'static str)]| {
            let found = list.iter().find(|(root, _)| is_below(root));
            found.map(|(_, resource)| *resource)
        };
        let verb = verb(method);
        of(&FINE)
            .into_iter()
            .chain([of(&OWN).unwrap_or("nodes/proxy")])
            .map(|resource| Self::new(verb, resource))
            .collect()
    }
}

/// The verb of RBAC for a method of HTTP. A WebSocket upgrade is a GET.
fn verb(method: &str) -> &'static str {
    match method {
        "GET" => "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "",
    }
}

/// Verbs and resources that are granted; by default those of [`Right::ALL`].
#[derive(Debug)]
pub(crate) struct Granted(BTreeSet<(String, String)>);

impl Default for Granted {
    fn default() -> Self {
        Self::only(&Right::ALL)
    }
}

impl Granted {
    pub(crate) fn only(rights: &[Right]) -> Self {
        let owned = |right: &Right| (right.verb.to_owned(), right.resource.to_owned());
        Self(rights.iter().map(owned).collect())
    }

    /// The rules of a ClusterRole for the core API group.
    pub(crate) fn by(role: &Value) -> Self {
        let words = |list: &Value| -> Vec<String> {
            let words = list.as_array().into_iter().flatten();
            words.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut granted = BTreeSet::new();
        for rule in role["rules"].as_array().into_iter().flatten() {
            if !words(&rule["apiGroups"]).contains(&String::new()) {
                continue;
            }
            for resource in words(&rule["resources"]) {
                let verbs = words(&rule["verbs"]).into_iter();
                granted.extend(verbs.map(|verb| (verb, resource.clone())));
            }
        }
        Self(granted)
    }

    pub(crate) fn allows(&self, review: Right) -> bool {
        let wanted = (review.verb.to_owned(), review.resource.to_owned());
        self.0.contains(&wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubelet_paths_map_to_subresources() {
        for (path, resources) in [
            ("/metrics", &["nodes/metrics"][..]),
            ("/metrics/cadvisor", &["nodes/metrics"]),
            ("/metricsx", &["nodes/proxy"]),
            ("/stats/summary", &["nodes/stats"]),
            ("/logs/", &["nodes/log"]),
            ("/checkpoint/a/b/c", &["nodes/checkpoint"]),
            ("/pods", &["nodes/pods", "nodes/proxy"]),
            ("/runningpods/", &["nodes/pods", "nodes/proxy"]),
            ("/healthz/ping", &["nodes/healthz", "nodes/proxy"]),
            ("/configz", &["nodes/configz", "nodes/proxy"]),
            ("/statusz", &["nodes/statusz", "nodes/proxy"]),
            ("/spec/", &["nodes/proxy"]),
            ("/containerLogs/a/b/c", &["nodes/proxy"]),
            ("/exec/a/b/c", &["nodes/proxy"]),
            ("/", &["nodes/proxy"]),
        ] {
            let reviews = Right::at_kubelet("GET", path);
            let asked: Vec<&str> = reviews.iter().map(|review| review.resource).collect();
            assert_eq!(asked, resources, "{path}");
        }
    }

    #[test]
    fn verbs_follow_the_method() {
        for (method, verb) in [("GET", "get"), ("POST", "create"), ("HEAD", "")] {
            assert_eq!(Right::at_kubelet(method, "/exec/a/b/c")[0].verb, verb);
        }
    }

    #[test]
    fn a_role_grants_its_rules_and_no_more() {
        let granted = Granted::by(&serde_json::json!({"rules": [
            {"apiGroups": [""], "resources": ["nodes/metrics", "nodes"], "verbs": ["get"]},
            {"apiGroups": ["apps"], "resources": ["pods"], "verbs": ["list"]},
        ]}));
        for (verb, resource, allowed) in [
            ("get", "nodes/metrics", true),
            ("get", "nodes", true),
            ("list", "nodes", false),
            ("get", "nodes/proxy", false),
            ("list", "pods", false),
        ] {
            assert_eq!(
                granted.allows(Right { verb, resource }),
                allowed,
                "{verb} {resource}"
            );
        }
    }
}
