//! The week as it is driven by lines alone.

use super::site::{town, who};

const TEMPLATE: &str = "raise train
   Squad: conductors
   Service: redpill
   Title: Update the smith-patching prod symlink from 724 to 725
   Environment: ap-south us-south
   Details: |
    Testing has been completed from dev to stage in this epic <https://example.com/issues/16|https://example.com/issues/16>
    To update the prod symlink, run this job <https://example.com/job/prod>
   Risk: low
   DeploymentImpact: small
   DeploymentMethod: automated
   PlannedStartTime: now
   PlannedEndTime: now + 1h
   StageDeployDate: 2024-03-28
   VendoredOrNonBuilt: true
   SecurityOnly: true
   BackoutPlan: Revert to previous value
";

#[tokio::test]
async fn a_config_runs_through_its_gate() {
    let town = town().await;
    let said = town.ana("`patch 725 config:buildTestDevToStage`").await;
    assert_eq!(said, "starting project ID: 1 patch 725 onto config buildTestDevToStage");
    town.until("why 1", "go on").await;
    let line = town.cy("approve 1 step: rebootStgiksOnly : remainder of stage").await;
    assert!(line.starts_with("Project: 1 Patch: buildTestDevToStage with Build `725`"), "{line}");
    town.until("task status 1", "`complete`\nTOTALS: Pass: 2, Failed NONE, Unstarted NONE").await;
    let again = town.ana("patch 725 config:buildTestDevToStage step: patchDev : dev machines").await;
    assert_eq!(again, "starting project ID: 2 patch 725 onto config buildTestDevToStage");
}

#[tokio::test]
async fn a_train_is_raised_approved_started_and_completed() {
    let town = town().await;
    let raised = town.ana(TEMPLATE).await;
    assert_eq!(
        raised,
        "Train raised: Update the smith-patching prod symlink from 724 to 725\n - `CHG0000001` ap-south, waiting for \
         approval by 1 of role:approver\n - `CHG0000002` us-south, waiting for approval by 1 of role:approver"
    );
    assert_eq!(town.refused("start train CHG0000001 CHG0000002").await.code, "S0408");
    assert_eq!(town.refused("approve CHG0000001").await.code, "S0409", "nobody approves what they asked for");
    let approved = town.cy("approve CHG0000001 CHG0000002").await;
    assert_eq!(approved.lines().count(), 2, "{approved}");
    assert_eq!(approved.lines().next(), Some("`CHG0000001` ap-south, approved, approved by cy"));
    let started = town.ana("start train CHG0000001 CHG0000002").await;
    assert!(started.starts_with("Train started:\n - `CHG0000001` ap-south, in progress"), "{started}");
    let moved = town.ana("set channel prod region:ap-south build:725 change:CHG0000001").await;
    assert_eq!(moved, "prod ap-south: Build `725`");
    let ended = "complete train CHG0000001 CHG0000002\n\
                 testURL: <https://example.com/smith-prod-symlink-725-evidence.txt>\ntestPassed: true";
    let ended = town.ana(ended).await;
    assert!(ended.starts_with("Train completed:\n - `CHG0000001` ap-south, closed"), "{ended}");
    let change = town.site.change("CHG0000002").unwrap();
    let evidence = "https://example.com/smith-prod-symlink-725-evidence.txt";
    assert_eq!((change.test_url.as_deref(), change.test_passed), (Some(evidence), Some(true)));
    assert!(town.ana("smith-status CHG0000001").await.starts_with("Train: Update the smith-patching"));
    let by_channel = town.ana("smith-patch prod machines: prod-syd05-carrier1-worker-1005 outage:0").await;
    assert!(
        by_channel.starts_with("Raising a new change request.\nChange request raised: `"),
        "{by_channel}"
    );
}

#[tokio::test]
async fn a_machine_is_patched_on_request_and_its_status_reads_as_people_know_it() {
    let town = town().await;
    let raised = town.ana("smith-patch 725 machines: prod-syd05-carrier1-worker-1005 outage:0").await;
    assert_eq!(
        raised,
        "Raising a new change request.\nChange request raised: `CHG0000001` waiting for approval"
    );
    let waits = town.ana("smith-status CHG0000001").await;
    assert!(waits.contains("\nwaits: CHG0000001 waits for approval by 1 of role:approver"), "{waits}");
    town.say(&who("cy", &["approver"]), "approve `CHG0000001`").await;
    let status = town.until("smith-status CHG0000001", "State: `complete`").await;
    assert_eq!(
        status,
        "Project: CHG0000001 Patch: ap-south prod-syd05-carrier1-worker-1005 with Build `725`
TOTALS: Pass: 1, Failed NONE, Unstarted NONE

 *Phase 0*, prod-syd05-carrier1-worker-1005, `complete` Pass: 1, Fail: 0 Unstarted: 0
   Bag: *prod-syd05-carrier1-worker-1005* - CTASK0000001, State: `complete` MachineCount: 1 Pass:1 Fail:0"
    );
    let dev = town.ana("smith-patch 725 machines: dev-mon01-infra-test-01 outage:0").await;
    assert!(!dev.contains("waiting for approval"), "{dev}");
}
