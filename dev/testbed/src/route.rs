//! Paths of the API server and of kubelets.

use crate::http::percent_decode;
use crate::requests::Endpoint;
use crate::selector::{POD_FIELDS, Selector};

/// A parsed request target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) endpoint: Endpoint,
    /// The node it is about: from the path, or from a pod list's selector.
    pub(crate) node: Option<String>,
    /// The path at the kubelet, behind the proxy.
    pub(crate) proxied: String,
    /// The node as a proxied request names it: `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`.
    pub(crate) proxied_name: Option<String>,
    parameters: Vec<(String, String)>,
}

impl Route {
    /// Parses a target. Returns `None` for a bad escape.
    pub(crate) fn of(target: &str) -> Option<Self> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut route = Self {
            parameters: parameters(query)?,
            ..Self::default()
        };
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        route.endpoint = match segments[..] {
            ["healthz" | "livez" | "readyz"] => Endpoint::Health,
            ["api", "v1", "pods"] => {
                let selector = Selector::parse(route.parameter("fieldSelector"), POD_FIELDS);
                route.node = selector
                    .ok()
                    .and_then(|selector| selector.required("spec.nodeName").map(str::to_owned));
                Endpoint::Pods
            }
            ["api", "v1", "nodes"] => Endpoint::Nodes,
            ["api", "v1", "nodes", node] => {
                route.node = Some(percent_decode(node, false)?);
                Endpoint::Node
            }
            ["api", "v1", "nodes", node, "proxy", ref rest @ ..] => {
                let name = percent_decode(node, false)?;
                // The kubelet answers on every port.
                route.node = Some(match name.split(':').collect::<Vec<_>>()[..] {
                    [node, _] | [_, node, _] => node.to_owned(),
                    _ => name.clone(),
                });
                route.proxied_name = Some(name);
                route.proxied = percent_decode(&format!("/{}", rest.join("/")), false)?;
                of_path(&route.proxied)
            }
            _ => Endpoint::Other,
        };
        Some(route)
    }

    /// The route of a request to a kubelet's own port.
    pub(crate) fn of_kubelet(target: &str, node: String) -> Self {
        let path = target.split('?').next().unwrap_or_default();
        Self {
            endpoint: of_path(path),
            node: Some(node),
            proxied: path.to_owned(),
            ..Self::default()
        }
    }

    /// The value of a query parameter; empty when it is not given.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.parameters
            .iter()
            .find(|(each, _)| each == name)
            .map_or("", |(_, value)| value)
    }
}

fn parameters(query: &str) -> Option<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent_decode(name, true)?, percent_decode(value, true)?))
        })
        .collect()
}

/// The endpoint of a kubelet's path.
fn of_path(path: &str) -> Endpoint {
    match path {
        "/metrics/resource" => Endpoint::Resource,
        "/metrics/cadvisor" => Endpoint::Cadvisor,
        _ => Endpoint::OtherProxy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_endpoints_and_nodes() {
        let pods = "/api/v1/pods?fieldSelector=spec.nodeName%3Da%2Cstatus.phase!%3DFailed&limit=5";
        for (target, endpoint, node) in [
            (
                "/api/v1/nodes/a/proxy/metrics/resource",
                Endpoint::Resource,
                Some("a"),
            ),
            (
                "/api/v1/nodes/a/proxy/metrics/cadvisor?x=1",
                Endpoint::Cadvisor,
                Some("a"),
            ),
            (
                "/api/v1/nodes/a/proxy/metrics/resource_x",
                Endpoint::OtherProxy,
                Some("a"),
            ),
            ("/api/v1/nodes/a/proxy/", Endpoint::OtherProxy, Some("a")),
            (
                "/api/v1/nodes/a/proxy/exec/x",
                Endpoint::OtherProxy,
                Some("a"),
            ),
            (
                "/api/v1/nodes/https:a:10250/proxy/metrics/resource",
                Endpoint::Resource,
                Some("a"),
            ),
            ("/api/v1/nodes/a%2eb", Endpoint::Node, Some("a.b")),
            ("/api/v1/nodes", Endpoint::Nodes, None),
            ("/api/v1/pods", Endpoint::Pods, None),
            (pods, Endpoint::Pods, Some("a")),
            ("/livez", Endpoint::Health, None),
            ("/api/v1/services", Endpoint::Other, None),
            ("/", Endpoint::Other, None),
        ] {
            let route = Route::of(target).expect("good escapes");
            assert_eq!(
                (route.endpoint, route.node.as_deref()),
                (endpoint, node),
                "{target}"
            );
        }
        assert_eq!(
            Route::of(pods).expect("good escapes").parameter("limit"),
            "5"
        );
        assert_eq!(Route::of("/api/v1/nodes/%zz"), None);
    }
}
