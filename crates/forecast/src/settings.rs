//! What the caller decides about forecasts.

/// Which model makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Whichever the backtest of the series speaks for.
    #[default]
    Auto,
    /// Prophet: a trend that bends, and seasons.
    Prophet,
    /// Exponential smoothing.
    Ets,
    /// The robust line.
    Linear,
    /// The newest value carried forward.
    Last,
}

impl Choice {
    /// All of them, in the order of help texts.
    pub const ALL: [Self; 5] = [
        Self::Auto,
        Self::Prophet,
        Self::Ets,
        Self::Linear,
        Self::Last,
    ];

    /// As flags write it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Prophet => "prophet",
            Self::Ets => "ets",
            Self::Linear => "linear",
            Self::Last => "last",
        }
    }
}

/// How forecasts are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Which model.
    pub model: Choice,
    /// Share of what comes that an interval is meant to hold: above 0, below 1.
    pub coverage: f64,
}

/// Share of what comes that an interval is meant to hold, unless told otherwise.
pub const DEFAULT_COVERAGE: f64 = 0.8;

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: Choice::Auto,
            coverage: DEFAULT_COVERAGE,
        }
    }
}
