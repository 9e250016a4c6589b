//! Who is let in, and who is believed.

use std::time::Duration;

use russh::keys::PublicKey;
use smith_server::machine::{Address, Identity, Links, NoLink, host_key_of};

use crate::door::{Door, keygen, limits, sshd_is_there};

#[tokio::test]
async fn one_connection_serves_many_talks_and_is_left_when_idle() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("cat").await;
    let mut short = limits();
    short.idle = Duration::ZERO;
    let links = door.links();
    for _ in 0..5 {
        let link = links.open(&door.address).await.unwrap();
        drop(link.agent().await.unwrap());
    }
    assert_eq!((door.knocks(), links.held()), (1, 1));
    links.forget(&door.address);
    assert_eq!(links.held(), 0);

    let links = Links::new(door.identity(), short);
    drop(links.open(&door.address).await.unwrap());
    drop(links.open(&door.address).await.unwrap());
    assert_eq!(door.knocks(), 3);
}

#[tokio::test]
async fn a_connection_that_nobody_uses_ends_by_itself() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("cat").await;
    let mut short = limits();
    short.idle = Duration::from_millis(300);
    let links = Links::new(door.identity(), short);
    let link = links.open(&door.address).await.unwrap();
    // One that is used stays.
    tokio::time::sleep(short.idle * 3).await;
    assert!(!link.is_closed());
    assert_eq!(links.held(), 1);
    drop(link);
    assert!(door.is_left().await);
    assert_eq!(links.held(), 0);
    // And so does the next: whoever looked has gone meanwhile.
    drop(links.open(&door.address).await.unwrap());
    assert!(door.is_left().await);
    assert_eq!((door.knocks(), links.held()), (2, 0));
}

#[tokio::test]
async fn kept_connections_end_with_whoever_keeps_them() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("cat").await;
    let links = door.links();
    drop(links.open(&door.address).await.unwrap());
    assert_eq!(links.held(), 1);
    drop(links);
    assert!(door.is_left().await);
}

#[tokio::test]
async fn a_kept_connection_gives_its_seat_to_whoever_needs_one() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("cat").await;
    let mut few = limits();
    few.sessions = 2;
    let links = Links::new(door.identity(), few);
    // One machine under three names is three machines.
    let [one, two, three] = [1, 2, 3].map(|times| {
        let sockets = vec![door.address.sockets[0]; times];
        Address { sockets, ..door.address.clone() }
    });
    let first = links.open(&one).await.unwrap();
    drop(links.open(&two).await.unwrap());
    drop(links.open(&three).await.unwrap());
    assert_eq!((door.knocks(), links.held()), (3, 2));
    // The one in use was not taken; and who waits for it is woken when it is given back.
    assert!(!first.is_closed());
    let second = links.open(&three).await.unwrap();
    let waiting = tokio::spawn({
        let links = links.clone();
        async move { links.open(&two).await.is_ok() }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    drop(first);
    let woken = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(woken.unwrap().unwrap());
    drop(second);
}

#[tokio::test]
async fn another_host_key_is_never_believed() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("cat").await;
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let path = door.dir.path().join(format!("other-{kind}"));
        keygen(&path, kind);
        let text = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        let host_key = PublicKey::from_openssh(&text).unwrap();
        let address = Address { host_key, ..door.address.clone() };
        let refused = door.links().open(&address).await.unwrap_err();
        let NoLink::OtherHost { expected, found, .. } = &refused else { panic!("{refused}") };
        assert_ne!(expected, found);
        assert!(refused.to_string().starts_with("expected host key "), "{refused}");
    }
    assert_eq!(door.starts(), 0);
}

#[tokio::test]
async fn a_key_that_the_machine_does_not_know_is_told_apart_from_silence() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("cat").await;
    let path = door.dir.path().join("stranger");
    keygen(&path, "ed25519");
    let links = Links::new(Identity::from_files([&path], None).unwrap(), limits());
    let refused = links.open(&door.address).await.unwrap_err();
    assert_eq!(refused.to_string(), "one takes none of the controller's keys for user root");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = Address { sockets: vec![nobody], ..door.address.clone() };
    let refused = links.open(&address).await.unwrap_err();
    assert!(matches!(refused, NoLink::Unreachable { .. }), "{refused}");
}

#[tokio::test]
async fn every_address_of_a_machine_is_tried() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("cat").await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sockets = vec![nobody, door.address.sockets[0]];
    let address = Address { sockets, ..door.address.clone() };
    assert!(door.links().open(&address).await.is_ok());
}

#[tokio::test]
async fn enrolment_takes_the_key_down_and_logs_nowhere_in() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("cat").await;
    let key = host_key_of(door.address.sockets[0], &limits()).await.unwrap();
    assert_eq!(key.key_data(), door.address.host_key.key_data());
    assert_eq!(door.starts(), 0);
}

#[tokio::test]
async fn keys_of_a_running_ssh_agent_are_used() {
    if !sshd_is_there() {
        return;
    }
    let door = Door::with("cat").await;
    let socket = door.dir.path().join("agent.sock");
    let mut child = std::process::Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).spawn().unwrap();
    while !socket.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stranger = door.dir.path().join("stranger");
    keygen(&stranger, "rsa");
    for key in [stranger, door.dir.path().join("client")] {
        let add =
            std::process::Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &socket).status();
        assert!(add.unwrap().success());
    }
    let opened = Links::new(Identity::Agent(socket), limits()).open(&door.address).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(opened.is_ok(), "{opened:?}");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, "x").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Identity::from_files([&path], None).unwrap_err().to_string();
    assert!(refused.ends_with("to be readable by its owner alone, found mode 644"), "{refused}");
}
