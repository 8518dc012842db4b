//! Properties that hold for any bytes that a program reads from the network or its user.
//!
//! One function a target: it panics where something does not hold. `dev/fuzz` calls them
//! with what a fuzzer makes up, and this crate's test with what was found before and
//! with pieces of real captures. Out of scope: making bytes up.
//!
//! Invariant: all properties hold for every input of the corpora (held by
//! `everything_in_the_corpora_holds`), and each has a fuzz target (held by
//! `fuzz_targets_have_corpora`).

use std::io::{self, Read};

mod exposition_text;
mod http_request;
mod query_form;
mod range_query;
mod status;
mod text;
mod web_config;

/// Takes any bytes, and panics where something does not hold.
pub type Target = fn(&[u8]);

/// All targets, with the names of their corpora.
pub const TARGETS: [(&str, Target); 8] = [
    ("exposition", exposition_text::check),
    ("range_query", range_query::check),
    ("quantity", text::check_quantity),
    ("duration", text::check_duration),
    ("status", status::check),
    ("http_request", http_request::check),
    ("web_config", web_config::check),
    ("query_form", query_form::check),
];

/// Runs one target.
///
/// # Panics
/// When there is none of this name, or something does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, check) = target.unwrap_or_else(|| panic!("no target {name:?}"));
    check(bytes);
}

/// Bytes in pieces: their lengths follow from the bytes, so that a finding can be
/// replayed.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(*rest.first()?) % 31 + 1;
        let piece;
        (piece, rest) = rest.split_at(length.min(rest.len()));
        Some(piece)
    })
}

/// Bytes that arrive in pieces.
struct Pieces<'b>(Box<dyn Iterator<Item = &'b [u8]> + 'b>, &'b [u8]);

impl<'b> Pieces<'b> {
    fn new(pieces: impl IntoIterator<Item = &'b [u8], IntoIter: 'b>) -> Self {
        Self(Box::new(pieces.into_iter()), &[])
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.next().unwrap_or_default();
        }
        self.1.read(buffer)
    }
}
