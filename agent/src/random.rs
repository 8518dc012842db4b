//! Random numbers from the operating system: so that fleets do not act in step, and
//! for identifiers that nobody else gives away.

use ring::rand::{SecureRandom, SystemRandom};

/// A number from 0 to below 1.
pub(crate) fn share() -> f64 {
    // 2^32 steps: f64 holds each of them.
    f64::from(u32::from_be_bytes(bytes())) / (f64::from(u32::MAX) + 1.0)
}

/// 128 bits in hexadecimal.
pub(crate) fn id() -> String {
    hex(&bytes::<16>())
}

/// Bytes as hexadecimal, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the kernel gives random numbers: TLS would not work without either");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_lie_in_their_range_and_differ_as_identifiers_do() {
        let shares: Vec<f64> = (0..100).map(|_| share()).collect();
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
        assert!(shares.windows(2).any(|pair| pair[0] != pair[1]));
        assert_ne!(id(), id());
        assert_eq!(id().len(), 32);
        assert_eq!(hex(&[0, 10, 255]), "000aff");
    }
}
