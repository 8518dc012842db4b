//! Renderers of a report: one file each.
//!
//! They present the data of [`analysis::report`] and judge nothing. `report.schema.json` beside
//! this crate's manifest describes the JSON format.

pub mod csv;
#[cfg(any(test, feature = "example"))]
pub mod example;
mod format;
pub mod html;
pub mod json;
pub mod markdown;
pub mod prometheus;
mod style;
pub mod summary;
mod text;

pub use format::{Format, extension, media_type, render, write};
pub use style::Style;
