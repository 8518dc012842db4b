//! Connections that the pods may accept and make, as NetworkPolicies: off by
//! default, since not every cluster's network enforces them.
//!
//! Rules name ports rather than peers: API servers and Prometheus have no
//! address or label that is the same everywhere. Policies add up, so what
//! depends on one value alone is a policy of its own.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::agent::in_mode;
use super::exporter::{self, is_scraped, is_via};
use super::{
    AGENT_APP, Component, EXPORTER_APP, Names, Object, PORT_NAME, agent, labels, metadata, typed,
};
use crate::overlay::{Condition, Expr, Helper, Rule, text};
use crate::values::Values;

const FILE: &str = "networkpolicy.yaml";

/// Returns the policies of both programs.
pub fn policies(values: &Values) -> serde_json::Result<Vec<Object>> {
    let names = Names::of(values);
    let own = &values.network_policy;
    let metrics = |from| NetworkPolicyIngressRule {
        from,
        ports: ports(IntOrString::String(PORT_NAME.to_owned())),
    };
    let exporter = |ingress| {
        let spec = NetworkPolicySpec {
            ingress: Some(ingress),
            egress: typed(&own.exporter_egress)?,
            ..both_ways(EXPORTER_APP)
        };
        let object = policy(values, Component::Exporter, &names.exporter, spec)?
            .follows(Expr::Helper(Helper::ExporterName))
            .with("/spec/ingress/0/from", Rule::Block("networkPolicy.from"))
            .with("/spec/egress", Rule::Block("networkPolicy.exporterEgress"));
        serde_json::Result::Ok(object)
    };
    let agent = |ingress| {
        let spec = NetworkPolicySpec {
            ingress,
            egress: typed(&own.agent_egress)?,
            ..both_ways(AGENT_APP)
        };
        let object = policy(values, Component::Agent, &names.agent, spec)?
            .follows(Expr::Helper(Helper::AgentName))
            .with("/spec/egress", Rule::Block("networkPolicy.agentEgress"));
        serde_json::Result::Ok(object)
    };
    let kubelets = NetworkPolicySpec {
        egress: Some(vec![to_port(contract::kubelet::PORT)]),
        ..egress_only(EXPORTER_APP)
    };
    let backend = NetworkPolicySpec {
        egress: Some(vec![to_port(agent::backend_port(values))]),
        ..egress_only(AGENT_APP)
    };
    let asked_by_agent = NetworkPolicyPeer {
        pod_selector: Some(pods(AGENT_APP)),
        ..NetworkPolicyPeer::default()
    };
    Ok(vec![
        exporter(vec![metrics(None)])?.with("", when(is_scraped())),
        exporter(vec![metrics(None), metrics(Some(vec![asked_by_agent]))])?
            .with("", when(exporter::in_mode("standalone"))),
        policy(
            values,
            Component::Exporter,
            &format!("{}-kubelets", names.exporter),
            kubelets,
        )?
        .follows(text(
            "{}-kubelets",
            vec![Expr::Helper(Helper::ExporterName)],
        ))
        .with("", when(is_via("kubelet"))),
        agent(None)?.with("", when(in_mode("cronjob"))),
        agent(Some(vec![metrics(None)]))?
            .with("/spec/ingress/0/from", Rule::Block("networkPolicy.from"))
            .with("", when(in_mode("deployment"))),
        policy(
            values,
            Component::Agent,
            &format!("{}-backend", names.agent),
            backend,
        )?
        .follows(text("{}-backend", vec![Expr::Helper(Helper::AgentName)]))
        .set(
            "/spec/egress/0/ports/0/port",
            Expr::Number(Helper::BackendPort),
        )
        .with("", when(Condition::Value("agent.enabled"))),
    ])
}

fn policy(
    values: &Values,
    component: Component,
    name: &str,
    spec: NetworkPolicySpec,
) -> serde_json::Result<Object> {
    let policy = NetworkPolicy {
        metadata: metadata(values, component, name),
        spec: Some(spec),
    };
    Ok(Object::new(FILE, &policy)?.chart_only())
}

fn when(condition: Condition) -> Rule {
    Rule::When(Condition::All(vec![
        Condition::Value("networkPolicy.enabled"),
        condition,
    ]))
}

fn both_ways(app: &str) -> NetworkPolicySpec {
    NetworkPolicySpec {
        pod_selector: Some(pods(app)),
        policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        ..NetworkPolicySpec::default()
    }
}

fn egress_only(app: &str) -> NetworkPolicySpec {
    NetworkPolicySpec {
        policy_types: Some(vec!["Egress".to_owned()]),
        ..both_ways(app)
    }
}

fn pods(app: &str) -> LabelSelector {
    LabelSelector {
        match_labels: Some(labels(&[("app", app)])),
        ..LabelSelector::default()
    }
}

fn ports(port: IntOrString) -> Option<Vec<NetworkPolicyPort>> {
    Some(vec![NetworkPolicyPort {
        port: Some(port),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    }])
}

fn to_port(port: u16) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule {
        ports: ports(IntOrString::Int(port.into())),
        ..NetworkPolicyEgressRule::default()
    }
}
