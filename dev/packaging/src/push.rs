//! Carries an OCI layout to a registry, over the registry's plain HTTP API.
//!
//! In scope: the order of things (an image before the index that names it), who
//! we are, and what to say when the registry refuses. Out of scope: the protocol
//! itself, which is crate oci-client's.

use std::fmt;
use std::path::Path;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use serde_json::Value;

use crate::layout::{BadLayout, Layout};

/// A registry, and how it is reached.
#[derive(Debug)]
pub struct Registry {
    /// Whether it is spoken to without TLS.
    pub plain_http: bool,
    /// An authority to trust beside the system's: PEM.
    pub ca: Option<Vec<u8>>,
    /// Who we are.
    pub auth: RegistryAuth,
}

/// Why a push came to nothing.
#[derive(Debug)]
pub enum PushError {
    /// The layout is not whole.
    Layout(BadLayout),
    /// The registry refuses, or cannot be reached.
    Registry {
        /// What was being done.
        doing: String,
        /// What came of it.
        source: Box<OciDistributionError>,
    },
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(bad) => bad.fmt(f),
            Self::Registry { doing, source } => write!(f, "cannot {doing}: {source}"),
        }
    }
}

impl std::error::Error for PushError {}

impl From<BadLayout> for PushError {
    fn from(bad: BadLayout) -> Self {
        Self::Layout(bad)
    }
}

/// Pushes the image in the layout `folder` as `to`, which has a tag. Returns the
/// digest of its index; `progress` is told what is done.
///
/// # Errors
/// When the layout is not whole, or the registry refuses.
pub async fn push(
    folder: &Path,
    to: &Reference,
    registry: &Registry,
    progress: &mut dyn FnMut(&str),
) -> Result<String, PushError> {
    let layout = Layout::open(folder);
    let root = layout.root()?;
    let target = Target {
        client: client(registry),
        to,
    };
    target.sign_in(&registry.auth).await?;
    for image in root.document["manifests"].as_array().into_iter().flatten() {
        let manifest = layout.document(image)?;
        let layers = manifest.document["layers"].as_array().into_iter().flatten();
        for descriptor in layers.chain([&manifest.document["config"]]) {
            let blob = layout.blob(descriptor)?;
            progress(&format!(
                "{to}: {} bytes, {}",
                blob.bytes.len(),
                blob.digest
            ));
            target.push_blob(&blob.digest, blob.bytes).await?;
        }
        let by_digest = to.clone_with_digest(manifest.digest.clone());
        target
            .push_manifest(&by_digest, manifest.bytes, &image["mediaType"])
            .await?;
    }
    let digest = root.digest.clone();
    target
        .push_manifest(to, root.bytes, &root.document["mediaType"])
        .await?;
    Ok(digest)
}

fn client(registry: &Registry) -> Client {
    // Chosen once a process; that somebody else was first changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = |pem: &Vec<u8>| Certificate {
        encoding: CertificateEncoding::Pem,
        data: pem.clone(),
    };
    Client::new(ClientConfig {
        protocol: match registry.plain_http {
            true => ClientProtocol::Http,
            false => ClientProtocol::Https,
        },
        extra_root_certificates: registry.ca.iter().map(authority).collect(),
        // Whole blobs: they are small, and every registry takes them.
        use_monolithic_push: true,
        user_agent: concat!("binbots-packaging/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
}

struct Target<'a> {
    client: Client,
    to: &'a Reference,
}

impl Target<'_> {
    async fn sign_in(&self, auth: &RegistryAuth) -> Result<(), PushError> {
        let token = self.client.auth(self.to, auth, RegistryOperation::Push);
        token
            .await
            .map(|_| ())
            .map_err(failed(format!("sign in to {}", self.to.registry())))
    }

    async fn push_blob(&self, digest: &str, bytes: Vec<u8>) -> Result<(), PushError> {
        let present = self.client.blob_exists(self.to, digest).await;
        if present.map_err(failed(format!("ask for {digest}")))? {
            return Ok(());
        }
        let pushed = self.client.push_blob(self.to, bytes, digest).await;
        pushed
            .map(|_| ())
            .map_err(failed(format!("push {digest} to {}", self.to)))
    }

    async fn push_manifest(
        &self,
        to: &Reference,
        bytes: Vec<u8>,
        media_type: &Value,
    ) -> Result<(), PushError> {
        let media_type = media_type.as_str().unwrap_or_default().parse();
        let media_type = media_type.expect("layouts are checked for plain media types");
        let pushed = self.client.push_manifest_raw(to, bytes, media_type).await;
        pushed.map(|_| ()).map_err(failed(format!("push {to}")))
    }
}

fn failed(doing: String) -> impl FnOnce(OciDistributionError) -> PushError {
    |source| PushError::Registry {
        doing,
        source: Box::new(source),
    }
}
