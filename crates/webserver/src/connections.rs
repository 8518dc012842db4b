//! The open connections: eviction when there are too many, and permits to work.

use std::cmp::Reverse;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use runtime::lock::{lock, unpoisoned};

use crate::limits::Limits;

/// All open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    state: Mutex<State>,
    /// A connection ended or was evicted, or a permit was granted.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<Connection>,
    next: u64,
    /// Number of permits in use, by [`Work`].
    permits: [usize; 2],
    stopping: bool,
}

#[derive(Debug)]
struct Connection {
    id: u64,
    peer: IpAddr,
    socket: Arc<TcpStream>,
    phase: Phase,
    since: Instant,
    /// Shut down to make room; its thread is about to end.
    evicted: bool,
}

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waits for a request.
    Receiving,
    /// Waits for a permit.
    Queueing(Work),
    /// Holds a permit.
    Working,
    /// Waits for the client to read this many bytes.
    Delivering(usize),
}

/// Work that only a limited number of connections may do at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// An expensive check of credentials: one at a time.
    Check,
    /// Producing a response, or a piece of one.
    Answer,
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

    pub(crate) fn open(&self) -> usize {
        lock(&self.state).open.len()
    }

    /// Registers a new connection, after evicting another one if necessary. `None` once the
    /// server stops.
    pub(crate) fn admit(self: &Arc<Self>, socket: Arc<TcpStream>, peer: IpAddr) -> Option<Slot> {
        let most = self.limits.connections;
        // Threads of evicted connections take a while to end: the difference admits new
        // connections meanwhile.
        let target = most - most / 8;
        let mut state = lock(&self.state);
        loop {
            if state.stopping {
                return None;
            }
            let staying = state.open.iter().filter(|each| !each.evicted).count();
            if staying >= target {
                state.evict(|_| true);
                // The evicted one may wait for a permit.
                self.changed.notify_all();
            }
            if state.open.len() < most {
                break;
            }
            state = unpoisoned(self.changed.wait(state));
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
        Some(Slot {
            connections: Arc::clone(self),
            id,
        })
    }

    /// Grants free permits.
    fn grant_permits(&self, state: &mut State) {
        for (work, most) in [(Work::Check, 1), (Work::Answer, self.limits.answers)] {
            while state.permits[work as usize] < most
                && let Some(id) = state.next_for(work)
            {
                state.permits[work as usize] += 1;
                state.enter(id, Phase::Working);
                self.changed.notify_all();
            }
        }
    }

    /// Evicts a connection, since file descriptors are short, and waits shortly for its end.
    pub(crate) fn relieve(&self) {
        let mut state = lock(&self.state);
        state.evict(|_| true);
        self.changed.notify_all();
        // In any case the caller tries again.
        let pause = Duration::from_millis(20);
        drop(unpoisoned(self.changed.wait_timeout(state, pause)));
    }

    pub(crate) fn is_stopping(&self) -> bool {
        lock(&self.state).stopping
    }

    /// Admits no more connections.
    pub(crate) fn accept_no_more(&self) {
        lock(&self.state).stopping = true;
        self.changed.notify_all();
    }

    /// Closes connections that wait for a request at once, and the others after their response
    /// or after `grace`. Called once no more are admitted.
    pub(crate) fn stop(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut state = lock(&self.state);
        while state.evict(|each| each.phase == Phase::Receiving) {}
        while !state.open.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                while state.evict(|_| true) {}
                return;
            }
            (state, _) = unpoisoned(self.changed.wait_timeout(state, left));
        }
    }
}

impl State {
    /// Closes one connection without a permit: of the address with the most connections the one
    /// that has waited longest, those with a request last. So a client with thousands of
    /// connections evicts its own only.
    fn evict(&mut self, of: impl Fn(&Connection) -> bool) -> bool {
        let victim = (0..self.open.len())
            .filter(|index| {
                let each = &self.open[*index];
                !each.evicted && each.phase != Phase::Working && of(each)
            })
            .min_by_key(|index| {
                let each = &self.open[*index];
                let count = Reverse(self.connections_of(each.peer));
                (count, matches!(each.phase, Phase::Queueing(_)), each.since)
            });
        let Some(victim) = victim else {
            return false;
        };
        let victim = &mut self.open[victim];
        victim.evicted = true;
        // The client may have closed it just now.
        let _ = victim.socket.shutdown(Shutdown::Both);
        true
    }

    fn connections_of(&self, peer: IpAddr) -> usize {
        let open = self.open.iter();
        open.filter(|each| each.peer == peer && !each.evicted)
            .count()
    }

    /// Returns the connection that gets the next permit: of the address with the fewest
    /// connections the one that has waited longest.
    fn next_for(&self, work: Work) -> Option<u64> {
        let queue = self.open.iter();
        queue
            .filter(|each| each.phase == Phase::Queueing(work) && !each.evicted)
            .min_by_key(|each| (self.connections_of(each.peer), each.since))
            .map(|each| each.id)
    }

    fn connection(&mut self, id: u64) -> &mut Connection {
        self.open
            .iter_mut()
            .find(|each| each.id == id)
            .expect("a connection is registered as long as its slot exists")
    }

    fn enter(&mut self, id: u64, phase: Phase) {
        let connection = self.connection(id);
        if connection.phase != phase {
            connection.phase = phase;
            connection.since = Instant::now();
        }
    }
}

/// The registration of an open connection, released on drop.
#[derive(Debug)]
pub(crate) struct Slot {
    connections: Arc<Connections>,
    id: u64,
}

impl Slot {
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Notes that the connection waits for a request. Returns false once the server stops.
    pub(crate) fn receive(&self) -> bool {
        let mut state = lock(&self.connections.state);
        state.enter(self.id, Phase::Receiving);
        !state.stopping
    }

    /// Runs `job` once a permit is granted. Returns `None` if the connection was evicted
    /// before.
    pub(crate) fn work<T>(&self, work: Work, job: impl FnOnce() -> T) -> Option<T> {
        let mut state = lock(&self.connections.state);
        state.enter(self.id, Phase::Queueing(work));
        self.connections.grant_permits(&mut state);
        while state.connection(self.id).phase != Phase::Working {
            if state.connection(self.id).evicted {
                return None;
            }
            state = unpoisoned(self.connections.changed.wait(state));
        }
        drop(state);
        let permit = Permit {
            connections: &self.connections,
            work,
        };
        let result = job();
        drop(permit);
        Some(result)
    }

    /// Notes that the connection waits for its client to read `bytes`. While there are too many
    /// such bytes in all, evicts others that have waited longest.
    pub(crate) fn deliver(&self, bytes: usize) {
        let mut state = lock(&self.connections.state);
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

/// A permit, released on drop, even after a panic.
struct Permit<'c> {
    connections: &'c Connections,
    work: Work,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.connections.state);
        state.permits[self.work as usize] -= 1;
        self.connections.grant_permits(&mut state);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = lock(&self.connections.state);
        state.open.retain(|each| each.id != self.id);
        drop(state);
        self.connections.changed.notify_all();
    }
}
