//! What a client asks for.

use crate::name::RelPath;

/// The longest head of a request; proxies add a few hundred bytes to what clients send.
pub(super) const HEAD_MAX: usize = 16 << 10;

/// Lines of a head.
const FIELDS_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
}

/// Whether the connection can be used again afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Keep,
    Close,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: RelPath,
    pub(super) after: After,
    pub(super) range: Option<String>,
    pub(super) if_range: Option<String>,
    pub(super) if_none_match: Option<String>,
    pub(super) if_modified_since: Option<String>,
}

/// A status that answers what is no request, or none that is served here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: &'static str,
    pub(super) after: After,
}

const fn closing(status: &'static str) -> Refusal {
    Refusal { status, after: After::Close }
}

impl Request {
    /// Reads a head, without the empty line at its end.
    pub(super) fn parse(head: &[u8]) -> Result<Self, Refusal> {
        let bad = || closing("400 Bad Request");
        let text = std::str::from_utf8(head).map_err(|_| bad())?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target, version) = (words.next(), words.next(), words.next());
        let (Some(method), Some(target), Some(version), None) = (method, target, version, words.next())
        else {
            return Err(bad());
        };
        let mut after = match version {
            "HTTP/1.1" => After::Keep,
            "HTTP/1.0" => After::Close,
            _ => return Err(closing("505 HTTP Version Not Supported")),
        };
        let fields = fields(lines).ok_or_else(bad)?;
        let field = |name: &str| {
            fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
        };
        let is_empty = field("content-length").is_none_or(|length| length == "0");
        if field("transfer-encoding").is_some() || !is_empty {
            return Err(closing("413 Content Too Large"));
        }
        if field("connection").is_some_and(|value| value.to_ascii_lowercase().contains("close")) {
            after = After::Close;
        }
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => return Err(Refusal { status: "405 Method Not Allowed", after }),
        };
        let path = path_of(target).ok_or(Refusal { status: "404 Not Found", after })?;
        let owned = |name: &str| field(name).map(str::to_owned);
        Ok(Self {
            method,
            path,
            after,
            range: owned("range"),
            if_range: owned("if-range"),
            if_none_match: owned("if-none-match"),
            if_modified_since: owned("if-modified-since"),
        })
    }
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<(&'a str, &'a str)>> {
    let mut fields = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name || value.bytes().any(|byte| byte < 0x20 && byte != b'\t') || fields.len() >= FIELDS_MAX {
            return None;
        }
        fields.push((name, value.trim()));
    }
    Some(fields)
}

/// A path below the store. Everything that could lead out of it, also when it was encoded, is no path.
fn path_of(target: &str) -> Option<RelPath> {
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.split_once('/').map(|(_, path)| path)?,
        None => target.strip_prefix('/')?,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    RelPath::new(&decode(path)?).ok()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(target: &str) -> Option<String> {
        Request::parse(format!("GET {target} HTTP/1.1\r\nHost: x").as_bytes())
            .ok()
            .map(|request| request.path.to_string())
    }

    #[test]
    fn paths_stay_below_the_store() {
        assert_eq!(path("/pool/a%20b_1%2b2.deb?x=1"), Some("pool/a b_1+2.deb".to_owned()));
        assert_eq!(path("http://host/pool/x"), Some("pool/x".to_owned()));
        for bad in [
            "/",
            "/../etc",
            "/a/../../b",
            "/a/%2e%2e/b",
            "/a//b",
            "/a/",
            "/%00",
            "/a%0a",
            "/%zz",
            "/%+1",
            "/%2",
            "/..%2f",
            "a",
            "*",
            "https://host/x",
            "/a%5cb",
            "/%ff",
        ] {
            assert_eq!(path(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let status = |text: &str| Request::parse(text.as_bytes()).expect_err(text).status;
        for bad in [
            "",
            "GET",
            "GET /a",
            "GET  /a HTTP/1.1",
            "GET /a HTTP/1.1 x",
            "GET /a HTTP/1.1\r\nno field",
            "GET /a HTTP/1.1\r\n: x",
        ] {
            assert_eq!(status(bad), "400 Bad Request", "{bad}");
        }
        assert_eq!(status("GET /a HTTP/2.0"), "505 HTTP Version Not Supported");
        assert_eq!(status("PUT /a HTTP/1.1"), "405 Method Not Allowed");
        assert_eq!(status("GET /a HTTP/1.1\r\nContent-Length: 5"), "413 Content Too Large");
        assert_eq!(status("GET /a HTTP/1.1\r\ntransfer-encoding: chunked"), "413 Content Too Large");
        let many = format!("GET /a HTTP/1.1\r\n{}", "a: b\r\n".repeat(65));
        assert_eq!(status(&many), "400 Bad Request");
        assert_eq!(Request::parse(b"GET /a HTTP/1.0").expect("good").after, After::Close);
        assert_eq!(
            Request::parse(b"GET /a HTTP/1.1\r\nconnection: Close").expect("good").after,
            After::Close
        );
    }
}
