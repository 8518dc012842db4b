//! The commands beside a report.

/// The command that examines the backend instead of reporting.
pub(super) const NAME: &str = "doctor";

/// The commands that take a flag, where `doctor` does.
pub(super) const DOCTOR: &[&str] = &[NAME];
