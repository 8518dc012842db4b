//! A cluster that runs: what a test asks of it and changes about it, and what
//! its connections share.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use runtime::lock::lock;
use serde_json::Value;

use crate::admission::Policy;
use crate::api::Backend;
use crate::cgroup::unix_ms;
use crate::credentials::{self, Credentials, Files};
use crate::faults::Fault;
use crate::kubelet::{self, Kubelets};
use crate::node::{Machine, Node, Truth};
use crate::requests::Requests;
use crate::rights::{Granted, Right};
use crate::server;
use crate::state::{Side, State};
use crate::tls::Certificate;

/// A cluster that runs until it is dropped.
pub struct Running {
    address: SocketAddr,
    files: Files,
    state: Arc<State>,
    accepting: Vec<(SocketAddr, JoinHandle<()>)>,
    /// Nodes that have ever joined.
    joined: AtomicUsize,
}

impl Running {
    pub(crate) fn start(
        listener: TcpListener,
        files: Files,
        credentials: Option<Credentials>,
        kubelets: Option<(Kubelets, TcpListener)>,
        backend: Backend,
        nodes: Vec<Node>,
    ) -> io::Result<Self> {
        let address = reachable(listener.local_addr()?);
        let (kubelets, at_kubelets) = kubelets.unzip();
        if let Some(kubelets) = &kubelets {
            credentials::write(&files.kubelet_ca, &kubelets.pem())?;
        }
        let state = Arc::new(State {
            backend,
            credentials: credentials.map(Mutex::new),
            kubelets,
            granted: Mutex::default(),
            policy: Mutex::default(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            kubelet_requests: Mutex::default(),
            paging: Mutex::default(),
            connections: Mutex::default(),
            stopping: Condvar::new(),
        });
        let mut running = Self {
            address,
            files,
            state,
            accepting: Vec::new(),
            joined: AtomicUsize::new(0),
        };
        for node in nodes {
            running.join(node);
        }
        running.accept(listener, Side::ApiServer)?;
        if let Some(listener) = at_kubelets {
            running.accept(listener, Side::Kubelets)?;
        }
        Ok(running)
    }

    fn accept(&mut self, listener: TcpListener, side: Side) -> io::Result<()> {
        let address = reachable(listener.local_addr()?);
        let state = Arc::clone(&self.state);
        let thread = thread::Builder::new()
            .name("testbed".to_owned())
            .spawn(move || server::serve(&listener, &state, side))?;
        self.accepting.push((address, thread));
        Ok(())
    }

    /// Lets a node join, in place of one of the same name.
    pub fn join(&self, node: Node) {
        let nth = self.joined.fetch_add(1, Ordering::Relaxed) + 1;
        let seed = self.state.backend.seed;
        let machine = match &self.state.kubelets {
            Some(kubelets) => {
                let address = SocketAddr::new(kubelet::address(nth), kubelets.port());
                Machine::with_kubelet(node, seed, address)
            }
            None => Machine::new(node, seed),
        };
        self.state.backend.join(machine);
    }

    /// Removes a node from the API server, with its kubelet.
    ///
    /// # Panics
    /// When no node of this name is simulated.
    pub fn remove(&self, name: &str) {
        assert!(
            self.state.backend.remove(name),
            "no node {name:?} is simulated"
        );
        // A real server's pages are of one version; these count objects, and some are gone.
        self.expire_continue_tokens();
    }

    /// Grants these rights and no others; until then all are granted.
    pub fn grant_only(&self, rights: &[Right]) {
        *lock(&self.state.granted) = Granted::only(rights);
    }

    /// Puts rendered objects in force, in place of those before: the rules of the
    /// ClusterRole, and the ValidatingAdmissionPolicy with its binding, if there is one.
    /// Until then all rights are granted and no policy is in force.
    ///
    /// # Panics
    /// When there is no ClusterRole, or an expression of the policy is not CEL.
    pub fn apply(&self, objects: &[Value]) {
        let of_kind = |kind| objects.iter().find(|object| object["kind"] == kind);
        let role = of_kind("ClusterRole").expect("a ClusterRole");
        let policy = of_kind("ValidatingAdmissionPolicy");
        let binding = of_kind("ValidatingAdmissionPolicyBinding");
        *lock(&self.state.granted) = Granted::by(role);
        *lock(&self.state.policy) = policy
            .zip(binding)
            .and_then(|(policy, binding)| Policy::new(policy, binding));
    }

    /// Binds the token to a pod on this node, as a kubelet requests them for pods. Of no
    /// effect with plain HTTP.
    pub fn bind_token(&self, node: &str) {
        if let Some(credentials) = &self.state.credentials {
            lock(credentials).bind(node);
        }
    }

    /// The URL of a simulated node's kubelet, where those listen.
    ///
    /// # Panics
    /// When no node of this name is simulated.
    pub fn kubelet_url(&self, node: &str) -> String {
        format!("https://{}", self.machine(node).kubelet)
    }

    /// The API server's URL, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = match self.state.credentials {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.address)
    }

    /// The file with the CA to trust, as PEM. With plain HTTP there is none.
    pub fn ca_file(&self) -> &Path {
        &self.files.ca
    }

    /// The file with the bearer token. With plain HTTP there is none.
    pub fn token_file(&self) -> &Path {
        &self.files.token
    }

    /// The file with the CA of the kubelets' certificates, where those listen.
    pub fn kubelet_ca_file(&self) -> &Path {
        &self.files.kubelet_ca
    }

    /// Switches a fault on, beside those that are on.
    pub fn fault(&self, fault: impl Into<Fault>) {
        lock(&self.state.faults).push(fault.into());
    }

    /// Switches every fault off.
    pub fn clear_faults(&self) {
        lock(&self.state.faults).clear();
    }

    /// Writes a new token to the file and refuses the old one from now on.
    /// Of no effect with plain HTTP.
    ///
    /// # Errors
    /// A file that cannot be written; the old token then stays good.
    pub fn rotate_token(&self) -> io::Result<()> {
        self.with_credentials(|credentials| credentials.rotate_token(&self.files))
    }

    /// Writes a new CA to its file and shows a certificate of it to
    /// new connections. Of no effect with plain HTTP.
    ///
    /// # Errors
    /// A file that cannot be written, a certificate that cannot be made.
    pub fn rotate_ca(&self) -> io::Result<()> {
        self.with_credentials(|credentials| credentials.rotate_ca(&self.files))
    }

    /// Shows this certificate to new connections; open ones go on. Of no
    /// effect with plain HTTP.
    ///
    /// # Errors
    /// A certificate that cannot be made.
    pub fn show_certificate(&self, certificate: Certificate) -> io::Result<()> {
        self.with_credentials(|credentials| credentials.show(certificate))
    }

    /// Shows this certificate to new connections to kubelets. Of no effect where
    /// they do not listen.
    pub fn show_kubelet_certificate(&self, certificate: Certificate) {
        if let Some(kubelets) = &self.state.kubelets {
            kubelets.show(certificate);
        }
    }

    fn with_credentials(
        &self,
        change: impl FnOnce(&mut Credentials) -> io::Result<()>,
    ) -> io::Result<()> {
        let credentials = self.state.credentials.as_ref();
        credentials.map_or(Ok(()), |credentials| change(&mut lock(credentials)))
    }

    /// Closes every open connection, as an API server does that rolls over.
    pub fn close_connections(&self) {
        lock(&self.state.connections).close_all();
    }

    /// Puts at most this many objects into one answer, also where a real
    /// server would not page. None goes back to paging as a real one does.
    pub fn force_paging(&self, limit: Option<usize>) {
        lock(&self.state.paging).forced = limit;
    }

    /// Lets every continue token that was given out expire: 410.
    pub fn expire_continue_tokens(&self) {
        lock(&self.state.paging).generation += 1;
    }

    /// The true values of a simulated node at a time.
    ///
    /// # Panics
    /// When no node of this name is simulated.
    pub fn truth(&self, node: &str, at: SystemTime) -> Truth {
        let elapsed = self.state.backend.sampling.elapsed(unix_ms(at));
        self.machine(node).truth(elapsed)
    }

    fn machine(&self, node: &str) -> Arc<Machine> {
        let machine = self.state.backend.machine(node);
        machine.unwrap_or_else(|| panic!("no node {node:?} is simulated"))
    }

    /// The requests to the API server so far.
    pub fn requests(&self) -> Requests {
        lock(&self.state.requests).clone()
    }

    /// The requests to the kubelets' own ports so far.
    pub fn kubelet_requests(&self) -> Requests {
        lock(&self.state.kubelet_requests).clone()
    }

    /// Clears the log of requests.
    pub fn clear_requests(&self) {
        *lock(&self.state.requests) = Requests::default();
        *lock(&self.state.kubelet_requests) = Requests::default();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.state.connections).stop();
        self.state.stopping.notify_all();
        for (address, thread) in self.accepting.drain(..) {
            // Wakes the accept loop, which then sees that it is over.
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                // A panic there has been printed; dropping must not add one.
                let _ = thread.join();
            }
        }
    }
}

/// An address to connect to, for one to listen on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
