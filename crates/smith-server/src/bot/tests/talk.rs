//! Questions and answers.

use super::site::{town, who};
use crate::verbs::{Caller, Key, Kind};

#[tokio::test]
async fn what_is_not_there_is_answered_with_the_nearest() {
    let town = town().await;
    town.ana("smith-patch 725 machines: prod-syd05-carrier1-worker-1005 outage:0").await;
    let unknown = town.refused("smith-status CHG0268453").await;
    assert_eq!((unknown.kind, unknown.code), (Kind::NotFound, "S0407"));
    assert_eq!(unknown.text, "project `CHG0268453` not running");
    let slips = [
        ("smith-status CHG0000011", "S0407", "did you mean CHG0000001?"),
        ("patch 725 config:buildTestDevToStgae", "S0404", "did you mean buildTestDevToStage?"),
        ("showconfig buildTestDevToStag", "S0404", "did you mean buildTestDevToStage?"),
        ("patch 725 config:buildTestDevToStage step: patchDve", "S0403", "did you mean patchDev?"),
        ("why dev-mon01-infra-test-O1", "S0111", "did you mean dev-mon01-infra-test-01?"),
        ("help smith-ptach", "S0419", "did you mean `help smith-patch`?"),
        ("ptach 1", "S0419", "did you mean `patch`?"),
    ];
    for (line, code, hint) in slips {
        let denied = town.refused(line).await;
        assert_eq!((denied.code, denied.hint.as_deref()), (code, Some(hint)), "{line}: {denied}");
    }
    let unheld = town.refused("resume 1").await;
    assert_eq!(
        (unheld.code, unheld.hint.as_deref()),
        ("S0402", Some("`unpause 1` lets a paused project go on"))
    );
    assert_eq!(town.refused("task status 9").await.code, "S0401");
}

#[tokio::test]
async fn help_lists_every_command_and_shows_each() {
    let town = town().await;
    let all = town.ana("help").await;
    for verb in &crate::bot::verb::VERBS {
        assert!(all.contains(verb.form), "{}", verb.name);
        let one = town.ana(&format!("help {}", verb.name)).await;
        assert!(verb.examples.iter().all(|example| one.contains(example)), "{one}");
    }
    assert!(town.ana("help train").await.contains("complete train CHG"));
    assert!(town.ana("help outage").await.contains("outage: a number of minutes"));
}

#[tokio::test]
async fn questions_are_answered_in_lines() {
    let town = town().await;
    assert_eq!(town.ana("task status").await, "no project is running");
    assert_eq!(town.ana("listconfigs").await, "buildTestDevToStage: Validate a build from dev to stage");
    assert!(town.ana("showconfig buildTestDevToStage").await.contains("\n1. patchDev : dev machines\n"));
    let found = town.ana("lookup region=ap-south").await;
    assert_eq!(
        found,
        "2 machines\nprod-syd05-carrier1-worker-1005 (prod, ap-south, prod-carrier1)\n\
         prod-syd05-carrier1-worker-1006 (prod, ap-south, prod-carrier1)"
    );
    let gaps = town.ana("gaps").await;
    let missed = "\n - prod-syd05-carrier1-worker-1005\n - prod-syd05-carrier1-worker-1006";
    assert_eq!(gaps, format!("4 machines: 2 in configs, 0 exempt, 2 missed{missed}"));
    assert_eq!(town.ana("builds").await, "Build `725`, `verified`");
    assert_eq!(town.ana("channels").await, "no channel was set");
    assert!(
        town.ana("why prod-syd05-carrier1-worker-1005")
            .await
            .starts_with("prod-syd05-carrier1-worker-1005: ")
    );
    let root = Caller::admin("root");
    let withdrawn = town.say(&root, "withdraw 725 does not boot").await;
    assert_eq!(withdrawn, "Build `725`, `withdrawn`: does not boot");
    assert_eq!(town.refused("reboot dev-mon01-infra-test-01").await.code, "S0406");
    let last = town.ana("audit by:root last:1").await;
    assert!(last.contains(" root: ") && last.lines().count() == 1, "{last}");
    assert_eq!(town.ana("audit by:nobody").await, "nothing is recorded about that");
}

#[tokio::test]
async fn machines_are_left_unpatched_on_purpose_until_a_day() {
    let town = town().await;
    assert_eq!(town.ana("exemptions").await, "no machine is exempt");
    let line =
        "exempt prod-syd05-carrier1-worker-* until:2099-12-31 owner:ana reason: the vendor patches them";
    let denied = town.bot.say(&who("ana", &["operator"]), line).await.unwrap_err();
    assert_eq!((denied.kind, denied.code), (Kind::Forbidden, "S0413"));
    let root = Caller::admin("root");
    let made = town.say(&root, line).await;
    assert_eq!(
        made,
        "exemption 0: prod-syd05-carrier1-worker-* until 2099-12-31T00:00:00Z - ana: the vendor patches them"
    );
    assert_eq!(town.ana("exemption list").await, made);
    assert_eq!(town.ana("gaps").await, "4 machines: 2 in configs, 2 exempt, NONE missed");
    let slip = town.bot.say(&root, &line.replace("2099-12-31", "2099-31-12")).await.unwrap_err();
    assert_eq!((slip.kind, slip.code), (Kind::Invalid, "S0417"), "{slip}");
    let ended = town.say(&root, "end exemption 0 reason: the vendor has left").await;
    assert_eq!(ended, "exemption 0 has ended");
    assert!(town.ana("gaps").await.starts_with("4 machines: 2 in configs, 0 exempt, 2 missed"));
}

#[tokio::test]
async fn a_project_is_paused_and_let_go_on_and_ended() {
    let town = town().await;
    town.ana("patch 725 config:buildTestDevToStage").await;
    town.until("why 1", "go on").await;
    let paused = town.ana("pause 1 reason: customers report errors").await;
    assert_eq!(
        paused,
        "Project: 1 Patch: buildTestDevToStage with Build `725`, `paused` Pass: 1 of 1, Fail: 0 - CHG0000002"
    );
    assert_eq!(town.ana("task status").await, paused);
    assert!(town.ana("unpause 1").await.contains("`running`"));
    let ended = town.ana("abort 1 wrong build").await;
    assert!(ended.contains("`abort"), "{ended}");
}

#[tokio::test]
async fn a_reboot_installs_nothing_and_needs_the_same_approval() {
    let town = town().await;
    let raised = town.ana("reboot prod-syd05-carrier1-worker-1005 reason: hangs").await;
    assert_eq!(
        raised,
        "Raising a new change request.\nChange request raised: `CHG0000001` waiting for approval"
    );
    town.cy("approve CHG0000001").await;
    town.until("smith-status CHG0000001", "State: `complete`").await;
    let record = town.ana("audit prod-syd05-carrier1-worker-1005 last:200").await;
    assert!(record.contains("reboot begins") && !record.contains("patch begins"), "{record}");
}

#[tokio::test]
async fn several_changes_in_one_line_are_done_once_each() {
    let town = town().await;
    for machine in ["prod-syd05-carrier1-worker-1005", "prod-dal10-carrier3-worker-11"] {
        town.ana(&format!("smith-patch 725 machines: {machine} outage:0")).await;
    }
    let cy = Caller {
        key: Some(Key {
            key: "k".to_owned(),
            digest: smith_domain::access::Digest::new("0".repeat(64)).unwrap(),
        }),
        ..who("cy", &["approver"])
    };
    let slip = town.bot.say(&cy, "approve CHG0000001 CHG0000009").await.unwrap_err();
    assert_eq!(slip.code, "S0407");
    let first = town.say(&cy, "approve CHG0000001 CHG0000002").await;
    assert_eq!(first.lines().filter(|line| line.contains("approved by cy")).count(), 2, "{first}");
    let again = town.say(&cy, "approve CHG0000001 CHG0000002").await;
    assert_eq!(again.lines().count(), 2, "{again}");
}
