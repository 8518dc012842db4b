//! JSON reports for any receiver, signed if there is a key.
//!
//! Two signatures, both HMAC-SHA256 with the line of the key file:
//! - `X-Binbots-Signature-256` over the body alone, in the form of GitHub's
//!   `X-Hub-Signature-256`, for receivers that know that one.
//! - `webhook-id`, `webhook-timestamp` and `webhook-signature` as the Standard Webhooks
//!   specification 1.0 has them (<https://www.standardwebhooks.com>): the signature
//!   covers identifier and time too, so neither can be put on an old message.
//!
//! Invariant: signatures are those that other implementations compute (held by
//! `signatures_match_other_implementations`).

use std::path::PathBuf;
use std::time::SystemTime;

use analysis::report::Report;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quantity::Timestamp;
use ring::hmac;
use runtime::random;
use webclient::{CaBundle, Credentials, Header, Secret, SecretFile};

use super::delivery::{Address, DeliveryError, Message, Receiver, Sink};

/// The configuration of a receiver of JSON reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file with the URL.
    pub url_file: PathBuf,
    /// The file with the key of the signature, if reports are signed.
    pub secret_file: Option<PathBuf>,
}

#[derive(Debug)]
struct Webhook {
    receiver: Receiver,
    key: Option<SecretFile>,
}

pub(super) fn open(config: &Config, ca_bundle: CaBundle) -> Box<dyn Sink> {
    Box::new(Webhook {
        receiver: Receiver {
            address: Address::Webhook(SecretFile::password(config.url_file.clone())),
            ca_bundle,
            credentials: Credentials::None,
        },
        key: config.secret_file.clone().map(SecretFile::password),
    })
}

impl Webhook {
    fn key(&self) -> Result<Option<Secret>, DeliveryError> {
        Ok(self.key.as_ref().map(SecretFile::current).transpose()?)
    }
}

impl Sink for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn check(&self) -> Result<(), DeliveryError> {
        self.receiver.check()?;
        self.key().map(|_| ())
    }

    fn messages(&self, report: &Report) -> Result<Vec<Message>, DeliveryError> {
        let key = self.key()?;
        // The same for each attempt: a receiver may have taken one whose answer was lost.
        let id = random::id();
        let body = serde_json::to_vec(report)
            .expect("a report has string keys and writes to memory: nothing can fail");
        Ok(vec![Message {
            headers: Box::new(move |body| {
                headers(&id, SystemTime::now().into(), body, key.as_ref())
            }),
            ..Message::json("", body)
        }])
    }
}

/// Formats bytes in lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn headers(id: &str, now: Timestamp, body: &[u8], key: Option<&Secret>) -> Vec<Header> {
    let time = now.unix().to_string();
    let mut headers = vec![("webhook-id", id.to_owned()), ("webhook-timestamp", time)];
    if let Some(key) = key {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.reveal().as_bytes());
        let of_body = hmac::sign(&key, body);
        let mut of_all = hmac::Context::with_key(&key);
        of_all.update(format!("{id}.{}.", now.unix()).as_bytes());
        of_all.update(body);
        headers.push((
            "X-Binbots-Signature-256",
            format!("sha256={}", hex(of_body.as_ref())),
        ));
        headers.push((
            "webhook-signature",
            format!("v1,{}", STANDARD.encode(of_all.sign())),
        ));
    }
    headers
        .into_iter()
        .map(|(name, value)| {
            Header::new(name, &value).expect("names, digits and signatures are printable ASCII")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_match_other_implementations() {
        // Key, body and signature are GitHub's own example; the other signature is
        // Python's `hmac` over `msg_1.1795331580.Hello, World!`.
        let key = Secret::new("It's a Secret to Everybody".to_owned());
        let now = Timestamp::from_unix(1_795_331_580);
        let signed = headers("msg_1", now, b"Hello, World!", Some(&key));
        let expected = [
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1795331580"),
            (
                "X-Binbots-Signature-256",
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            ),
            (
                "webhook-signature",
                "v1,85VZOla11USAmq4jnBJo+eXaokoqEDnNBUqF41J8/sg=",
            ),
        ];
        let expected = expected.map(|(name, value)| Header::new(name, value).expect("a header"));
        assert!(signed == expected);
        assert!(headers("msg_1", now, b"", None) == expected[..2]);
    }
}
