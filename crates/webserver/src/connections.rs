//! Who may stay: the open connections, and which of them are closed for others' sake.

use std::cmp::Reverse;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Limits;

/// All open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    state: Mutex<State>,
    /// A connection ended or is to end, or a turn was granted.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<Connection>,
    next: u64,
    /// Turns that are taken, by [`Work`].
    working: [usize; 2],
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
    /// Its turn.
    Queueing(Work),
    /// Us.
    Working,
    /// The client, to take this many bytes.
    Delivering(usize),
}

/// Work that only some connections may cause at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Proving a password, which is slow on purpose: one at a time.
    Proof,
    /// An answer.
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
                // It may be in the queue for an answer.
                self.changed.notify_all();
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

    /// Hands out the turns that are free.
    fn grant_turns(&self, state: &mut State) {
        for (work, most) in [(Work::Proof, 1), (Work::Answer, self.limits.answers)] {
            while state.working[work as usize] < most
                && let Some(id) = state.next_in_turn(work)
            {
                state.working[work as usize] += 1;
                state.enter(id, Phase::Working);
                self.changed.notify_all();
            }
        }
    }

    /// Closes one connection, since descriptors are short, and waits a moment for its end.
    pub(crate) fn relieve(&self) {
        let mut state = self.lock();
        state.evict(|_| true);
        self.changed.notify_all();
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

    /// From now on no connection finds a place.
    pub(crate) fn accept_no_more(&self) {
        self.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Once no more are accepted: ends the connections that wait for a request at once,
    /// and others when they have their answer, or after `grace`.
    pub(crate) fn stop(&self, grace: Duration) {
        let deadline = Instant::now() + grace;
        let mut state = self.lock();
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
    /// Closes one connection that is not being answered: of the address with the most
    /// connections the one that has waited longest, and one that has asked for something
    /// last. So who comes with thousands is in nobody's way but their own.
    fn evict(&mut self, of: impl Fn(&Connection) -> bool) -> bool {
        let victim = (0..self.open.len())
            .filter(|index| {
                let each = &self.open[*index];
                !each.evicted && each.phase != Phase::Working && of(each)
            })
            .min_by_key(|index| {
                let each = &self.open[*index];
                let crowd = Reverse(self.connections_of(each.peer));
                (crowd, matches!(each.phase, Phase::Queueing(_)), each.since)
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

    fn connections_of(&self, peer: IpAddr) -> usize {
        let open = self.open.iter();
        open.filter(|each| each.peer == peer && !each.evicted)
            .count()
    }

    /// Whose turn it is: of the address with the fewest connections, who has waited longest.
    fn next_in_turn(&self, work: Work) -> Option<u64> {
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
            .expect("a connection is listed as long as its place exists")
    }

    fn enter(&mut self, id: u64, phase: Phase) {
        let connection = self.connection(id);
        if connection.phase != phase {
            connection.phase = phase;
            connection.since = Instant::now();
        }
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

    /// Does some work when it is this connection's turn. None if it was closed before.
    pub(crate) fn work<T>(&self, work: Work, job: impl FnOnce() -> T) -> Option<T> {
        let mut state = self.connections.lock();
        state.enter(self.id, Phase::Queueing(work));
        self.connections.grant_turns(&mut state);
        while state.connection(self.id).phase != Phase::Working {
            if state.connection(self.id).evicted {
                return None;
            }
            state = self.connections.wait(state);
        }
        drop(state);
        let turn = Turn {
            connections: &self.connections,
            work,
        };
        let result = job();
        drop(turn);
        Some(result)
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

/// A turn, which ends also when the work panics.
struct Turn<'c> {
    connections: &'c Connections,
    work: Work,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.working[self.work as usize] -= 1;
        self.connections.grant_turns(&mut state);
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
