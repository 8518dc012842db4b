//! The listening socket: one thread that accepts connections.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use log::warn;
use runtime::process;

use crate::connections::Connections;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::pool::{AcceptedConnection, STACK_BYTES, ThreadPool};
use crate::request::Request;
use crate::response::Response;
use crate::serve::Service;

/// A running server. Dropping it leaves it running; see [`Server::stop`].
#[derive(Debug)]
pub struct Server {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    connections: Arc<Connections>,
}

impl Server {
    /// Answers requests to `listener` with `handler`, which several threads call at once.
    ///
    /// `policy` returns the current policy. It is called for each connection and each request;
    /// a connection that began under another policy ends with its next response.
    ///
    /// # Errors
    /// When the listener has no address, or no thread can be started.
    pub fn start(
        listener: TcpListener,
        mut limits: Limits,
        policy: impl Fn() -> Arc<dyn Policy> + Send + Sync + 'static,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        // The other half is for files and for outgoing requests.
        let descriptors = process::max_open_files().and_then(|max| usize::try_from(max).ok());
        let descriptors = descriptors.unwrap_or(usize::MAX);
        limits.connections = limits.connections.min(descriptors / 2).max(1);
        let max_threads = limits.connections;
        let connections = Arc::new(Connections::new(limits));
        let listener = Arc::new(listener);
        let server = Self {
            listener: Arc::clone(&listener),
            address,
            connections: Arc::clone(&connections),
        };
        let service = Service {
            policy: Box::new(policy),
            handler: Box::new(handler),
        };
        let pool = Arc::new(ThreadPool::new(service, max_threads));
        thread::Builder::new()
            .name("accept".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || accept(&listener, &connections, &pool))?;
        Ok(server)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the number of open connections.
    pub fn open_connections(&self) -> usize {
        self.connections.open()
    }

    /// Accepts no more connections, lets responses in progress finish within `grace`, and
    /// closes all other connections at once.
    pub fn stop(self, grace: Duration) {
        // First, so that the listener's error counts as a stop and not as a failure.
        self.connections.accept_no_more();
        // Unblocks the thread that accepts; otherwise the next connection does.
        let _ = socket2::SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        self.connections.stop(grace);
    }
}

fn accept(listener: &TcpListener, connections: &Arc<Connections>, pool: &Arc<ThreadPool>) {
    let mut warned = false;
    loop {
        let (socket, peer) = match listener.accept() {
            Ok((socket, peer)) => (Arc::new(socket), peer),
            Err(_) if connections.is_stopping() => return,
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                // Once is enough: this may happen many times a second.
                if !warned {
                    warn!("cannot accept a connection: {error}; closing the longest waiting one");
                    warned = true;
                }
                connections.relieve();
                continue;
            }
        };
        let Some(slot) = connections.admit(Arc::clone(&socket), peer.ip()) else {
            return;
        };
        if let Err(error) = pool.serve(AcceptedConnection { socket, peer, slot }) {
            warn!("no thread for a connection: {error}");
        }
    }
}
