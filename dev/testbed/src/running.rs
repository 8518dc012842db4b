//! A cluster that runs: what a test asks of it and changes about it, and what
//! its connections share.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::ServerConfig;
use serde_json::Value;

use crate::admission::{Policy, User};
use crate::api::Backend;
use crate::credentials::{Credentials, Directory, USER};
use crate::faults::Fault;
use crate::kubelet::{self, Kubelets};
use crate::list::Paging;
use crate::node::{Machine, Node, Truth};
use crate::requests::Requests;
use crate::rights::{Granted, Review, Right};
use crate::server::{self, Side};
use crate::tls::Certificate;

/// A cluster that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    ca_file: PathBuf,
    token_file: PathBuf,
    kubelet_ca_file: PathBuf,
    state: Arc<State>,
    accepting: Vec<(SocketAddr, JoinHandle<()>)>,
    /// Nodes that have ever joined.
    joined: AtomicUsize,
    directory: Directory,
}

impl Running {
    pub(crate) fn start(
        listener: TcpListener,
        directory: Directory,
        credentials: Option<Credentials>,
        kubelets: Option<(Kubelets, TcpListener)>,
        backend: Backend,
        nodes: Vec<Node>,
    ) -> io::Result<Self> {
        let address = reachable(listener.local_addr()?);
        let (kubelets, at_kubelets) = kubelets.unzip();
        if let Some(kubelets) = &kubelets {
            directory.write_kubelet_ca(&kubelets.pem())?;
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
            ca_file: directory.ca_file(),
            token_file: directory.token_file(),
            kubelet_ca_file: directory.kubelet_ca_file(),
            state,
            accepting: Vec::new(),
            joined: AtomicUsize::new(0),
            directory,
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

    /// Lets a node leave: the API server knows it no more, and its kubelet is gone.
    ///
    /// # Panics
    /// When no node of this name is simulated.
    pub fn leave(&self, name: &str) {
        assert!(
            self.state.backend.leave(name),
            "no node {name:?} is simulated"
        );
        // A real server's pages are of one moment; these count objects, and some are gone.
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
        let machine = self.state.backend.machine(node);
        let machine = machine.unwrap_or_else(|| panic!("no node {node:?} is simulated"));
        format!("https://{}", machine.kubelet)
    }

    /// The API server's URL, without a slash at the end.
    pub fn url(&self) -> String {
        let scheme = match self.state.credentials {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.address)
    }

    /// The file with the authority to trust, as PEM. With plain HTTP there is none.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The file with the bearer token. With plain HTTP there is none.
    pub fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// Whether the kubelets listen on ports of their own.
    pub fn has_kubelets(&self) -> bool {
        self.state.kubelets.is_some()
    }

    /// The file with the authority of the kubelets' certificates, where those listen.
    pub fn kubelet_ca_file(&self) -> &Path {
        &self.kubelet_ca_file
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
        self.with_credentials(|credentials| credentials.rotate_token(&self.directory))
    }

    /// Writes a new authority to the CA file and shows a certificate of it to
    /// new connections. Of no effect with plain HTTP.
    ///
    /// # Errors
    /// A file that cannot be written, a certificate that cannot be made.
    pub fn rotate_authority(&self) -> io::Result<()> {
        self.with_credentials(|credentials| credentials.rotate_authority(&self.directory))
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
        match &self.state.credentials {
            Some(credentials) => change(&mut lock(credentials)),
            None => Ok(()),
        }
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

    /// What is true of a simulated node at an instant.
    ///
    /// # Panics
    /// When no node of this name is simulated.
    pub fn truth(&self, node: &str, at: SystemTime) -> Truth {
        let backend = &self.state.backend;
        let machine = backend
            .machine(node)
            .unwrap_or_else(|| panic!("no node {node:?} is simulated"));
        machine.truth(backend.sampling.elapsed(unix_ms(at)))
    }

    /// What the API server was asked so far.
    pub fn requests(&self) -> Requests {
        lock(&self.state.requests).clone()
    }

    /// What the kubelets were asked so far, at their own ports.
    pub fn kubelet_requests(&self) -> Requests {
        lock(&self.state.kubelet_requests).clone()
    }

    /// Forgets what was asked so far.
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

/// What the connections share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) backend: Backend,
    /// None with plain HTTP.
    credentials: Option<Mutex<Credentials>>,
    /// None where kubelets do not listen.
    pub(crate) kubelets: Option<Kubelets>,
    granted: Mutex<Granted>,
    policy: Mutex<Option<Policy>>,
    faults: Mutex<Vec<Fault>>,
    requests: Mutex<Requests>,
    kubelet_requests: Mutex<Requests>,
    paging: Mutex<Paging>,
    connections: Mutex<Connections>,
    stopping: Condvar,
}

impl State {
    pub(crate) fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        lock(&self.faults)
    }

    pub(crate) fn requests(&self, side: Side) -> MutexGuard<'_, Requests> {
        lock(match side {
            Side::ApiServer => &self.requests,
            Side::Kubelets => &self.kubelet_requests,
        })
    }

    /// Decides an access review.
    pub(crate) fn allows(&self, review: Review) -> bool {
        lock(&self.granted).allows(review)
    }

    /// The message with which the admission policy refuses a proxied request, if it does.
    pub(crate) fn refuses(&self, user: &User, node: &str, path: &str) -> Option<String> {
        lock(&self.policy).as_ref()?.refuses(user, node, path)
    }

    pub(crate) fn paging(&self) -> Paging {
        *lock(&self.paging)
    }

    pub(crate) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.credentials
            .as_ref()
            .map(|credentials| lock(credentials).tls())
    }

    /// The user of this value of `Authorization`, if it is let in. With plain HTTP
    /// everybody is.
    pub(crate) fn review(&self, authorization: &str) -> Option<User> {
        match &self.credentials {
            Some(credentials) => lock(credentials).review(authorization),
            None => Some(User {
                name: USER.to_owned(),
                node: None,
            }),
        }
    }

    /// Keeps a handle to a connection, so that the cluster can close it. None
    /// once the cluster has stopped.
    pub(crate) fn register(&self, stream: &TcpStream, side: Side) -> Option<u64> {
        let mut connections = lock(&self.connections);
        if connections.stopped {
            return None;
        }
        let id = connections.accepted;
        connections.open.insert(id, stream.try_clone().ok()?);
        connections.accepted += 1;
        self.requests(side).connections += 1;
        Some(id)
    }

    pub(crate) fn unregister(&self, id: u64) {
        lock(&self.connections).open.remove(&id);
    }

    pub(crate) fn has_stopped(&self) -> bool {
        lock(&self.connections).stopped
    }

    /// Waits this long, or until the cluster stops.
    pub(crate) fn wait(&self, time: Duration) {
        let connections = lock(&self.connections);
        let is_running = |connections: &mut Connections| !connections.stopped;
        drop(
            self.stopping
                .wait_timeout_while(connections, time, is_running),
        );
    }
}

#[derive(Debug, Default)]
struct Connections {
    stopped: bool,
    accepted: u64,
    open: HashMap<u64, TcpStream>,
}

impl Connections {
    fn close_all(&self) {
        for stream in self.open.values() {
            // It fails only for a connection that is closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.close_all();
    }
}

/// The lock, also after a thread panicked with it: what it guards is whole
/// between any two statements, and the panic has its own report.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Milliseconds since the epoch, negative before it.
pub(crate) fn unix_ms(time: SystemTime) -> i64 {
    let to_i64 = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => to_i64(since),
        Err(before) => -to_i64(before.duration()),
    }
}
