//! Escapes of label values: `\\`, `\"` and `\n`, the same in expositions and in PromQL.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

/// Appends a label value with its escapes.
pub(crate) fn escape(value: &str, out: &mut dyn fmt::Write) -> fmt::Result {
    for c in value.chars() {
        match c {
            '\\' | '"' => {
                out.write_char('\\')?;
                out.write_char(c)?;
            }
            '\n' => out.write_str("\\n")?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

/// A label value without its escapes.
pub(crate) fn unescape(escaped: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\\', escaped).is_none() {
        return escaped.into();
    }
    let mut value = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(&byte) = bytes.next() {
        value.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(&other) => other,
                None => break,
            },
            other => other,
        });
    }
    value.into()
}
