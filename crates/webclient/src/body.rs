//! Response bodies: decompressed as they are read, with limits before and after.

use std::fmt;
use std::io::{self, BufReader, Read};
use std::time::Duration;

use flate2::bufread::GzDecoder;
use ureq::BodyReader;

use crate::{BaseUrl, Failure};

/// Maximum size of a body. Beyond it, reading fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Bytes as sent.
    pub compressed: u64,
    /// Bytes after decompression.
    pub decompressed: u64,
}

/// Bytes of compressed body held at a time.
const COMPRESSED_BUFFER_BYTES: usize = 16 * 1024;

/// A response body as a stream. Errors wrap a [`Failure`].
pub struct Body {
    content: Content,
    decompressed: u64,
    caps: Caps,
}

enum Content {
    Identity(Wire),
    // Boxed: the decompressor's state is some 48 KiB.
    Gzip(Box<GzDecoder<BufReader<Wire>>>),
}

impl Body {
    pub(crate) fn new(
        reader: BodyReader<'static>,
        encoding: Option<&str>,
        caps: Caps,
        base: &BaseUrl,
        deadline: Duration,
    ) -> Result<Self, Failure> {
        let wire = Wire {
            reader,
            received: 0,
            cap: caps.compressed,
            base: base.clone(),
            deadline,
        };
        let content = match encoding.map(str::trim) {
            None | Some("" | "identity") => Content::Identity(wire),
            Some(name) if name.eq_ignore_ascii_case("gzip") => Content::Gzip(Box::new(
                GzDecoder::new(BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, wire)),
            )),
            Some(other) => {
                return Err(Failure::Encoding(format!(
                    "{other:?} is not supported: expected gzip"
                )));
            }
        };
        Ok(Self {
            content,
            decompressed: 0,
            caps,
        })
    }

    /// Bytes received so far, as sent.
    pub fn received(&self) -> u64 {
        match &self.content {
            Content::Identity(wire) => wire.received,
            Content::Gzip(decoder) => decoder.get_ref().get_ref().received,
        }
    }

    /// Reads the rest as text, at most `limit` bytes of it: for the messages that servers put
    /// into refusals. A failure ends the text.
    pub fn read_start(&mut self, limit: u64) -> String {
        let mut bytes = Vec::new();
        // What arrived before a failure is still worth showing.
        let _ = self.by_ref().take(limit).read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.content {
            Content::Identity(wire) => wire.read(buffer)?,
            Content::Gzip(decoder) => match decoder.read(buffer) {
                Ok(0) if !buffer.is_empty() => {
                    // The gzip trailer was valid; nothing may follow it.
                    let mut rest = [0];
                    if decoder.get_mut().read(&mut rest)? != 0 {
                        return Err(
                            Failure::Encoding("data after the gzip trailer".into()).into_io()
                        );
                    }
                    0
                }
                Ok(count) => count,
                Err(error) => return Err(gzip_failure(error)),
            },
        };
        self.decompressed += count as u64;
        if self.decompressed > self.caps.decompressed {
            return Err(Failure::TooLarge {
                cap: self.caps.decompressed,
                what: "decompressed",
            }
            .into_io());
        }
        Ok(count)
    }
}

/// Distinguishes corrupt gzip data from a connection that failed.
fn gzip_failure(error: io::Error) -> io::Error {
    if error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<Failure>)
    {
        return error;
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::Truncated.into_io(),
        _ => Failure::Encoding(format!("corrupt gzip data ({error})")).into_io(),
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("received", &self.received())
            .field("decompressed", &self.decompressed)
            .finish_non_exhaustive()
    }
}

/// The body as received from the connection.
struct Wire {
    reader: BodyReader<'static>,
    received: u64,
    cap: u64,
    base: BaseUrl,
    deadline: Duration,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self
            .reader
            .read(buffer)
            .map_err(|error| Failure::from_transport(error, &self.base, self.deadline).into_io())?;
        self.received += count as u64;
        if self.received > self.cap {
            return Err(Failure::TooLarge {
                cap: self.cap,
                what: "compressed",
            }
            .into_io());
        }
        Ok(count)
    }
}
