//! Completions as shells ask for them, and manual pages.

use std::fs;
use std::process::Command;

use super::run::{good, root, smith};

/// What bash is told for the last of these words.
fn completed(words: &[&str], more: &[(&str, &str)]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smith"));
    for name in ["SMITH_PIPELINES", "SMITH_INVENTORY", "SMITH_STORE", "SMITH_CONFIG"] {
        command.env_remove(name);
    }
    command.env("SMITH_COMPLETE", "bash").env("_CLAP_IFS", "\n").envs(more.iter().copied());
    command.env("_CLAP_COMPLETE_INDEX", (words.len() - 1).to_string());
    let output = command.arg("--").args(words).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn shells_complete_words_and_names() {
    let folder = tempfile::tempdir().unwrap();
    assert!(completed(&["smith", "cyc"], &[]).contains(&"cycle".to_owned()));
    assert!(completed(&["smith", "cycle", "re"], &[]).contains(&"rerun".to_owned()));
    let links = completed(&["smith", "cycle", "rerun", "1", "ch"], &[]);
    assert_eq!(links, ["check", "channel"]);
    let pipelines = [("SMITH_PIPELINES", "examples/pipelines")];
    let configs = completed(&["smith", "rollout", "start", "supp"], &pipelines);
    assert_eq!(configs, ["supportOnly"]);
    fs::write(folder.path().join("machines.yaml"), "machines: [prod-a, prod-b, dev-a]\n").unwrap();
    let sources = folder.path().join("sources.yaml");
    fs::write(&sources, "sources: [{name: s, file: machines.yaml}]\n").unwrap();
    let inventory = [("SMITH_INVENTORY", sources.to_str().unwrap())];
    assert_eq!(completed(&["smith", "fleet", "show", "prod-"], &inventory), ["prod-a", "prod-b"]);
    // Nothing that is broken or not there disturbs somebody who types.
    assert_eq!(completed(&["smith", "fleet", "show", "prod-"], &[("SMITH_INVENTORY", "/nowhere")]), [""; 0]);
}

#[test]
fn scripts_of_shells_ask_the_program() {
    for shell in ["bash", "zsh", "fish"] {
        let script = good(&["completions", shell]);
        assert!(script.contains("SMITH_COMPLETE") && script.contains("smith"), "{shell}: {script}");
    }
    assert_eq!(smith(&["completions", "csh"]).code, 2);
    let script = good(&["completions", "bash"]);
    let checked = Command::new("bash").args(["-n", "-c", &script]).status().unwrap();
    assert!(checked.success());
}

#[test]
fn each_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    good(&["manual", folder.path().to_str().unwrap()]);
    let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(page("smith.1").contains(".TH smith 1"), "{}", page("smith.1"));
    assert!(page("smith-cycle-stop.1").contains("Begin no further link"));
    let settings = page("smith.yaml.5");
    assert!(settings.contains("\\fBpipelines\\fR") && !settings.contains("]("), "{settings}");
    // The tool that shows them understands them all, where it is installed.
    let pages: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(pages.len() > 80, "{}", pages.len());
    for path in &pages {
        let Ok(output) =
            Command::new("groff").args(["-man", "-ww", "-z", "-Kutf8", "-Tutf8"]).arg(path).output()
        else {
            return;
        };
        assert!(output.stderr.is_empty(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    }
}
