//! The first page of help: commands by what they are for, not in the order in which they came.

use clap::Command;
use clap::builder::StyledStr;

use crate::output;

/// What stands in no group is told below all of them, so that nothing is ever hidden.
const GROUPS: [(&str, &[&str]); 5] = [
    ("To begin with", &["init", "demo", "lab"]),
    ("Patching", &["rollout", "cycle", "change", "train", "ticket", "chat"]),
    ("Machines and pipelines", &["fleet", "exemption", "pipeline", "agent", "report"]),
    ("Builds and mirrors", &["build", "mirror", "channel"]),
    ("The server", &["serve", "status", "events", "errand", "token", "clock", "audit"]),
];

const REST: &str = "Help";

/// The widest that help becomes, as everywhere else in it.
const WIDEST: usize = 100;

/// The command with its commands in groups.
pub(crate) fn grouped(command: Command) -> Command {
    let header = *command.get_styles().get_header();
    let literal = *command.get_styles().get_literal();
    let known: Vec<(String, String)> = command
        .get_subcommands()
        .map(|one| (one.get_name().to_owned(), one.get_about().map(ToString::to_string).unwrap_or_default()))
        .chain([("help".to_owned(), "Print this message or the help of a command".to_owned())])
        .collect();
    let in_groups = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let rest: Vec<&str> =
        known.iter().map(|(name, _)| name.as_str()).filter(|name| !in_groups(name)).collect();
    let names = known.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (title, members) in GROUPS.iter().copied().chain([(REST, rest.as_slice())]) {
        text.push_str(&format!("{header}{title}:{header:#}\n"));
        for (name, about) in members.iter().filter_map(|name| known.iter().find(|(one, _)| one == name)) {
            let about = output::wrapped(about, output::width().min(WIDEST), names + 4);
            let pad = " ".repeat(names - name.len());
            text.push_str(&format!("  {literal}{name}{literal:#}{pad}  {about}\n"));
        }
        text.push('\n');
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}{header}Options:{header:#}\n{{options}}{{after-help}}"
    );
    command.help_template(StyledStr::from(template))
}
