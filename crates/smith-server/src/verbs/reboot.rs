//! Reboots of single machines: requests that install nothing.

use smith_api::{PatchRequest, Started};
use smith_domain::id::BuildNumber;
use smith_domain::time::Span;

use super::caller::Caller;
use super::denied::{Denied, Kind};
use super::request::Work;
use super::site::Site;

impl Site {
    /// `reboot MACHINE…`, under the same changes as a patch of the same machines. The build may be left empty.
    pub async fn reboot(&self, caller: &Caller, request: &PatchRequest) -> Result<Started, Denied> {
        let what = format!("reboot {}", request.machines);
        let made = self.once(caller, &what, async {
            let asked = self.asked(caller, &what, request).await?;
            let build = match request.build.as_str() {
                "" => self.build_for_reboots(asked.region.as_deref())?,
                named => self.build_named(named, asked.region.as_deref())?,
            };
            let outage = Span::mins(u64::from(request.outage));
            self.begin_request(caller, &what, (&asked, Work::Reboot), (build, outage), &request.reason).await
        });
        self.started(made.await?.rollout).await
    }

    /// Machines are checked against some build even where nothing is installed: the one that production is at, or the newest.
    fn build_for_reboots(&self, region: Option<&str>) -> Result<BuildNumber, Denied> {
        self.core.read(|state| {
            let here = region.and_then(|region| state.builds.in_channel("prod", region));
            let is_verified = |build: &BuildNumber| {
                state
                    .builds
                    .get(*build)
                    .is_some_and(|one| matches!(one.state, smith_domain::build::BuildState::Verified))
            };
            let newest = || state.builds.iter().map(|one| one.number).filter(is_verified).max();
            here.filter(is_verified).or_else(newest).ok_or_else(|| {
                Denied::new(
                    Kind::NotFound,
                    "S0406",
                    "expected a verified build to check machines against, found none",
                )
            })
        })
    }
}
