//! What commands about builds and keys say, and what they refuse.

use std::fs;
use std::process::Command;

use super::mirror::Site;
use super::run::smith;

#[test]
fn keys_say_what_becomes_of_them() {
    let Some(site) = Site::new() else { return };
    let secret = site.text("passphrase");
    fs::write(&secret, "correct horse\n").unwrap();
    let old = site.json(&["build", "key", "list", "--json"])[0]["fingerprint"].as_str().unwrap().to_owned();
    let last = site.run(&["build", "key", "forget", &old]);
    assert_eq!(last.code, 5);
    assert!(
        last.err.contains("which is the last of the store") && last.err.contains("--last"),
        "{}",
        last.err
    );

    let new = ["build", "key", "new", "--user-id", "New <a@b>", "--passphrase-file", &secret];
    let new = site.good(&new).trim().to_owned();
    let list = site.good(&["build", "key", "list"]);
    let locked: Vec<bool> = list.lines().skip(1).map(|line| line.contains("passphrase")).collect();
    assert_eq!(locked.iter().filter(|one| **one).count(), 1, "{list}");
    let recipe = site.text("recipe.yaml");
    site.package("beta", "7.0", "");
    let ran = site.run(&["build", "create", &recipe]);
    assert!(ran.code == 3 && ran.err.contains("--passphrase-file FILE"), "{}", ran.err);
    site.good(&["build", "create", &recipe, "--passphrase-file", &secret]);

    // What the store has retired signs nothing more, wherever a copy of it lies.
    let copied = Command::new("cp").args(["-rp", &site.text("site/keys"), &site.text("keys")]).status();
    assert!(copied.unwrap().success());
    let retired = site.run(&["build", "key", "retire", &old]);
    assert!(retired.out.contains("signs no more") && retired.err.is_empty(), "{}", retired.err);
    site.package("beta", "8.0", "");
    site.good(&["build", "create", &recipe, "--unsigned"]);
    let keys = site.text("keys");
    let ran = site.run(&["build", "sign", "4", "--keys", &keys, "--passphrase-file", &secret]);
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains(&format!("found {old}, which is retired there")), "{}", ran.err);
    let ran = site.run(&["build", "sign", "4", "--signatures", &site.text("nosuch")]);
    assert!(
        ran.code == 3 && ran.err.contains("nosuch: expected a folder with the signatures"),
        "{}",
        ran.err
    );
    site.good(&["build", "sign", "4", "--passphrase-file", &secret]);
    let retired = site.run(&["build", "key", "retire", &new]);
    assert!(
        retired.code == 0 && retired.err.contains("the last key of the store that signs"),
        "{}",
        retired.err
    );
}

#[test]
fn a_purged_build_comes_back_for_a_day() {
    let Some(site) = Site::new() else { return };
    assert_eq!(site.json(&["build", "list", "--trash", "--json"]).to_string(), "[]");
    let before = site.all();
    site.good(&["build", "purge", "1"]);
    let trash = site.json(&["build", "list", "--trash", "--json"]);
    assert_eq!((trash[0]["build"].as_u64(), trash.as_array().unwrap().len()), (Some(1), 1));
    assert!(site.good(&["build", "list", "--trash"]).contains("until"));
    assert!(site.good(&["build", "restore", "1"]).starts_with("good: build 1 is back: "));
    site.good(&["mirror", "verify"]);
    site.good(&["build", "fsck", "--deep"]);
    let lost: Vec<_> = before.keys().filter(|path| !path.exists()).collect();
    assert!(lost.is_empty(), "{lost:?}");
    site.good(&["build", "purge", "1", "--now"]);
    assert_eq!(site.run(&["build", "restore", "1"]).code, 5);
}

#[test]
fn what_stays_is_no_good_answer_and_what_is_kept_is_shown() {
    let Some(site) = Site::new() else { return };
    let kept = site.good(&["build", "keep", "1", "--who", "ann", "--reason", "an audit"]);
    assert_eq!(kept, "good: build 1 is kept whatever its age, by ann: an audit\n");
    assert!(site.good(&["build", "list"]).contains("by ann: an audit"));
    assert_eq!(site.json(&["build", "list", "--json"])[0]["kept"]["reason"], "an audit");
    for command in ["purge", "archive"] {
        let ran = site.run(&["build", command, "1"]);
        assert_eq!(ran.code, 1);
        assert!(ran.out.contains("refused: ") && !ran.out.contains("good:"), "{}", ran.out);
    }
    assert_eq!(site.good(&["build", "keep", "1", "--end"]), "good: build 1 is kept no more\n");
    assert_eq!(site.good(&["build", "keep", "1", "--end"]), "good: nobody kept build 1\n");
}

#[test]
fn mistakes_on_the_line_say_what_is_accepted() {
    let Some(site) = Site::new() else { return };
    let there = site.text("recipe.yaml");
    for (args, code, said) in [
        (vec!["mirror", "serve", "--listen", "18080"], 2, "such as 127.0.0.1:8080"),
        (vec!["mirror", "sync", "x", "--bandwidth", "5MB"], 2, "5000k, 5M or 1G"),
        (vec!["build", "init", &there], 5, "recipe.yaml, found one, which is not replaced"),
    ] {
        let ran = site.run(&args);
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
    }
    let diff = site.good(&["build", "diff", "1", "2"]);
    let row = diff.lines().find(|line| line.starts_with("alpha")).unwrap();
    assert!(row.contains("1.0-1") && row.contains("1.1"), "{diff}");
    assert_eq!(smith(&["build", "list", "--store", "/nosuch"]).code, 3);
}

/// Runs the program as a user to whom nothing belongs; nothing, with a word, where that cannot be done.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn as_nobody(args: &[&str]) -> Option<std::process::Output> {
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let mut command = Command::new("setpriv");
    let ran = command.args(nobody).arg(env!("CARGO_BIN_EXE_smith")).args(args).output().ok()?;
    let could_not = String::from_utf8_lossy(&ran.stderr).starts_with("setpriv:");
    if could_not {
        println!("skipped: this user cannot run a program as another one");
        return None;
    }
    Some(ran)
}

#[test]
fn whoever_may_only_read_a_store_may_look_at_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(site) = Site::new() else { return };
    fs::set_permissions(site.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let (store, keyring) = (site.text("site"), site.text("public.gpg"));
    site.good(&["build", "key", "export", &keyring]);
    for args in [
        vec!["build", "fsck", "--deep", "--store", &store],
        vec!["build", "fsck", "--keyring", &keyring, "--store", &store],
        vec!["mirror", "verify", "--store", &store],
        vec!["build", "list", "--store", &store],
        vec!["build", "show", "2", "--store", &store],
    ] {
        let Some(ran) = as_nobody(&args) else { return };
        let said =
            format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{args:?}: {said}");
    }
}
