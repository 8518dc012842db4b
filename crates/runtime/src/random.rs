//! Random numbers for jitter and identifiers. Not for secrets.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Returns a number from 0 to below 1.
pub fn unit() -> f64 {
    // 2^53 steps: f64 holds each of them.
    (bits() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns an identifier: 128 bits in hexadecimal.
pub fn id() -> String {
    format!("{:016x}{:016x}", bits(), bits())
}

fn bits() -> u64 {
    // The standard library seeds each RandomState from the operating system.
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_are_in_range_and_differ() {
        let numbers: Vec<f64> = (0..100).map(|_| unit()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(numbers.windows(2).any(|pair| pair[0] != pair[1]));
        assert_ne!(id(), id());
        assert_eq!(id().len(), 32);
    }
}
