//! Options of formats for people.

/// Options of formats for people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Set if plain text has colours.
    pub color: bool,
    /// Set if every model that was considered is shown.
    pub explain: bool,
}
