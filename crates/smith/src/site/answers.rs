//! What `smith init` asks, and what it takes where nobody answers.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use clap::Args;
use smith_domain::calendar::Zone;

use crate::failure::Failure;
use crate::input;

/// Answers that were given beforehand; what is given is not asked.
#[derive(Debug, Args)]
pub(crate) struct Given {
    /// The name of this controller on its machines
    #[arg(long, value_name = "NAME")]
    site: Option<String>,
    /// Where the server keeps its journal and everything else
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// An inventory (`sources.yaml`) that is there already; an example is written unless said
    #[arg(long, value_name = "CONFIG")]
    inventory: Option<PathBuf>,
    /// The store of builds
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
    /// The address under which machines find builds
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// The private key that machines let in; one is made where there is none
    #[arg(long, value_name = "FILE")]
    ssh_key: Option<PathBuf>,
    /// Who says yes to changes of production: an account of this computer, a name, or `role:NAME`
    #[arg(long, value_name = "NAME")]
    approver: Option<String>,
    /// The time zone that schedules are meant in
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

/// What is known of this computer and of who is at it.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) is_root: bool,
    /// Who asks; behind sudo the person and not root.
    pub(crate) person: Option<Account>,
    /// The user of the package's server.
    pub(crate) server: Option<Account>,
    pub(crate) zone: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) site: String,
    pub(crate) host: String,
    pub(crate) data: PathBuf,
    /// Where it listens, unless where everybody looks.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) inventory: PathBuf,
    /// Whether an example of it is written.
    pub(crate) is_example: bool,
    pub(crate) store: PathBuf,
    pub(crate) mirror: String,
    pub(crate) key: PathBuf,
    pub(crate) approver: String,
    /// Whoever asked, who may steer from now on.
    pub(crate) person: Option<Account>,
    pub(crate) approver_account: Option<Account>,
    pub(crate) zone: String,
}

impl Answers {
    pub(crate) fn usual(given: &Given, folder: &Path, host: &Host, packaged: &str) -> Self {
        let is_packaged = folder == Path::new(packaged);
        let data = given.data.clone().unwrap_or_else(|| match is_packaged {
            true => smith_server::config::settings::Settings::default().data,
            false => folder.join("data"),
        });
        let store = given.store.clone().unwrap_or_else(|| data.join("store"));
        let approver = given.approver.clone().unwrap_or_else(|| "role:sre-lead".to_owned());
        Self {
            site: given.site.clone().unwrap_or_else(|| "smith".to_owned()),
            host: host.name.clone(),
            socket: (!is_packaged).then(|| folder.join("smith.sock")),
            data,
            is_example: given.inventory.is_none(),
            inventory: given.inventory.clone().unwrap_or_else(|| folder.join("inventory/sources.yaml")),
            store,
            mirror: given.mirror.clone().unwrap_or_else(|| format!("http://{}:8080", host.name)),
            key: given.ssh_key.clone().unwrap_or_else(|| folder.join("keys/controller")),
            approver_account: account_named(&approver),
            approver,
            person: host.person.clone().filter(|person| person.uid != 0),
            zone: given.zone.clone().unwrap_or_else(|| host.zone.clone()),
        }
        .whole()
    }

    /// From the root of the file system: settings are read from anywhere.
    fn whole(mut self) -> Self {
        for path in [&mut self.data, &mut self.inventory, &mut self.store, &mut self.key] {
            if let Ok(whole) = std::path::absolute(&*path) {
                *path = whole;
            }
        }
        self
    }

    /// The file in which machines are named.
    pub(crate) fn machines(&self) -> PathBuf {
        if self.is_example { self.inventory.with_file_name("machines.yaml") } else { self.inventory.clone() }
    }
}

/// One question; an empty line takes what stands in brackets.
struct Asking<'a> {
    lines: &'a mut dyn BufRead,
    tell: &'a dyn Fn(&str),
}

impl Asking<'_> {
    fn one(
        &mut self,
        question: &str,
        usual: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Failure> {
        loop {
            (self.tell)(&format!("{question} [{usual}]"));
            let mut line = String::new();
            let read = self.lines.read_line(&mut line);
            let read =
                read.map_err(|error| input::unreadable("an answer", "standard input".as_ref(), error))?;
            let answer = line.trim();
            if read == 0 || answer.is_empty() {
                return Ok(usual.to_owned());
            }
            match check(answer) {
                Ok(()) => return Ok(answer.to_owned()),
                Err(why) => (self.tell)(&why),
            }
        }
    }

    fn path(&mut self, given: bool, question: &str, to: &mut PathBuf) -> Result<(), Failure> {
        if !given {
            let usual = to.display().to_string();
            *to = PathBuf::from(self.one(question, &usual, |_| Ok(()))?);
        }
        Ok(())
    }
}

/// Asks for everything that was not given.
pub(crate) fn ask(
    usual: Answers,
    given: &Given,
    lines: &mut dyn BufRead,
    tell: &dyn Fn(&str),
) -> Result<Answers, Failure> {
    let mut answers = usual;
    let mut asking = Asking { lines, tell };
    let (data_before, inventory_before) = (answers.data.clone(), answers.inventory.clone());
    asking.path(given.data.is_some(), "Where does the server keep its data?", &mut answers.data)?;
    let inventory = "Where is the inventory? An example is written where it stands in brackets.";
    asking.path(given.inventory.is_some(), inventory, &mut answers.inventory)?;
    answers.is_example = answers.is_example && answers.inventory == inventory_before;
    if given.store.is_none() && answers.store == data_before.join("store") {
        answers.store = answers.data.join("store");
    }
    asking.path(given.store.is_some(), "Where are builds kept?", &mut answers.store)?;
    if given.mirror.is_none() {
        let question = "Under which address do machines find builds?";
        answers.mirror = asking.one(question, &answers.mirror, is_address)?;
    }
    let key = "Which private ssh key do machines let in? It is made if it is not there.";
    asking.path(given.ssh_key.is_some(), key, &mut answers.key)?;
    if given.approver.is_none() {
        let question = "Who says yes to changes of production: an account, a name, or role:NAME?";
        answers.approver = asking.one(question, &answers.approver, |_| Ok(()))?;
        answers.approver_account = account_named(&answers.approver);
    }
    if given.zone.is_none() {
        answers.zone = asking.one("In which time zone is the week meant?", &answers.zone, is_zone)?;
    }
    Ok(answers.whole())
}

fn is_address(text: &str) -> Result<(), String> {
    let known = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    match known && !text.contains('@') && !text.contains(char::is_whitespace) {
        true => Ok(()),
        false => Err(format!("expected an address such as http://10.0.0.5:8080, found {text:?}")),
    }
}

fn is_zone(text: &str) -> Result<(), String> {
    let zone: Result<Zone, _> = Zone::new(text);
    zone.map(drop).map_err(|_| format!("expected a time zone such as Europe/London, found {text:?}"))
}

impl Host {
    pub(crate) fn read() -> Self {
        let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or("localhost").to_owned();
        let uid = rustix::process::geteuid().as_raw();
        let asked = std::env::var("SUDO_UID").ok().and_then(|text| text.parse().ok());
        let accounts = accounts();
        let person = asked.filter(|_| uid == 0).unwrap_or(uid);
        Self {
            name,
            is_root: uid == 0,
            person: accounts.into_iter().find(|account| account.uid == person),
            server: account_named("smith"),
            zone: zone(),
        }
    }
}

/// The zone of this computer, as Debian keeps it; UTC where it is not said.
fn zone() -> String {
    let said = std::fs::read_to_string("/etc/timezone").unwrap_or_default();
    let linked = std::fs::read_link("/etc/localtime").unwrap_or_default();
    let linked = linked.to_string_lossy();
    let linked = linked.split_once("zoneinfo/").map_or("", |(_, zone)| zone);
    let found = [said.trim(), linked].into_iter().find(|zone| is_zone(zone).is_ok());
    // The name that people know; schedules take it, too.
    found.map_or("UTC", |zone| zone.trim_start_matches("Etc/")).to_owned()
}

fn accounts() -> Vec<Account> {
    let text = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let one = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some(Account { uid: fields.nth(1)?.parse().ok()?, name })
    };
    text.lines().filter_map(one).collect()
}

fn account_named(name: &str) -> Option<Account> {
    accounts().into_iter().find(|account| account.name == name)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn given() -> Given {
        Given {
            site: None,
            data: None,
            inventory: None,
            store: None,
            mirror: None,
            ssh_key: None,
            approver: Some("ana".to_owned()),
            zone: None,
        }
    }

    fn usual() -> Answers {
        let host = Host {
            name: "control".to_owned(),
            is_root: false,
            person: Some(Account { uid: 1000, name: "ben".to_owned() }),
            server: None,
            zone: "UTC".to_owned(),
        };
        Answers::usual(&given(), Path::new("/site"), &host, "/etc/smith")
    }

    #[test]
    fn empty_lines_take_what_stands_in_brackets() {
        let told = RefCell::new(Vec::new());
        let answers = ask(usual(), &given(), &mut &b"\n\n\n\n\n\n\n"[..], &|text| {
            told.borrow_mut().push(text.to_owned());
        })
        .unwrap();
        assert_eq!(answers, usual());
        let told = told.into_inner();
        assert_eq!(told.len(), 6, "what was given is not asked: {told:?}");
        assert!(told[0].ends_with("[/site/data]"), "{told:?}");
    }

    #[test]
    fn answers_count_and_mistakes_are_asked_again() {
        let lines = "/srv/data\n\n\nmirror:8080\nhttp://mirror:8080\n\nEurope/Londn\nEurope/London\n";
        let told = RefCell::new(Vec::new());
        let answers = ask(usual(), &given(), &mut lines.as_bytes(), &|text| {
            told.borrow_mut().push(text.to_owned());
        })
        .unwrap();
        assert_eq!(answers.data, Path::new("/srv/data"));
        assert_eq!(answers.store, Path::new("/srv/data/store"), "the store goes with the data");
        assert_eq!((answers.mirror.as_str(), answers.zone.as_str()), ("http://mirror:8080", "Europe/London"));
        assert!(answers.is_example);
        let complaints = told.into_inner().iter().filter(|text| text.starts_with("expected")).count();
        assert_eq!(complaints, 2);
    }

    #[test]
    fn an_inventory_of_ones_own_is_not_written_over() {
        let answers = ask(usual(), &given(), &mut &b"\n/srv/cmdb/sources.yaml\n"[..], &|_| {}).unwrap();
        assert!(!answers.is_example);
        assert_eq!(answers.machines(), Path::new("/srv/cmdb/sources.yaml"));
    }
}
