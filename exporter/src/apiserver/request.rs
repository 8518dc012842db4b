//! Bounded GETs to the API server and to kubelets.
//!
//! Invariants: an incomplete body is never used (held by `incomplete_bodies_are_discarded` in
//! e2e), and no kubelet gets a token before its certificate is verified
//! (`foreign_kubelet_gets_no_token`).

use std::io::Read;

use contract::{AddressType, Reason};
use exposition::read::{Consumer, Reader};
use log::debug;
use serde::de::DeserializeSeed;
use webclient::{BaseUrl, Caps, Failure, Header, Response};

use super::error::{ScrapeError, read_error};
use super::refusal;
use super::wire::{self, CHUNK_BYTES, NodeAnswer};
use crate::credentials::Credentials;
use crate::nodes::NodeName;

pub(super) const MIB: u64 = 1024 * 1024;

/// Limits for metrics: up to 25 MB of cAdvisor text for 500 pods, a sixth of it compressed.
const EXPOSITION_CAPS: Caps = Caps {
    compressed: 64 * MIB,
    decompressed: 256 * MIB,
};

/// Limits for objects: a node object with its images has up to 100 KB, a node's pods 160 KB.
pub(super) const JSON_CAPS: Caps = Caps {
    compressed: 16 * MIB,
    decompressed: 32 * MIB,
};

/// Without the version parameter a kubelet may answer in protobuf.
const ACCEPT_EXPOSITION: &str = "text/plain;version=0.0.4";
const ACCEPT_JSON: &str = "application/json";

/// The path to a kubelet.
#[derive(Debug, Clone)]
pub enum Way<'a> {
    /// Through the API server's proxy.
    Proxy {
        /// For the API server.
        credentials: &'a Credentials,
        /// The kubelet's node.
        node: &'a NodeName,
    },
    /// Directly, at its own address.
    Kubelet {
        /// For kubelets.
        credentials: &'a Credentials,
        /// The kubelet's origin.
        origin: BaseUrl,
        /// The kubelet's node, which its certificate may name in place of the address.
        node: &'a NodeName,
    },
}

impl Way<'_> {
    /// Reads an endpoint of the kubelet into `consumer`. Adds the received bytes to `bytes`,
    /// also after a failure.
    ///
    /// # Errors
    /// When no complete exposition arrived: the samples in `consumer` are invalid then.
    pub fn exposition(
        self,
        path: &str,
        consumer: &mut dyn Consumer,
        bytes: &mut u64,
    ) -> Result<(), ScrapeError> {
        let (credentials, kubelet, url) = match self {
            Self::Proxy { credentials, node } => {
                let url = format!("/api/v1/nodes/{node}/proxy{path}");
                (credentials, None, url)
            }
            Self::Kubelet {
                credentials,
                origin,
                node,
            } => (credentials, Some((origin, node)), path.to_owned()),
        };
        let mut response = get(
            credentials,
            kubelet,
            &url,
            ACCEPT_EXPOSITION,
            EXPOSITION_CAPS,
            bytes,
        )?;
        expect_type(&response, "text/plain")?;
        let result = stream(&mut response, consumer);
        *bytes += response.body.received();
        result
    }
}

/// Reads a node object, with the kubelet's address of the first of these types that it has.
///
/// # Errors
/// When it did not arrive whole, or is no node object.
pub fn node(
    credentials: &Credentials,
    node: &NodeName,
    types: &[AddressType],
    bytes: &mut u64,
) -> Result<NodeAnswer, ScrapeError> {
    // From the API server's cache, without a read of etcd.
    let url = format!("/api/v1/nodes/{node}?resourceVersion=0");
    let form = std::marker::PhantomData::<wire::Node>;
    json(credentials, &url, ACCEPT_JSON, JSON_CAPS, form, bytes)?.read(types)
}

pub(super) fn json<'de, S: DeserializeSeed<'de>>(
    credentials: &Credentials,
    url: &str,
    accept: &str,
    caps: Caps,
    form: S,
    bytes: &mut u64,
) -> Result<S::Value, ScrapeError> {
    let mut response = get(credentials, None, url, accept, caps, bytes)?;
    expect_type(&response, "application/json")?;
    let parsed = wire::read(&mut response.body, form);
    *bytes += response.body.received();
    parsed.map_err(|error| {
        if error.is_io() {
            read_error(error.into())
        } else if error.is_eof() {
            ScrapeError::new(Reason::Truncated, format!("the JSON ended early: {error}"))
        } else {
            ScrapeError::new(Reason::Json, format!("not the requested JSON: {error}"))
        }
    })
}

/// Sends a GET to the API server, or to a node's kubelet at its origin. Sends it again after a
/// 401, since the token may have rotated since it was read, and after a TLS failure if the
/// CA file has changed. Returns a response with status 200.
fn get(
    credentials: &Credentials,
    kubelet: Option<(BaseUrl, &NodeName)>,
    url: &str,
    accept: &str,
    caps: Caps,
    bytes: &mut u64,
) -> Result<Response, ScrapeError> {
    let server = match kubelet {
        None => refusal::Server::ApiServer,
        Some(_) => refusal::Server::Kubelet,
    };
    let mut again = true;
    loop {
        let current = credentials
            .current()
            .map_err(|missing| ScrapeError::new(Reason::Credentials, missing.to_string()))?;
        let at;
        let client = match &kubelet {
            None => &*current.client,
            Some((origin, node)) => {
                at = current.client.at(origin.clone(), Some(node.as_str()));
                &at
            }
        };
        debug!("GET {}", client.base().join(url));
        let bearer = current.token.as_ref().map(Header::bearer);
        let mut response = match client.get(url, accept, bearer.as_slice(), caps) {
            Ok(response) => response,
            Err(Failure::Tls { .. }) if again && credentials.replaced(&current.client) => {
                again = false;
                continue;
            }
            Err(failure) => return Err(refusal::failed(failure, server)),
        };
        if response.status == 200 {
            return Ok(response);
        }
        let refusal = refusal::of(&mut response, server);
        *bytes += response.body.received();
        if response.status == 401 && again {
            again = false;
            continue;
        }
        return Err(refusal);
    }
}

fn stream(response: &mut Response, consumer: &mut dyn Consumer) -> Result<(), ScrapeError> {
    let mut reader = Reader::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match response.body.read(&mut chunk).map_err(read_error)? {
            0 => break,
            count => reader.push(&chunk[..count], consumer),
        }
    }
    reader.finish(consumer);
    Ok(())
}

fn expect_type(response: &Response, expected: &str) -> Result<(), ScrapeError> {
    let found = response.media_type();
    if found == expected {
        return Ok(());
    }
    Err(ScrapeError::new(
        Reason::ContentType,
        format!(
            "expected a body of type {expected}, got {:?}",
            response.content_type.as_deref().unwrap_or("none")
        ),
    ))
}
