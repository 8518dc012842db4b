//! The client of these tests: the one that the programs use.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use testbed::Running;
use webclient::{Authorities, BaseUrl, Caps, Client, Failure, Secret, Settings};

pub(crate) const RESOURCE: &str = "/api/v1/nodes/node-a/proxy/metrics/resource";
pub(crate) const CADVISOR: &str = "/api/v1/nodes/node-a/proxy/metrics/cadvisor";

/// Beyond what any test waits for, but for those that wait for its passing.
const DEADLINE: Duration = Duration::from_secs(20);

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<Duration>,
    /// Bytes of the body as sent.
    pub(crate) received: u64,
    /// The body, inflated.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// A client that trusts the files as they are now.
pub(crate) fn client(cluster: &Running) -> Client {
    client_with(cluster, &cluster.url(), DEADLINE)
}

pub(crate) fn client_with(cluster: &Running, url: &str, deadline: Duration) -> Client {
    let authorities = if url.starts_with("https:") {
        Authorities::from_file(cluster.ca_file()).expect("a CA file")
    } else {
        Authorities::none()
    };
    Client::new(Settings {
        base: BaseUrl::parse(url).expect("a URL"),
        authorities,
        user_agent: "testbed-test",
        deadline,
        connect_deadline: deadline,
        keep_idle: Duration::from_secs(30),
    })
}

/// The token as it is in its file now.
pub(crate) fn token(cluster: &Running) -> Secret {
    Secret::new(std::fs::read_to_string(cluster.token_file()).expect("a token file"))
}

/// Asks anew, on a connection of its own, with the token of the file.
pub(crate) fn get(cluster: &Running, path: &str) -> Result<Answer, Failure> {
    get_as(cluster, path, "*/*")
}

pub(crate) fn get_as(cluster: &Running, path: &str, accept: &str) -> Result<Answer, Failure> {
    let secured = cluster.url().starts_with("https:");
    let token = secured.then(|| token(cluster));
    ask(&client(cluster), path, accept, token.as_ref())
}

pub(crate) fn ask(
    client: &Client,
    path: &str,
    accept: &str,
    token: Option<&Secret>,
) -> Result<Answer, Failure> {
    let caps = Caps {
        compressed: 16 << 20,
        inflated: 64 << 20,
    };
    let mut response = client.get(path, accept, token, caps)?;
    let mut body = Vec::new();
    response
        .body
        .read_to_end(&mut body)
        .map_err(|error| Failure::from_io(error).expect("a failure of the client's"))?;
    Ok(Answer {
        status: response.status,
        content_type: response.content_type.unwrap_or_default(),
        retry_after: response.retry_after,
        received: response.body.received(),
        body,
    })
}
