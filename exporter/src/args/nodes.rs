//! Which nodes a run is about: some by name, or all of the cluster's, or one
//! replica's share of all.

use std::fmt;

/// Nodes that one exporter takes on by name.
const MAX_NODES: usize = 16;

/// A node name: an RFC 1123 subdomain, as the API server demands. Safe in a
/// URL path, a field selector and a label value as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Box<str>);

impl NodeName {
    /// Checks a name.
    ///
    /// # Errors
    /// The expected form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if text.len() <= 253 && text.split('.').all(is_part) {
            Ok(Self(text.into()))
        } else {
            Err("a node name: lower-case letters, digits, - and ., at most 253 characters")
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A number that follows from the name alone: the same in every process and
    /// release, so that replicas agree on it. The FNV-1a hash, its bits stirred
    /// once more, since names often differ in their last digit only.
    pub fn fingerprint(&self) -> u64 {
        let hash = self.0.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ (hash >> 29)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The nodes of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nodes {
    /// These: at least one, each once, in order.
    Named(Vec<NodeName>),
    /// All of the cluster's that fall into this shard, as they come and go.
    All(Shard),
}

impl Nodes {
    /// Whether nodes are looked for, and what concerns all of them is asked once.
    pub fn are_discovered(&self) -> bool {
        matches!(self, Self::All(_))
    }
}

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(nodes) => {
                let names: Vec<&str> = nodes.iter().map(NodeName::as_str).collect();
                write!(f, "node {}", names.join(", "))
            }
            Self::All(shard) if shard.count == 1 => f.write_str("all nodes"),
            Self::All(shard) => write!(f, "all nodes of shard {shard}"),
        }
    }
}

/// One replica's share of the nodes: every node is in exactly one of `count` shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 0; below `count`.
    index: u32,
    count: u32,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Reads `I/N`.
    ///
    /// # Errors
    /// The expected form.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let numbers = text.split_once('/').map(|(i, n)| (i.parse(), n.parse()));
        match numbers {
            Some((Ok(index), Ok(count))) if index < count && count <= 1000 => {
                Ok(Self { index, count })
            }
            _ => Err("a shard such as 0/3, the first of three, of at most 1000"),
        }
    }

    /// A number by which replicas differ.
    pub fn fingerprint(self) -> u64 {
        u64::from(self.index).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Whether a node belongs here. By jump hashing, so that one shard more takes an
    /// equal part from each of the others and moves no node between those.
    ///
    /// Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014.
    pub fn holds(self, node: &NodeName) -> bool {
        let mut key = node.fingerprint();
        let (mut bucket, mut next) = (0, 0);
        while next < i64::from(self.count) {
            bucket = next;
            key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
            // At most 2^31 times the 1000 shards: far below 2^53.
            let leap = (1_u64 << 31) as f64 / ((key >> 33) + 1) as f64;
            next = ((bucket + 1) as f64 * leap) as i64;
        }
        bucket == i64::from(self.index)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// Reads `--node-name`.
pub(super) fn parse_names(text: &str) -> Result<Vec<NodeName>, &'static str> {
    let mut nodes = text
        .split(',')
        .map(|name| NodeName::parse(name.trim()))
        .collect::<Result<Vec<_>, _>>()?;
    nodes.sort();
    nodes.dedup();
    if nodes.len() > MAX_NODES {
        return Err("a list of at most 16 nodes; --nodes=all reads all of a cluster");
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet() -> Vec<NodeName> {
        (0..5000)
            .map(|n| NodeName::parse(&format!("ip-10-0-{}-{}", n / 250, n % 250)).expect("a name"))
            .collect()
    }

    fn shard_of(node: &NodeName, count: u32) -> u32 {
        let holding: Vec<u32> = (0..count)
            .filter(|&index| Shard { index, count }.holds(node))
            .collect();
        assert_eq!(holding.len(), 1, "{node} is in exactly one of {count}");
        holding[0]
    }

    #[test]
    fn every_node_is_in_exactly_one_shard_and_the_shards_are_alike() {
        for count in [1, 2, 3, 7] {
            let mut sizes = vec![0_u32; count as usize];
            for node in fleet() {
                sizes[shard_of(&node, count) as usize] += 1;
            }
            let mean = 5000 / count;
            assert!(
                sizes.iter().all(|size| size.abs_diff(mean) < mean / 10 + 1),
                "{sizes:?}"
            );
        }
    }

    #[test]
    fn one_shard_more_moves_nodes_to_it_alone() {
        let mut moved = 0;
        for node in fleet() {
            let (before, after) = (shard_of(&node, 3), shard_of(&node, 4));
            if before != after {
                assert_eq!(after, 3, "{node}");
                moved += 1;
            }
        }
        assert!(
            (1100..1400).contains(&moved),
            "{moved} of 5000, about a quarter"
        );
    }

    /// Replicas of different releases run side by side while they are replaced.
    #[test]
    fn the_split_is_the_same_in_every_release() {
        let of_three = |name| shard_of(&NodeName::parse(name).expect("a name"), 3);
        let names = [
            "node-a", "node-b", "node-c", "node-d", "node-e", "node-f", "node-g", "node-h",
        ];
        assert_eq!(names.map(of_three), [0, 1, 0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn shards_are_read_and_printed_in_one_form() {
        for text in ["0/1", "2/3", "999/1000"] {
            assert_eq!(Shard::parse(text).expect(text).to_string(), text);
        }
        for text in ["", "3", "3/3", "0/0", "-1/3", "/3", "1/", "0/1001", "a/b"] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }
}
