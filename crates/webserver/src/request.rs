//! A complete request, within all limits.

use crate::response::Response;

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD: answered like GET, without the body.
    Head,
    /// POST.
    Post,
    /// Another method of RFC 9110 or RFC 5789, such as DELETE. Unknown methods are refused
    /// with 501 and never reach the handler.
    Other,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The target up to `?`, not decoded: `/metrics`.
    pub path: String,
    /// The target after `?`, not decoded.
    pub query: String,
    /// Headers in their order. Lines of the same name are joined by a comma.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header; the name's case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(each, _)| each.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns a refusal of methods other than GET and HEAD, or, with `post`, other than those
    /// and POST.
    pub fn refuse_method(&self, takes_post: bool) -> Option<Response> {
        let allowed = match (self.method, takes_post) {
            (Method::Get | Method::Head, _) | (Method::Post, true) => return None,
            (_, true) => "GET, HEAD, POST",
            (_, false) => "GET, HEAD",
        };
        let text = format!("expected one of: {allowed}\n");
        Some(Response::text(405, text).with("Allow", allowed))
    }

    /// Returns the decoded parameters: of the form of a POST, otherwise of the query. A malformed
    /// escape is kept as it is.
    pub fn parameters(&self) -> Vec<(String, String)> {
        match self.method {
            Method::Post => decode_form(&String::from_utf8_lossy(&self.body)),
            _ => decode_form(&self.query),
        }
    }

    /// Returns whether the client accepts gzip.
    pub(crate) fn takes_gzip(&self) -> bool {
        self.header("accept-encoding").is_some_and(accepts_gzip)
    }
}

/// Returns whether an `Accept-Encoding` header accepts gzip.
fn accepts_gzip(accept: &str) -> bool {
    accept.split(',').any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = parameters.split(';').any(|parameter| {
            let quality = parameter.trim().to_ascii_lowercase();
            let quality = quality.strip_prefix("q=").map(str::parse::<f32>);
            quality.is_some_and(|q| q.is_ok_and(|q| q <= 0.0))
        });
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Decodes `application/x-www-form-urlencoded` pairs.
fn decode_form(form: &str) -> Vec<(String, String)> {
    form.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hex = rest
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok())
            .filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(match (byte, hex) {
            (b'+', _) => b' ',
            (b'%', Some(decoded)) => {
                rest = &rest[2..];
                decoded
            }
            (other, _) => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_needs_accept_encoding() {
        for (accept, yes) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("gzip;a=b;Q=0", false),
            ("identity", false),
            ("", false),
            ("xgzip", false),
        ] {
            assert_eq!(accepts_gzip(accept), yes, "{accept}");
        }
    }

    #[test]
    fn malformed_escapes_in_forms_are_kept() {
        let pairs = decode_form("query=up%7Bnode%3D%22a%22%7D&start=1+2&x&y=%zz%4");
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("query", "up{node=\"a\"}"),
                ("start", "1 2"),
                ("x", ""),
                ("y", "%zz%4")
            ]
        );
    }
}
