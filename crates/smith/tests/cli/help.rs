use super::run::{good, root, smith};

#[test]
fn the_first_page_of_help() {
    let expected = "\
Keeps a fleet of Linux machines patched: rehearses, rolls out, and says why

Usage: smith <COMMAND>

To begin with:
  init         Write a configuration to begin with: settings, an inventory, the pipelines of a
               weekly process, a recipe
  demo         Watch the weekly patch of a fleet, from upstream to evidence
  lab          Real Debian machines on this computer, to rehearse on

Patching:
  rollout      Start rollouts, follow and steer them, rehearse them, and ask why something waits
  cycle        Start the week by hand, look at it, and run its links again, leave them out, or stop
  change       Look at change requests, and approve or reject them
  train        Raise, start and complete trains: changes of production, one for each region
  ticket       Look at tickets: the epic of a build with its check-list, and one ticket for each
               step
  chat         Say a line to the bot: `patch 725 config:NAME`, `smith-status CHG0268453`, `help`

Machines and pipelines:
  fleet        Look machines up, check the inventory, and find machines that nobody patches
  exemption    Excuse machines from being in a bag for a time, with a reason; they are no gaps then
  pipeline     Check and read pipelines (\"configs\")
  agent        Ask the agents on machines, put them there, and record the machines' host keys
  report       Collect what explains a failure from machines: logs of the agent, apt and dpkg,
               units, disks, kernels, holds

Builds and mirrors:
  build        Freeze upstream repositories into numbered, signed builds, and look at them
  mirror       Bring builds to mirrors, check what lies there, hand it out
  channel      Point a name such as `prod` to a build, at once for every client

The server:
  serve        Drive rollouts on real machines, and answer to people and programs
  status       Say how the server stands: whether it drives, and what there is
  events       Follow what is recorded, one line each, until Ctrl-C
  errand       Look at what outside services are asked to do: changes, tickets, messages, links of
               the week
  token        Make, list and revoke tokens for the server's address
  clock        Look at the server's clock, and accept it when it is right and windows wait for it
  audit        Show, verify and export what happened; look at evidence and package lists

Help:
  explain      Explain an error code such as S0404: what it means and what to do. No server is
               needed
  completions  Print what makes a shell complete commands, options and names; the Debian package has
               it already
  manual       Write the manual pages into a folder: one for each command, and smith.yaml(5). The
               Debian package has them already
  help         Print this message or the help of a command

Options:
  -h, --help     Print help
  -V, --version  Print version

Data goes to standard output, everything else to standard error. docs/reference/exit-codes.md has
the exit codes.
";
    assert_eq!(good(&["--help"]), expected);
}

#[test]
fn the_commands_of_rollout() {
    let expected = "\
Start rollouts, follow and steer them, rehearse them, and ask why something waits

Usage: smith rollout <COMMAND>

Commands:
  simulate  Rehearse a rollout: the real rules on a simulated fleet, in seconds
  why       Say in one line why a machine is not patched, or how it was; or what a project waits for
  show      Show how far a rollout is: totals, phases, bags with their change tasks, and what it
            waits for
  list      List rollouts with their project ids, the newest last
  start     Start a config with a build: all of its steps, or one of them again
  request   Patch single machines, under a change of their own
  reboot    Reboot single machines, under a change of their own; nothing is installed
  watch     Follow a rollout until it ends
  pause     Start nothing more of a rollout until `unpause`; machines that are at work finish
  unpause   Let a paused rollout go on
  resume    Let a halted step go on, with so many more failures accepted
  retry     Try failed and lost machines again
  skip      Leave machines out of a rollout, with a reason
  approve   Say yes to an approval that a step waits for
  abort     End a rollout: only what makes machines safe is still done
  help      Print this message or the help of the given subcommand(s)

Options:
  -h, --help  Print help
";
    assert_eq!(good(&["rollout", "--help"]), expected);
}

#[test]
fn an_unknown_command_is_usage() {
    let ran = smith(&["rolout"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("rollout"), "{}", ran.err);
    assert_eq!(smith(&[]).code, 2);
    assert_eq!(smith(&["rollout", "simulate", "x.yaml", "--machines", "0"]).code, 2);
}

#[test]
fn every_exit_code_is_in_the_reference() {
    let page = std::fs::read_to_string(root().join("docs/reference/exit-codes.md")).unwrap();
    for code in [0, 1, 2, 3, 4, 5, 70, 74, 130] {
        assert!(page.contains(&format!("\n| {code} | ")), "{code}");
    }
}

#[test]
fn a_pipe_that_is_closed_is_no_error() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_smith"))
        .args(["pipeline", "show", "examples/pipelines/rebootProduction.yaml"])
        .current_dir(root())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
