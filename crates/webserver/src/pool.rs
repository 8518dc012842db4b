//! Threads that serve connections, one at a time each, started on demand.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use log::debug;
use runtime::lock::{lock, unpoisoned};

use crate::connections::Slot;
use crate::serve::{Service, serve};

/// Stack of a thread: it touches a few pages of it.
pub(crate) const STACK_BYTES: usize = 512 << 10;

/// Time for which a thread waits for another connection: starting a thread for each of
/// thousands of connections would be expensive.
const IDLE: Duration = Duration::from_secs(1);

/// A pool of threads that grows to `max_threads` and shrinks when idle.
pub(crate) struct ThreadPool {
    service: Service,
    max_threads: usize,
    state: Mutex<State>,
    /// There is a connection to serve.
    queued: Condvar,
}

#[derive(Default)]
struct State {
    /// Connections that no thread serves yet.
    queue: VecDeque<AcceptedConnection>,
    threads: usize,
    /// Threads that wait for a connection.
    idle: usize,
}

/// An accepted connection that holds a slot.
pub(crate) struct AcceptedConnection {
    pub(crate) socket: Arc<TcpStream>,
    pub(crate) peer: SocketAddr,
    pub(crate) slot: Slot,
}

impl ThreadPool {
    pub(crate) fn new(service: Service, max_threads: usize) -> Self {
        Self {
            service,
            max_threads,
            state: Mutex::default(),
            queued: Condvar::new(),
        }
    }

    /// Queues a connection. There are never more of them than threads, but a thread may be about
    /// to finish its last one.
    ///
    /// # Errors
    /// When there is no thread at all, and none can be started.
    pub(crate) fn serve(self: &Arc<Self>, connection: AcceptedConnection) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.queue.push_back(connection);
        if state.queue.len() <= state.idle {
            self.queued.notify_one();
        } else if state.threads < self.max_threads {
            let pool = Arc::clone(self);
            let started = thread::Builder::new()
                .name("connection".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || pool.run_worker());
            match started {
                Ok(_) => state.threads += 1,
                // Another thread will serve it.
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    let unserved = state.queue.pop_back();
                    // Its slot is released without our lock.
                    drop(state);
                    drop(unserved);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Serves connections until there has been none for [`IDLE`].
    fn run_worker(&self) {
        let mut worker = WorkerGuard(Some(self));
        while let Some(AcceptedConnection { socket, peer, slot }) = worker.next() {
            if let Err(error) = serve(socket, &slot, &self.service) {
                // Closed by the client, or evicted: nothing to answer any more.
                debug!("connection of {peer}: {error}");
            }
        }
    }
}

/// Counts a thread of the pool until it ends, even after a panic of the handler.
struct WorkerGuard<'p>(Option<&'p ThreadPool>);

impl WorkerGuard<'_> {
    /// Returns the next connection, or `None` after [`IDLE`] without any: the thread must end.
    fn next(&mut self) -> Option<AcceptedConnection> {
        let pool = self.0?;
        let mut state = lock(&pool.state);
        if state.queue.is_empty() {
            state.idle += 1;
            let is_empty = |state: &mut State| state.queue.is_empty();
            (state, _) = unpoisoned(pool.queued.wait_timeout_while(state, IDLE, is_empty));
            state.idle -= 1;
        }
        let next = state.queue.pop_front();
        if next.is_none() {
            // Under the same lock, so that no connection relies on this thread.
            state.threads -= 1;
            self.0 = None;
        }
        next
    }
}

impl Drop for WorkerGuard<'_> {
    fn drop(&mut self) {
        if let Some(pool) = self.0 {
            lock(&pool.state).threads -= 1;
        }
    }
}
