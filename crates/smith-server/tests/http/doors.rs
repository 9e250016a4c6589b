//! Where the server listens, and how it stops.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use smith_server::http::{DoorError, Manners, open_tcp, open_unix};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::site::{served, served_with};

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

fn manners() -> Manners {
    let wait = Duration::from_secs(60);
    Manners { connections: 8, unknown: 4, headers: wait, writes: wait }
}

/// One request over a connection that stays open; answers its status line.
async fn asked(stream: &mut TcpStream, secret: &str) -> String {
    let request = format!("GET /v1/status HTTP/1.1\r\nHost: smith\r\nAuthorization: Bearer {secret}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 16 * 1024];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await;
    let read = read.expect("an answer within ten seconds").unwrap();
    String::from_utf8_lossy(&answer[..read]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_do_not_say_who_they_are_lock_nobody_out() {
    let served = served_with(manners(), BTreeMap::new()).await;
    let secret = served.token("ci", &["viewer"], &[]).await;
    let mut known = TcpStream::connect(served.tcp).await.unwrap();
    assert_eq!(asked(&mut known, &secret).await, "HTTP/1.1 200 OK");
    // Far more than there are places, and each of them would wait for a minute.
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(served.tcp).await.unwrap());
    }
    let mut new = TcpStream::connect(served.tcp).await.unwrap();
    assert_eq!(asked(&mut new, &secret).await, "HTTP/1.1 200 OK");
    assert_eq!(asked(&mut known, &secret).await, "HTTP/1.1 200 OK", "who is known stays");
    assert_eq!(served.get("/v1/status").await.status, 200);
    // Wrong tokens make nobody known.
    for stream in &mut silent[36..] {
        let _ = stream.write_all(b"GET /v1/status HTTP/1.1\r\nAuthorization: Bearer smith_0\r\n\r\n").await;
    }
    let mut another = TcpStream::connect(served.tcp).await.unwrap();
    assert_eq!(asked(&mut another, &secret).await, "HTTP/1.1 200 OK");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_at_one_door_keeps_nobody_out_at_another() {
    let served = served_with(manners(), BTreeMap::new()).await;
    let secret = served.token("ci", &["viewer"], &[]).await;
    let mut crowd = Vec::new();
    for _ in 0..8 {
        let mut one = TcpStream::connect(served.tcp).await.unwrap();
        assert_eq!(asked(&mut one, &secret).await, "HTTP/1.1 200 OK");
        crowd.push(one);
    }
    let answered = tokio::time::timeout(Duration::from_secs(10), served.get("/v1/status")).await;
    assert_eq!(answered.expect("the socket has places of its own").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_trickle_in_keep_nobody_from_being_answered() {
    let served = served().await;
    let secret = served.token("ci", &["operator"], &[]).await;
    let head = format!(
        "POST /v1/projects HTTP/1.1\r\nHost: smith\r\nAuthorization: Bearer {secret}\r\nContent-Type: \
         application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    let mut slow = Vec::new();
    // More than are answered at once.
    for _ in 0..140 {
        let mut one = TcpStream::connect(served.tcp).await.unwrap();
        one.write_all(head.as_bytes()).await.unwrap();
        slow.push(one);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    assert_eq!(served.get("/v1/status").await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_are_idle_or_take_nothing_are_cut() {
    let wait = Duration::from_millis(200);
    let manners = Manners { headers: wait, writes: wait, ..Manners::default() };
    let served = served_with(manners, BTreeMap::new()).await;
    let secret = served.token("ci", &["viewer"], &[]).await;
    let mut idle = TcpStream::connect(served.tcp).await.unwrap();
    assert_eq!(asked(&mut idle, &secret).await, "HTTP/1.1 200 OK");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), idle.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "an idle connection is closed");
    // Requests without end, and nobody reads the answers: at some time the other side is gone.
    let mut deaf = TcpStream::connect(served.tcp).await.unwrap();
    let request = b"GET /openapi.json HTTP/1.1\r\nHost: smith\r\n\r\n";
    let cut = async { while deaf.write_all(request).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(30), cut).await.expect("a client that takes nothing is cut");
}
