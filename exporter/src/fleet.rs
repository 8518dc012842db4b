//! The workers that take turns at the nodes' rounds.
//!
//! Scraping is synchronous: a worker stays with a node for the whole of its round.
//! Nodes that failed last time may keep workers waiting for their whole deadline,
//! so only some of the workers take those, and the others stay with the rest.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::board::lock;
use crate::scrape::NodeScraper;

/// Nodes that wait for their next round.
#[derive(Debug)]
pub struct Fleet {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Workers that may be at failing nodes at a time.
    for_failing: usize,
}

#[derive(Debug, Default)]
struct Queue {
    healthy: BinaryHeap<Waiting>,
    failing: BinaryHeap<Waiting>,
    /// Workers that are at failing nodes.
    at_failing: usize,
    /// Until when a worker watches the clock for the others.
    watched: Option<Instant>,
}

/// A node and when it is due; the earliest is the greatest.
#[derive(Debug)]
struct Waiting {
    due: Instant,
    scraper: NodeScraper,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        other.due.cmp(&self.due)
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Waiting {}

impl Fleet {
    /// No nodes yet. `for_failing` is how many workers may be at failing nodes.
    pub fn new(for_failing: usize) -> Self {
        Self {
            queue: Mutex::default(),
            changed: Condvar::new(),
            for_failing,
        }
    }

    /// Adds nodes.
    pub fn add(&self, scrapers: Vec<NodeScraper>) {
        let mut queue = lock(&self.queue);
        for scraper in scrapers {
            queue.put(scraper);
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// Works for ever. Nodes that have left, and those that `is_done` says it of after
    /// a round, are not asked again.
    pub fn work(&self, mut is_done: impl FnMut(&NodeScraper) -> bool) -> ! {
        loop {
            let (mut scraper, was_failing) = self.take();
            let has_left = scraper.node.has_left();
            if !has_left {
                scraper.round();
            }
            let is_over = has_left || is_done(&scraper);
            let mut queue = lock(&self.queue);
            queue.at_failing -= usize::from(was_failing);
            // Nobody needs to be told: this worker looks at the queue next.
            if !is_over {
                queue.put(scraper);
            }
        }
    }

    /// Waits for a node that is due. Also says whether it is a failing one.
    fn take(&self) -> (NodeScraper, bool) {
        let mut queue = lock(&self.queue);
        loop {
            let now = Instant::now();
            match queue.next(self.for_failing) {
                Some((due, is_failing)) if due <= now => {
                    if let Some(scraper) = queue.pop(is_failing) {
                        // Somebody else watches the clock now.
                        self.changed.notify_one();
                        return (scraper, is_failing);
                    }
                }
                // One worker is enough to wake up for the earliest.
                Some((due, _)) if queue.watched.is_none_or(|until| due < until) => {
                    queue.watched = Some(due);
                    let waited = self.changed.wait_timeout(queue, due - now);
                    queue = waited.unwrap_or_else(PoisonError::into_inner).0;
                    if queue.watched == Some(due) {
                        queue.watched = None;
                    }
                }
                _ => {
                    let waited = self.changed.wait(queue);
                    queue = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl Queue {
    fn put(&mut self, scraper: NodeScraper) {
        let waiting = Waiting {
            due: scraper.due(),
            scraper,
        };
        if waiting.scraper.is_failing() {
            self.failing.push(waiting);
        } else {
            self.healthy.push(waiting);
        }
    }

    /// When the next node is due that a worker may take, and whether it is failing.
    fn next(&self, for_failing: usize) -> Option<(Instant, bool)> {
        let due = |heap: &BinaryHeap<Waiting>| heap.peek().map(|waiting| waiting.due);
        let failing = due(&self.failing).filter(|_| self.at_failing < for_failing);
        let healthy = due(&self.healthy);
        match (healthy, failing) {
            (Some(healthy), Some(failing)) if failing < healthy => Some((failing, true)),
            (None, Some(failing)) => Some((failing, true)),
            (healthy, _) => healthy.map(|due| (due, false)),
        }
    }

    fn pop(&mut self, is_failing: bool) -> Option<NodeScraper> {
        let heap = match is_failing {
            true => &mut self.failing,
            false => &mut self.healthy,
        };
        let waiting = heap.pop()?;
        self.at_failing += usize::from(is_failing);
        Some(waiting.scraper)
    }
}
