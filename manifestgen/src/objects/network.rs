//! Connections that the pods may accept and make, as NetworkPolicies: off by
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

use super::exporter::{is_scraped, is_via};
use super::metadata::{Component, metadata, selects};
use super::{agent, exporter, names};
use crate::builder::{Builder, Problem};
use crate::chart::{AGENT_APP, EXPORTER_APP, PORT_NAME};
use crate::term::{Condition, Term, text, value};

type Result = std::result::Result<NetworkPolicy, Problem>;

/// The exporter's policy in the modes that Prometheus scrapes.
pub(super) fn scraped_exporter(b: &Builder<'_>) -> Result {
    only_if(b, is_scraped(b.values));
    exporter_policy(b, vec![metrics(peers(b)?)])
}

/// The exporter's policy in the mode in which the agent asks it.
pub(super) fn standalone_exporter(b: &Builder<'_>) -> Result {
    only_if(b, exporter::in_mode(b.values, ExporterMode::Standalone));
    let agent = NetworkPolicyPeer {
        pod_selector: Some(selects(AGENT_APP)),
        ..NetworkPolicyPeer::default()
    };
    exporter_policy(b, vec![metrics(peers(b)?), metrics(Some(vec![agent]))])
}

/// The way to the kubelets' own port.
pub(super) fn kubelets(b: &Builder<'_>) -> Result {
    only_if(b, is_via(b.values, Via::Kubelet));
    let name = text("{}-kubelets", [names::exporter(b.values)]);
    let spec = egress_only(EXPORTER_APP, to_port(contract::kubelet::PORT.into()));
    Ok(policy(b, Component::Exporter, name, spec))
}

/// The policy of an agent on a schedule, which opens no port.
pub(super) fn scheduled_agent(b: &Builder<'_>) -> Result {
    only_if(b, agent::in_mode(b.values, AgentMode::Cronjob));
    agent_policy(b, None)
}

/// The policy of an agent that stays.
pub(super) fn serving_agent(b: &Builder<'_>) -> Result {
    only_if(b, agent::in_mode(b.values, AgentMode::Deployment));
    agent_policy(b, Some(vec![metrics(peers(b)?)]))
}

/// The way to the agent's backend.
pub(super) fn backend(b: &Builder<'_>) -> Result {
    let values = b.values;
    only_if(b, value!(values.agent.enabled).is_set());
    let name = text("{}-backend", [names::agent(values)]);
    let port = to_port(b.scalar(names::backend_port(values)));
    Ok(policy(
        b,
        Component::Agent,
        name,
        egress_only(AGENT_APP, port),
    ))
}

fn only_if(b: &Builder<'_>, condition: Condition) {
    let values = b.values;
    b.only_if(Condition::all([
        value!(values.network_policy.enabled).is_set(),
        condition,
    ]));
}

fn exporter_policy(b: &Builder<'_>, ingress: Vec<NetworkPolicyIngressRule>) -> Result {
    let values = b.values;
    let spec = NetworkPolicySpec {
        ingress: Some(ingress),
        egress: b.block(value!(values.network_policy.exporter_egress))?,
        ..both_ways(EXPORTER_APP)
    };
    Ok(policy(
        b,
        Component::Exporter,
        names::exporter(values),
        spec,
    ))
}

fn agent_policy(b: &Builder<'_>, ingress: Option<Vec<NetworkPolicyIngressRule>>) -> Result {
    let values = b.values;
    let spec = NetworkPolicySpec {
        ingress,
        egress: b.block(value!(values.network_policy.agent_egress))?,
        ..both_ways(AGENT_APP)
    };
    Ok(policy(b, Component::Agent, names::agent(values), spec))
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

/// Peers that may connect to a metrics port; none: every one.
fn peers(b: &Builder<'_>) -> std::result::Result<Option<Vec<NetworkPolicyPeer>>, Problem> {
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
