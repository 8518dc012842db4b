//! The listening side: one thread that accepts.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use log::warn;

use crate::Limits;
use crate::connections::Connections;
use crate::conversation::Service;
use crate::crew::{Crew, STACK_BYTES, Seated};
use crate::protection::Protection;
use crate::request::Request;
use crate::response::Response;

/// A running server. Dropping it leaves it running; see [`Server::stop`].
#[derive(Debug)]
pub struct Server {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    connections: Arc<Connections>,
}

impl Server {
    /// Answers requests to `listener` by `handler`, which several threads call at once, for
    /// those whom `protection` lets in.
    ///
    /// # Errors
    /// When the listener has no address, or no thread can be started.
    pub fn start(
        listener: TcpListener,
        mut limits: Limits,
        protection: Protection,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        // The other half is for files, and for whom the program itself asks.
        let descriptors = fs::read_to_string("/proc/self/limits")
            .ok()
            .and_then(|limits| max_open_files(&limits))
            .unwrap_or(usize::MAX);
        limits.connections = limits.connections.min(descriptors / 2).max(1);
        let most = limits.connections;
        let connections = Arc::new(Connections::new(limits));
        let listener = Arc::new(listener);
        let server = Self {
            listener: Arc::clone(&listener),
            address,
            connections: Arc::clone(&connections),
        };
        let service = Service {
            protection,
            handler: Box::new(handler),
        };
        let crew = Arc::new(Crew::new(service, most));
        thread::Builder::new()
            .name("accept".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || accept(&listener, &connections, &crew))?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.connections.open()
    }

    /// Accepts no more connections, lets answers under way be finished within `grace`,
    /// and closes all others at once.
    pub fn stop(self, grace: Duration) {
        // First: a listener that fails while nobody stops is a reason to close connections.
        self.connections.accept_no_more();
        // Wakes the thread that accepts; if it cannot, the next connection will.
        let _ = socket2::SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        self.connections.stop(grace);
    }
}

fn accept(listener: &TcpListener, connections: &Arc<Connections>, crew: &Arc<Crew>) {
    let mut warned = false;
    loop {
        let (socket, peer) = match listener.accept() {
            Ok((socket, peer)) => (Arc::new(socket), peer),
            Err(_) if connections.is_stopping() => return,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                // Once is enough: descriptors come and go many times a second.
                if !warned {
                    warn!("cannot accept a connection: {error}; closing the oldest for it");
                    warned = true;
                }
                connections.relieve();
                continue;
            }
        };
        let Some(place) = connections.admit(Arc::clone(&socket), peer.ip()) else {
            return;
        };
        if let Err(error) = crew.serve(Seated {
            socket,
            peer,
            place,
        }) {
            warn!("no thread for a connection: {error}");
        }
    }
}

/// The soft limit in the text of `/proc/self/limits`.
fn max_open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
