//! The measurements that a report is made from.

use std::collections::BTreeMap;

use crate::recommend::Resource;
use crate::series::Series;

/// The time in seconds for which Prometheus returns the last sample of a series that has ended.
pub const LOOK_BACK_SECONDS: u64 = 300;

/// The measurements of one resource, by node.
#[derive(Debug, Default, PartialEq)]
pub struct Measured {
    /// Usage over the window, in cores or bytes.
    pub usage: BTreeMap<String, Series>,
    /// Age of the newest sample, in seconds, of nodes where it is not current.
    pub ages: BTreeMap<String, u64>,
    /// Allocatable: the amount that pods may use; above 0.
    pub allocatable: BTreeMap<String, f64>,
    /// Capacity: the amount that the node has; above 0.
    pub capacity: BTreeMap<String, f64>,
}

/// The measurements of all nodes, with the errors and warnings of the queries.
#[derive(Debug, Default, PartialEq)]
pub struct Measurements {
    /// CPU, in cores.
    pub cpu: Measured,
    /// Memory, in bytes.
    pub memory: Measured,
    /// Problems that make the report incomplete, one sentence each.
    pub errors: Vec<String>,
    /// Problems that do not, one sentence each.
    pub warnings: Vec<String>,
    /// Set if a query for usage failed.
    pub usage_query_failed: bool,
    /// Set if any series belongs to another shard.
    pub others_have_data: bool,
}

impl Measurements {
    /// Returns the measurements of `resource`.
    pub fn of(&self, resource: Resource) -> &Measured {
        match resource {
            Resource::Cpu => &self.cpu,
            Resource::Memory => &self.memory,
        }
    }

    /// Returns `true` if no node has any usage.
    pub fn has_no_usage(&self) -> bool {
        self.cpu.usage.is_empty() && self.memory.usage.is_empty()
    }

    /// Returns the measurements of `resource` for filling in.
    pub fn of_mut(&mut self, resource: Resource) -> &mut Measured {
        match resource {
            Resource::Cpu => &mut self.cpu,
            Resource::Memory => &mut self.memory,
        }
    }
}
