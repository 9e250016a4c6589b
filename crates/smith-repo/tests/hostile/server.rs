//! A web server of a test's own that does what the test says: cuts, holds, lies, never ends, changes between two requests.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::http::{self, Request, hold, ok, reset};

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// What is done instead of a plain answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trick {
    /// The true length is announced and so many bytes come.
    Cut(usize),
    /// Pieces of unknown number, of which the last does not come.
    CutPieces(usize),
    /// The connection is reset after so many bytes.
    Reset(usize),
    /// No length, and bytes without end.
    Endless,
    /// The same in pieces.
    EndlessPieces,
    /// So many bytes more than there are, announced and sent.
    Longer(usize),
    /// So many bytes less than there are, announced and sent.
    Shorter(usize),
    /// So many bytes come, then nothing.
    Stall(usize),
    /// Not even a head.
    Silence,
    /// A byte now and then.
    Trickle,
    /// One bit is another.
    Flip,
    Status(u16),
}

#[derive(Default)]
struct Script {
    files: Files,
    tricks: Vec<(String, Trick)>,
    /// Called before each request with how many came before it; may change everything.
    #[expect(clippy::type_complexity, reason = "what a test does between two requests")]
    before: Option<Box<dyn FnMut(&str, &mut Files) + Send>>,
    requests: Vec<(String, Option<String>)>,
}

pub(crate) struct Server {
    http: http::Server,
    script: Arc<Mutex<Script>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let script = Arc::<Mutex<Script>>::default();
        let shared = Arc::clone(&script);
        // A client that goes away is its right.
        let http = http::Server::start(move |request, stream| drop(answer(request, stream, &shared)));
        Self { http, script }
    }

    pub(crate) fn url(&self) -> String {
        self.http.url("")
    }

    /// From now on these files are served as they are.
    pub(crate) fn serve(&self, files: Files) {
        self.change(|script| {
            script.files = files;
            script.tricks.clear();
            script.before = None;
            script.requests.clear();
        });
    }

    /// Every path that has this in it is answered so.
    pub(crate) fn trick(&self, part: &str, trick: Trick) {
        self.change(|script| script.tricks.push((part.to_owned(), trick)));
    }

    pub(crate) fn before_each(&self, before: impl FnMut(&str, &mut Files) + Send + 'static) {
        self.change(|script| script.before = Some(Box::new(before)));
    }

    /// The paths that were asked for since the files were laid out, and their ranges.
    pub(crate) fn requests(&self) -> Vec<(String, Option<String>)> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn answer(request: &Request, stream: &mut TcpStream, script: &Mutex<Script>) -> io::Result<()> {
    let path = &request.path;
    let (bytes, trick) = {
        let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
        script.requests.push((path.clone(), request.headers.get("range").cloned()));
        let Script { files, before, .. } = &mut *script;
        if let Some(before) = before {
            before(path, files);
        }
        let trick = script.tricks.iter().find(|(part, _)| path.contains(part)).map(|(_, trick)| *trick);
        (script.files.get(path).cloned(), trick)
    };
    match (bytes, trick) {
        (None, _) => say(stream, "404 Not Found", Some(0), b""),
        (Some(bytes), Some(trick)) => play(stream, trick, bytes),
        (Some(bytes), None) => {
            ok(request, stream, &bytes);
            Ok(())
        }
    }
}

fn play(stream: &mut TcpStream, trick: Trick, mut bytes: Vec<u8>) -> io::Result<()> {
    let whole = bytes.len();
    match trick {
        Trick::Cut(sent) => say(stream, "200 OK", Some(whole), &bytes[..sent.min(whole)]),
        Trick::CutPieces(sent) => {
            pieces(stream)?;
            piece(stream, &bytes[..sent.min(whole)])
        }
        Trick::Reset(sent) => {
            say(stream, "200 OK", Some(whole), &bytes[..sent.min(whole)])?;
            read_by_peer(stream)?;
            reset(stream);
            Ok(())
        }
        Trick::Endless => {
            say(stream, "200 OK", None, &bytes)?;
            loop {
                stream.write_all(&[b'x'; 65536])?;
            }
        }
        Trick::EndlessPieces => {
            pieces(stream)?;
            piece(stream, &bytes)?;
            loop {
                piece(stream, &[b'x'; 65536])?;
            }
        }
        Trick::Longer(more) => {
            bytes.resize(whole + more, b'\n');
            say(stream, "200 OK", Some(bytes.len()), &bytes)
        }
        Trick::Shorter(less) => {
            bytes.truncate(whole.saturating_sub(less));
            say(stream, "200 OK", Some(bytes.len()), &bytes)
        }
        Trick::Stall(sent) => {
            say(stream, "200 OK", Some(whole), &bytes[..sent.min(whole)])?;
            hold(stream);
            Ok(())
        }
        Trick::Silence => {
            hold(stream);
            Ok(())
        }
        Trick::Trickle => {
            say(stream, "200 OK", Some(whole), b"")?;
            // The pause is what the trick is; it is shorter than the client's patience with a stall.
            for byte in bytes {
                stream.write_all(&[byte])?;
                std::thread::sleep(Duration::from_millis(40));
            }
            Ok(())
        }
        Trick::Flip => {
            bytes[whole / 2] ^= 1;
            say(stream, "200 OK", Some(whole), &bytes)
        }
        Trick::Status(status) => say(stream, &format!("{status} No"), Some(0), b""),
    }
}

fn say(stream: &mut TcpStream, status: &str, length: Option<usize>, body: &[u8]) -> io::Result<()> {
    let length = length.map_or_else(String::new, |length| format!("Content-Length: {length}\r\n"));
    write!(stream, "HTTP/1.1 {status}\r\n{length}Connection: close\r\n\r\n")?;
    stream.write_all(body)?;
    stream.flush()
}

fn pieces(stream: &mut TcpStream) -> io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
}

fn piece(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    write!(stream, "{:x}\r\n", bytes.len())?;
    stream.write_all(bytes)?;
    stream.write_all(b"\r\n")
}

/// Waits until the other end has read all that was sent: a reset throws away what still lies in its queue, the head of the
/// answer, too.
fn read_by_peer(stream: &TcpStream) -> io::Result<()> {
    let (peer, own) = (stream.peer_addr()?.port(), stream.local_addr()?.port());
    let ends = |field: &str, port: u16| field.ends_with(&format!(":{port:04X}"));
    loop {
        let table = std::fs::read_to_string("/proc/net/tcp")?;
        let queue = table.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let is_peer = ends(fields.get(1)?, peer) && ends(fields.get(2)?, own);
            fields.get(4).filter(|_| is_peer)?.split_once(':').map(|(_, unread)| unread.to_owned())
        });
        // No line: the other end is gone.
        if queue.is_none_or(|unread| unread == "00000000") {
            return Ok(());
        }
        std::thread::yield_now();
    }
}
