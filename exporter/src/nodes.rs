//! The nodes that an exporter scrapes: named ones, all nodes of the cluster, or one
//! replica's share of all.

use std::fmt;

use shard::Shard;

/// Maximum number of nodes that one exporter scrapes by name.
pub const MAX_NAMED: usize = 16;

/// A node name: an RFC 1123 subdomain, as the API server demands. Needs no escaping in a
/// URL path, a field selector or a label value.
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
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The nodes to scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nodes {
    /// Named nodes: at least one, each once, sorted.
    Named(Vec<NodeName>),
    /// All nodes of the cluster that belong to this shard, as they join and leave.
    All(Shard),
}

impl Nodes {
    /// Returns whether exactly one node is named.
    pub fn is_one(&self) -> bool {
        matches!(self, Self::Named(names) if names.len() == 1)
    }

    /// Returns whether nodes are discovered; data of all of them is then requested once.
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
            Self::All(shard) if shard.is_whole() => f.write_str("all nodes"),
            Self::All(shard) => write!(f, "all nodes of shard {shard}"),
        }
    }
}
