//! Listen addresses: their text form, and opening the port.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::str::FromStr;

/// Connections that the kernel queues until they are accepted. The standard library's 128 are
/// used up at once in a flood, and further clients retry after a second.
const BACKLOG: i32 = 4096;

/// An address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenAddress {
    /// All addresses, IPv6 included if the machine has it.
    Any(u16),
    /// One address.
    One(SocketAddr),
}

impl ListenAddress {
    /// Opens the port.
    ///
    /// # Errors
    /// When the address cannot be bound; the message names it.
    pub fn bind(self) -> io::Result<TcpListener> {
        self.bound()
            .and_then(|listener| {
                socket2::SockRef::from(&listener).listen(BACKLOG)?;
                Ok(listener)
            })
            .map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {self}: {error}"))
            })
    }

    fn bound(self) -> io::Result<TcpListener> {
        match self {
            Self::One(address) => TcpListener::bind(address),
            // One IPv6 socket accepts IPv4 connections too. Without IPv6 on the machine,
            // IPv4 only.
            Self::Any(port) => TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))
                .or_else(|error| match error.kind() {
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                    _ => TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
                }),
        }
    }
}

impl FromStr for ListenAddress {
    /// The expected form.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "an address such as :9100, 127.0.0.1:9100 or [::1]:9100";
        match text.strip_prefix(':') {
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
                port.parse().map(Self::Any).map_err(|_| EXPECTED)
            }
            _ => text.parse().map(Self::One).map_err(|_| EXPECTED),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(port) => write!(f, ":{port}"),
            Self::One(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn any_address_accepts_ipv4_and_ipv6() {
        let listener = ListenAddress::Any(0).bind().expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("IPv4");
        if listener.local_addr().expect("bound").is_ipv6() {
            TcpStream::connect((Ipv6Addr::LOCALHOST, port)).expect("IPv6");
        }
        let error = ListenAddress::Any(port).bind().expect_err("taken");
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot listen on :{port}: ")),
            "{error}"
        );
    }

    #[test]
    fn listen_address_round_trips() {
        for text in [":9100", ":0", "127.0.0.1:9100", "[::1]:9100"] {
            let address: ListenAddress = text.parse().expect("an address");
            assert_eq!(address.to_string(), text);
        }
        for text in [
            "9100",
            ":",
            ":65536",
            ":+1",
            "localhost:9100",
            "::1:9100",
            "",
        ] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
