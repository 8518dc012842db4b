//! A pull reader for JSON (RFC 8259): one pass over a stream, in bounded memory.
//!
//! The caller asks for what it expects next; a string is borrowed from the input buffer
//! unless it has escapes or crosses a buffer's end. Strings, numbers and nesting are
//! bounded, so memory does not depend on the input. Where the input is cut into chunks
//! changes no result.

use std::io::{self, ErrorKind, Read};

/// Bytes of input held at a time.
const BUFFER_BYTES: usize = 32 * 1024;

/// The most bytes of a string that is kept whole, or of a number.
pub(crate) const MAX_TOKEN_BYTES: usize = 256 * 1024;

/// The most arrays and objects within each other.
const MAX_DEPTH: usize = 128;

/// The reason why reading stopped.
#[derive(Debug)]
pub(crate) enum Error {
    /// The stream failed.
    Io(io::Error),
    /// The stream ended within a value.
    Ended,
    /// The bytes are not JSON, not the JSON that was expected, or exceed a bound.
    Unexpected(String),
}

/// A reader of one stream.
pub(crate) struct Reader<'r> {
    stream: &'r mut dyn Read,
    buffer: Box<[u8]>,
    /// The unread part of the buffer.
    at: usize,
    end: usize,
    /// The line and the offset of its first byte, counted over the whole stream.
    line: u64,
    line_start: u64,
    /// The stream's bytes before the buffer.
    before: u64,
    /// A string or number that is not borrowed from the buffer.
    scratch: Vec<u8>,
    /// Arrays and objects that are open.
    depth: usize,
    /// Set if the next member or element follows another one.
    after_value: bool,
    /// Set if the next value belongs to a key whose colon is not read yet.
    after_key: bool,
}

/// The treatment of a string that exceeds its bound.
#[derive(Clone, Copy, PartialEq)]
enum Overlong {
    /// As an error.
    Refuse,
    /// Its start is taken for all of it.
    Cut,
}

impl<'r> Reader<'r> {
    pub(crate) fn new(stream: &'r mut dyn Read) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            at: 0,
            end: 0,
            line: 1,
            line_start: 0,
            before: 0,
            scratch: Vec::new(),
            depth: 0,
            after_value: false,
            after_key: false,
        }
    }

    /// Opens an object, whose members follow by [`Self::key`].
    pub(crate) fn object(&mut self) -> Result<(), Error> {
        self.open(b'{', "an object")
    }

    /// Opens an array, whose elements follow by [`Self::element`].
    pub(crate) fn array(&mut self) -> Result<(), Error> {
        self.open(b'[', "an array")
    }

    /// Returns the key of the next member, whose value is to be read or skipped then, or
    /// `None` at the end of the object.
    pub(crate) fn key(&mut self) -> Result<Option<&str>, Error> {
        if !self.has_more(b'}')? {
            return Ok(None);
        }
        self.string_of(MAX_TOKEN_BYTES, Overlong::Refuse, true)
            .map(Some)
    }

    /// Returns whether another element follows, which is to be read or skipped then.
    pub(crate) fn element(&mut self) -> Result<bool, Error> {
        self.has_more(b']')
    }

    /// Returns the first byte of the next value without taking it.
    pub(crate) fn peek(&mut self) -> Result<u8, Error> {
        if self.after_key {
            if self.next_byte()? != b':' {
                return Err(self.expected("':'"));
            }
            self.at += 1;
            self.after_key = false;
        }
        self.next_byte()
    }

    /// Reads a string whole.
    pub(crate) fn string(&mut self) -> Result<&str, Error> {
        self.string_of(MAX_TOKEN_BYTES, Overlong::Refuse, false)
    }

    /// Reads a string, of which the first `limit` bytes count.
    pub(crate) fn start_of_string(&mut self, limit: usize) -> Result<&str, Error> {
        self.string_of(limit, Overlong::Cut, false)
    }

    /// Reads a number; one beyond the range of `f64` is infinite.
    pub(crate) fn number(&mut self) -> Result<f64, Error> {
        if !matches!(self.peek()?, b'-' | b'0'..=b'9') {
            return Err(self.expected("a number"));
        }
        let token = self.token()?;
        let number = is_number(token)
            .then(|| std::str::from_utf8(token).ok()?.parse().ok())
            .flatten();
        number.ok_or_else(|| self.expected("a number"))
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Result<bool, Error> {
        match self.peek()? {
            b't' => self.literal("true").map(|()| true),
            b'f' => self.literal("false").map(|()| false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// Reads a `null`; returns `false`, and reads nothing, where there is another value.
    pub(crate) fn null(&mut self) -> Result<bool, Error> {
        match self.peek()? {
            b'n' => self.literal("null").map(|()| true),
            _ => Ok(false),
        }
    }

    /// Reads a value of any kind and forgets it. Its strings need not be UTF-8.
    pub(crate) fn skip(&mut self) -> Result<(), Error> {
        match self.peek()? {
            b'"' => self.string_of(0, Overlong::Cut, false).map(drop),
            b'{' => {
                self.object()?;
                while self.has_more(b'}')? {
                    self.string_of(0, Overlong::Cut, true)?;
                    self.skip()?;
                }
                Ok(())
            }
            b'[' => {
                self.array()?;
                while self.element()? {
                    self.skip()?;
                }
                Ok(())
            }
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b't' | b'f' => self.boolean().map(drop),
            b'n' => self.literal("null"),
            _ => Err(self.expected("a value")),
        }
    }

    /// Returns whether nothing but white space is left.
    pub(crate) fn is_at_end(&mut self) -> Result<bool, Error> {
        match self.next_byte() {
            Ok(_) => Ok(false),
            Err(Error::Ended) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// An error at the next byte.
    pub(crate) fn expected(&self, what: &str) -> Error {
        let column = self.before + self.at as u64 - self.line_start + 1;
        Error::Unexpected(format!(
            "expected {what} at line {} column {column}",
            self.line
        ))
    }

    fn open(&mut self, bracket: u8, what: &str) -> Result<(), Error> {
        if self.peek()? != bracket {
            return Err(self.expected(what));
        }
        if self.depth == MAX_DEPTH {
            return Err(Error::Unexpected(format!(
                "more than {MAX_DEPTH} arrays and objects within each other"
            )));
        }
        self.at += 1;
        self.depth += 1;
        self.after_value = false;
        Ok(())
    }

    /// Goes to the next member or element, or closes the object or array.
    fn has_more(&mut self, close: u8) -> Result<bool, Error> {
        let byte = self.next_byte()?;
        if byte == close {
            self.at += 1;
            self.depth -= 1;
            self.after_value = true;
            return Ok(false);
        }
        if self.after_value {
            if byte != b',' {
                return Err(self.expected(match close {
                    b']' => "',' or ']'",
                    _ => "',' or '}'",
                }));
            }
            self.at += 1;
        }
        Ok(true)
    }

    /// Reads a string: the first `limit` bytes of it, to the last whole character.
    fn string_of(&mut self, limit: usize, overlong: Overlong, is_key: bool) -> Result<&str, Error> {
        if self.peek()? != b'"' {
            return Err(self.expected(if is_key { "a key" } else { "a string" }));
        }
        self.at += 1;
        self.after_value = true;
        self.after_key = is_key;
        let rest = &self.buffer[self.at..self.end];
        let plain = plain_length(rest);
        let (start, length) = (self.at, plain.min(limit));
        if rest.get(plain) == Some(&b'"') && (length == plain || overlong == Overlong::Cut) {
            self.at += plain + 1;
            return match text(&self.buffer[start..start + length], length < plain) {
                Some(text) => Ok(text),
                None => Err(not_utf8()),
            };
        }
        let is_cut = self.copy_string(limit, overlong)?;
        text(&self.scratch, is_cut).ok_or_else(not_utf8)
    }

    /// Copies a string to the scratch; returns whether it was cut.
    fn copy_string(&mut self, limit: usize, overlong: Overlong) -> Result<bool, Error> {
        self.scratch.clear();
        let mut is_cut = false;
        loop {
            let byte = self.byte()?;
            let mut escaped = [0; 4];
            let piece = match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(is_cut);
                }
                b'\\' => {
                    let character = self.escape()?;
                    character.encode_utf8(&mut escaped).as_bytes()
                }
                0..0x20 => return Err(self.expected("no control character in a string")),
                _ => {
                    let rest = &self.buffer[self.at..self.end];
                    let plain = plain_length(rest);
                    self.at += plain;
                    &rest[..plain]
                }
            };
            let room = limit - self.scratch.len();
            self.scratch
                .extend_from_slice(&piece[..piece.len().min(room)]);
            is_cut |= piece.len() > room;
            if is_cut && overlong == Overlong::Refuse {
                return Err(Error::Unexpected(format!(
                    "a string of more than {limit} bytes"
                )));
            }
        }
    }

    /// Reads an escape, beginning with its backslash.
    fn escape(&mut self) -> Result<char, Error> {
        self.at += 1;
        let escaped = match self.byte()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.escaped_code_point(),
            _ => return Err(self.expected("an escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// Reads `u0041` or, of a character beyond 16 bits, `ud83d\ude00`.
    fn escaped_code_point(&mut self) -> Result<char, Error> {
        let first = self.code_unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or_else(|| self.expected("no lone surrogate"));
        }
        if self.byte()? != b'\\' {
            return Err(self.expected("the second surrogate"));
        }
        self.at += 1;
        if self.byte()? != b'u' {
            return Err(self.expected("the second surrogate"));
        }
        let second = self.code_unit()?;
        match second {
            0xdc00..0xe000 => {
                char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
                    .ok_or_else(|| self.expected("a character"))
            }
            _ => Err(self.expected("the second surrogate")),
        }
    }

    /// Reads the letter `u` and four hexadecimal digits.
    fn code_unit(&mut self) -> Result<u32, Error> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.byte()?).to_digit(16);
            unit = unit * 16 + digit.ok_or_else(|| self.expected("a hexadecimal digit"))?;
            self.at += 1;
        }
        Ok(unit)
    }

    fn literal(&mut self, word: &str) -> Result<(), Error> {
        match self.token()? == word.as_bytes() {
            true => Ok(()),
            false => Err(self.expected("a value")),
        }
    }

    /// Reads a number or a literal: what has no end mark of its own.
    fn token(&mut self) -> Result<&[u8], Error> {
        self.after_value = true;
        let start = self.at;
        let length = token_length(&self.buffer[start..self.end]);
        if start + length < self.end {
            self.at += length;
            return Ok(&self.buffer[start..self.at]);
        }
        self.scratch.clear();
        loop {
            let rest = &self.buffer[self.at..self.end];
            let length = token_length(rest);
            self.scratch.extend_from_slice(&rest[..length]);
            self.at += length;
            if self.scratch.len() > MAX_TOKEN_BYTES {
                return Err(Error::Unexpected(format!(
                    "a number of more than {MAX_TOKEN_BYTES} bytes"
                )));
            }
            if self.at < self.end {
                return Ok(&self.scratch);
            }
            match self.fill() {
                // Within an array or object its end is missing.
                Err(Error::Ended) if self.depth == 0 => return Ok(&self.scratch),
                filled => filled?,
            }
        }
    }

    /// Returns the next byte that is not white space, without taking it.
    fn next_byte(&mut self) -> Result<u8, Error> {
        loop {
            match self.byte()? {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    self.line_start = self.before + self.at as u64;
                }
                byte => return Ok(byte),
            }
        }
    }

    /// Returns the next byte without taking it.
    fn byte(&mut self) -> Result<u8, Error> {
        if self.at == self.end {
            self.fill()?;
        }
        Ok(self.buffer[self.at])
    }

    /// Reads on where the buffer is used up.
    fn fill(&mut self) -> Result<(), Error> {
        self.before += self.end as u64;
        (self.at, self.end) = (0, 0);
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(Error::Ended),
                Ok(count) => {
                    self.end = count;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
    }
}

/// Bytes of a string up to its end, an escape or a control character.
fn plain_length(bytes: &[u8]) -> usize {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    bytes.iter().position(special).unwrap_or(bytes.len())
}

/// Bytes of a number or a literal.
fn token_length(bytes: &[u8]) -> usize {
    let ends =
        |byte: &u8| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.');
    bytes.iter().position(ends).unwrap_or(bytes.len())
}

/// Returns UTF-8 as text, without the last character where that `is_cut`.
fn text(bytes: &[u8], is_cut: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

fn not_utf8() -> Error {
    Error::Unexpected("a string that is not UTF-8".to_owned())
}

/// Returns `true` if a token is a number of RFC 8259, section 6: Rust's own parser accepts more.
fn is_number(token: &[u8]) -> bool {
    let count_digits = |bytes: &'_ [u8]| -> Option<usize> {
        let count = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        (count > 0).then_some(count)
    };
    let unsigned = token.strip_prefix(b"-").unwrap_or(token);
    let Some(whole) = count_digits(unsigned) else {
        return false;
    };
    let mut rest = &unsigned[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        match count_digits(fraction) {
            Some(count) => rest = &fraction[count..],
            None => return false,
        }
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let unsigned = match exponent {
            [b'+' | b'-', unsigned @ ..] => unsigned,
            unsigned => unsigned,
        };
        match count_digits(unsigned) {
            Some(count) => rest = &unsigned[count..],
            None => return false,
        }
    }
    rest.is_empty() && (whole == 1 || unsigned[0] != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn accepts(text: &str) -> bool {
        let mut bytes = text.as_bytes();
        let mut json = Reader::new(&mut bytes);
        json.skip().is_ok() && matches!(json.is_at_end(), Ok(true))
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(accepts(&nested(MAX_DEPTH)));
        assert!(!accepts(&nested(MAX_DEPTH + 1)));
        assert!(!accepts(&"[".repeat(100_000)));
    }

    #[test]
    fn long_tokens_are_bounded() {
        let long = "1".repeat(MAX_TOKEN_BYTES + 1);
        assert!(!accepts(&long));
        assert!(accepts(&format!("\"{long}\"")));
    }

    /// Text made of the tokens of JSON.
    fn tokens() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"\\n\"",
            "\"\\u00e4\"",
            "\"\\x\"",
            "0",
            "-",
            "-0",
            "01",
            "1.",
            "1.5",
            ".5",
            "1e5",
            "1E+05",
            "1e",
            "2-",
            "true",
            "false",
            "null",
            "nul",
            " ",
            "\n",
        ]);
        prop::collection::vec(token, 0..8).prop_map(|tokens| tokens.concat())
    }

    fn value() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            any::<f64>().prop_map(|number| serde_json::json!(number).to_string()),
            ".*".prop_map(|text| serde_json::json!(text).to_string()),
            prop::sample::select(vec!["true", "false", "null", "[]", "{}"]).prop_map(str::to_owned),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            let list = prop::collection::vec(inner, 1..4);
            prop_oneof![
                list.clone()
                    .prop_map(|items| format!("[{}]", items.join(" , "))),
                list.prop_map(|items| {
                    let members = items.iter().map(|item| format!("\"k\":{item}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn accepts_what_serde_json_accepts(text in prop_oneof![tokens(), value()]) {
            let theirs = serde_json::from_str::<IgnoredAny>(&text);
            prop_assert_eq!(accepts(&text), theirs.is_ok(), "{}: {:?}", text, theirs);
        }
    }
}
