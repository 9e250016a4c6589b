//! Everything that the HTTP API offers has a command, and what changes something has a word in chat.

use super::run::{root, smith};

/// An operation of the API, and the command that asks for it; `-` where it is for programs alone, with the reason.
const COMMANDS: &[(&str, &str)] = &[
    // A page for people and descriptions for programs; `smith status` says what the probes say.
    ("showDocs", "-"),
    ("showDocument", "-"),
    ("showMetrics", "-"),
    ("isAlive", "status"),
    ("isReady", "status"),
    ("showStatus", "status"),
    ("audit", "audit show"),
    ("auditNewest", "audit show"),
    ("auditProject", "audit show"),
    ("queryProjectAudit", "audit show"),
    ("exportAudit", "audit export"),
    ("listEvidence", "audit evidence list"),
    ("showEvidence", "audit evidence show"),
    ("showPackages", "audit packages"),
    ("showClock", "clock show"),
    ("acceptClock", "clock accept"),
    ("listSources", "fleet sources"),
    ("confirmSource", "fleet confirm"),
    ("listBuilds", "build known"),
    ("showBuild", "build known"),
    ("withdrawBuild", "build withdraw"),
    ("listChanges", "change list"),
    ("showChange", "change show"),
    ("showChangedProject", "change project"),
    ("approveChange", "change approve"),
    ("rejectChange", "change reject"),
    ("revokeChange", "change revoke"),
    ("cancelChange", "change cancel"),
    ("listChannels", "channel known"),
    ("setChannel", "channel record"),
    ("say", "chat"),
    ("listWeeks", "cycle weeks"),
    ("listCycles", "cycle list"),
    ("showCycle", "cycle show"),
    ("startCycle", "cycle start"),
    ("approveCycle", "cycle approve"),
    ("rerunLink", "cycle rerun"),
    ("skipLink", "cycle skip"),
    ("stopCycle", "cycle stop"),
    ("listErrands", "errand list"),
    ("listErrors", "explain"),
    ("showError", "explain"),
    ("listen", "events"),
    ("listenToProject", "events"),
    ("listExemptions", "exemption list"),
    ("exempt", "exemption add"),
    ("endExemption", "exemption end"),
    ("showGaps", "fleet gaps"),
    ("listMachines", "fleet lookup"),
    ("showMachine", "fleet show"),
    ("signOff", "fleet sign-off"),
    ("whyMachine", "rollout why"),
    ("whyProject", "rollout why"),
    ("listPipelines", "pipeline list"),
    ("showPipeline", "pipeline show"),
    ("listProjects", "rollout list"),
    ("queryProjects", "rollout list"),
    ("queryAllProjects", "rollout list"),
    ("showProject", "rollout show"),
    ("queryProject", "rollout show"),
    ("startProject", "rollout start"),
    ("requestPatch", "rollout request"),
    ("requestReboot", "rollout reboot"),
    ("abortProject", "rollout abort"),
    ("approveGate", "rollout approve"),
    ("pauseProject", "rollout pause"),
    ("unpauseProject", "rollout unpause"),
    ("resumeProject", "rollout resume"),
    ("retryProject", "rollout retry"),
    ("skipMachines", "rollout skip"),
    ("listTickets", "ticket list"),
    ("showTicket", "ticket show"),
    ("listTokens", "token list"),
    ("issueToken", "token new"),
    ("revokeToken", "token revoke"),
    ("listTrains", "train list"),
    ("raiseTrain", "train raise"),
    ("startTrain", "train start"),
    ("completeTrain", "train complete"),
];

/// An operation of the API that changes something, and the word of chat that does it; `-` where there is none, with the reason.
const WORDS: &[(&str, &str)] = &[
    // It is what carries words.
    ("say", "-"),
    // The secret would stay in a chat's history for everybody to read; what is shown once belongs to a terminal.
    ("issueToken", "-"),
    // Tokens are known by the numbers that their list shows, and that list is for a terminal as well.
    ("revokeToken", "-"),
    ("exempt", "exempt"),
    ("endExemption", "end exemption"),
    ("withdrawBuild", "withdraw"),
    ("approveChange", "approve"),
    ("rejectChange", "reject"),
    ("revokeChange", "revoke"),
    ("cancelChange", "cancel"),
    ("setChannel", "set channel"),
    ("acceptClock", "accept clock"),
    ("startCycle", "cycle start"),
    ("approveCycle", "cycle approve"),
    ("rerunLink", "cycle rerun"),
    ("skipLink", "cycle skip"),
    ("stopCycle", "cycle stop"),
    ("startProject", "patch"),
    ("abortProject", "abort"),
    ("approveGate", "approve"),
    ("pauseProject", "pause"),
    ("unpauseProject", "unpause"),
    ("resumeProject", "resume"),
    ("retryProject", "retry"),
    ("skipMachines", "skip"),
    ("requestPatch", "smith-patch"),
    ("requestReboot", "reboot"),
    ("signOff", "sign-off"),
    ("confirmSource", "confirm source"),
    ("raiseTrain", "raise train"),
    ("startTrain", "start train"),
    ("completeTrain", "complete train"),
];

/// The method and the id of each operation that the API describes.
fn operations() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join("docs/reference/openapi.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|path| path.as_object().unwrap());
    let one = |(method, one): (&String, &serde_json::Value)| {
        Some((method.clone(), one["operationId"].as_str()?.to_owned()))
    };
    let found: Vec<_> = operations.filter_map(one).collect();
    assert!(found.len() > 50, "{found:?}");
    found
}

/// The page of chat has a section for each word that is understood; the bot's own tests see to that.
#[test]
fn every_operation_that_changes_something_has_a_word_in_chat() {
    let page = std::fs::read_to_string(root().join("docs/reference/chat.md")).unwrap();
    let operations = operations();
    let changing: Vec<&str> =
        operations.iter().filter(|(method, _)| method != "get").map(|(_, id)| id.as_str()).collect();
    assert!(changing.len() > 25, "{changing:?}");
    for id in &changing {
        let Some((_, word)) = WORDS.iter().find(|(known, _)| known == id) else {
            panic!("expected a word of chat for {id}, or a reason why there is none")
        };
        assert!(*word == "-" || page.contains(&format!("### `{word}`\n")), "{id}: no section on `{word}`");
    }
    for (id, _) in WORDS {
        assert!(changing.contains(id), "{id} changes nothing any more");
    }
}

#[test]
fn every_operation_of_the_api_has_a_command() {
    let operations = operations();
    let ids: Vec<&str> = operations.iter().map(|(_, id)| id.as_str()).collect();
    for id in &ids {
        let Some((_, command)) = COMMANDS.iter().find(|(known, _)| known == id) else {
            panic!("expected a command for {id}, found none")
        };
        if *command == "-" {
            continue;
        }
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        assert_eq!(smith(&args).code, 0, "smith {command}");
    }
    for (id, _) in COMMANDS {
        assert!(ids.contains(id), "{id} is no operation any more");
    }
}
