//! Values that expire.

use std::time::Instant;

/// A value, and until when it may be published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known<T> {
    /// The value.
    pub value: T,
    /// When it counts as unknown again, unless a newer sample comes.
    pub until: Instant,
}

impl<T: Copy> Known<T> {
    /// The value, while it is fresh.
    pub fn at(known: Option<Self>, now: Instant) -> Option<T> {
        known.filter(|known| now < known.until).map(|k| k.value)
    }
}
