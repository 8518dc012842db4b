//! The listening side: one thread that accepts, and one for each open connection.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use log::{debug, warn};

use crate::Limits;
use crate::connections::{Connections, Place};
use crate::conversation::{Handler, converse};
use crate::request::Request;
use crate::response::Response;

/// Stack of a connection's thread: it touches a few pages of it.
const STACK_BYTES: usize = 512 << 10;

/// A running server. Dropping it leaves it running; see [`Server::stop`].
#[derive(Debug)]
pub struct Server {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    connections: Arc<Connections>,
}

impl Server {
    /// Answers requests to `listener` by `handler`, which several threads call at once.
    ///
    /// # Errors
    /// When the listener has no address, or no thread can be started.
    pub fn start(
        listener: TcpListener,
        mut limits: Limits,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        // The other half is for files, and for whom the program itself asks.
        let descriptors = fs::read_to_string("/proc/self/limits")
            .ok()
            .and_then(|limits| max_open_files(&limits))
            .unwrap_or(usize::MAX);
        limits.connections = limits.connections.min(descriptors / 2).max(1);
        let connections = Arc::new(Connections::new(limits));
        let listener = Arc::new(listener);
        let server = Self {
            listener: Arc::clone(&listener),
            address,
            connections: Arc::clone(&connections),
        };
        let handler: Arc<Handler> = Arc::new(handler);
        thread::Builder::new()
            .name("accept".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || accept(&listener, &connections, &handler))?;
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
        // Wakes the thread that accepts; if it cannot, the next connection will.
        let _ = socket2::SockRef::from(&*self.listener).shutdown(Shutdown::Both);
        self.connections.stop(grace);
    }
}

fn accept(listener: &TcpListener, connections: &Arc<Connections>, handler: &Arc<Handler>) {
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
        let handler = Arc::clone(handler);
        let started = thread::Builder::new()
            .name("connection".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || serve(socket, peer, &place, &*handler));
        if let Err(error) = started {
            // The connection is closed, and its place given up, with the closure.
            warn!("no thread for a connection: {error}");
            connections.relieve();
        }
    }
}

fn serve(socket: Arc<TcpStream>, peer: SocketAddr, place: &Place, handler: &Handler) {
    if let Err(error) = converse(socket, place, handler) {
        // The client went away, or had to; nobody is left to tell.
        debug!("connection of {peer}: {error}");
    }
}

/// The soft limit in the text of `/proc/self/limits`.
fn max_open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
