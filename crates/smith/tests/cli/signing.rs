//! A build whose key is in another place than the store.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::run::{good, json, smith};

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A folder with a package in it, and a recipe that takes the folder; nothing on a machine without dpkg-deb.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn recipe(root: &Path) -> Option<String> {
    let package = root.join("package");
    fs::create_dir_all(package.join("DEBIAN")).unwrap();
    fs::create_dir_all(root.join("debs")).unwrap();
    let control =
        "Package: agent\nVersion: 1.0\nArchitecture: all\nMaintainer: A <a@b>\nDescription: an agent\n";
    fs::write(package.join("DEBIAN/control"), control).unwrap();
    let built = Command::new("dpkg-deb")
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .arg("-b")
        .arg(&package)
        .arg(root.join("debs/agent.deb"))
        .output();
    if !built.is_ok_and(|output| output.status.success()) {
        println!("skipped: dpkg-deb is not on this machine");
        return None;
    }
    let path = root.join("recipe.yaml");
    fs::write(&path, "local:\n  - {local: site, folder: debs, suite: stable}\n").unwrap();
    Some(text(&path))
}

#[test]
fn a_build_waits_until_it_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let Some(recipe) = recipe(folder.path()) else { return };
    let (store, other) = (text(&folder.path().join("store")), text(&folder.path().join("other")));
    let unsigned = ["build", "create", &recipe, "--store", &store, "--unsigned"];
    let refused = smith(&unsigned);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("smith build key import"), "{}", refused.err);

    let key = good(&["build", "key", "new", "--store", &other, "--user-id", "Other <o@x>"]);
    let public = text(&folder.path().join("other.gpg"));
    good(&["build", "key", "export", "--store", &other, &public]);
    assert_eq!(good(&["build", "key", "import", "--store", &store, &public]), key);
    assert_eq!(json(&["build", "key", "list", "--store", &store, "--json"])[0]["state"], "public");
    assert!(good(&unsigned).starts_with("good: build 1, 1 package"));
    assert_eq!(json(&["build", "list", "--store", &store, "--json"])[0]["state"], "unsigned");
    assert!(good(&["build", "show", "1", "--store", &store]).contains("it waits for `smith build sign`"));

    let out = text(&folder.path().join("out"));
    good(&["build", "sign", "1", "--store", &store, "--export", &out]);
    for name in ["README", "SHA256SUMS", "build.json", "site_stable.Release"] {
        assert!(folder.path().join("out").join(name).is_file(), "{name}");
    }
    let refused = smith(&["build", "sign", "1", "--store", &store, "--signatures", &out]);
    assert_eq!(refused.code, 3);
    assert!(refused.err.contains("2 of the signatures cannot be taken"), "{}", refused.err);
    let refused = smith(&["build", "sign", "1", "--store", &store]);
    assert!(refused.err.contains("expected a key that signs"), "{}", refused.err);

    let keys = text(&folder.path().join("other/keys"));
    let signed = good(&["build", "sign", "1", "--store", &store, "--keys", &keys]);
    assert_eq!(signed, format!("good: build 1 is published, signed by {key}"));
    assert_eq!(json(&["build", "list", "--store", &store, "--json"])[0]["state"], "ready");
    let again = good(&["build", "sign", "1", "--store", &store, "--keys", &keys]);
    assert_eq!(again, "good: build 1 is published already\n");
    good(&["mirror", "verify", "--store", &store]);
    let provenance = good(&["build", "provenance", "1", "--store", &store]);
    assert!(provenance.contains(&format!("good: by {}", key.trim())), "{provenance}");
    let package = json(&["build", "provenance", "1", "--store", &store, "--package", "ag*", "--json"]);
    assert_eq!(
        (&package[0]["package"]["name"], &package[0]["trail"]),
        (&"agent".into(), &serde_json::json!([]))
    );
    assert_eq!(smith(&["build", "provenance", "1", "--store", &store, "--package", "x"]).code, 5);
    assert_eq!(good(&["build", "fetch", "1", "--store", &store]), "good: build 1 was made whole\n");
    assert_eq!(smith(&["build", "sign", "2", "--store", &store, "--signatures", &out]).code, 5);
}
