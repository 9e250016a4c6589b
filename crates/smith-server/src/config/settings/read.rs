//! One file of settings, checked key by key. A fragment has some of the keys; what two files say twice is found by `load`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use smith_domain::time::Span;

use super::model::{
    HttpListen, Listen, MachineRules, NoticeRule, Person, Settings, SshSettings, Subjects, Target,
};
use super::telemetry::telemetry;
use super::week::weeks;
use crate::config::fields::Fields;
use crate::config::report::{Report, shown};
use crate::config::tree::{Entry, Kind, Node, read};
use crate::config::value::{full_list, list, number, one_or_more, span, text, who, word, yes_or_no};
use crate::verbs::{Environments, RequestRules};

/// A wait that is longer is a mistake of the unit.
pub(super) const LONGEST: Span = Span::hours(7 * 24);

/// Uids of people; above them are those that the kernel gives nobody.
const UID_MAX: u32 = u32::MAX - 2;

/// Connections at a time; each costs sixty kilobytes and a file.
const SESSIONS_MAX: u32 = 20_000;

/// Which keys a file has set, and where.
pub(super) type Keys = BTreeMap<String, (u32, u32)>;

/// Reads one file into the settings as they are so far.
pub(super) fn read_into(settings: &mut Settings, bytes: &[u8], folder: &Path, report: &mut Report) -> Keys {
    let Some(root) = read(bytes, report) else { return Keys::new() };
    let mut keys = Keys::new();
    if let Kind::Map(entries) = &root.kind {
        for Entry { key, place, .. } in entries {
            keys.insert(key.clone(), (place.line, place.column));
        }
    }
    let Some(mut fields) = Fields::open(&root, "the settings", report) else { return keys };
    if let Some(site) = fields.take("site").and_then(|node| site(node, report)) {
        settings.site = site;
    }
    path_into(fields.take("data"), folder, &mut settings.data, report);
    path_into(fields.take("pipelines"), folder, &mut settings.pipelines, report);
    if let Some(node) = fields.take("inventory") {
        settings.inventory = path(node, folder, report);
    }
    span_into(fields.take("inventory-every"), &mut settings.inventory_every, report);
    if let Some(node) = fields.take("store") {
        settings.store = path(node, folder, report);
    }
    if let Some(node) = fields.take("store-passphrase-file") {
        settings.store_passphrase = path(node, folder, report);
    }
    if let Some(node) = fields.take("listen") {
        listen(node, folder, &mut settings.listen, report);
    }
    if let Some(node) = fields.take("mirrors") {
        mirrors(node, &mut settings.mirrors, report);
    }
    if let Some(node) = fields.take("ssh") {
        ssh(node, folder, &mut settings.ssh, report);
    }
    if let Some(node) = fields.take("machines") {
        machines(node, &mut settings.machines, report);
    }
    if let Some(node) = fields.take("requests") {
        requests(node, &mut settings.requests, report);
    }
    if let Some(node) = fields.take("people") {
        settings.people = all(node, "a list of people", report, person);
    }
    if let Some(node) = fields.take("notify") {
        settings.notify = all(node, "a list of whom to tell about what", report, rule);
    }
    if let Some(node) = fields.take("weeks") {
        settings.weeks = weeks(node, folder, report);
    }
    if let Some(node) = fields.take("telemetry") {
        settings.telemetry = telemetry(node, folder, report);
    }
    fields.close(report);
    keys
}

fn all<T>(
    node: &Node,
    what: &str,
    report: &mut Report,
    one: impl Fn(&Node, &mut Report) -> Option<T>,
) -> Vec<T> {
    list(node, what, report).unwrap_or_default().iter().filter_map(|item| one(item, report)).collect()
}

fn site(node: &Node, report: &mut Report) -> Option<String> {
    const EXPECTED: &str = "a name of at most 32 small letters, digits and dashes that begins with a letter";
    let name = text(node, EXPECTED, report)?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = name.len() <= 32
        && name.chars().all(allowed)
        && name.chars().next().is_some_and(|first| first.is_ascii_lowercase());
    if good {
        return Some(name.to_owned());
    }
    report.add(node.place, "S0207", EXPECTED, shown(name));
    None
}

/// A path; those that are not absolute are meant from the folder of the file.
pub(super) fn path(node: &Node, folder: &Path, report: &mut Report) -> Option<PathBuf> {
    let text = text(node, "a path", report)?;
    if text.is_empty() {
        report.add(node.place, "S0207", "a path", shown(text));
        return None;
    }
    Some(folder.join(text))
}

fn path_into(node: Option<&Node>, folder: &Path, to: &mut PathBuf, report: &mut Report) {
    if let Some(path) = node.and_then(|node| path(node, folder, report)) {
        *to = path;
    }
}

fn span_into(node: Option<&Node>, to: &mut Span, report: &mut Report) {
    if let Some(span) = node.and_then(|node| span(node, LONGEST, report)) {
        *to = span;
    }
}

fn listen(node: &Node, folder: &Path, to: &mut Listen, report: &mut Report) {
    let Some(mut fields) = Fields::open(node, "what is listened on", report) else { return };
    path_into(fields.take("socket"), folder, &mut to.socket, report);
    if let Some(node) = fields.take("group") {
        to.group = text(node, "the name of a group", report).map(str::to_owned);
    }
    if let Some(node) = fields.take("http")
        && let Some(http) = http(node, report)
    {
        to.http = http;
    }
    fields.close(report);
}

fn http(node: &Node, report: &mut Report) -> Option<HttpListen> {
    const EXPECTED: &str = "`no`, or a loopback address and a port such as 127.0.0.1:11240";
    let text = text(node, EXPECTED, report)?;
    if text == "no" {
        return Some(HttpListen::No);
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Some(HttpListen::At(address)),
        Ok(_) => {
            let problem = report.add(node.place, "S0208", EXPECTED, shown(text));
            problem.with_hint(
                "put a proxy that ends TLS before it; tokens must not go over a network in the clear",
            );
            None
        }
        Err(_) => {
            report.add(node.place, "S0207", EXPECTED, shown(text));
            None
        }
    }
}

fn mirrors(node: &Node, to: &mut BTreeMap<String, String>, report: &mut Report) {
    const EXPECTED: &str = "an address such as http://10.0.0.5:8080";
    let Kind::Map(entries) = &node.kind else {
        report.add(node.place, "S0206", "a map of mirrors and their addresses", "something else");
        return;
    };
    for Entry { key, value, .. } in entries {
        let Some(uri) = text(value, EXPECTED, report) else { continue };
        let known = ["http://", "https://"].iter().any(|scheme| uri.starts_with(scheme));
        if known && !uri.contains('@') && !uri.chars().any(char::is_whitespace) {
            to.insert(key.clone(), uri.trim_end_matches('/').to_owned());
        } else {
            report.add(value.place, "S0207", EXPECTED, shown(uri));
        }
    }
}

fn ssh(node: &Node, folder: &Path, to: &mut SshSettings, report: &mut Report) {
    let Some(mut fields) = Fields::open(node, "how machines are reached", report) else { return };
    if let Some(node) = fields.take("identity") {
        let files = one_or_more(node, "files with private keys", report).unwrap_or_default();
        to.identity = files.into_iter().filter_map(|item| path(item, folder, report)).collect();
    }
    if let Some(node) = fields.take("passphrase-file") {
        to.passphrase_file = path(node, folder, report);
    }
    if let Some(node) = fields.take("agent") {
        to.agent = path(node, folder, report);
    }
    if let Some(sessions) = fields.take("sessions").and_then(|node| number(node, 1..=SESSIONS_MAX, report)) {
        to.sessions = sessions;
    }
    if let Some(handshakes) = fields.take("handshakes").and_then(|node| number(node, 1..=1_000, report)) {
        to.handshakes = handshakes;
    }
    fields.close(report);
}

fn machines(node: &Node, to: &mut MachineRules, report: &mut Report) {
    let Some(mut fields) = Fields::open(node, "what holds for machines", report) else { return };
    if let Some(node) = fields.take("dead-man") {
        let is_no = matches!(&node.kind, Kind::Text { text, .. } if text == "no");
        to.dead_man = if is_no { None } else { span(node, LONGEST, report) };
    }
    span_into(fields.take("skew"), &mut to.skew, report);
    span_into(fields.take("settle"), &mut to.settle, report);
    fields.close(report);
}

fn requests(node: &Node, to: &mut RequestRules, report: &mut Report) {
    let Some(mut fields) = Fields::open(node, "what holds for requests", report) else { return };
    if let Some(owner) = fields.take("owner").and_then(|node| who(node, report)) {
        to.owner = owner;
    }
    if let Some(node) = fields.take("approve") {
        match &node.kind {
            Kind::Map(entries) => {
                let approvers = |entry: &Entry, report: &mut Report| {
                    Some((entry.key.clone(), who(&entry.value, report)?))
                };
                to.approve = entries.iter().filter_map(|entry| approvers(entry, report)).collect();
            }
            Kind::Text { .. } | Kind::List(_) => {
                report.add(
                    node.place,
                    "S0206",
                    "a map of environments and who approves there",
                    "something else",
                );
            }
        }
    }
    if let Some(drain) = fields.take("drain").and_then(|node| yes_or_no(node, true, false, report)) {
        to.drain = drain;
    }
    fields.close(report);
}

fn person(node: &Node, report: &mut Report) -> Option<Person> {
    let mut fields = Fields::open(node, "a person", report)?;
    let uid = fields.need("uid").and_then(|node| number(node, 0..=UID_MAX, report));
    let name = fields.need("name").and_then(|node| text(node, "a name", report)).map(str::to_owned);
    let roles = fields.need("roles").and_then(|node| words(node, "roles", report));
    let environments = fields.take("environments").map(|node| words(node, "environments", report));
    fields.close(report);
    let environments = match environments {
        None => Environments::All,
        Some(names) => Environments::These(names?),
    };
    Some(Person { uid: uid?, name: name?, roles: roles?, environments })
}

pub(super) fn words(node: &Node, what: &str, report: &mut Report) -> Option<Vec<String>> {
    let items = one_or_more(node, what, report)?;
    items.into_iter().map(|item| text(item, what, report).map(str::to_owned)).collect()
}

fn rule(node: &Node, report: &mut Report) -> Option<NoticeRule> {
    const TARGETS: &str = "one of `command`, `webhook` and `mail`";
    let mut fields = Fields::open(node, "whom to tell about what", report)?;
    let place = fields.place();
    let about = match fields.take("about") {
        None => Some(Subjects::All),
        Some(node) => subjects(node, report),
    };
    let (command, webhook, mail) = (fields.take("command"), fields.take("webhook"), fields.take("mail"));
    let given = [command, webhook, mail].iter().filter(|one| one.is_some()).count();
    let to = match (command, webhook, mail) {
        _ if given != 1 => {
            report.add(place, "S0205", TARGETS, if given == 0 { "none" } else { "several" });
            None
        }
        (Some(node), _, _) => words(node, "a program and its arguments", report).map(Target::Command),
        (_, Some(node), _) => text(node, "an address", report).map(|uri| Target::Webhook(uri.to_owned())),
        (_, _, Some(node)) => words(node, "mail addresses", report).map(Target::Mail),
        (None, None, None) => None,
    };
    fields.close(report);
    Some(NoticeRule { about: about?, to: to? })
}

fn subjects(node: &Node, report: &mut Report) -> Option<Subjects> {
    const KNOWN: [(&str, &str); 13] = [
        ("call", "call"),
        ("change-waits", "change-waits"),
        ("gate-waits", "gate-waits"),
        ("halted", "halted"),
        ("held-up", "held-up"),
        ("rollout-started", "rollout-started"),
        ("rollout-ended", "rollout-ended"),
        ("cycle-gate-waits", "cycle-gate-waits"),
        ("link-failed", "link-failed"),
        ("cycle-ended", "cycle-ended"),
        ("schedule-missed", "schedule-missed"),
        ("clock-differs", "clock-differs"),
        ("source-shrank", "source-shrank"),
    ];
    let items = match &node.kind {
        Kind::Text { text, .. } if text == "all" => return Some(Subjects::All),
        Kind::List(_) => full_list(node, "what to be told about", report)?.iter().collect(),
        Kind::Text { .. } | Kind::Map(_) => vec![node],
    };
    let words =
        items.into_iter().map(|item| word(item, &KNOWN, report).map(str::to_owned)).collect::<Option<_>>();
    words.map(Subjects::These)
}
