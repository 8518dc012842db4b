//! The threads that serve connections: each one at a time, and as many as are needed.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use log::debug;

use crate::connections::Place;
use crate::conversation::{Service, converse};

/// Stack of a thread: it touches a few pages of it.
pub(crate) const STACK_BYTES: usize = 512 << 10;

/// How long a thread waits for another connection. When thousands come and go, starting
/// a thread for each would cost as much as all the rest.
const IDLE: Duration = Duration::from_secs(1);

/// The threads, and what they are to do.
pub(crate) struct Crew {
    service: Service,
    /// Threads at most.
    most: usize,
    state: Mutex<State>,
    /// There is a connection to serve.
    seated: Condvar,
}

#[derive(Default)]
struct State {
    /// Connections that no thread has taken up yet.
    seated: VecDeque<Seated>,
    threads: usize,
    /// Threads that wait for one.
    idle: usize,
}

/// A connection that has its place.
pub(crate) struct Seated {
    pub(crate) socket: Arc<TcpStream>,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
}

impl Crew {
    pub(crate) fn new(service: Service, most: usize) -> Self {
        Self {
            service,
            most,
            state: Mutex::default(),
            seated: Condvar::new(),
        }
    }

    /// Has a connection served. There are never more of them than threads, but a thread
    /// may take a moment from one to the next.
    ///
    /// # Errors
    /// When there is no thread at all, and none can be started.
    pub(crate) fn serve(self: &Arc<Self>, seated: Seated) -> io::Result<()> {
        let mut state = self.lock();
        state.seated.push_back(seated);
        if state.seated.len() <= state.idle {
            self.seated.notify_one();
        } else if state.threads < self.most {
            let crew = Arc::clone(self);
            let started = thread::Builder::new()
                .name("connection".to_owned())
                .stack_size(STACK_BYTES)
                .spawn(move || crew.work());
            match started {
                Ok(_) => state.threads += 1,
                // Another one will take it up.
                Err(_) if state.threads > 0 => {}
                Err(error) => {
                    let left = state.seated.pop_back();
                    // Its place is given up without our lock.
                    drop(state);
                    drop(left);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// One thread: serves until there has been nothing to do for a while.
    fn work(&self) {
        let mut on_duty = OnDuty(Some(self));
        while let Some(Seated {
            socket,
            peer,
            place,
        }) = on_duty.next()
        {
            if let Err(error) = converse(socket, &place, &self.service) {
                // The client went away, or had to; nobody is left to tell.
                debug!("connection of {peer}: {error}");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete before anything could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread among those of the crew, until it ends; be it by a panic of the handler.
struct OnDuty<'c>(Option<&'c Crew>);

impl OnDuty<'_> {
    /// What to do next. None after a while without anything: the thread is to end.
    fn next(&mut self) -> Option<Seated> {
        let crew = self.0?;
        let mut state = crew.lock();
        if state.seated.is_empty() {
            state.idle += 1;
            state = crew
                .seated
                .wait_timeout_while(state, IDLE, |state| state.seated.is_empty())
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.idle -= 1;
        }
        let seated = state.seated.pop_front();
        if seated.is_none() {
            // Before anybody counts on this thread.
            state.threads -= 1;
            self.0 = None;
        }
        seated
    }
}

impl Drop for OnDuty<'_> {
    fn drop(&mut self) {
        if let Some(crew) = self.0 {
            crew.lock().threads -= 1;
        }
    }
}
