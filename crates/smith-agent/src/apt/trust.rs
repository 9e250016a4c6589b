//! The keys that a machine's own administrators let builds be signed with.
//!
//! A job brings the keyring that apt believes, so that whoever may send jobs decides whom the machine believes; unless root has
//! written it down. What cannot be read or believed is then no permission.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use smith_agent::protocol::{Cause, Failure};

use super::keys::{Fingerprint, keys_of};
use crate::files::text_of;
use crate::hooks::{Owner, distrust};
use crate::op::Host;

const PATH: &str = "/etc/smith/trusted-keys";

/// A site has a key or two, and words about them.
const MOST: u64 = 64 << 10;

/// Refuses a keyring with a key that the machine's file of keys does not name. Without that file any will do.
pub(crate) fn refuse(host: &Host, keyring: &[u8]) -> Result<(), Failure> {
    let refused = |why: String| Failure::new(Cause::BadSignature, why);
    let Some(trusted) = trusted(host).map_err(refused)? else { return Ok(()) };
    let keys =
        keys_of(keyring).map_err(|why| refused(format!("expected a keyring that {PATH} allows: {why}")))?;
    // A subkey signs as well as its key does, and whether it belongs to it is not looked at here.
    let others: Vec<String> =
        keys.iter().filter(|key| !trusted.contains(key)).map(ToString::to_string).collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(refused(format!("expected no other build keys than {PATH} names, found {}", others.join(", "))))
}

fn trusted(host: &Host) -> Result<Option<BTreeSet<Fingerprint>>, String> {
    let unread = |error: io::Error| format!("{PATH} cannot be read: {error}");
    let path = host.path(PATH);
    let meta = match fs::symlink_metadata(&path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(error)),
    };
    if !meta.is_file() {
        return Err(format!("expected {PATH} to be a file, found something else"));
    }
    // Who can write the folder can put another file in its place.
    let above = fs::metadata(host.path("/etc/smith")).map_err(unread)?;
    for (what, meta) in [("/etc/smith", &above), (PATH, &meta)] {
        if let Some(why) = distrust(meta, Owner::of(host)) {
            return Err(format!("expected {what} to be root's alone, found it {why}"));
        }
    }
    if meta.len() > MOST {
        return Err(format!("expected at most {MOST} bytes in {PATH}, found {}", meta.len()));
    }
    let text = text_of(&path, MOST).map_err(unread)?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let keys: Result<BTreeSet<Fingerprint>, String> =
        lines.filter(|line| !line.is_empty()).map(str::parse).collect();
    keys.map(Some).map_err(|why| format!("{PATH} cannot be understood: {why}"))
}
