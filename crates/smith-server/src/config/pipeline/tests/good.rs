//! What right files are read as.

use smith_domain::calendar::{Closing, Opening};
use smith_domain::pipeline::{Gate, SoakFrom, describe};
use smith_domain::time::Span;

use super::*;

#[test]
fn the_examples_are_right_and_tell_the_whole_process() {
    let names: Vec<String> = examples().iter().map(|pipeline| pipeline.name.to_string()).collect();
    assert_eq!(
        names,
        [
            "buildTestDevToStage",
            "rebootProductionAPSouth",
            "rebootProductionAPNorth",
            "rebootProductionEUCentral",
            "rebootProductionEUEs",
            "rebootProductionUKSouth",
            "rebootProductionJPOsa",
            "rebootProductionCATor",
            "rebootProductionUSEast",
            "rebootProductionUSSouth",
            "rebootProductionBRSao",
            "rebootProductionEUFr2",
            "supportOnly",
        ]
    );
}

#[test]
fn the_canary_waits_for_a_day_since_the_start_of_the_last_step() {
    let all = examples();
    let canary =
        all.iter().find(|pipeline| pipeline.name.as_str() == "rebootProductionAPSouth").expect("canary");
    let soak = canary.steps[0].gates.iter().find_map(|gate| match gate {
        Gate::Soak { pipeline, step, from, length } => {
            Some((pipeline.clone(), step.to_string(), *from, *length))
        }
        Gate::Approval { .. } | Gate::Succeeded { .. } => None,
    });
    let (pipeline, step, from, length) = soak.expect("a soak");
    assert_eq!(pipeline.map(|name| name.to_string()).as_deref(), Some("buildTestDevToStage"));
    assert_eq!((step.as_str(), from, length), ("rebootStgiksOnly", SoakFrom::Start, Span::hours(24)));
}

#[test]
fn every_bag_of_a_regional_pipeline_is_bound_to_its_region() {
    let all = examples();
    let of_region =
        all.iter().find(|pipeline| pipeline.name.as_str() == "rebootProductionEUEs").expect("eu-es");
    assert_eq!(of_region.title, "Patch and reboot production (eu-es)");
    for step in &of_region.steps {
        assert_eq!(step.exclusive.as_deref(), Some("eu-es zones"));
        for bag in step.phases.iter().flat_map(|phase| &phase.bags) {
            assert!(bag.select.to_string().starts_with("region=eu-es "), "{}", bag.select);
        }
    }
}

#[test]
fn the_description_reads_well() {
    let described = describe(&examples()[0]);
    let head: Vec<&str> = described.lines().take(12).collect();
    assert_eq!(
        head,
        [
            "buildTestDevToStage: Validate a build from dev to stage",
            "owner: role:sre-oncall",
            "limits: 1 disturbed per cluster",
            "",
            "1. patchDevTestMachine : dev test machine",
            "   budget: none may fail; halts when the first 3 machines all fail",
            "   change: none",
            "     bag dev-test: dev-mon01-infra-test-01",
            "       patch, reboot, health check; in series",
            "       retry: 3 tries, 2m to 15m apart, 5 when unreachable",
            "",
            "2. patchDevSubset : subset of dev",
        ]
    );
    assert!(described.contains("\n6. rebootPrestageOnly : reboot prestage\n"));
}

#[test]
fn the_first_example_of_the_reference_is_right() {
    let reference = include_str!("../../../../../../docs/reference/pipelines.md");
    let block =
        reference.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    load("reference.yaml", block.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn every_key_is_read() {
    let everything =
        load("everything.yaml", EVERYTHING.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    // Selectors are shown in their own canonical form; the words around them are those of this test.
    assert_eq!(describe(&everything[0]), include_str!("everything.txt"));
    let json = serde_json::to_string(&everything[0]).expect("json");
    assert_eq!(serde_json::from_str::<Pipeline>(&json).expect("json"), everything[0]);
}

#[test]
fn freezes_add_up_and_windows_are_replaced() {
    let everything = load("everything.yaml", EVERYTHING.as_bytes()).expect("right");
    let at = |text: &str| {
        let instant: jiff::Timestamp = text.parse().expect("an instant");
        smith_domain::time::Timestamp(instant.as_millisecond())
    };
    let frozen = |step: usize, when: &str| match everything[0].steps[step].calendar.at(at(when)) {
        Opening::Closed { why: Closing::Freeze { reason, .. }, .. } => Some(reason),
        Opening::Closed { why: Closing::OutsideWindow | Closing::Clock, .. } | Opening::Open { .. } => None,
    };
    assert_eq!(frozen(2, "2026-12-24T00:00:00Z").as_deref(), Some("year end"));
    assert_eq!(frozen(2, "2026-11-25T00:00:00Z").as_deref(), Some("audit"));
    assert_eq!(frozen(0, "2026-11-25T00:00:00Z"), None);
    assert_eq!(everything[0].steps[1].calendar.windows(), []);
    assert_eq!(everything[0].steps[0].calendar.windows().len(), 2);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_read() {
    let text = EXAMPLES[3].1.replace('\n', "\r\n");
    assert!(load("supportOnly.yaml", format!("\u{feff}{text}").as_bytes()).is_ok());
}
