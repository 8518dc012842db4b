//! The measurements that a report is made from.

use std::collections::BTreeMap;

use crate::recommend::Resource;
use crate::series::Series;

/// How long Prometheus shows the last sample of a series that has ended.
pub const LOOK_BACK_SECONDS: u64 = 300;

/// What was measured of one resource, by node.
#[derive(Debug, Default, PartialEq)]
pub struct Measured {
    /// Usage over the window, in cores or bytes.
    pub usage: BTreeMap<String, Series>,
    /// Age of the newest sample, in seconds, of nodes where it is not current.
    pub ages: BTreeMap<String, u64>,
    /// What pods may use of the node; above 0.
    pub allocatable: BTreeMap<String, f64>,
    /// What the node has; above 0.
    pub capacity: BTreeMap<String, f64>,
}

/// What was measured, and what went wrong meanwhile.
#[derive(Debug, Default, PartialEq)]
pub struct Measurements {
    /// CPU, in cores.
    pub cpu: Measured,
    /// Memory, in bytes.
    pub memory: Measured,
    /// What makes the report incomplete, one sentence each.
    pub errors: Vec<String>,
    /// What does not, and is worth knowing.
    pub warnings: Vec<String>,
    /// Whether a query for usage failed.
    pub usage_query_failed: bool,
    /// Whether any series was left to another shard.
    pub others_have_data: bool,
}

impl Measurements {
    /// What was measured of `resource`.
    pub fn of(&self, resource: Resource) -> &Measured {
        match resource {
            Resource::Cpu => &self.cpu,
            Resource::Memory => &self.memory,
        }
    }

    /// Whether no node has any usage.
    pub fn has_no_usage(&self) -> bool {
        self.cpu.usage.is_empty() && self.memory.usage.is_empty()
    }

    /// The same, to be filled in.
    pub fn of_mut(&mut self, resource: Resource) -> &mut Measured {
        match resource {
            Resource::Cpu => &mut self.cpu,
            Resource::Memory => &mut self.memory,
        }
    }
}
