//! From measurements of nodes to a report: forecasts held against allocatable, with
//! hysteresis, evidence and a view of the fleet.
//!
//! [`assess::assess`] judges every node: [`recommend`] holds the forecast of a resource
//! against its size, by the lines of [`hysteresis`]; [`evidence`] puts the numbers into
//! words. [`fleet`] finds nodes that could be removed. [`report`] is the data of the
//! result, which renderers and sinks only show.
//!
//! Nothing here asks a server, reads a file or knows the time: all that is passed in.

pub mod action;
pub mod assess;
pub mod evidence;
pub mod fleet;
pub mod hysteresis;
pub mod measurements;
pub mod previous;
pub mod recommend;
pub mod report;
pub mod series;
pub mod window;
