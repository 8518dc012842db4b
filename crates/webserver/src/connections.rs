//! Who may stay: the open connections, and which of them are closed for others' sake.

use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Limits;

/// All open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    state: Mutex<State>,
    /// A connection ended, or an answer was finished.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<Connection>,
    next: u64,
    /// Answers that are being worked on.
    answering: usize,
    stopping: bool,
}

#[derive(Debug)]
struct Connection {
    id: u64,
    peer: IpAddr,
    socket: Arc<TcpStream>,
    phase: Phase,
    since: Instant,
    /// Shut down by us; its thread is about to end.
    evicted: bool,
}

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A request of the client.
    Receiving,
    /// Us.
    Answering,
    /// The client, to take this many bytes.
    Delivering(usize),
}

impl Connections {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete before anything could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open(&self) -> usize {
        self.lock().open.len()
    }

    /// Finds a place for a new connection, if need be at the cost of another one.
    /// None once the server stops.
    pub(crate) fn admit(self: &Arc<Self>, socket: Arc<TcpStream>, peer: IpAddr) -> Option<Place> {
        let most = self.limits.connections;
        // Threads of closed connections take a moment to end. The difference lets the
        // next come in meanwhile.
        let target = most - most / 8;
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            let staying = state.open.iter().filter(|each| !each.evicted).count();
            if staying >= target {
                state.evict(|_| true);
            }
            if state.open.len() < most {
                break;
            }
            state = self.wait(state);
        }
        let id = state.next;
        state.next += 1;
        state.open.push(Connection {
            id,
            peer: peer.to_canonical(),
            socket,
            phase: Phase::Receiving,
            since: Instant::now(),
            evicted: false,
        });
        Some(Place {
            connections: Arc::clone(self),
            id,
        })
    }

    /// Closes one connection, since descriptors are short, and waits a moment for its end.
    pub(crate) fn relieve(&self) {
        let mut state = self.lock();
        state.evict(|_| true);
        // Whatever comes of it, the caller tries again.
        drop(
            self.changed
                .wait_timeout(state, Duration::from_millis(20))
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Ends the connections that wait for a request at once, and others when they have
    /// their answer, or after `grace`.
    pub(crate) fn stop(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut state = self.lock();
        state.stopping = true;
        self.changed.notify_all();
        while state.evict(|each| each.phase == Phase::Receiving) {}
        while !state.open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                while state.evict(|_| true) {}
                return;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl State {
    /// Closes one of the connections that wait for their client: of the address with the
    /// most connections, the one that has waited longest. So who comes with thousands
    /// is in nobody's way but their own.
    fn evict(&mut self, of: impl Fn(&Connection) -> bool) -> bool {
        let neighbours = |peer: IpAddr| {
            let open = self.open.iter();
            open.filter(|each| each.peer == peer && !each.evicted)
                .count()
        };
        let victim = (0..self.open.len())
            .filter(|index| {
                let each = &self.open[*index];
                !each.evicted && each.phase != Phase::Answering && of(each)
            })
            .min_by_key(|index| {
                let each = &self.open[*index];
                (std::cmp::Reverse(neighbours(each.peer)), each.since)
            });
        let Some(victim) = victim else {
            return false;
        };
        let victim = &mut self.open[victim];
        victim.evicted = true;
        // It may have been closed by the client just now.
        let _ = victim.socket.shutdown(Shutdown::Both);
        true
    }

    fn connection(&mut self, id: u64) -> &mut Connection {
        self.open
            .iter_mut()
            .find(|each| each.id == id)
            .expect("a connection is listed as long as its place exists")
    }

    fn enter(&mut self, id: u64, phase: Phase) {
        let connection = self.connection(id);
        connection.phase = phase;
        connection.since = Instant::now();
    }
}

/// One connection's place among the open ones. Given up by dropping it.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    id: u64,
}

impl Place {
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// From now on the connection waits for a request. False once the server stops.
    pub(crate) fn receive(&self) -> bool {
        let mut state = self.connections.lock();
        state.enter(self.id, Phase::Receiving);
        !state.stopping
    }

    /// Works on an answer, when it is this connection's turn.
    pub(crate) fn answer<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut state = self.connections.lock();
        state.enter(self.id, Phase::Answering);
        while state.answering >= self.connections.limits.answers {
            state = self.connections.wait(state);
        }
        state.answering += 1;
        drop(state);
        let turn = Turn(&self.connections);
        let result = work();
        drop(turn);
        result
    }

    /// From now on the connection waits for its client to take `bytes`; others that have
    /// waited for theirs too long are closed, if there are too many bytes in all.
    pub(crate) fn deliver(&self, bytes: usize) {
        let mut state = self.connections.lock();
        state.enter(self.id, Phase::Delivering(bytes));
        while state.unsent() > self.connections.limits.unsent_bytes
            && state.evict(|each| each.id != self.id && matches!(each.phase, Phase::Delivering(_)))
        {
        }
    }
}

impl State {
    fn unsent(&self) -> usize {
        let staying = self.open.iter().filter(|each| !each.evicted);
        staying
            .map(|each| match each.phase {
                Phase::Delivering(bytes) => bytes,
                _ => 0,
            })
            .sum()
    }
}

/// A turn at answering, which ends also when the handler panics.
struct Turn<'c>(&'c Connections);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().answering -= 1;
        self.0.changed.notify_all();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.open.retain(|each| each.id != self.id);
        drop(state);
        self.connections.changed.notify_all();
    }
}
