//! A cycle of the week as it is seen and steered by lines alone.

use super::site::{Town, town, who};
use crate::verbs::Kind;

/// An answer with `T` for each moment.
fn timeless(answer: &str) -> String {
    let one = |word: &str| {
        let bare = word.trim_end_matches(',');
        let is_moment = bare.parse::<jiff::Timestamp>().is_ok();
        if is_moment { word.replace(bare, "T") } else { word.to_owned() }
    };
    let line = |line: &str| line.split(' ').map(one).collect::<Vec<_>>().join(" ");
    answer.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_cycle_is_seen_link_by_link_and_helped_on_by_hand() {
    let town = town().await;
    let weeks = town.ana("weeks").await;
    let (prod, trial) = weeks.split_once('\n').unwrap();
    assert_eq!(prod, "prod: channel prod, by hand - role:operator");
    let (schedule, next) = trial.split_once(", next ").unwrap();
    assert!(schedule.starts_with("trial: channel trial, ") && schedule.ends_with("Europe/London"), "{trial}");
    assert_eq!(timeless(next), "T - role:operator");
    assert_eq!(town.ana("week").await, "no week was started yet");
    let begun = town.ana("week start prod build:725 reason: the patches of the week").await;
    let head = "Cycle: 1 Week: prod to channel prod with Build `725`, `running` since T by ana\nwaits: ";
    assert!(timeless(&begun).starts_with(head), "{begun}");
    // Nobody does links in this town, so each that is begun fails.
    let failed = town.until("cycle status", "sync: `failed`").await;
    assert_eq!(timeless(&failed), FAILED);
    town.ana("week rerun 1 sync the mirror is back").await;
    town.until("cycle 1", "sync: `failed`").await;
    for link in ["diff", "check", "sync"] {
        town.ana(&format!("cycle skip 1 {link} reason: nobody does it")).await;
    }
    town.until("week status 1", "verify: `failed`").await;
    town.ana("week skip 1 verify nobody does it").await;
    town.until("cycle status", "test: `failed`").await;
    // A link may be called after its config.
    town.ana("cycle skip 1 buildTestDevToStage reason: nobody does it").await;
    let waits = town.until("cycle status", "gates: `under way`").await;
    assert!(waits.contains("\nwaits: \"go\" waits for 1 of role:approver to approve it\n"), "{waits}");
    let own = town.refused("cycle approve 1").await;
    assert_eq!(
        (own.kind, own.code),
        (Kind::Forbidden, "S0409"),
        "whoever started it approves nothing: {own}"
    );
    town.cy("cycle approve 1 gate: go reason: tested on stage").await;
    town.until("cycle status", "channel: `failed`").await;
    stopped(&town).await;
}

async fn stopped(town: &Town) {
    let stopped = town.ana("cycle stop 1 reason: the release week").await;
    let line = "Cycle: 1 Week: prod to channel prod with Build `725`, `stopped` at T, begun T by ana";
    assert_eq!(timeless(&stopped), line);
    assert_eq!(town.ana("cycle list").await, "no cycle is under way");
    assert_eq!(timeless(&town.ana("week list all").await), line);
    assert!(
        timeless(&town.ana("cycle").await).starts_with(line),
        "the last one is shown where none is under way"
    );
    let record = town.ana("audit last:200").await;
    let reasons = ["the patches of the week", "the mirror is back", "nobody does it", "the release week"];
    for reason in reasons.into_iter().chain(["tested on stage"]) {
        assert!(record.contains(reason), "{reason}: {record}");
    }
}

const FAILED: &str = "\
Cycle: 1 Week: prod to channel prod with Build `725`, `failed` since T by ana
waits: diff failed: expected somebody who does diff, found a desk; role:operator may run it again, leave it out or stop the cycle
waits: check failed: expected somebody who does check, found a desk; role:operator may run it again, leave it out or stop the cycle
waits: sync failed: expected somebody who does sync, found a desk; role:operator may run it again, leave it out or stop the cycle
 - build: `done` T, build 725 was there
 - diff: `failed` T, expected somebody who does diff, found a desk
 - check: `failed` T, expected somebody who does check, found a desk
 - sync: `failed` T, expected somebody who does sync, found a desk
 - verify: `waiting`
 - epic: `waiting`
 - test: `waiting`
 - gates: `waiting`
 - trains: `waiting`
 - channel: `waiting`";

#[tokio::test]
async fn where_two_cycles_are_under_way_each_is_a_line() {
    let town = town().await;
    for week in ["prod", "trial"] {
        town.ana(&format!("cycle start {week} build:725")).await;
    }
    let both = town.until("cycle", "Week: trial to channel trial with Build `725`, `failed`").await;
    let lines: Vec<&str> = both.lines().collect();
    assert!(
        lines[0].starts_with("Cycle: 2 Week: trial ") && lines[1].starts_with("Cycle: 1 Week: prod "),
        "{both}"
    );
    assert_eq!(lines[2..], ["`cycle status ID` shows one link by link"]);
    assert_eq!(town.ana("cycle list").await.lines().collect::<Vec<_>>(), lines[..2]);
    town.ana("cycle stop 2 reason: a trial").await;
    assert!(town.ana("cycle").await.starts_with("Cycle: 1 Week: prod "), "one is left, and it is meant");
}

#[tokio::test]
async fn the_week_is_for_operators_and_slips_are_answered() {
    let town = town().await;
    let viewer = town.bot.say(&who("eve", &[]), "cycle start prod").await.unwrap_err();
    assert_eq!((viewer.kind, viewer.code), (Kind::Forbidden, "S0413"));
    assert_eq!(town.refused("cycle status 1").await.code, "S0440");
    town.ana("cycle start prod build:725").await;
    let slips = [
        ("cycle start prdo", "S0440", "did you mean prod?"),
        ("cycle rerun 1 dif", "S0440", "did you mean diff?"),
        ("cycle skip 1 buildTestDevToStag reason: a", "S0440", "did you mean buildTestDevToStage?"),
        ("week strat prod", "S0419", "did you mean `cycle start`?"),
        ("cycle prod", "S0419", "`help cycle` shows all that can be said of one"),
    ];
    for (line, code, hint) in slips {
        let denied = town.refused(line).await;
        assert_eq!((denied.code, denied.hint.as_deref()), (code, Some(hint)), "{line}: {denied}");
    }
    assert_eq!(town.refused("cycle start prod build:725").await.code, "S0440", "one at a time");
    assert!(town.bot.say(&who("eve", &[]), "cycle stop 1 reason: a").await.is_err());
    for word in ["cycle", "week"] {
        let help = town.ana(&format!("help {word}")).await;
        assert!(help.contains("`weeks` – ") && help.contains("`cycle skip ID LINK reason: …` – "), "{help}");
    }
    assert!(town.ana("help cycle list").await.starts_with("`cycle list [all]` – "));
}
