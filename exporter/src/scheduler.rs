//! Shares the rounds of many nodes among a pool of workers by due time. Knows of nodes and
//! scraping only what [`Rounds`] says.
//!
//! Scraping is synchronous: a worker stays with a node for the whole of its round.
//! Nodes that failed last time may keep workers waiting for their whole deadline,
//! so only some of the workers take those, and the others stay with the rest.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use runtime::lock::{lock, unpoisoned};

/// Something that has rounds to make.
pub trait Rounds {
    /// When the next round is due.
    fn due(&self) -> Instant;
    /// Whether the last round failed, and the next may well take long.
    fn is_failing(&self) -> bool;
    /// Makes a round. Returns what comes next.
    fn round(&mut self) -> Next;
}

/// What comes after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// No further round.
    Nothing,
    /// Another one, when it is due.
    Round,
    /// The same, and others that wait may be due sooner than they were.
    RoundAndOthersSooner,
}

/// The rounds that wait for a worker.
#[derive(Debug)]
pub struct Scheduler<R> {
    queue: Mutex<Queue<R>>,
    changed: Condvar,
    /// Workers that may be at failing nodes at a time.
    for_failing: usize,
}

#[derive(Debug)]
struct Queue<R> {
    healthy: BinaryHeap<Waiting<R>>,
    failing: BinaryHeap<Waiting<R>>,
    /// Workers that are at failing nodes.
    at_failing: usize,
    /// Until when a worker watches the clock for the others.
    watched: Option<Instant>,
}

/// One of them and when it is due; the earliest is the greatest.
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
    /// Nobody yet. `for_failing` is how many workers may be at failing nodes.
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

    /// Adds some.
    pub fn add(&self, more: impl IntoIterator<Item = R>) {
        let mut queue = lock(&self.queue);
        for rounds in more {
            queue.put(rounds);
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// Works for ever.
    pub fn work(&self) -> ! {
        loop {
            self.work_once();
        }
    }

    /// Waits for the next round that is due, and makes it.
    fn work_once(&self) {
        let (mut rounds, was_failing) = self.take();
        let next = rounds.round();
        let mut queue = lock(&self.queue);
        queue.at_failing -= usize::from(was_failing);
        // Nobody needs to be told: this worker looks at the queue next.
        if next != Next::Nothing {
            queue.put(rounds);
        }
        if next == Next::RoundAndOthersSooner {
            queue.reschedule();
        }
    }

    /// Asks all that wait when they are due: it may be sooner than they were.
    pub fn reschedule(&self) {
        lock(&self.queue).reschedule();
        self.changed.notify_all();
    }

    /// Waits until one is due. Also says whether it is a failing one.
    fn take(&self) -> (R, bool) {
        let mut queue = lock(&self.queue);
        loop {
            let now = Instant::now();
            match queue.next(self.for_failing) {
                Some((due, is_failing)) if due <= now => {
                    if let Some(rounds) = queue.pop(is_failing) {
                        // Somebody else watches the clock now.
                        self.changed.notify_one();
                        return (rounds, is_failing);
                    }
                }
                // One worker is enough to wake up for the earliest.
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

    /// When the next is due that a worker may take, and whether it is a failing one.
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
