//! Distributes the rounds of many nodes to a pool of workers by due time. Knows nodes and
//! scraping as [`Rounds`] only.
//!
//! Scraping is synchronous: a worker stays with a node for a whole round. A node that
//! failed last time may occupy its worker until the deadline, so only some of the workers
//! take failing nodes.
//!
//! Invariant: failing nodes leave workers to the others (held by
//! `failing_nodes_leave_workers_to_others`).

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use runtime::lock::{lock, unpoisoned};

/// The rounds of one node.
pub trait Rounds {
    /// Returns the time of the next round.
    fn due(&self) -> Instant;
    /// Returns whether the last round failed, so that the next may take long.
    fn is_failing(&self) -> bool;
    /// Runs a round. Returns the next step.
    fn round(&mut self) -> Next;
}

/// The step after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// No further round.
    Nothing,
    /// Another round, when it is due.
    Round,
    /// Another round, and waiting ones may now be due sooner.
    RoundAndOthersSooner,
}

/// The queue of rounds.
#[derive(Debug)]
pub struct Scheduler<R> {
    queue: Mutex<Queue<R>>,
    changed: Condvar,
    /// Maximum number of workers at failing nodes.
    for_failing: usize,
}

#[derive(Debug)]
struct Queue<R> {
    healthy: BinaryHeap<Waiting<R>>,
    failing: BinaryHeap<Waiting<R>>,
    /// Number of workers at failing nodes.
    at_failing: usize,
    /// Time until which one worker waits on behalf of all.
    watched: Option<Instant>,
}

/// A node with its due time; the earliest is the greatest.
#[derive(Debug)]
struct Waiting<R> {
    due: Instant,
    rounds: R,
}

impl<R> Ord for Waiting<R> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.cmp(&self.due)
    }
}

impl<R> PartialOrd for Waiting<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> PartialEq for Waiting<R> {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl<R> Eq for Waiting<R> {}

impl<R: Rounds> Scheduler<R> {
    /// Makes an empty queue. `for_failing` is the maximum number of workers at failing nodes.
    pub fn new(for_failing: usize) -> Self {
        Self {
            queue: Mutex::new(Queue {
                healthy: BinaryHeap::new(),
                failing: BinaryHeap::new(),
                at_failing: 0,
                watched: None,
            }),
            changed: Condvar::new(),
            for_failing,
        }
    }

    /// Adds nodes.
    pub fn add(&self, more: impl IntoIterator<Item = R>) {
        let mut queue = lock(&self.queue);
        for rounds in more {
            queue.put(rounds);
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// Runs rounds forever.
    pub fn work(&self) -> ! {
        loop {
            self.work_once();
        }
    }

    /// Waits for the next due round, and runs it.
    fn work_once(&self) {
        let (mut rounds, was_failing) = self.take();
        let next = rounds.round();
        let mut queue = lock(&self.queue);
        queue.at_failing -= usize::from(was_failing);
        // No notification needed: this worker checks the queue next.
        if next != Next::Nothing {
            queue.put(rounds);
        }
        if next == Next::RoundAndOthersSooner {
            queue.reschedule();
        }
    }

    /// Sorts the queue again: rounds may be due sooner than they were.
    pub fn reschedule(&self) {
        lock(&self.queue).reschedule();
        self.changed.notify_all();
    }

    /// Waits until a round is due. Returns it, and whether its node is failing.
    fn take(&self) -> (R, bool) {
        let mut queue = lock(&self.queue);
        loop {
            let now = Instant::now();
            match queue.next(self.for_failing) {
                Some((due, is_failing)) if due <= now => {
                    if let Some(rounds) = queue.pop(is_failing) {
                        // Another worker waits for the next one.
                        self.changed.notify_one();
                        return (rounds, is_failing);
                    }
                }
                // One worker is enough to wait for the earliest.
                Some((due, _)) if queue.watched.is_none_or(|until| due < until) => {
                    queue.watched = Some(due);
                    (queue, _) = unpoisoned(self.changed.wait_timeout(queue, due - now));
                    if queue.watched == Some(due) {
                        queue.watched = None;
                    }
                }
                _ => {
                    queue = unpoisoned(self.changed.wait(queue));
                }
            }
        }
    }
}

impl<R: Rounds> Queue<R> {
    fn put(&mut self, rounds: R) {
        let heap = match rounds.is_failing() {
            true => &mut self.failing,
            false => &mut self.healthy,
        };
        heap.push(Waiting {
            due: rounds.due(),
            rounds,
        });
    }

    fn reschedule(&mut self) {
        let heaps = [&mut self.healthy, &mut self.failing];
        let waiting: Vec<_> = heaps.into_iter().flat_map(BinaryHeap::drain).collect();
        for each in waiting {
            self.put(each.rounds);
        }
    }

    /// Returns the due time of the next round that a worker may take, and whether its node
    /// is failing.
    fn next(&self, for_failing: usize) -> Option<(Instant, bool)> {
        let due = |heap: &BinaryHeap<Waiting<R>>| heap.peek().map(|waiting| waiting.due);
        let failing = due(&self.failing).filter(|_| self.at_failing < for_failing);
        let healthy = due(&self.healthy);
        let earliest = failing.map(|due| (due, true));
        match healthy {
            Some(healthy) if earliest.is_none_or(|(due, _)| healthy <= due) => {
                Some((healthy, false))
            }
            _ => earliest,
        }
    }

    fn pop(&mut self, is_failing: bool) -> Option<R> {
        let heap = match is_failing {
            true => &mut self.failing,
            false => &mut self.healthy,
        };
        let waiting = heap.pop()?;
        self.at_failing += usize::from(is_failing);
        Some(waiting.rounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::thread;
    use std::time::Duration;

    /// Says its name in each round, and then waits to be let go.
    struct Probe {
        name: &'static str,
        due: Instant,
        is_failing: bool,
        said: Sender<&'static str>,
        gate: Option<Receiver<()>>,
        rounds: u32,
    }

    impl Rounds for Probe {
        fn due(&self) -> Instant {
            self.due
        }

        fn is_failing(&self) -> bool {
            self.is_failing
        }

        fn round(&mut self) -> Next {
            self.rounds -= 1;
            self.said.send(self.name).expect("the test listens");
            if let Some(gate) = &self.gate {
                // Ends with the test at the latest.
                let _ = gate.recv();
            }
            match self.rounds {
                0 => Next::Nothing,
                _ => Next::Round,
            }
        }
    }

    struct Bench {
        scheduler: Arc<Scheduler<Probe>>,
        said: Receiver<&'static str>,
        say: Sender<&'static str>,
    }

    impl Bench {
        fn new(workers: usize, for_failing: usize) -> Self {
            let scheduler = Arc::new(Scheduler::new(for_failing));
            for _ in 0..workers {
                let scheduler = Arc::clone(&scheduler);
                thread::spawn(move || scheduler.work());
            }
            let (say, said) = mpsc::channel();
            Self {
                scheduler,
                said,
                say,
            }
        }

        fn probe(&self, name: &'static str, after: Duration) -> Probe {
            Probe {
                name,
                due: Instant::now() + after,
                is_failing: false,
                said: self.say.clone(),
                gate: None,
                rounds: 1,
            }
        }

        fn next(&self) -> &'static str {
            self.said
                .recv_timeout(Duration::from_secs(60))
                .expect("a round")
        }
    }

    #[test]
    fn earliest_round_is_taken_first() {
        let bench = Bench::new(0, 1);
        let mut queue = lock(&bench.scheduler.queue);
        for (name, minutes, is_failing) in [
            ("third", 3, false),
            ("first", 1, true),
            ("fourth", 4, true),
            ("second", 2, false),
        ] {
            let mut probe = bench.probe(name, Duration::from_secs(60 * minutes));
            probe.is_failing = is_failing;
            queue.put(probe);
        }
        let mut order = Vec::new();
        while let Some((_, is_failing)) = queue.next(1) {
            order.extend(queue.pop(is_failing).map(|probe| probe.name));
        }
        assert_eq!(order, ["first", "second", "third"]);
        assert_eq!(
            queue.failing.len(),
            1,
            "waits until the first failing one is done"
        );
    }

    #[test]
    fn earlier_round_does_not_wait_for_a_later() {
        let bench = Bench::new(3, 1);
        bench
            .scheduler
            .add([bench.probe("late", Duration::from_secs(3600))]);
        bench.scheduler.add([bench.probe("now", Duration::ZERO)]);
        assert_eq!(bench.next(), "now");
    }

    #[test]
    fn long_round_does_not_block_other_workers() {
        let bench = Bench::new(2, 1);
        let (open, gate) = mpsc::channel();
        let mut slow = bench.probe("slow", Duration::ZERO);
        slow.gate = Some(gate);
        bench.scheduler.add([slow]);
        assert_eq!(bench.next(), "slow");
        let mut quick = bench.probe("quick", Duration::ZERO);
        quick.rounds = 20;
        bench.scheduler.add([quick]);
        for _ in 0..20 {
            assert_eq!(bench.next(), "quick");
        }
        drop(open);
    }

    #[test]
    fn rescheduled_rounds_are_taken_sooner() {
        struct Late {
            due: Arc<std::sync::Mutex<Instant>>,
            said: Sender<&'static str>,
        }
        impl Rounds for Late {
            fn due(&self) -> Instant {
                *lock(&self.due)
            }
            fn is_failing(&self) -> bool {
                true
            }
            fn round(&mut self) -> Next {
                self.said.send("late").expect("the test listens");
                Next::Nothing
            }
        }
        let scheduler = Arc::new(Scheduler::new(1));
        let worker = Arc::clone(&scheduler);
        thread::spawn(move || worker.work());
        let due = Arc::new(std::sync::Mutex::new(
            Instant::now() + Duration::from_secs(3600),
        ));
        let (said, heard) = mpsc::channel();
        scheduler.add([Late {
            due: Arc::clone(&due),
            said,
        }]);
        *lock(&due) = Instant::now();
        scheduler.reschedule();
        assert_eq!(heard.recv_timeout(Duration::from_secs(60)), Ok("late"));
    }

    #[test]
    fn failing_nodes_leave_workers_to_others() {
        let bench = Bench::new(3, 2);
        let mut gates = Vec::new();
        for _ in 0..6 {
            let (open, gate) = mpsc::channel();
            let mut hanging = bench.probe("hanging", Duration::ZERO);
            hanging.is_failing = true;
            hanging.gate = Some(gate);
            gates.push(open);
            bench.scheduler.add([hanging]);
        }
        assert_eq!([bench.next(), bench.next()], ["hanging", "hanging"]);
        let mut healthy = bench.probe("healthy", Duration::ZERO);
        healthy.rounds = 20;
        bench.scheduler.add([healthy]);
        for _ in 0..20 {
            assert_eq!(
                bench.next(),
                "healthy",
                "two of three workers hang, no more"
            );
        }
        drop(gates);
        for _ in 0..4 {
            assert_eq!(bench.next(), "hanging");
        }
    }
}
