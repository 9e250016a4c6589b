//! What smith and ssh are told of a lab: an inventory in smith's own format, and the host keys.

use std::fmt::Write as _;
use std::fs;

use crate::error::{Doing as _, LabError};
use crate::place::Folder;
use crate::state::{Member, State, replace};

const SOURCES: &str = "\
sources:
  - {name: lab, file: machines.yaml, format: smith, labels: all, max-shrink: 100%}
";

/// Writes both files anew. Machines that were never made have no key and are left out.
pub(crate) fn write(state: &State, folder: &Folder) -> Result<(), LabError> {
    let dir = folder.inventory();
    fs::create_dir_all(&dir).doing("making", &dir)?;
    replace(&dir.join("sources.yaml"), SOURCES.as_bytes())?;
    replace(&dir.join("machines.yaml"), machines(state).as_bytes())?;
    replace(&folder.known_hosts(), known_hosts(state).as_bytes())
}

fn made(state: &State) -> impl Iterator<Item = (&Member, &str)> {
    state.machines.iter().filter_map(|member| Some((member, member.host_key.as_deref()?)))
}

/// All values are names, numbers, addresses and keys, none of which mean anything to YAML within quotes.
fn machines(state: &State) -> String {
    let mut text = "machines:\n".to_owned();
    for (member, key) in made(state) {
        let planned = &member.planned;
        let _ = write!(
            text,
            "  - name: {}\n    address: {}\n    host-key: \"{key}\"\n    environment: {}\n    region: {}\n    zone: {}\n    \
             cluster: {}\n    role: {}\n    number: \"{}\"\n    lab: {}\n",
            planned.name,
            state.subnet.machine(member.slot),
            planned.environment,
            planned.region,
            planned.zone,
            planned.cluster,
            planned.role,
            planned.number,
            state.name,
        );
    }
    text
}

fn known_hosts(state: &State) -> String {
    made(state).fold(String::new(), |mut text, (member, key)| {
        let _ = writeln!(text, "{},{} {key}", member.name(), state.subnet.machine(member.slot));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Shape;

    #[test]
    fn machines_that_were_made_are_told() {
        let subnet = "10.213.7.0/24".parse().unwrap();
        let suite = "bookworm".parse().unwrap();
        let mut state = State::new("lab".parse().unwrap(), subnet, suite, String::new()).unwrap();
        let planned = Shape { clusters: 1, machines: 2, regions: 1 }.machines().unwrap();
        state.machines =
            planned.into_iter().zip(4..).map(|(planned, slot)| Member::planned(planned, slot)).collect();
        state.machines[1].host_key = Some("ssh-ed25519 AAAA".to_owned());
        let expected = "\
machines:
  - name: prod-syd01-carrier1-worker-1002
    address: 10.213.7.15
    host-key: \"ssh-ed25519 AAAA\"
    environment: prod
    region: ap-south
    zone: syd01
    cluster: prod-syd01-carrier1
    role: worker
    number: \"1002\"
    lab: lab
";
        assert_eq!(machines(&state), expected);
        assert_eq!(known_hosts(&state), "prod-syd01-carrier1-worker-1002,10.213.7.15 ssh-ed25519 AAAA\n");
    }
}
