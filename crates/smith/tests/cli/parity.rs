//! Everything that the HTTP API offers has a command.

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

#[test]
fn every_operation_of_the_api_has_a_command() {
    let text = std::fs::read_to_string(root().join("docs/reference/openapi.json")).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.values().flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<&str> = operations.filter_map(|one| one["operationId"].as_str()).collect();
    assert!(ids.len() > 50, "{ids:?}");
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
