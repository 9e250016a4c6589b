//! Where the server listens, and how it stops.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use smith_server::http::{DoorError, open_tcp, open_unix};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::site::served;

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_for_its_owner_and_group_and_goes_with_the_server() {
    let mut served = served().await;
    let found = std::fs::symlink_metadata(&served.socket).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o660);
    let alive = open_unix(&served.socket).await.unwrap_err();
    assert!(matches!(alive, DoorError::Alive { .. }), "{alive}");
    assert_eq!(alive.code(), "S0434");
    served.stop().await;
    assert!(!served.socket.exists());
}

#[tokio::test]
async fn what_a_dead_server_left_is_replaced_and_what_is_no_socket_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smith.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a socket outlives whoever listened at it");
    let door = open_unix(&path).await.unwrap();
    UnixStream::connect(&path).await.unwrap();
    assert_eq!(door.address(), format!("unix:{}", path.display()));
    // Somebody else has taken the place meanwhile: their socket is not ours to remove.
    std::fs::remove_file(&path).unwrap();
    let theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(door);
    assert!(path.exists());
    drop(theirs);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "mine").unwrap();
    let taken = open_unix(&path).await.unwrap_err();
    assert!(matches!(taken, DoorError::NotASocket { .. }), "{taken}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    let nowhere = open_unix(&folder.path().join("no/smith.sock")).await.unwrap_err();
    assert_eq!(nowhere.code(), "S0437");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn without_tls_only_this_computer_is_listened_to() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let refused = open_tcp(address.parse().unwrap()).await.unwrap_err();
        assert!(matches!(refused, DoorError::NotLoopback { .. }), "{refused}");
        assert_eq!(refused.code(), "S0436");
    }
    let first = open_tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let taken = first.address().strip_prefix("http://").unwrap().parse().unwrap();
    assert_eq!(open_tcp(taken).await.unwrap_err().code(), "S0437");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_begun_ends_before_the_server_does() {
    let mut served = served().await;
    let mut idle = UnixStream::connect(&served.socket).await.unwrap();
    let mut events = served.ask(Method::GET, "/v1/events").send().await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    // A request whose body comes slowly has begun.
    let mut slow = UnixStream::connect(&served.socket).await.unwrap();
    let head = "POST /v1/chat HTTP/1.1\r\nHost: smith\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(b"{\"line\":").await.unwrap();
    // An answer behind it on another connection says that the server has seen both.
    assert_eq!(served.post("/v1/chat", json!({"line": "help"})).await.status, 200);
    let begun = Instant::now();
    let rest = async {
        while let Ok(Some(_)) = events.chunk().await {}
        slow.write_all(b" \"help\"}").await.unwrap();
        let mut answer = Vec::new();
        slow.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    };
    let ((), answer) = tokio::join!(served.stop(), rest);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10), "nothing was cut");
    let mut nothing = Vec::new();
    idle.read_to_end(&mut nothing).await.unwrap();
    assert!(nothing.is_empty());
    assert!(UnixStream::connect(&served.socket).await.is_err());
}

/// A request that never comes to its end holds up the end of the server for the grace that it has, and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_cut() {
    let mut served = served().await;
    let mut stuck = UnixStream::connect(&served.socket).await.unwrap();
    let head = "POST /v1/chat HTTP/1.1\r\nHost: smith\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n";
    stuck.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(served.post("/v1/chat", json!({"line": "help"})).await.status, 200);
    let begun = Instant::now();
    served.stop().await;
    let took = begun.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(25)).contains(&took), "{took:?}");
    let mut rest = Vec::new();
    stuck.read_to_end(&mut rest).await.unwrap_or_default();
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}
