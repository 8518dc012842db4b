//! Reader of X.501 distinguished names, to show the issuer of a certificate.
//!
//! Keeps only the attributes that identify a CA for people (common name, organisation,
//! organisational unit). Nothing depends on them: verification is done by rustls.

/// Returns `CN=kubernetes, O=example` for the DER encoding of a name, with or without its
/// outer SEQUENCE; `None` if no known attribute can be read.
pub(crate) fn display(der: &[u8]) -> Option<String> {
    let mut attributes = Vec::new();
    collect(der, &mut attributes);
    (!attributes.is_empty()).then(|| attributes.join(", "))
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;

/// Walks nested SETs and SEQUENCEs down to the (OID, text) pairs.
fn collect(mut der: &[u8], attributes: &mut Vec<String>) {
    while let Some((tag, content, rest)) = element(der) {
        der = rest;
        match tag {
            SEQUENCE | SET => collect(content, attributes),
            OID => {
                let Some((_, text, _)) = element(rest) else {
                    return;
                };
                let label = match content {
                    [0x55, 0x04, 0x03] => "CN",
                    [0x55, 0x04, 0x0a] => "O",
                    [0x55, 0x04, 0x0b] => "OU",
                    _ => return,
                };
                // A certificate comes from outside: no control characters in a log line.
                let text: String = String::from_utf8_lossy(text)
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(64)
                    .collect();
                attributes.push(format!("{label}={text}"));
                return;
            }
            _ => {}
        }
    }
}

/// Splits one DER element off: its tag, its content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 2 {
            return None;
        }
        let (bytes, rest) = rest.split_at_checked(count)?;
        (bytes.iter().fold(0, |n, &b| n << 8 | usize::from(b)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBERNETES: &[u8] = &[
        0x31, 0x13, 0x30, 0x11, 0x06, 0x03, 0x55, 0x04, 0x03, 0x13, 0x0a, b'k', b'u', b'b', b'e',
        b'r', b'n', b'e', b't', b'e', b's',
    ];

    #[test]
    fn common_name_of_a_cluster_ca_is_shown() {
        assert_eq!(display(KUBERNETES).as_deref(), Some("CN=kubernetes"));
        let mut outer = vec![0x30, KUBERNETES.len() as u8];
        outer.extend_from_slice(KUBERNETES);
        assert_eq!(display(&outer).as_deref(), Some("CN=kubernetes"));
    }

    #[test]
    fn malformed_names_do_not_panic() {
        for end in 0..KUBERNETES.len() {
            assert_eq!(display(&KUBERNETES[..end]), None);
        }
        assert_eq!(display(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(display(&[0xff; 64]), None);
    }
}
