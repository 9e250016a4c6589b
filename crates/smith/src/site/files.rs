//! What `smith init` writes. Everything is plain text that people go on with, so it says what it is and where more stands.

use super::answers::Answers;

/// A file of the configuration, by its path below the folder.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: &'static str,
    pub(crate) text: String,
}

/// What the Debian package brings as settings.
pub(crate) const OF_PACKAGE: &str = include_str!("../../package/smith.yaml");

/// The pipelines of the weekly process, as the repository has them.
const PIPELINES: [(&str, &str); 4] = [
    (
        "pipelines/buildTestDevToStage.yaml",
        include_str!("../../../../examples/pipelines/buildTestDevToStage.yaml"),
    ),
    ("pipelines/rebootProduction.yaml", include_str!("../../../../examples/pipelines/rebootProduction.yaml")),
    (
        "pipelines/rebootProductionAPSouth.yaml",
        include_str!("../../../../examples/pipelines/rebootProductionAPSouth.yaml"),
    ),
    ("pipelines/supportOnly.yaml", include_str!("../../../../examples/pipelines/supportOnly.yaml")),
];

/// What this computer's apt comes to.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) recipe: String,
    /// Its dpkg status, as the first of those whose packages are taken.
    pub(crate) status: Option<String>,
}

/// The profile of this computer, and the folder of all profiles as a recipe names it.
const OWN_PROFILE: &str = "profiles/controller";
pub(crate) const PROFILES: &str = "../profiles";

pub(crate) fn all(answers: &Answers, sources: Option<Sources>) -> Vec<File> {
    let mut files = vec![
        File { path: "smith.yaml", text: settings(answers) },
        File { path: "smith.d/people.yaml", text: people(answers) },
        File { path: "smith.d/notify.yaml", text: NOTIFY.to_owned() },
    ];
    if answers.is_example {
        files.push(File { path: "inventory/sources.yaml", text: SOURCES.to_owned() });
        files.push(File { path: "inventory/machines.yaml", text: MACHINES.to_owned() });
    }
    files.extend(PIPELINES.map(|(path, text)| File { path, text: text.to_owned() }));
    if let Some(Sources { recipe, status }) = sources {
        files.push(File { path: "recipes/site.yaml", text: format!("{RECIPE}{recipe}") });
        files.extend(status.map(|text| File { path: OWN_PROFILE, text }));
        files.push(File { path: "smith.d/week.yaml", text: week(answers) });
    }
    files
}

/// In quotation marks, so that no path, address or name is anything else than text.
fn quoted(text: impl AsRef<str>) -> String {
    let escaped = text.as_ref().replace('\\', r"\\").replace('"', r#"\""#);
    format!("\"{escaped}\"")
}

fn path(path: &std::path::Path) -> String {
    quoted(path.display().to_string())
}

fn settings(answers: &Answers) -> String {
    let Answers { site, data, inventory, store, mirror, key, socket, .. } = answers;
    let listen = match socket {
        // Without root nobody may make the usual socket.
        Some(socket) => {
            format!("# Commands find it with SMITH_SERVER={}\nlisten: {{socket: {}}}\n", socket.display(), path(socket))
        }
        None => "# listen: {group: smith}       # whose members may come to the socket; `people` says what they may\n"
            .to_owned(),
    };
    format!(
        "# What this server is told about its site. Everything has a default; fragments lie in smith.d, and
# docs/reference/settings.md (man smith.yaml) has all keys. `smith serve --config THIS --check` reads it.
site: {}
data: {}
{listen}
# The fleet, and how often it is read.
inventory: {}
inventory-every: 1m

# Who is patched in which order; an edit counts for the next rollout.
pipelines: pipelines

# Builds, and under which address machines find them: by the name of their mirror, or `default`.
store: {}
mirrors: {{default: {}}}

# The key that machines let in (`smith agent install` puts its public part there).
ssh: {{identity: {}}}
",
        quoted(site),
        path(data),
        path(inventory),
        path(store),
        quoted(mirror),
        path(key),
    )
}

fn people(answers: &Answers) -> String {
    let approve = quoted(&answers.approver);
    let mut out = format!(
        "# Who may do what. Root and the user of the server may do everything; nobody approves what they asked for themselves.
requests:
  owner: role:sre-oncall
  approve: {{prod: {approve}, stage: {approve}, stgiks: {approve}}}
people:
"
    );
    let mut one = |uid: u32, name: &str, roles: &str| {
        out.push_str(&format!("  - {{uid: {uid}, name: {}, roles: [{roles}]}}\n", quoted(name)));
    };
    let (person, approver) = (&answers.person, &answers.approver_account);
    match (person, approver) {
        (Some(person), Some(approver)) if person == approver => {
            one(person.uid, &person.name, "operator, approver, sre-oncall, sre-lead");
        }
        (person, approver) => {
            if let Some(person) = person {
                one(person.uid, &person.name, "operator, sre-oncall");
            }
            if let Some(approver) = approver {
                one(approver.uid, &approver.name, "approver, sre-lead");
            }
        }
    }
    if person.is_none() && approver.is_none() {
        out = out.replace("people:\n", "people: []\n");
    }
    out.push_str(
        "# - {uid: 1001, name: ana, roles: [approver, sre-lead]}
# - {uid: 1002, name: ben, roles: [operator], environments: [dev, stage]}
# Whoever has no account here gets a token: smith token new ana --role approver --role sre-lead
",
    );
    out
}

fn week(answers: &Answers) -> String {
    WEEK.replace("ZONE", &answers.zone)
}

const NOTIFY: &str = "# Who is told about what; docs/reference/settings.md has all subjects.
notify: []
#  - {about: [call, halted, link-failed], command: [/usr/local/bin/page, --now]}
#  - {about: change-waits, mail: sre@example.org}
#  - {about: all, webhook: 'https://chat.example.org/hooks/patching'}
";

const SOURCES: &str = "# Where machines are known from; docs/reference/inventory.md has CSV, Ansible and other sources.
sources:
  - {name: site, file: machines.yaml}

# What a name says: prod-syd01-carrier1-worker-1001 is a worker of production in the cluster prod-syd01-carrier1.
names:
  patterns:
    - \"{environment}-{zone}-{cluster}-{role...}[-]{number}\"
    - \"{environment}-{zone}-{cluster}-{role...}\"
  attributes:
    cluster: \"{environment}-{zone}-{cluster}\"

# Which region a zone is in.
zones:
  \"syd*\": ap-south
  \"dal*\": us-south

# What `smith agent enroll` records; without a key of its own a machine is never talked to.
host-keys: host-keys
";

const MACHINES: &str = "# Machines, by name, with an address where the name does not lead to one. Take the marks away and put yours here.
machines: []
#machines:
#  - {name: dev-dal10-carrier1-worker-1001, address: 192.0.2.1}
#  - {name: stage-dal10-carrier1-worker-1001, address: 192.0.2.2}
#  - {name: 'prod-syd01-carrier1-worker-[1001-1010]', rack: r12}
";

const RECIPE: &str = "# This machine's apt sources. Of them is taken what every machine has, what those have installed whose dpkg status lies in
# profiles (now this one: add one of each kind, `ssh web-1 cat /var/lib/dpkg/status >profiles/web-1`), and what all that needs.
# Without `take` a build has everything, which is tens of gigabytes; docs/reference/recipes.md has what it may say.
";

/// Nothing starts by itself on the first Sunday: the schedule is for whoever has seen it work by hand.
const WEEK: &str = "# The week: from a new build through its test to production; docs/reference/week.md says what each link does.
# `smith cycle start prod` starts it, `smith cycle show 1` shows how far it is.
weeks:
  - week: prod
    owner: role:sre-oncall
    recipe: recipes/site.yaml
    channel: prod
    regions: [ap-south]
    test: buildTestDevToStage
    gates:
      - {soak: 24h, since: end of rebootStgiksOnly}
      - {approval: production, who: role:sre-lead}
    change: {approve: role:sre-lead}
    train:
      Squad: conductors
      Service: redpill
      Title: Update the smith-patching {prod} symlink to {build}
      Details: |
        Testing has been completed from dev to stage in {epic}
      Risk: low
      PlannedStartTime: now
      PlannedEndTime: now + 1h
      StageDeployDate: '{stage-date}'
      SecurityOnly: true
      BackoutPlan: Revert to previous value
    canary: rebootProductionAPSouth
    rollouts: [rebootProductionUSSouth, supportOnly]
    # profiles: profiles      # each build is checked against these machines, once all of them are yours
    # schedule: {cron: 0 3 * * SUN, zone: ZONE, if-missed: start, within: 12h}
";
