//! The server's reader of requests.

use std::io::{self, Read, Write};
use std::time::Duration;

use webserver::{Connection, Limits, ReceiveError, Received, RequestReader};

/// Cutting the bytes anywhere changes nothing, requests keep within the limits, and a
/// refusal is an error status.
pub(crate) fn check(bytes: &[u8]) {
    let limits = Limits {
        head_bytes: 600,
        body_bytes: 100,
        ..Limits::default()
    };
    let whole = read(Cut(Box::new([bytes].into_iter()), &[]), &limits);
    let cut = read(Cut(Box::new(crate::pieces(bytes)), &[]), &limits);
    assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
    for Received { request, .. } in &whole.0 {
        assert!(request.body.len() <= limits.body_bytes);
        assert!(request.headers.len() <= 64);
        let _ = request.parameters();
    }
    if let Some(ReceiveError::Rejected(rejection)) = whole.1 {
        assert!((400..600).contains(&rejection.status));
    }
}

/// All requests, and the error that ended them.
fn read(mut connection: Cut<'_>, limits: &Limits) -> (Vec<Received>, Option<ReceiveError>) {
    let mut reader = RequestReader::default();
    let mut requests = Vec::new();
    loop {
        match reader.next(&mut connection, limits) {
            Ok(Some(received)) => requests.push(received),
            Ok(None) => return (requests, None),
            Err(error) => return (requests, Some(error)),
        }
    }
}

/// Bytes of a client that arrive in pieces.
struct Cut<'b>(Box<dyn Iterator<Item = &'b [u8]> + 'b>, &'b [u8]);

impl Read for Cut<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.next().unwrap_or_default();
        }
        self.1.read(buffer)
    }
}

impl Write for Cut<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection for Cut<'_> {
    fn set_deadline(&mut self, _: Duration) {}
}
