//! State that the threads of a running cluster share.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use runtime::lock::lock;
use rustls::ServerConfig;

use crate::admission::{Policy, User};
use crate::api::Backend;
use crate::credentials::{Credentials, USER};
use crate::faults::Fault;
use crate::kubelet::Kubelets;
use crate::list::Paging;
use crate::requests::Requests;
use crate::rights::{Granted, Right};

/// The side of the port that a client has connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    ApiServer,
    Kubelets,
}

/// State that the connections share.
pub(crate) struct State {
    pub(crate) backend: Backend,
    /// None with plain HTTP.
    pub(crate) credentials: Option<Mutex<Credentials>>,
    /// None where kubelets do not listen.
    pub(crate) kubelets: Option<Kubelets>,
    pub(crate) granted: Mutex<Granted>,
    pub(crate) policy: Mutex<Option<Policy>>,
    pub(crate) faults: Mutex<Vec<Fault>>,
    pub(crate) requests: Mutex<Requests>,
    pub(crate) kubelet_requests: Mutex<Requests>,
    pub(crate) paging: Mutex<Paging>,
    pub(crate) connections: Mutex<Connections>,
    pub(crate) stopping: Condvar,
}

impl State {
    pub(crate) fn requests(&self, side: Side) -> MutexGuard<'_, Requests> {
        lock(match side {
            Side::ApiServer => &self.requests,
            Side::Kubelets => &self.kubelet_requests,
        })
    }

    /// Decides an access review.
    pub(crate) fn allows(&self, review: Right) -> bool {
        lock(&self.granted).allows(review)
    }

    /// The message with which the admission policy refuses a proxied request, if it does.
    pub(crate) fn refuses(&self, user: &User, node: &str, path: &str) -> Option<String> {
        lock(&self.policy).as_ref()?.refuses(user, node, path)
    }

    pub(crate) fn tls(&self) -> Option<Arc<ServerConfig>> {
        Some(lock(self.credentials.as_ref()?).tls())
    }

    /// The user of this value of `Authorization`, if it is valid. With plain HTTP every
    /// value is.
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
pub(crate) struct Connections {
    stopped: bool,
    accepted: u64,
    open: HashMap<u64, TcpStream>,
}

impl Connections {
    pub(crate) fn close_all(&self) {
        for stream in self.open.values() {
            // It fails only for a connection that is closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        self.close_all();
    }
}
