//! A week and its pipelines as tests write them down, here and in the program's own tests.

/// The settings of a week that has all links. More keys of it may follow.
pub(crate) fn week(recipe: &str, regions: &str, gates: &str) -> String {
    format!(
        "weeks:
  - week: prod
    owner: role:operator
    recipe: {recipe}
    channel: prod
    regions: [{regions}]
    test: dev
    gates: [{gates}]
    change: {{approve: role:lead}}
    train:
      Squad: conductors
      Service: redpill
      Title: from {{prod}} to {{build}}
      Details: tested in {{epic}}
      Risk: low
      PlannedStartTime: now
      PlannedEndTime: now + 1h
      StageDeployDate: '{{stage-date}}'
      BackoutPlan: revert
    canary: canary
    rollouts: [rest]
"
    )
}

/// The pipelines that it names.
pub(crate) const PIPELINES: [&str; 3] = ["dev", "canary", "rest"];

/// A pipeline of no machines, which has succeeded as soon as it runs.
pub(crate) fn pipeline(name: &str) -> String {
    format!(
        "pipeline: {name}\ntitle: {name}\nowner: role:operator\nsteps:\n  - step: patch\n    title: {name}\n    \
         change: none\n    bags: [{{bag: all, machines: environment={name}, if-empty: allow}}]\n"
    )
}
