//! Who may connect to the pods: off by default, since not every cluster's
//! network enforces policies, and those that do often have their own.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::agent::in_mode;
use super::exporter::{self, is_scraped};
use super::{AGENT_APP, Component, EXPORTER_APP, Names, Object, PORT_NAME, labels, metadata};
use crate::overlay::{Condition, Expr, Helper, Rule};
use crate::values::Values;

const FILE: &str = "networkpolicy.yaml";

/// Ingress to the programs' ports, of which an agent on a schedule opens none. Egress stays open: the API
/// server and Prometheus have no address that a policy could name everywhere.
pub fn policies(values: &Values) -> serde_json::Result<Vec<Object>> {
    let names = Names::of(values);
    let policy = |component, name: &str, app: &str, ingress| NetworkPolicy {
        metadata: metadata(values, component, name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(labels(&[("app", app)])),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress,
            ..NetworkPolicySpec::default()
        }),
    };
    let peer_agent = NetworkPolicyPeer {
        pod_selector: Some(LabelSelector {
            match_labels: Some(labels(&[("app", AGENT_APP)])),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    };
    let port = NetworkPolicyIngressRule {
        ports: Some(vec![NetworkPolicyPort {
            port: Some(IntOrString::String(PORT_NAME.to_owned())),
            protocol: Some("TCP".to_owned()),
            ..NetworkPolicyPort::default()
        }]),
        ..NetworkPolicyIngressRule::default()
    };
    let scraped = policy(
        Component::Exporter,
        &names.exporter,
        EXPORTER_APP,
        Some(vec![port.clone()]),
    );
    let asked_by_agent = policy(
        Component::Exporter,
        &names.exporter,
        EXPORTER_APP,
        Some(vec![
            port.clone(),
            NetworkPolicyIngressRule {
                from: Some(vec![peer_agent]),
                ..port.clone()
            },
        ]),
    );
    let scheduled = policy(Component::Agent, &names.agent, AGENT_APP, None);
    let staying = policy(Component::Agent, &names.agent, AGENT_APP, Some(vec![port]));
    let exporter_on = |mode| {
        Rule::When(Condition::All(vec![
            Condition::Value("networkPolicy.enabled"),
            mode,
        ]))
    };
    let on = |mode| {
        Rule::When(Condition::All(vec![
            in_mode(mode),
            Condition::Value("networkPolicy.enabled"),
        ]))
    };
    Ok(vec![
        Object::new(FILE, &scraped)?
            .follows(Expr::Helper(Helper::ExporterName))
            .with("/spec/ingress/0/from", Rule::Block("networkPolicy.from"))
            .with("", exporter_on(is_scraped()))
            .chart_only(),
        Object::new(FILE, &asked_by_agent)?
            .follows(Expr::Helper(Helper::ExporterName))
            .with("/spec/ingress/0/from", Rule::Block("networkPolicy.from"))
            .with("", exporter_on(exporter::in_mode("standalone")))
            .chart_only(),
        Object::new(FILE, &scheduled)?
            .follows(Expr::Helper(Helper::AgentName))
            .with("", on("cronjob"))
            .chart_only(),
        Object::new(FILE, &staying)?
            .follows(Expr::Helper(Helper::AgentName))
            .with("/spec/ingress/0/from", Rule::Block("networkPolicy.from"))
            .with("", on("deployment"))
            .chart_only(),
    ])
}
