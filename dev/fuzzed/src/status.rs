//! The reader of the API server's refusals.

use k8s_ai_exporter::apiserver::{Server, read_refusal};

/// For each refusal and server the message is one short line, and only a 404
/// of the API server takes a node's values away.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for server in [Server::ApiServer, Server::Kubelet] {
        for status in [401, 403, 404, 422, 429, 500, 503] {
            for media_type in ["application/json", "text/plain", "text/html"] {
                let error = read_refusal(status, media_type, &text, server);
                let message = &error.message;
                assert!(message.starts_with(&format!("HTTP {status}")), "{message}");
                assert!(!message.chars().any(char::is_control), "{message:?}");
                assert!(message.chars().count() <= 600, "{message}");
                assert!(!error.node_gone || (status == 404 && server == Server::ApiServer));
            }
        }
    }
}
