//! From measurements of nodes to a report: forecasts compared with allocatable, with hysteresis,
//! evidence and the nodes that could be removed.
//!
//! [`assess::assess`] judges every node: [`horizon`] sums up the forecast of a resource;
//! [`recommend`] compares it with the node's allocatable, by the thresholds of [`hysteresis`];
//! [`evidence`] explains the numbers.
//! [`fleet`] finds nodes that could be removed. [`report`] is the data of the result, which
//! renderers and sinks only show.
//!
//! Nothing here opens a socket, reads a file or asks a clock: the caller passes all of it in.

pub mod assess;
pub mod evidence;
pub mod fleet;
pub mod horizon;
pub mod hysteresis;
pub mod measurements;
pub mod previous;
pub mod recommend;
pub mod report;
pub mod series;
pub mod window;
