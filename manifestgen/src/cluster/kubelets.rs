//! Recommendation for or against `exporter.via=kubelet`, with its reasons.
//!
//! In scope, from the administrator's machine: node objects, the CA bundle of the pods, the
//! kubelets' configuration through the API server, and the kubelets' certificates, verified
//! by the exporter's own client if this machine can reach the nodes. No token is sent to a
//! kubelet. Out of scope: whether pods reach the kubelets' port; `helm test` shows that.

use std::path::Path;
use std::time::Duration;

use contract::AddressType;
use kube::Client;
use serde_json::Value;
use webclient::{BaseUrl, CaBundle, Caps, Credentials, Settings};

use super::{Failure, Row, Verdict, get};
use crate::values::Values;

/// Number of nodes to probe, spread over the list.
const SAMPLE: usize = 5;
/// Deadline of a probe.
const PROBE: Duration = Duration::from_secs(3);
/// ConfigMap of every namespace with the CA bundle that pods have as `ca.crt`.
const CA_CONFIG_MAP: &str = "kube-root-ca.crt";

const SUBJECT: &str = "exporter.via=kubelet";
const STAY: &str = "keep exporter.via=proxy, and block port 10250 of the nodes for pods";

/// Returns the recommendation, after its obstacles.
///
/// # Errors
/// When the cluster does not answer.
pub(super) async fn rows(client: &Client, values: &Values) -> Result<Vec<Row>, Failure> {
    let unknown = |why: String| vec![note(format!("cannot be checked: {why}"))];
    let nodes = match get(client, "/api/v1/nodes?limit=500").await? {
        Ok(list) => list["items"].as_array().cloned().unwrap_or_default(),
        Err(refusal) => return Ok(unknown(refusal.message)),
    };
    let ca = match ca_bundle(client, &values.namespace).await? {
        Ok(ca) => ca,
        Err(why) => return Ok(unknown(why)),
    };
    let wanted = values.exporter.kubelet_address_types.iter();
    let wanted: Vec<AddressType> = wanted.map(|word| word.0).collect();
    let mut probes = Vec::new();
    let step = nodes.len().div_ceil(SAMPLE).max(1);
    for node in nodes.iter().step_by(step) {
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        let configuration = Configuration::of(client, name).await?;
        let (node, wanted, ca) = (node.clone(), wanted.clone(), ca.clone());
        let probe = tokio::task::spawn_blocking(move || probe(&node, &wanted, &ca));
        probes.push((name.to_owned(), configuration, probe));
    }
    let mut examined = Vec::new();
    for (node, configuration, probe) in probes {
        let probed = probe
            .await
            .map_err(|error| Failure::Unreachable(error.to_string()))?;
        examined.push((node, Finding::of(configuration, probed)));
    }
    let mut rows = Vec::new();
    rows.extend(waiting_requests(client).await?);
    rows.push(note(recommendation(&examined, &wanted)));
    Ok(rows)
}

fn names(types: &[AddressType]) -> String {
    let names: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
    names.join(" or ")
}

fn note(found: String) -> Row {
    Row::new(Verdict::Note, SUBJECT, found)
}

/// The CA bundle of the pods' service accounts, as PEM.
async fn ca_bundle(client: &Client, namespace: &str) -> Result<Result<String, String>, Failure> {
    let mut why = String::new();
    // The namespace may not exist yet; the bundle is the same in every namespace.
    for namespace in [namespace, "kube-system"] {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/{CA_CONFIG_MAP}");
        match get(client, &path).await? {
            Ok(map) => {
                let pem = map["data"]["ca.crt"].as_str().unwrap_or_default();
                return Ok(Ok(pem.to_owned()));
            }
            Err(refusal) => why = refusal.message,
        }
    }
    Ok(Err(why))
}

/// Returns the origin of the node's kubelet at its address of this type.
fn origin(node: &Value, kind: AddressType) -> Option<BaseUrl> {
    let status = &node["status"];
    let port = status["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64();
    let port = port.and_then(|port| u16::try_from(port).ok());
    let port = port.unwrap_or(contract::kubelet::PORT);
    let addresses = status["addresses"].as_array()?.iter();
    addresses
        .filter(|address| address["type"] == kind.name())
        .find_map(|address| BaseUrl::https_host(address["address"].as_str()?, port))
}

/// Probes the kubelet at the address that the exporter would use. If its certificate does not
/// verify there, tries the other types of addresses, and names the first that would work.
fn probe(node: &Value, wanted: &[AddressType], ca: &str) -> Probed {
    let name = node["metadata"]["name"].as_str().unwrap_or_default();
    let used = wanted.iter().find(|kind| origin(node, **kind).is_some());
    let first = match used.and_then(|kind| origin(node, *kind)) {
        Some(origin) => handshake(origin, name, ca),
        None => Probed::Refused(format!("the node object has no {}", names(wanted))),
    };
    let Probed::Refused(why) = first else {
        return first;
    };
    let others = AddressType::ALL.iter().filter(|kind| Some(*kind) != used);
    let works = |kind: &&AddressType| {
        let probed = origin(node, **kind).map(|origin| handshake(origin, name, ca));
        matches!(probed, Some(Probed::Verified))
    };
    Probed::Refused(match { others }.find(works) {
        Some(kind) => format!(
            "{why}; exporter.kubeletAddressTypes={{{}}} would work",
            kind.name()
        ),
        None => why,
    })
}

/// The part of a kubelet's configuration about serving certificates and tokens.
#[derive(Debug, Clone, Copy, Default)]
struct Configuration {
    /// Its certificate is issued by the cluster's signer `kubernetes.io/kubelet-serving`.
    bootstrap: Option<bool>,
    /// Its certificate is a file of the installer.
    file: bool,
    /// It accepts service-account tokens.
    webhook: Option<bool>,
}

impl Configuration {
    /// Reads it through the API server's proxy, with the administrator's permissions.
    async fn of(client: &Client, node: &str) -> Result<Self, Failure> {
        let path = format!("/api/v1/nodes/{node}/proxy/configz");
        Ok(match get(client, &path).await? {
            Err(_) => Self::default(),
            Ok(answer) => {
                let own = &answer["kubeletconfig"];
                Self {
                    bootstrap: Some(own["serverTLSBootstrap"] == true),
                    file: own["tlsCertFile"]
                        .as_str()
                        .is_some_and(|file| !file.is_empty()),
                    webhook: own["authentication"]["webhook"]["enabled"].as_bool(),
                }
            }
        })
    }
}

/// Result of a TLS handshake with a kubelet.
#[derive(Debug)]
enum Probed {
    /// The certificate verifies for the address or the node, and the kubelet answers.
    Verified,
    /// The certificate does not verify, for this reason.
    Refused(String),
    /// There was no handshake, for this reason.
    Unreached(String),
}

/// Connects to the kubelet at `base`, whose certificate may name the node instead.
fn handshake(base: BaseUrl, node: &str, ca: &str) -> Probed {
    let ca_bundle = CaBundle::from_pem(ca.as_bytes(), Path::new(CA_CONFIG_MAP));
    let Ok(ca_bundle) = ca_bundle else {
        return Probed::Unreached(format!("{CA_CONFIG_MAP} holds no certificate"));
    };
    let client = webclient::Client::new(Settings {
        base: base.clone(),
        ca_bundle,
        identity: None,
        credentials: Credentials::None,
        headers: Vec::new(),
        user_agent: "manifestgen",
        deadline: PROBE,
        connect_deadline: PROBE,
        keep_idle: PROBE,
    });
    let caps = Caps {
        compressed: 64 * 1024,
        decompressed: 64 * 1024,
    };
    // Without a token the answer is 401, which is enough: the certificate verified.
    match client
        .at(base, Some(node))
        .get("/healthz", "*/*", &[], caps)
    {
        Ok(_) => Probed::Verified,
        Err(webclient::Failure::Tls { problem, .. }) => Probed::Refused(problem),
        Err(failure) => Probed::Unreached(failure.to_string()),
    }
}

/// Finding about a node.
#[derive(Debug)]
enum Finding {
    Readable,
    NotReadable(String),
    Unknown(String),
}

impl Finding {
    fn of(configuration: Configuration, probed: Probed) -> Self {
        if configuration.webhook == Some(false) {
            return Self::NotReadable(
                "the kubelet accepts no tokens (authentication.webhook is off)".to_owned(),
            );
        }
        match (probed, configuration.bootstrap, configuration.file) {
            (Probed::Verified, ..) => Self::Readable,
            (Probed::Refused(why), ..) => Self::NotReadable(why),
            (Probed::Unreached(_), Some(false), false) => Self::NotReadable(
                "the kubelet's certificate is self-signed (serverTLSBootstrap is off)".to_owned(),
            ),
            (Probed::Unreached(why), Some(true), _) => Self::Unknown(format!(
                "{why}; the kubelet's certificate is of the signer kubernetes.io/kubelet-serving, \
                 by default of the CA that pods have"
            )),
            (Probed::Unreached(why), ..) => Self::Unknown(why),
        }
    }
}

/// Returns the recommendation: the worst finding decides.
fn recommendation(examined: &[(String, Finding)], wanted: &[AddressType]) -> String {
    const TRY: &str = "run helm upgrade with --set exporter.via=kubelet, then helm test, and helm \
                       rollback if it fails";
    let count = examined.len();
    let worst = examined.iter().find_map(|(node, finding)| match finding {
        Finding::NotReadable(why) => Some(format!("not possible now: {node}: {why}; {STAY}")),
        _ => None,
    });
    let uncertain = examined.iter().find_map(|(node, finding)| match finding {
        Finding::Unknown(why) => Some(format!(
            "cannot be decided from this machine: {node}: {why}; to try it, {TRY}"
        )),
        _ => None,
    });
    match worst.or(uncertain) {
        Some(words) => words,
        None if examined.is_empty() => "cannot be checked: the cluster has no nodes".to_owned(),
        None => format!(
            "recommended: {count} of {count} kubelets checked answer at the {} of their node, with \
             certificates that verify against {CA_CONFIG_MAP}, which pods have as ca.crt. Not \
             checked: whether pods can connect to them; {TRY}",
            names(wanted)
        ),
    }
}

/// Returns a row about pending requests for kubelets' serving certificates.
async fn waiting_requests(client: &Client) -> Result<Option<Row>, Failure> {
    const PATH: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests\
                        ?fieldSelector=spec.signerName%3Dkubernetes.io%2Fkubelet-serving";
    let list = get(client, PATH).await?.unwrap_or_default();
    let is_waiting = |request: &&Value| request["status"]["conditions"].is_null();
    let waiting = list["items"].as_array().into_iter().flatten();
    let waiting = waiting.filter(is_waiting).count();
    Ok((waiting > 0).then(|| {
        Row::new(
            Verdict::Note,
            "kubelet certificates",
            format!(
                "{waiting} requests are pending: kubectl get csr, kubectl certificate approve NAME"
            ),
        )
    }))
}
