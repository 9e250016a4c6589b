//! A source that lost half of its machines: told, held back, confirmed by an admin, and taken.

use std::path::Path;
use std::time::Duration;

use smith_api::{ConfirmSource, PageQuery};
use smith_domain::actor::Actor;
use tokio::runtime::Handle;

use super::{Caller, Environments};
use crate::config::settings::load_settings;
use crate::serve::serve;

fn fleet(folder: &Path, machines: u32) {
    let lines: String = (1..=machines).map(|number| format!("  - {{name: web-{number}}}\n")).collect();
    // A reading never sees half a file.
    std::fs::write(folder.join("fresh"), format!("machines:\n{lines}")).unwrap();
    std::fs::rename(folder.join("fresh"), folder.join("fleet.yaml")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_shrank_is_told_and_taken_after_the_word_of_an_admin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fleet(path, 20);
    std::fs::write(path.join("sources.yaml"), "sources:\n  - {name: cmdb, file: fleet.yaml}\n").unwrap();
    let settings = "data: data\ninventory: sources.yaml\ninventory-every: 1s\n";
    std::fs::write(path.join("smith.yaml"), settings).unwrap();
    let settings = load_settings(Some(&path.join("smith.yaml"))).unwrap();
    let served = serve(&settings, &Handle::current(), |_| {}).unwrap();
    let site = served.site().clone();
    let patience = Duration::from_secs(30);
    let present = async |machines| {
        let there =
            site.until(patience, |state| (state.fleet.present_count() == machines).then_some(())).await;
        there.expect("the inventory is read");
    };
    present(20).await;
    fleet(path, 10);
    let held = site.until(patience, |state| state.fleet.held_back().next().map(drop)).await;
    held.expect("the source is held back");
    let sources = site.sources();
    let found = sources[0].held.clone().unwrap();
    assert_eq!((sources[0].machines, found.machines, found.lost), (20, Some(10), 10));
    assert_eq!((found.machines_lost.len(), found.machines_lost[0].as_str()), (10, "web-11"));
    assert!(site.attention()[0].contains("smith fleet confirm cmdb"), "{:?}", site.attention());
    let is_told = site.until(patience, |state| {
        state.notices.iter().find(|one| one.text.starts_with("source cmdb lost 10 of 20")).map(drop)
    });
    is_told.await.expect("people are told");
    assert!(site.errands(&PageQuery::default()).is_ok());

    let said = |lost: &str, reason: &str| ConfirmSource { lost: lost.to_owned(), reason: reason.to_owned() };
    let gone = said(&found.fingerprint, "gone");
    let ana = Caller {
        actor: Actor::person("ana").with_role("operator"),
        environments: Environments::All,
        key: None,
    };
    assert_eq!(site.confirm_source(&ana, "cmdb", &gone).await.unwrap_err().code, "S0413");
    let root = Caller::admin("root");
    let some = Caller { environments: Environments::These(vec!["dev".to_owned()]), ..root.clone() };
    assert_eq!(site.confirm_source(&some, "cmdb", &gone).await.unwrap_err().code, "S0414");
    assert_eq!(site.confirm_source(&root, "netbox", &gone).await.unwrap_err().code, "S0104");
    assert_eq!(site.confirm_source(&root, "cmdb", &said("0000", "gone")).await.unwrap_err().code, "S0105");
    site.confirm_source(&root, "cmdb", &said(&found.fingerprint, "the rack was taken down")).await.unwrap();
    present(10).await;
    assert!(site.attention().is_empty() && site.sources()[0].held.is_none());
    tokio::task::spawn_blocking(move || served.end()).await.unwrap();
}
