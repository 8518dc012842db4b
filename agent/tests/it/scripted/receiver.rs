//! A receiver of messages: keeps what arrives, answers by a closure of the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Queue, Sender, channel};
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One message as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Request line without the version: `POST /services/T0`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
}

impl Sent {
    /// The value of a header that is there once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(n, _)| n == name);
        let (_, value) = values.next().unwrap_or_else(|| panic!("{name}: {self:?}"));
        assert!(values.next().is_none(), "{name} twice: {self:?}");
        value
    }

    /// Returns `true` if there is such a header.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n == name)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// The response to a message.
pub(crate) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Keeps the connection open without an answer.
    Nothing,
    /// Answers 500 with an endless body.
    Endless,
}

impl Reply {
    /// A whole answer.
    pub(crate) fn status(status: &str, headers: &str, body: &str) -> Self {
        Self::Bytes(super::Answer::new(status, headers, body).0)
    }

    /// The response of Slack and others to a success.
    pub(crate) fn ok() -> Self {
        Self::status("200 OK", "", "ok")
    }
}

/// A running receiver. Its threads end with the test's process.
pub(crate) struct Receiver {
    /// `http://127.0.0.1:<port>`, or with `https`.
    pub(crate) url: String,
    sent: Queue<Sent>,
}

impl Receiver {
    /// Answers each message by `reply`, which gets it and the number of messages before.
    pub(crate) fn start(reply: impl Fn(usize, &Sent) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen("http", reply, |stream, serve| serve(Box::new(stream)))
    }

    /// The same over TLS, and the certificate to trust, in PEM form.
    pub(crate) fn start_tls(
        reply: impl Fn(usize, &Sent) -> Reply + Send + Sync + 'static,
    ) -> (Self, String) {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
            .and_then(|params| params.self_signed(&key))
            .expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("a key that fits");
        let config = Arc::new(config);
        let receiver = Self::listen("https", reply, move |stream, serve| {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a configuration");
            serve(Box::new(StreamOwned::new(connection, stream)));
        });
        (receiver, certificate.pem())
    }

    fn listen(
        scheme: &str,
        reply: impl Fn(usize, &Sent) -> Reply + Send + Sync + 'static,
        wrap: impl Fn(TcpStream, &dyn Fn(Box<dyn Stream>)) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("{scheme}://{}", listener.local_addr().expect("bound"));
        let (sender, sent) = channel();
        let (reply, wrap) = (Arc::new(reply), Arc::new(wrap));
        thread::spawn(move || {
            for (before, stream) in listener.incoming().enumerate() {
                let stream = stream.expect("a connection");
                let (reply, wrap, sender) = (Arc::clone(&reply), Arc::clone(&wrap), sender.clone());
                thread::spawn(move || {
                    wrap(stream, &|stream| {
                        serve(stream, &sender, &|sent| reply(before, sent));
                    });
                });
            }
        });
        Self { url, sent }
    }

    /// The messages that have arrived whole.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.try_iter().collect()
    }

    /// The only message.
    pub(crate) fn only(&self) -> Sent {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:#?}");
        sent.remove(0)
    }
}

/// A connection, encrypted or not.
trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

fn serve(stream: Box<dyn Stream>, sender: &Sender<Sent>, reply: &dyn Fn(&Sent) -> Reply) {
    let mut stream = BufReader::new(stream);
    // A client that does not trust us goes without a word.
    let Some(sent) = read(&mut stream) else {
        return;
    };
    let reply = reply(&sent);
    let _ = sender.send(sent);
    let stream = stream.get_mut();
    // The program may leave when it has seen enough.
    let _ = match reply {
        Reply::Bytes(bytes) => stream.write_all(&bytes).and_then(|()| stream.flush()),
        Reply::Nothing => stream.read_to_end(&mut Vec::new()).map(|_| ()),
        Reply::Endless => stream
            .write_all(b"HTTP/1.1 500 No\r\nContent-Length: 9999999999\r\n\r\n")
            .and_then(|()| {
                loop {
                    stream.write_all(&[b'x'; 4096])?;
                }
            }),
    };
}

fn read(stream: &mut impl BufRead) -> Option<Sent> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let line = lines.remove(0).trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).expect("UTF-8");
    Some(Sent {
        line,
        headers,
        body,
    })
}
