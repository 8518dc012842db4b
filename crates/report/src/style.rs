//! Options of formats for people.

/// Options of formats for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Set if plain text has colours.
    pub color: bool,
    /// Set if models that were not selected are shown too.
    pub explain: bool,
}
