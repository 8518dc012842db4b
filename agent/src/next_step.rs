//! The next step after a failed query, for error messages of reports and of doctor.

use std::io::ErrorKind;

use promql::QueryError;
use webclient::Failure;

/// Returns the next step for errors that usually have one cause.
pub fn after(error: &QueryError) -> Option<String> {
    let step = match error {
        QueryError::Failure(failure) => return after_failure(failure),
        QueryError::Status {
            redirect: Some(redirect),
            ..
        } => {
            let url = redirect.base.as_deref();
            return Some(url.map_or_else(
                || "redirects are not followed: set --prometheus-url to the URL that it redirects to; if that is a login page, use an address without login".to_owned(),
                |url| format!("redirects are not followed: set --prometheus-url {url}"),
            ));
        }
        QueryError::Status {
            status, message, ..
        } => match status {
            // Go's HTTP servers and nginx mention HTTPS in this error.
            400 if message.contains("HTTPS") => {
                "the server uses TLS: change http:// to https:// in --prometheus-url"
            }
            401 | 403 => {
                "check the credentials and their rights: --bearer-token-file, --basic-auth-user with --basic-auth-password-file, or the tenant: --header 'X-Scope-OrgID: team'"
            }
            404 | 405 => {
                "no query API at this path: add the path prefix of the API to --prometheus-url: /prometheus for Mimir, /select/0/prometheus for a VictoriaMetrics cluster, or that of --web.external-url"
            }
            414 => {
                "the query is too long for GET: allow POST, or shorten --cpu-query and --memory-query"
            }
            502 | 504 => {
                "a proxy got no answer from the backend: check that the backend is up, and the proxy's target address and timeout"
            }
            503 => {
                "the backend, or one behind a proxy, is not ready: check that the backend is up and not overloaded, and its log"
            }
            429 | 500.. => "check that the backend is up and not overloaded, and its log",
            _ => return None,
        },
        QueryError::NotJson { .. } | QueryError::Defect(_) => return None,
        QueryError::OutOfTime(_) => "raise --deadline",
    };
    Some(step.to_owned())
}

fn after_failure(failure: &Failure) -> Option<String> {
    let step = match failure {
        Failure::NameNotFound { host } => return Some(after_unknown_name(host)),
        Failure::Connect { source, .. } if source.kind() == ErrorKind::ConnectionReset => {
            "check the port; if the server uses TLS, the URL in --prometheus-url starts with https://"
        }
        Failure::Connect { .. } => {
            "check the port (Prometheus 9090, Thanos Query 9090 or 10902, Mimir 8080, VictoriaMetrics 8428 or 8481), that the backend or `kubectl port-forward` is running, and NetworkPolicies between the agent and the backend"
        }
        Failure::Timeout { .. } => {
            "check firewalls and NetworkPolicies that drop packets; for a slow backend raise --timeout"
        }
        Failure::Tls { .. } => {
            "set --ca-file for a private CA, --client-cert-file for a client certificate, or a name of the certificate in --prometheus-url"
        }
        Failure::NoTls { .. } => {
            "change https:// to http:// in --prometheus-url, or set the port that uses TLS"
        }
        Failure::Protocol(_) => {
            "check the port; if the server uses TLS, change http:// to https:// in --prometheus-url"
        }
        _ => return None,
    };
    Some(step.to_owned())
}

/// Returns the next step for an unknown host. Names of Services resolve only in their cluster.
fn after_unknown_name(host: &str) -> String {
    let mut parts = host.split('.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(service), Some(namespace), Some("svc")) => format!(
            "outside the cluster run `kubectl port-forward -n {namespace} svc/{service} 9090` and set --prometheus-url http://127.0.0.1:9090; inside, `kubectl get services -A` lists the names"
        ),
        _ => "check the host in --prometheus-url; a service needs its namespace, such as http://prometheus-operated.monitoring.svc:9090: `kubectl get services -A` lists them".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_lead_to_port_forward() {
        let step = |host: &str| {
            after_failure(&Failure::NameNotFound {
                host: host.to_owned(),
            })
            .expect("a step")
        };
        for host in ["prom.mon.svc", "prom.mon.svc.cluster.local"] {
            let expected = "outside the cluster run `kubectl port-forward -n mon svc/prom 9090`";
            assert!(step(host).starts_with(expected), "{}", step(host));
        }
        for host in ["prometheus", "prometheus.example.org"] {
            assert!(step(host).starts_with("check the host"), "{}", step(host));
        }
    }
}
