//! What the client's account may do, as RBAC grants it: one right a rule.
//!
//! Out of scope: roles, bindings, other accounts, names of resources.

use std::collections::BTreeSet;

use crate::requests::Endpoint;

/// A verb on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// `get` on `nodes/proxy`: a kubelet through the API server.
    GetNodesProxy,
    /// `get` on `nodes/metrics`: a kubelet's metrics at the kubelet itself.
    GetNodesMetrics,
    /// `get` on `nodes`.
    GetNodes,
    /// `list` on `nodes`.
    ListNodes,
    /// `list` on `pods`.
    ListPods,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 5] = [
        Self::GetNodesProxy,
        Self::GetNodesMetrics,
        Self::GetNodes,
        Self::ListNodes,
        Self::ListPods,
    ];

    /// The verb and the resource, as a rule of a role writes them.
    pub fn rule(self) -> (&'static str, &'static str) {
        match self {
            Self::GetNodesProxy => ("get", "nodes/proxy"),
            Self::GetNodesMetrics => ("get", "nodes/metrics"),
            Self::GetNodes => ("get", "nodes"),
            Self::ListNodes => ("list", "nodes"),
            Self::ListPods => ("list", "pods"),
        }
    }

    /// What a request to the API server needs; nothing for what anybody may ask.
    pub(crate) fn at_api_server(endpoint: Endpoint) -> Option<Self> {
        match endpoint {
            Endpoint::Resource | Endpoint::Cadvisor | Endpoint::OtherProxy => {
                Some(Self::GetNodesProxy)
            }
            Endpoint::Node => Some(Self::GetNodes),
            Endpoint::Nodes => Some(Self::ListNodes),
            Endpoint::Pods => Some(Self::ListPods),
            Endpoint::Health | Endpoint::Version | Endpoint::Other => None,
        }
    }
}

/// The rights that are granted; all of them until told otherwise.
#[derive(Debug)]
pub(crate) struct Granted(BTreeSet<Right>);

impl Default for Granted {
    fn default() -> Self {
        Self(Right::ALL.into())
    }
}

impl Granted {
    pub(crate) fn only(rights: &[Right]) -> Self {
        Self(rights.iter().copied().collect())
    }

    pub(crate) fn holds(&self, right: Option<Right>) -> bool {
        right.is_none_or(|right| self.0.contains(&right))
    }
}
