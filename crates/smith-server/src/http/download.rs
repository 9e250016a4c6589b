//! A file of any length as an answer. What is in memory of it is a few pieces, and whoever takes it too slowly is cut, so that
//! its place and its room on the disk are not held for ever.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::verbs::Exported;

/// Bytes of a piece.
const PIECE: usize = 256 << 10;

/// A piece is taken within this: four kilobytes a second, which is less than any line has.
const PIECE_WAIT: Duration = Duration::from_secs(60);

/// Beside an answer: it is sent as it is read, and never held in memory as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streamed;

/// The file, with its length: who gets less knows that it was cut.
pub(super) fn download(made: Exported, disposition: &'static str) -> Response {
    let length = made.length();
    let (pieces, taken) = channel(1);
    tokio::spawn(feed(made, pieces, PIECE_WAIT));
    let mut response = body(taken).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response.extensions_mut().insert(Streamed);
    response
}

fn body(taken: Receiver<io::Result<Bytes>>) -> Body {
    Body::from_stream(stream::unfold(taken, |mut taken| async move {
        let piece = taken.recv().await?;
        Some((piece, taken))
    }))
}

/// Why a file was not sent to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Gone,
    Slow,
    Unread,
}

/// Reads a file and hands it on piece by piece. When it ends early so does the body, which is then shorter than was said.
async fn feed<R: Read + Send + 'static>(
    mut from: R,
    to: Sender<io::Result<Bytes>>,
    longest: Duration,
) -> Result<(), Cut> {
    loop {
        let read = spawn_blocking(move || {
            let piece = piece(&mut from);
            (from, piece)
        });
        let Ok((back, piece)) = read.await else { return Err(Cut::Unread) };
        from = back;
        let piece = match piece {
            Ok(piece) if piece.is_empty() => return Ok(()),
            piece => piece,
        };
        let is_read = piece.is_ok();
        match timeout(longest, to.send(piece)).await {
            Ok(Ok(())) if is_read => {}
            Ok(Ok(())) => return Err(Cut::Unread),
            Ok(Err(_)) => return Err(Cut::Gone),
            Err(_) => {
                tracing::info!(target: "smith::http", "a file was taken too slowly and is cut");
                return Err(Cut::Slow);
            }
        }
    }
}

fn piece(from: &mut impl Read) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(PIECE);
    from.take(PIECE as u64).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A file without an end that says when it is gone.
    struct Endless(#[expect(dead_code, reason = "it is there as long as the file is")] Arc<()>);

    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            into.fill(7);
            Ok(into.len())
        }
    }

    #[tokio::test]
    async fn a_file_comes_whole_and_in_pieces() {
        let text: Vec<u8> = (0..PIECE * 3 + 11).map(|at| (at % 251) as u8).collect();
        let (to, taken) = channel(1);
        let feeding = tokio::spawn(feed(io::Cursor::new(text.clone()), to, PIECE_WAIT));
        let body = axum::body::to_bytes(body(taken), usize::MAX).await.unwrap();
        assert_eq!(body.as_ref(), text);
        assert_eq!(feeding.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn who_takes_nothing_is_cut_and_what_was_held_for_them_is_free() {
        let held = Arc::new(());
        let (to, mut taken) = channel(1);
        let feeding = feed(Endless(Arc::clone(&held)), to, Duration::from_millis(20));
        assert_eq!(feeding.await, Err(Cut::Slow));
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(taken.recv().await.unwrap().unwrap().len(), PIECE);
        assert!(taken.recv().await.is_none(), "the body ends before its length");
    }

    #[tokio::test]
    async fn who_leaves_ends_it() {
        let held = Arc::new(());
        let (to, taken) = channel(1);
        drop(taken);
        assert_eq!(feed(Endless(Arc::clone(&held)), to, PIECE_WAIT).await, Err(Cut::Gone));
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_ends_the_body_with_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let (to, taken) = channel(1);
        let feeding = tokio::spawn(feed(Broken, to, PIECE_WAIT));
        assert!(axum::body::to_bytes(body(taken), usize::MAX).await.is_err());
        assert_eq!(feeding.await.unwrap(), Err(Cut::Unread));
    }
}
