//! Name resolution, skipped if the host is an IP address.

use std::net::{IpAddr, SocketAddr};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Returns IP addresses as they are, and resolves names with a deadline, which costs a
/// thread: too much for each request to the API server, whose host is an IP address in every
/// pod.
#[derive(Debug, Default)]
pub(crate) struct AddressResolver {
    names: DefaultResolver,
}

impl Resolver for AddressResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let Some(address) = address(uri) else {
            return self.names.resolve(uri, config, timeout);
        };
        let mut addresses = self.empty();
        addresses.push(address);
        Ok(addresses)
    }
}

fn address(uri: &Uri) -> Option<SocketAddr> {
    let host = uri.host()?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = host.parse().ok()?;
    let default = match uri.scheme_str()? {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    Some(SocketAddr::new(address, uri.port_u16().unwrap_or(default)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_resolve_to_the_default_port() {
        for (uri, expected) in [
            ("https://10.0.0.1/x", Some("10.0.0.1:443")),
            ("http://10.0.0.1/x", Some("10.0.0.1:80")),
            ("https://[fd00::1]:6443/x", Some("[fd00::1]:6443")),
            ("https://kubernetes.default.svc/x", None),
        ] {
            let uri: Uri = uri.parse().expect("a URI");
            assert_eq!(
                address(&uri),
                expected.map(|a| a.parse().expect("an address"))
            );
        }
    }
}
