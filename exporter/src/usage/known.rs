//! Values that expire.

use std::time::Instant;

/// A value that may be published until a certain time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known<T> {
    /// The value.
    pub value: T,
    /// Time at which it becomes unknown, unless a newer sample arrives.
    pub until: Instant,
}

impl<T: Copy> Known<T> {
    /// Returns the value while it is fresh.
    pub fn at(known: Option<Self>, now: Instant) -> Option<T> {
        known.filter(|known| now < known.until).map(|k| k.value)
    }
}
