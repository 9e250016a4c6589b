//! The controller's key starts the agent and nothing else, whatever the real ssh client asks for.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use super::world::{Said, World};

/// What is said where it is not the agent that answers.
const NOBODY: &str = "";

/// Options and words for `ssh`, and what its own complaint has, where it has one.
const TRIES: [(&[&str], &[&str], &str); 10] = [
    (&[], &["id"], NOBODY),
    (&[], &["/bin/sh -c 'touch /root/owned'"], NOBODY),
    (&[], &["smith-agent; touch /root/owned"], NOBODY),
    (&["-s"], &["sftp"], NOBODY),
    (&["-tt"], &["bash"], "PTY allocation request failed"),
    (&["-X"], &["id"], "X11 forwarding request failed"),
    (&["-Y"], &["id"], "X11 forwarding request failed"),
    (&["-W", "127.0.0.1:22"], &[], "administratively prohibited"),
    (&["-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"], &[], "remote port forwarding failed"),
    (&["-N", "-o", "ExitOnForwardFailure=yes", "-R", "/root/owned:127.0.0.1:22"], &[], "forwarding failed"),
];

#[test]
fn the_controllers_key_opens_nothing_else() {
    let Some(world) = World::new() else { return };
    let machines = world.up_with_agent(1);
    let machine = machines[0].as_str();
    let host = world.login(machine);
    for (options, words, complaint) in TRIES {
        let mut ssh = world.client("ssh", "controller");
        // A display of nobody, so that the client asks for one.
        ssh.env("DISPLAY", "127.0.0.1:0").env("XAUTHORITY", "/nonexistent");
        let said = Said::of(ssh.args(options).arg(&host).args(words));
        only_the_agent(&format!("{options:?} {words:?}"), &said);
        assert!(said.err.contains(complaint), "{options:?}: expected {complaint:?}, found {said:?}");
        // What was refused before a session began has no answer at all.
        assert_eq!(said.out.is_empty(), words.is_empty() || options == ["-tt"], "{options:?}: {said:?}");
    }
    files_do_not_pass(&world, &host);
    local_forwards_lead_nowhere(&world, &host);
    a_second_channel_is_the_agents_too(&world, &host);
    nothing_of_the_environment_comes_in(&world, machine, &host);
    assert_eq!(world.on_good(machine, "ls -d /root/owned* /root/.ssh/rc 2>/dev/null; true"), "");
}

/// Lines of the agent, of which each is a reply, or nothing.
fn only_the_agent(what: &str, said: &Said) {
    for line in said.out.lines() {
        let reply: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("{what}: {said:?}"));
        assert!(reply["kind"] == "hello" || reply["kind"] == "refused", "{what}: {line}");
    }
}

fn files_do_not_pass(world: &World, host: &str) {
    let mine = world.folder().with_extension("file");
    std::fs::write(&mine, "mine").unwrap();
    let (there, theirs) = (format!("{host}:/root/owned"), format!("{host}:/etc/hostname"));
    let got = world.folder().with_extension("got");
    // Of the protocols scp has two; the older one runs a program on the machine.
    for kind in [&[][..], &["-O"]] {
        for (from, to) in [(mine.to_str().unwrap(), there.as_str()), (theirs.as_str(), got.to_str().unwrap())]
        {
            let said = Said::of(world.client("scp", "controller").args(kind).args([from, to]));
            assert!(said.code != Some(0) && said.out.is_empty(), "{kind:?} {from}: {said:?}");
        }
    }
    let mut sftp = world.client("sftp", "controller");
    let batch = world.folder().with_extension("batch");
    std::fs::write(&batch, "ls /root\n").unwrap();
    let said = Said::of(sftp.arg("-b").arg(&batch).arg(host));
    assert!(said.code != Some(0) && !said.out.contains("/root/"), "{said:?}");
    assert!(!got.exists());
}

fn local_forwards_lead_nowhere(world: &World, host: &str) {
    let socket = world.folder().with_extension("forward");
    let mut ssh = world.client("ssh", "controller");
    ssh.args(["-N", "-o", "StreamLocalBindUnlink=yes", "-L"])
        .arg(format!("{}:127.0.0.1:22", socket.display()));
    let mut ssh = ssh.arg(host).stderr(Stdio::piped()).spawn().unwrap();
    let mut stream = world.eventually("a socket of ssh", || UnixStream::connect(&socket).ok());
    let mut banner = String::new();
    let _ = stream.read_to_string(&mut banner);
    assert_eq!(banner, "");
    ssh.kill().unwrap();
    let said = Said::from(ssh.wait_with_output().unwrap());
    assert!(said.err.contains("administratively prohibited"), "{said:?}");
}

/// One connection, several sessions: each is the agent's, and forwards that are asked for later are refused as well.
fn a_second_channel_is_the_agents_too(world: &World, host: &str) {
    let socket = world.folder().with_extension("master");
    let control = |more: &[&str]| {
        let mut ssh = world.client("ssh", "controller");
        ssh.arg("-S").arg(&socket).args(more);
        ssh
    };
    let mut master = control(&["-M", "-N", host]).stderr(Stdio::null()).spawn().unwrap();
    world.eventually("a connection", || {
        (Said::of(&mut control(&["-O", "check", host])).code == Some(0)).then_some(())
    });
    for words in [&[host, "id"][..], &[host, "touch /root/owned"], &["-s", host, "sftp"]] {
        let said = Said::of(&mut control(words));
        only_the_agent(&format!("{words:?}"), &said);
        assert!(said.out.contains("\"refused\""), "{said:?}");
    }
    let said = Said::of(&mut control(&["-O", "forward", "-R", "0:127.0.0.1:22", host]));
    assert!(said.code != Some(0) && said.err.contains("forwarding"), "{said:?}");
    master.kill().unwrap();
    master.wait().unwrap();
}

/// What a hook of the machine sees of a session that brings an environment and an agent with keys.
fn nothing_of_the_environment_comes_in(world: &World, machine: &str, host: &str) {
    let hook = "mkdir -p /etc/smith/drain.d; cd /etc/smith/drain.d; printf '#!/bin/sh\\n\
        { env; ls -d /tmp/ssh-*; cat /proc/$PPID/environ; } >/root/seen 2>/dev/null\\nexit 0\\n' >10-look; chmod 755 10-look";
    world.on_good(machine, hook);
    let client = world.client("ssh", "controller");
    // An agent of its own for this one call, so that there is one to forward.
    let mut ssh = Command::new("ssh-agent");
    ssh.arg(client.get_program()).args(client.get_args());
    ssh.args([
        "-A",
        "-o",
        "SetEnv=LC_ALL=owned LANG=owned SMITH_ACTION=owned LD_PRELOAD=/owned.so",
        host,
        "id",
    ]);
    let mut ssh = ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let job = r#"{"protocol":1,"id":"looked","limit_s":60,"action":"drain"}"#;
    writeln!(ssh.stdin.take().unwrap(), "{job}").unwrap();
    let said = Said::from(ssh.wait_with_output().unwrap());
    assert!(said.out.contains(r#"{"done":"drained"}"#), "{said:?}");
    let seen = world.on_good(machine, "tr '\\0' '\\n' </root/seen");
    assert!(seen.contains("SMITH_ACTION=drain") && seen.contains("SMITH_OPERATION=looked"), "{seen}");
    for foreign in ["owned", "SSH_", "/tmp/ssh-"] {
        assert!(!seen.contains(foreign), "{foreign}: {seen}");
    }
}
