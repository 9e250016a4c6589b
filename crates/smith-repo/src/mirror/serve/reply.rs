//! What a request is answered with.

use crate::mirror::serve::file::Served;
use crate::mirror::serve::request::{After, Method, Request};

/// The head of an answer, and which bytes of the file follow it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: &'static str,
    pub(super) head: String,
    pub(super) from: u64,
    pub(super) length: u64,
}

enum Part {
    Whole,
    Range(u64, u64),
    Unsatisfiable,
}

impl Reply {
    pub(super) fn of(request: &Request, served: &Served, date: &str) -> Self {
        let mut fields = format!(
            "ETag: {}\r\nLast-Modified: {}\r\nCache-Control: {}\r\nAccept-Ranges: bytes\r\n",
            served.etag, served.modified, served.cache
        );
        if is_known(request, served) {
            return Self::with("304 Not Modified", &fields, (0, 0), request.after, date);
        }
        let (status, from, length) = match part(request, served) {
            Part::Whole => ("200 OK", 0, served.size),
            Part::Range(from, length) => {
                let last = from + length - 1;
                fields.push_str(&format!("Content-Range: bytes {from}-{last}/{}\r\n", served.size));
                ("206 Partial Content", from, length)
            }
            Part::Unsatisfiable => {
                let fields = format!("Content-Range: bytes */{}\r\nContent-Length: 0\r\n", served.size);
                return Self::with("416 Range Not Satisfiable", &fields, (0, 0), request.after, date);
            }
        };
        fields.push_str(&format!("Content-Type: {}\r\nContent-Length: {length}\r\n", served.kind));
        let sent = if request.method == Method::Head { 0 } else { length };
        Self::with(status, &fields, (from, sent), request.after, date)
    }

    /// An answer without a file.
    pub(super) fn bare(status: &'static str, after: After, date: &str) -> Self {
        let more = match &status[..3] {
            "405" => "Allow: GET, HEAD\r\n",
            "503" => "Retry-After: 1\r\n",
            _ => "",
        };
        Self::with(status, &format!("{more}Content-Length: 0\r\n"), (0, 0), after, date)
    }

    pub(super) fn with(
        status: &'static str,
        fields: &str,
        (from, length): (u64, u64),
        after: After,
        date: &str,
    ) -> Self {
        let connection = match after {
            After::Keep => "",
            After::Close => "Connection: close\r\n",
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nDate: {date}\r\nServer: smith\r\nX-Content-Type-Options: nosniff\r\n{fields}{connection}\r\n"
        );
        Self { status, head, from, length }
    }
}

/// Whether the client has this very file. Dates must be equal: a channel that was rolled back has an older file, and it
/// is a new one to whoever has the newer.
fn is_known(request: &Request, served: &Served) -> bool {
    match (&request.if_none_match, &request.if_modified_since) {
        (Some(tags), _) => {
            tags.trim() == "*"
                || tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == served.etag)
        }
        (None, Some(date)) => *date == served.modified,
        (None, None) => false,
    }
}

fn part(request: &Request, served: &Served) -> Part {
    let is_same = request.if_range.as_ref().is_none_or(|tag| *tag == served.etag || *tag == served.modified);
    let range = request.range.as_deref().and_then(|range| range.strip_prefix("bytes="));
    let Some((first, last)) = range.filter(|_| is_same).and_then(|range| range.split_once('-')) else {
        return Part::Whole;
    };
    let number = |text: &str| {
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse::<u64>().ok() } else { None }
    };
    let size = served.size;
    let (from, to) = match (number(first), number(last)) {
        (Some(from), Some(last)) if from <= last => (from, last.saturating_add(1).min(size)),
        (Some(from), None) if last.is_empty() => (from, size),
        (None, Some(count)) if first.is_empty() => (size.saturating_sub(count), size),
        // Several ranges, or none: the whole is always an answer.
        _ => return Part::Whole,
    };
    if from >= to { Part::Unsatisfiable } else { Part::Range(from, to - from) }
}
