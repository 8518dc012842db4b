//! The client of these tests: the one that the programs use.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use testbed::Running;
use webclient::{BaseUrl, CaBundle, Caps, Client, Credentials, Failure, Header, Secret, Settings};

pub(crate) const RESOURCE: &str = "/api/v1/nodes/node-a/proxy/metrics/resource";
pub(crate) const CADVISOR: &str = "/api/v1/nodes/node-a/proxy/metrics/cadvisor";

/// Beyond what any test waits for, but for those that wait for its passing.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) const CAPS: Caps = Caps {
    compressed: 4 << 20,
    decompressed: 16 << 20,
};

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<Duration>,
    /// Bytes of the body as sent.
    pub(crate) received: u64,
    /// The body, decompressed.
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

/// A client that trusts the CA file as it is now.
pub(crate) fn client(cluster: &Running) -> Client {
    client_of(&cluster.url(), cluster.ca_file(), DEADLINE)
}

/// A client that soon gives up, for answers that never end.
pub(crate) fn impatient(cluster: &Running) -> Client {
    let deadline = Duration::from_millis(300);
    client_of(&cluster.url(), cluster.ca_file(), deadline)
}

pub(crate) fn client_of(url: &str, ca_file: &Path, deadline: Duration) -> Client {
    let ca_bundle = if url.starts_with("https:") {
        CaBundle::from_file(ca_file).expect("a CA file")
    } else {
        CaBundle::none()
    };
    Client::new(Settings {
        base: BaseUrl::parse(url).expect("a URL"),
        ca_bundle,
        identity: None,
        credentials: Credentials::None,
        headers: Vec::new(),
        user_agent: "testbed-test",
        deadline,
        connect_deadline: deadline,
        keep_idle: Duration::from_secs(30),
    })
}

/// The token as it is in its file now.
pub(crate) fn token(file: &Path) -> Secret {
    Secret::new(std::fs::read_to_string(file).expect("a token file"))
}

/// Sends a request on a connection of its own, with the token of the file.
pub(crate) fn get(cluster: &Running, path: &str) -> Result<Answer, Failure> {
    get_as(cluster, path, "*/*")
}

pub(crate) fn get_as(cluster: &Running, path: &str, accept: &str) -> Result<Answer, Failure> {
    let token = token(cluster.token_file());
    ask(&client(cluster), path, accept, Some(&token))
}

pub(crate) fn ask(
    client: &Client,
    path: &str,
    accept: &str,
    token: Option<&Secret>,
) -> Result<Answer, Failure> {
    let bearer = token.map(Header::bearer);
    let mut response = client.get(path, accept, bearer.as_slice(), CAPS)?;
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

/// All bytes that a cluster without TLS answers to these.
pub(crate) fn send_raw(cluster: &Running, request: &str) -> Vec<u8> {
    let mut stream = connect(cluster);
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}

/// A connection to a cluster without TLS.
pub(crate) fn connect(cluster: &Running) -> TcpStream {
    let url = cluster.url();
    let address = url.strip_prefix("http://").expect("plain HTTP");
    TcpStream::connect(address).expect("a connection")
}
