//! Reading an index, taking package files in, and looking at them again.

use std::fs;
use std::process::Command;
use std::time::Instant;

use smith_repo::deb822::{PackageRecord, Stanzas};

use crate::Outcome;
use crate::measure::{Cost, median};
use crate::place::{Place, is_installed};
use crate::table::{Goal, Table};

/// The same as the parser does for a build: every stanza, with the fields that it is chosen by.
pub(crate) fn parse(place: &Place, table: &mut Table) -> Outcome {
    let text = place.packages.as_bytes();
    let mut costs = Vec::new();
    for _ in 0..place.runs.max(7) {
        let began = Instant::now();
        let mut count = 0;
        for stanza in Stanzas::new(text) {
            std::hint::black_box(PackageRecord::read(&stanza?)?);
            count += 1;
        }
        std::hint::black_box(count);
        let wall = began.elapsed().as_secs_f64();
        costs.push(Cost { wall, cpu: wall, rss: 0 });
    }
    let cost = median(&costs);
    table.row("parse 63k stanzas", "smith", cost, vec![Goal::at_most("time", "s", cost.wall, 0.1)]);
    let script = "import apt_pkg,sys\nf=open(sys.argv[1])\nn=0\nfor s in apt_pkg.TagFile(f): n+=1\n";
    let has_apt = Command::new("python3").args(["-c", "import apt_pkg"]).output();
    if has_apt.is_ok_and(|output| output.status.success()) {
        let cost = place.measured(|_| {
            let mut command = Command::new("python3");
            command.args(["-c", script]).arg(place.folder.join("Packages"));
            Ok(command)
        })?;
        table.row("parse 63k stanzas", "apt's TagFile", cost, Vec::new());
    } else {
        Table::skipped("parse 63k stanzas", "apt's TagFile");
    }
    Ok(())
}

/// All of the files that were downloaded, hashed once, each by one call after the other.
fn openssl(place: &Place) -> Outcome<Cost> {
    place.measured(|_| {
        let mut command = Command::new("openssl");
        command.args(["dgst", "-sha256"]);
        for entry in fs::read_dir(&place.debs)? {
            command.arg(entry?.path());
        }
        Ok(command)
    })
}

pub(crate) fn take_in(place: &Place, table: &mut Table) -> Outcome {
    let floor = openssl(place)?;
    table.row("2,000 local packages", "openssl sha256", floor, Vec::new());
    let debs = place.debs.display().to_string();
    let recipe = place.folder.join("local.yaml");
    fs::write(&recipe, format!("local:\n  - {{local: site, folder: {debs:?}, suite: stable}}\n"))?;
    let cost = place.measured(|_| {
        let store = place.store("ingest")?;
        let mut command = place.smith(&store);
        command.args(["build", "create"]).arg(&recipe);
        Ok(command)
    })?;
    let goal = Goal::at_most("beside openssl", "x", cost.wall / floor.wall, 3.0);
    table.row("2,000 local packages", "smith", cost, vec![goal]);
    if is_installed("apt-ftparchive") {
        let cost = place.measured(|_| {
            let mut command = Command::new("apt-ftparchive");
            command.arg("packages").arg(&place.debs);
            Ok(command)
        })?;
        table.row("2,000 local packages", "apt-ftparchive", cost, Vec::new());
    } else {
        Table::skipped("2,000 local packages", "apt-ftparchive");
    }
    if is_installed("reprepro") {
        let cost = place.measured(|_| {
            let folder = place.fresh("reprepro")?;
            fs::create_dir_all(folder.join("conf"))?;
            let text = "Codename: stable\nArchitectures: amd64\nComponents: main\n";
            fs::write(folder.join("conf/distributions"), text)?;
            let mut command = Command::new("reprepro");
            command.arg("-b").arg(&folder).args(["--ignore=undefinedtarget", "includedeb", "stable"]);
            for entry in fs::read_dir(&place.debs)? {
                command.arg(entry?.path());
            }
            Ok(command)
        })?;
        table.row("2,000 local packages", "reprepro", cost, Vec::new());
    } else {
        Table::skipped("2,000 local packages", "reprepro");
    }
    if is_installed("aptly") {
        let cost = place.measured(|_| {
            let aptly = crate::build::Aptly::fresh(place, "aptly-ingest")?;
            aptly.run(&["repo", "create", "site"])?;
            Ok(aptly.command(&["repo", "add", "site", &debs]))
        })?;
        table.row("2,000 local packages", "aptly", cost, Vec::new());
    } else {
        Table::skipped("2,000 local packages", "aptly");
    }
    Ok(())
}

/// Every byte again, on all processors.
pub(crate) fn verify(place: &Place, table: &mut Table) -> Outcome {
    let (store, recipe) = (place.store("verify")?, place.folder.join("verify.yaml"));
    let debs = place.debs.display().to_string();
    fs::write(&recipe, format!("local:\n  - {{local: site, folder: {debs:?}, suite: stable}}\n"))?;
    crate::measure::run(place.smith(&store).args(["build", "create"]).arg(&recipe))?;
    let processors = std::thread::available_parallelism()?.to_string();
    let floor = place.measured(|_| {
        let mut command = Command::new("bash");
        let script = "find \"$1\" -type f -print0 | xargs -0 -n 64 -P \"$2\" openssl dgst -sha256 >/dev/null";
        command.args(["-c", script, "bash"]).arg(store.join("objects")).arg(&processors);
        Ok(command)
    })?;
    table.row("verify 527 MB", "openssl sha256", floor, Vec::new());
    let cost = place.measured(|_| {
        let mut command = place.smith(&store);
        command.args(["mirror", "verify"]);
        Ok(command)
    })?;
    let goal = Goal::at_least("beside openssl on all cores", "x", floor.wall / cost.wall, 0.9);
    table.row("verify 527 MB", "smith", cost, vec![goal]);
    Ok(())
}
