//! The health routes.

use contract::path;

/// Answers `/livez` and `/readyz` with a status and a text; `None` for other paths. `ready`
/// returns the reason where the program is not ready.
pub fn answer(
    path: &str,
    ready: impl FnOnce() -> Result<(), &'static str>,
) -> Option<(u16, &'static str)> {
    let result = match path {
        path::LIVEZ => Ok(()),
        path::READYZ => ready(),
        _ => return None,
    };
    Some(match result {
        Ok(()) => (200, "ok\n"),
        Err(reason) => (503, reason),
    })
}
