//! The server's reader of requests.

use std::io::{self, Write};
use std::time::Duration;

use webserver::{Connection, Limits, ReceiveError, Received, RequestReader};

use crate::{Pieces, pieces};

/// Cutting the bytes anywhere changes nothing, requests keep within the limits, and a
/// refusal is an error status.
pub(crate) fn check(bytes: &[u8]) {
    let limits = Limits {
        head_bytes: 600,
        body_bytes: 100,
        ..Limits::default()
    };
    let whole = read(Pieces::new([bytes]), &limits);
    let cut = read(Pieces::new(pieces(bytes)), &limits);
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
fn read(mut connection: Pieces<'_>, limits: &Limits) -> (Vec<Received>, Option<ReceiveError>) {
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

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection for Pieces<'_> {
    fn set_deadline(&mut self, _: Duration) {}
}
