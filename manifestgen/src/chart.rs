//! Names, versions and addresses of the chart.

/// Name of the chart, and of the release that deploy/ is equal to.
pub const NAME: &str = "binbots-k8s";

/// Version of chart and programs: they are released together.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Value of the exporter pods' label `app`. Selectors are immutable, so it never changes.
pub const EXPORTER_APP: &str = "k8s-ai-exporter";

/// Value of the agent pods' label `app`.
pub const AGENT_APP: &str = "k8s-ai-agent";

/// Name of the programs' ports.
pub const PORT_NAME: &str = "metrics";

/// Oldest supported minor version of Kubernetes 1: the first with ValidatingAdmissionPolicy
/// in v1 and with the node's name in pods' tokens.
pub const OLDEST_MINOR: u32 = 30;

/// The project's page: a placeholder, like `your-registry`, for the publisher to replace.
pub const HOME: &str = "https://github.com/your-org/binbots-k8s";

/// Folder of the runbooks, one page for each alert.
pub const RUNBOOKS: &str =
    "https://github.com/your-org/binbots-k8s/blob/main/docs/operations/runbooks";

/// Tag of the images of this version.
pub fn image_tag() -> String {
    format!("v{VERSION}")
}
