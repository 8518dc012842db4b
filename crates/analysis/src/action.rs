//! The words of a verdict: what to do, and how urgent it is.

use serde::{Deserialize, Serialize};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Add capacity, or move pods away.
    ScaleUp,
    /// The node can go, or be smaller.
    Consolidate,
    /// Nothing: healthy.
    None,
    /// Nothing can be said; `reason` says why.
    InsufficientData,
}

impl Action {
    /// Each of them.
    pub const ALL: [Self; 4] = [
        Self::ScaleUp,
        Self::Consolidate,
        Self::None,
        Self::InsufficientData,
    ];

    /// As programs write it: in JSON, CSV and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScaleUp => "scale_up",
            Self::Consolidate => "consolidate",
            Self::None => "none",
            Self::InsufficientData => "insufficient_data",
        }
    }

    /// As people write it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ScaleUp => "scale up or move pods",
            Self::Consolidate => "consolidate or scale down",
            Self::None => "healthy",
            Self::InsufficientData => "insufficient data",
        }
    }
}

/// How urgent it is, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Not at all.
    None,
    /// Worth knowing.
    Info,
    /// Act within days.
    Warning,
    /// Act now: the limit is reached within the horizon.
    Critical,
}

impl Severity {
    /// As flags, reports and people write it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The number that stands for it, as the help text of its series says.
    pub const fn level(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Info => 1.0,
            Self::Warning => 2.0,
            Self::Critical => 3.0,
        }
    }
}
