//! Two builds under one number: a mirror holds another than its site. Whoever names the build by its number means the
//! site's, and machines would get the other one.

use crate::manifest::BuildInfo;
use crate::mirror::held::Held;
use crate::mirror::sync::{Reach, Target};
use crate::name::BuildNumber;
use crate::store::Store;

/// What is wrong with the build that a mirror has under a number of the site, if something is.
///
/// Words that cannot be read say nothing of what build it is: whoever verifies finds that.
pub(super) fn clash(site: &Store, there: &BuildInfo) -> Option<String> {
    let number = there.number;
    let here = Held::info(site, number).or_else(|_| Held::info_of_archived(site, number)).ok()?;
    if here.manifest == there.manifest {
        return None;
    }
    Some(format!(
        "another build under this number: expected the site's with manifest {}, found one with manifest {}",
        here.manifest, there.manifest
    ))
}

/// The builds that a mirror holds and the site has otherwise, in their order. What cannot be read is passed over.
pub fn clashes(site: &Store, target: &Target) -> Vec<(BuildNumber, String)> {
    let info = |build| match &target.reach {
        Reach::Store(store) => Held::info(store, build).ok(),
        Reach::Bucket { bucket, .. } => bucket.info(build).ok().flatten(),
    };
    let held = target.held().unwrap_or_default();
    held.into_iter().filter_map(|build| Some((build, clash(site, &info(build)?)?))).collect()
}
