//! Options of formats for people.

/// Options of formats for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether plain text has colors.
    pub color: bool,
    /// Whether models that were not chosen are shown.
    pub explain: bool,
}
