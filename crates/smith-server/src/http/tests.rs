//! What can be said without a server: the pages of errors, and the document.

use std::collections::BTreeSet;
use std::path::Path;

use super::errors::{PAGES, title};
use super::routes::document;

fn repository() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_page_of_an_error_is_served() {
    let names = std::fs::read_dir(repository().join("docs/errors")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages: BTreeSet<String> = names
        .filter_map(|name| Some(name.strip_suffix(".md")?.to_owned()))
        .filter(|name| name != "README")
        .collect();
    let served: BTreeSet<String> = PAGES.iter().map(|(code, _)| (*code).to_owned()).collect();
    let missing: Vec<_> = pages.difference(&served).collect();
    assert!(missing.is_empty(), "add to the list in crates/smith-server/src/http/errors.rs: {missing:?}");
    assert!(PAGES.is_sorted(), "the list in errors.rs is in order");
    let untitled: Vec<_> = PAGES.iter().filter(|(code, _)| title(code).is_empty()).collect();
    assert!(untitled.is_empty(), "expected a first line such as `# S0401: what`: {untitled:?}");
}

/// `SMITH_RENEW=1 cargo test -p smith-server the_document` writes it anew.
#[test]
fn the_document_of_the_repository_is_the_one_that_is_served() {
    let path = repository().join("docs/reference/openapi.json");
    let text = serde_json::to_string_pretty(document()).unwrap() + "\n";
    if std::env::var_os("SMITH_RENEW").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(text.lines()).position(|(kept, served)| kept != served);
    assert!(
        kept == text,
        "docs/reference/openapi.json differs from what is served from line {:?} on; \
         `SMITH_RENEW=1 cargo test -p smith-server the_document` writes it anew, and its difference is looked at",
        differs.map(|line| line + 1)
    );
}

#[test]
fn every_reference_in_the_document_leads_somewhere_and_every_name_of_a_request_is_one() {
    fn references<'v>(value: &'v serde_json::Value, found: &mut BTreeSet<&'v str>) {
        if let Some(fields) = value.as_object() {
            found.extend(fields.get("$ref").and_then(|path| path.as_str()));
            fields.values().for_each(|one| references(one, found));
        }
        value.as_array().into_iter().flatten().for_each(|one| references(one, found));
    }
    let document = document();
    let mut found = BTreeSet::new();
    references(document, &mut found);
    for path in &found {
        assert!(document.pointer(&path[1..]).is_some(), "{path}");
    }
    assert!(found.len() > 30, "{found:?}");
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id), "{method} {path}: {id} twice");
        }
    }
}
