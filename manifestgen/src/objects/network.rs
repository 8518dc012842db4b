//! Connections that the pods may accept and open, as NetworkPolicies: off by
//! default, since not every cluster's network enforces them.
//!
//! Rules name ports rather than peers: API servers and Prometheus have no
//! address or label that is the same everywhere. Policies add up, so what
//! depends on one value alone is a policy of its own.

use contract::{AgentMode, ExporterMode, Via};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::exporter::{in_mode, is_via};
use super::metadata::{Component, metadata, selects};
use super::names;
use crate::builder::{Builder, Problem};
use crate::chart::{AGENT_APP, EXPORTER_APP, PORT_NAME};
use crate::term::{Condition, Term, text, value};

/// The exporter's policy: connections to its port, standalone also from the agent.
pub(super) fn exporter(b: &Builder<'_>) -> Result<NetworkPolicy, Problem> {
    let values = b.values;
    let enabled = value!(values.network_policy.enabled).is_set();
    b.only_if(enabled);
    let agent = NetworkPolicyPeer {
        pod_selector: Some(selects(AGENT_APP)),
        ..NetworkPolicyPeer::default()
    };
    let is_standalone = in_mode(values, ExporterMode::Standalone);
    let ingress = [
        Some(metrics(peers(b)?)),
        b.when(&is_standalone, metrics(Some(vec![agent]))),
    ];
    let spec = NetworkPolicySpec {
        ingress: Some(ingress.into_iter().flatten().collect()),
        egress: b.block(value!(values.network_policy.exporter_egress))?,
        ..both_ways(EXPORTER_APP)
    };
    let name = names::exporter(values);
    Ok(policy(b, Component::Exporter, name, spec))
}

/// The agent's policy: connections to its port in mode deployment.
pub(super) fn agent(b: &Builder<'_>) -> Result<NetworkPolicy, Problem> {
    let values = b.values;
    only_if(b, value!(values.agent.enabled).is_set());
    let serves = value!(values.agent.mode).is(AgentMode::Deployment);
    let spec = NetworkPolicySpec {
        ingress: b.when(&serves, vec![metrics(peers(b)?)]),
        egress: b.block(value!(values.network_policy.agent_egress))?,
        ..both_ways(AGENT_APP)
    };
    Ok(policy(b, Component::Agent, names::agent(values), spec))
}

/// Egress of the exporter to the kubelets' own port.
pub(super) fn kubelets(b: &Builder<'_>) -> Result<NetworkPolicy, Problem> {
    only_if(b, is_via(b.values, Via::Kubelet));
    let name = text("{}-kubelets", [names::exporter(b.values)]);
    let spec = egress_only(EXPORTER_APP, to_port(contract::kubelet::PORT.into()));
    Ok(policy(b, Component::Exporter, name, spec))
}

/// Egress of the agent to its backend.
pub(super) fn backend(b: &Builder<'_>) -> Result<NetworkPolicy, Problem> {
    let values = b.values;
    only_if(b, value!(values.agent.enabled).is_set());
    let name = text("{}-backend", [names::agent(values)]);
    let spec = egress_only(AGENT_APP, to_port(b.scalar(names::backend_port(values))));
    Ok(policy(b, Component::Agent, name, spec))
}

fn only_if(b: &Builder<'_>, condition: Condition) {
    let values = b.values;
    let enabled = value!(values.network_policy.enabled).is_set();
    b.only_if(Condition::all([enabled, condition]));
}

fn policy(
    b: &Builder<'_>,
    component: Component,
    name: Term<String>,
    spec: NetworkPolicySpec,
) -> NetworkPolicy {
    NetworkPolicy {
        metadata: metadata(b, component, name),
        spec: Some(spec),
    }
}

/// Peers that may connect to a metrics port; `None`: all.
fn peers(b: &Builder<'_>) -> Result<Option<Vec<NetworkPolicyPeer>>, Problem> {
    let values = b.values;
    b.block(value!(values.network_policy.from))
}

fn metrics(from: Option<Vec<NetworkPolicyPeer>>) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule {
        from,
        ports: ports(IntOrString::String(PORT_NAME.to_owned())),
    }
}

fn both_ways(app: &str) -> NetworkPolicySpec {
    NetworkPolicySpec {
        pod_selector: Some(selects(app)),
        policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        ..NetworkPolicySpec::default()
    }
}

fn egress_only(app: &str, rule: NetworkPolicyEgressRule) -> NetworkPolicySpec {
    NetworkPolicySpec {
        policy_types: Some(vec!["Egress".to_owned()]),
        egress: Some(vec![rule]),
        ..both_ways(app)
    }
}

fn ports(port: IntOrString) -> Option<Vec<NetworkPolicyPort>> {
    Some(vec![NetworkPolicyPort {
        port: Some(port),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    }])
}

fn to_port(port: i32) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule {
        ports: ports(IntOrString::Int(port)),
        ..NetworkPolicyEgressRule::default()
    }
}
