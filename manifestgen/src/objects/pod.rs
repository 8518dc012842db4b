//! Pods of both programs.

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, EnvVarSource, ObjectFieldSelector, PodSpec, PodTemplateSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::metadata::labels;
use super::names;
use crate::builder::{Builder, Problem};
use crate::chart::{AGENT_APP, EXPORTER_APP, PORT_NAME};
use crate::term::{Term, value};
use crate::values::{Image, Placement, PodSettings};

/// A program's pod, with the values that set it.
pub(super) struct Pod<'a> {
    /// Name of the program, and path of its values.
    program: &'static str,
    app: &'static str,
    settings: &'a PodSettings,
    image: &'a Image,
    account: Term<String>,
    /// Path of the placement.
    place: &'static str,
    placement: &'a Placement,
}

impl<'a> Pod<'a> {
    /// The exporter's pod on the node that it reads.
    pub(super) fn of_exporter(b: &Builder<'a>) -> Self {
        Self {
            program: "exporter",
            app: EXPORTER_APP,
            settings: &b.values.exporter.pod,
            image: &b.values.image.exporter,
            account: names::exporter_account(b.values),
            place: "exporter",
            placement: &b.values.exporter.placement,
        }
    }

    /// The exporter's pod that reads all nodes.
    pub(super) fn of_exporter_for_all_nodes(b: &Builder<'a>) -> Self {
        Self {
            place: "exporter.all_nodes",
            placement: &b.values.exporter.all_nodes.placement,
            ..Self::of_exporter(b)
        }
    }

    /// The agent's pod.
    pub(super) fn of_agent(b: &Builder<'a>) -> Self {
        Self {
            program: "agent",
            app: AGENT_APP,
            settings: &b.values.agent.pod,
            image: &b.values.image.agent,
            account: names::agent_account(b.values),
            place: "agent",
            placement: &b.values.agent.placement,
        }
    }

    /// The container with these variables; arguments, ports and probes are the caller's.
    pub(super) fn container(
        &self,
        b: &Builder<'_>,
        variables: Vec<EnvVar>,
    ) -> Result<Container, Problem> {
        let (program, settings) = (self.program, self.settings);
        let (image, placement) = (self.image, self.placement);
        let pull_policy = value!(format!("image.{program}") => image.pull_policy);
        Ok(Container {
            name: program.to_owned(),
            image: Some(b.text(names::image(program, image))),
            image_pull_policy: Some(b.text(pull_policy.text())),
            env: Some(b.variables(variables, value!(program => settings.env))),
            resources: b.block(value!(self.place => placement.resources))?,
            security_context: b.block(value!(program => settings.security_context))?,
            volume_mounts: b.block(value!(program => settings.volume_mounts))?,
            ..Container::default()
        })
    }

    /// A container that serves a port with metrics and probes.
    pub(super) fn serving(
        &self,
        b: &Builder<'_>,
        port: u16,
        arguments: Vec<String>,
        variables: Vec<EnvVar>,
    ) -> Result<Container, Problem> {
        let (program, settings) = (self.program, self.settings);
        Ok(Container {
            args: Some(b.append(arguments, value!(program => settings.extra_args))?),
            ports: Some(vec![ContainerPort {
                name: Some(PORT_NAME.to_owned()),
                container_port: port.into(),
                protocol: Some("TCP".to_owned()),
                ..ContainerPort::default()
            }]),
            liveness_probe: b.block(value!(program => settings.liveness_probe))?,
            readiness_probe: b.block(value!(program => settings.readiness_probe))?,
            ..self.container(b, variables)?
        })
    }

    /// The spec of a pod that Kubernetes places by node selector and affinity alone.
    pub(super) fn spec(&self, b: &Builder<'_>, container: Container) -> Result<PodSpec, Problem> {
        let (program, settings, placement) = (self.program, self.settings, self.placement);
        let values = b.values;
        Ok(PodSpec {
            service_account_name: Some(b.text(self.account.clone())),
            image_pull_secrets: b.block(value!(values.image_pull_secrets))?,
            node_selector: b.block(value!(program => settings.node_selector))?,
            affinity: b.block(value!(self.place => placement.affinity))?,
            security_context: b.block(value!(program => settings.pod_security_context))?,
            volumes: b.block(value!(program => settings.volumes))?,
            containers: vec![container],
            ..PodSpec::default()
        })
    }

    /// The template of a workload's pods.
    pub(super) fn template(
        &self,
        b: &Builder<'_>,
        container: Container,
    ) -> Result<PodTemplateSpec, Problem> {
        let (program, settings, placement) = (self.program, self.settings, self.placement);
        let own = labels([("app", self.app)]);
        Ok(PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(b.labels(own, vec![value!(program => settings.pod_labels)])),
                annotations: b.block(value!(program => settings.pod_annotations))?,
                ..ObjectMeta::default()
            }),
            spec: Some(PodSpec {
                tolerations: b.block(value!(self.place => placement.tolerations))?,
                priority_class_name: b.optional(value!(program => settings.priority_class_name)),
                ..self.spec(b, container)?
            }),
        })
    }
}

/// An environment variable.
pub(super) fn variable(b: &Builder<'_>, name: &str, value: Term<String>) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(b.text(value)),
        ..EnvVar::default()
    }
}

/// An environment variable from a field of the pod.
pub(super) fn field_variable(name: &str, field_path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: field_path.to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}
