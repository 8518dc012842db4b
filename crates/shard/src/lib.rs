//! Shards of a fleet that is too large for one process. Pure.
//!
//! A node is in exactly one shard, by a hash of its name that is the same in every release, in both
//! programs and on every machine: the pods of an Indexed Job or StatefulSet share the fleet without
//! communicating.
//!
//! Invariant: every node is in exactly one shard (held by `every_node_is_in_one_shard`), which
//! never changes (held by `shard_of_a_node_never_changes`).

use std::fmt;
use std::str::FromStr;

use contract::limit::SHARDS;
use serde::Serialize;

/// One of `count` shards; written `2/8`. Indices begin at 0, as those of an Indexed Job do: the
/// shards of 8 are 0/8 to 7/8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Shard {
    index: u32,
    count: u32,
}

/// The syntax of [`Shard::parse`].
const EXPECTED: &str =
    "a shard such as 0/8 or 7/8: an index from 0 to below the count, which is from 1 to 10000";

impl Shard {
    /// The whole fleet.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Makes shard `index` of `count`; `None` unless `index` is below `count`, and `count` from 1
    /// to 10,000.
    pub fn new(index: u32, count: u32) -> Option<Self> {
        (index < count && SHARDS.contains(&count)).then_some(Self { index, count })
    }

    /// Reads `2/8`.
    ///
    /// # Errors
    /// The expected form, for anything else.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        text.split_once('/')
            .and_then(|(index, count)| Self::new(index.parse().ok()?, count.parse().ok()?))
            .ok_or(EXPECTED)
    }

    /// Returns the index, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Returns `true` for the whole fleet.
    pub fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Returns `true` if the node called `name` is in this shard.
    pub fn has(self, name: &str) -> bool {
        self.is_whole() || hash(name) % u64::from(self.count) == u64::from(self.index)
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// Returns a hash of a node's name.
///
/// FNV-1a in 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>), its bits mixed once more as
/// MurmurHash3's finalizer does: of names that differ in their last digit, FNV-1a
/// alone spreads the low bits poorly.
pub fn hash(name: &str) -> u64 {
    let mut hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shards_are_counted_from_0() {
        assert_eq!(Shard::parse("7/8"), Ok(Shard { index: 7, count: 8 }));
        assert_eq!(Shard::parse("0/1"), Ok(Shard::WHOLE));
        for text in [
            "", "8/8", "1", "0/0", "-1/2", "0/10001", "1/2/3", "a/b", "1 / 2",
        ] {
            assert_eq!(Shard::parse(text), Err(EXPECTED), "{text}");
        }
    }

    #[test]
    fn shard_of_a_node_never_changes() {
        // Pods of two releases may work on one fleet.
        let parts: Vec<_> = ["", "a", "node-1", "ip-10-0-0-7.ec2.internal"]
            .iter()
            .map(|name| hash(name) % 8)
            .collect();
        assert_eq!(parts, [6, 3, 5, 0]);
    }

    #[test]
    fn numbered_nodes_are_spread_evenly() {
        for count in [2, 8, 10, 64] {
            let mut sizes = vec![0; count as usize];
            for number in 0..5_000 {
                let name = format!("ip-10-0-{}-{}.ec2.internal", number / 256, number % 256);
                sizes[(hash(&name) % count) as usize] += 1;
            }
            let fair = 5_000 / count as usize;
            let (least, most) = (sizes.iter().min(), sizes.iter().max());
            assert!(
                least >= Some(&(fair / 2)) && most <= Some(&(fair * 2)),
                "{count}: {sizes:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_node_is_in_one_shard(name in ".{0,40}", count in 1..200u32) {
            let parts = (0..count)
                .filter_map(|index| Shard::new(index, count))
                .filter(|shard| shard.has(&name))
                .count();
            prop_assert_eq!(parts, 1);
        }
    }
}
