//! What the demo's server is told about its site, in the file that people write.

use crate::failure::Failure;
use crate::input::Length;

use super::fleet::{MIRRORS, Size};
use super::place::{Place, write};
use super::{pipelines, recipe};

/// The week's name, and the channel that it leads to the new build.
pub(super) const WEEK: &str = "prod";

/// The pipelines in the order in which the process goes through them.
pub(super) const TEST: &str = "buildTestDevToStage";
pub(super) const CANARY: &str = "rebootProductionAPSouth";
pub(super) const REST: &str = "rebootProductionUSSouth";

/// The recipes' names.
pub(super) const BEFORE: &str = "before.yaml";
pub(super) const AFTER: &str = "after.yaml";

/// Writes the recipes, which need to be there before the first build.
pub(super) fn write_recipes(place: &Place, suite: &str) -> Result<(), Failure> {
    let folder = place.run("server/recipes");
    let [before, after] = recipe::recipes(suite)?;
    write(&folder.join(BEFORE), &before)?;
    write(&folder.join(AFTER), &after)
}

/// Writes the pipelines and the settings. `addresses` are where the mirrors listen.
pub(super) fn write_site(
    place: &Place,
    addresses: &[String],
    soak: Length,
    size: Size,
) -> Result<(), Failure> {
    for (name, text) in pipelines::files(soak, size) {
        write(&place.run("server/pipelines").join(name), &text)?;
    }
    write(&place.run("server/smith.yaml"), &settings(place, addresses, soak))
}

fn settings(place: &Place, addresses: &[String], soak: Length) -> String {
    let mirrors: Vec<String> =
        MIRRORS.iter().zip(addresses).map(|((name, _), address)| format!("{name}: \"{address}\"")).collect();
    let regions = MIRRORS.map(|(_, region)| region).join(", ");
    format!(
        "# The settings of the demo's server.
site: demo
data: data
listen: {{socket: smith.sock, http: '127.0.0.1:0'}}
inventory: \"{inventory}\"
inventory-every: 5s
pipelines: pipelines
store: \"{store}\"
mirrors: {{{mirrors}}}
ssh: {{identity: \"{identity}\"}}
weeks:
  - week: {WEEK}
    owner: role:sre-oncall
    recipe: recipes/{AFTER}
    profiles: recipes/{profiles}
    channel: prod
    regions: [{regions}]
    gates:
      # People start the test by hand, as they always did; the week goes on when it has succeeded and soaked.
      - succeeded: {TEST}
      - {{soak: {soak}, since: start of rebootStgiksOnly, pipeline: {TEST}}}
      - {{approval: production, who: role:sre-lead}}
    change: {{approve: role:sre-lead}}
    train:
      Squad: conductors
      Service: redpill
      Title: Update the smith-patching prod symlink from {{prod}} to {{build}}
      Details: Testing has been completed from dev to stage in this epic {{epic}}
      Risk: low
      DeploymentImpact: small
      DeploymentMethod: automated
      PlannedStartTime: now
      PlannedEndTime: now + 1h
      StageDeployDate: '{{stage-date}}'
      VendoredOrNonBuilt: yes
      SecurityOnly: yes
      BackoutPlan: Revert to previous value
    canary: {CANARY}
    rollouts: [{REST}]
",
        inventory = place.lab_file("inventory/sources.yaml").display(),
        store = place.store().display(),
        mirrors = mirrors.join(", "),
        identity = place.lab_file("keys/controller").display(),
        profiles = recipe::PROFILES,
        soak = soak.0,
    )
}

#[cfg(test)]
mod tests {
    use smith_domain::time::Span;
    use smith_server::config::settings::load_settings;

    use super::*;
    use crate::demo::real::{Afterwards, Options};

    #[test]
    fn a_server_takes_them() {
        let dir = tempfile::tempdir().unwrap();
        let soak = Length(Span::mins(1));
        let options = Options {
            dir: dir.path().to_owned(),
            base: None,
            lab: "demo".parse().unwrap(),
            agent: None,
            afterwards: Afterwards::Remove,
            soak,
            size: Size::Whole,
        };
        let place = Place::open(&options).unwrap();
        let addresses = ["http://10.0.0.1:1".to_owned(), "http://10.0.0.1:2".to_owned()];
        write_site(&place, &addresses, soak, Size::Whole).unwrap();
        let settings = load_settings(Some(&place.run("server/smith.yaml"))).unwrap();
        assert_eq!(settings.mirrors["dal10"], addresses[1]);
        assert_eq!(settings.data, place.run("server/data"));
        let plan = &settings.weeks[0].plan;
        assert_eq!((plan.regions.len(), plan.gates.len(), plan.rollouts.len()), (2, 3, 1));
        // A second demo in the same folder would end the first one's machines.
        assert!(Place::open(&options).is_err());
    }
}
