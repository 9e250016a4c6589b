//! Schedules: weeks are started when they are due, and what was missed is started late or recorded as missed.
//!
//! It is as late as the earlier one of two clocks says: that on the wall, and the time that has passed. One that runs ahead, for
//! a moment or for good, starts nothing early and uses no schedule up; a person accepts it where it is right.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smith_domain::actor::Actor;
use smith_domain::cycle::CycleCommand;
use smith_domain::decide::Command;
use smith_domain::time::{Span, Timestamp};

use crate::config::settings::{IfMissed, Schedule, Week};
use crate::files::write_whole;
use crate::verbs::{ScheduleTime, Site};

/// How often it is looked what is due: a week that begins ten seconds late is on time.
const EVERY: Duration = Duration::from_secs(10);

/// What is begun so late is not missed yet: a server restarts in less.
const GRACE: Span = Span::mins(5);

/// What a schedule wants now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Start(Timestamp),
    Missed(Timestamp),
}

/// What is due at this time, if everything until `dealt` was dealt with. Of several times that have passed the last counts: one
/// build makes up for all of them.
pub(super) fn due(schedule: &Schedule, dealt: Timestamp, now: Timestamp) -> Due {
    let Some(at) = schedule.before(now).filter(|at| *at > dealt) else { return Due::Nothing };
    let longest = match schedule.if_missed {
        IfMissed::Start => schedule.within.max(GRACE),
        IfMissed::Skip => GRACE,
    };
    if now.since(at) <= longest { Due::Start(at) } else { Due::Missed(at) }
}

/// Since when schedules are known as they are: what lay before was not missed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Known(BTreeMap<String, Since>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Since {
    /// What the schedule says; another text is another schedule.
    schedule: String,
    /// As calendars have it.
    at: i64,
    /// The steady time then, and the start of the machine that it was counted in.
    #[serde(default)]
    steady: i64,
    #[serde(default)]
    boot: String,
}

impl Known {
    /// Since when this schedule is known, from now on if it is new or was edited.
    ///
    /// It may have been seen first by a clock that was wrong. Within one start of the machine it is known how long ago that was,
    /// whatever the clock has said meanwhile; after another one nobody knows, and only a time that has not come is wrong for
    /// certain.
    pub(super) fn since(&mut self, week: &str, schedule: &Schedule, time: &ScheduleTime) -> Timestamp {
        let (at, steady) = (time.calendar.0, time.now.steady.0);
        let new = Since { schedule: schedule.words(), at, steady, boot: time.boot.clone() };
        let since = self.0.entry(week.to_owned()).or_insert_with(|| new.clone());
        if since.boot == new.boot {
            since.at = time.calendar_of(Timestamp(since.steady)).0;
        }
        let is_wrong = since.at > new.at && time.agrees();
        if since.schedule != new.schedule || is_wrong {
            *since = new;
        }
        Timestamp(since.at)
    }
}

/// Starts what is due, for as long as the server lives. `tell` gets what a person should read in the log, once.
pub async fn keep_schedules(site: Site, data: PathBuf, tell: impl Fn(&str)) {
    let path = data.join("week").join("schedules.json");
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let Some(time) = site.schedule_time() else {
            tokio::time::sleep(EVERY).await;
            continue;
        };
        let round = match known(&path, &site.weeks, &time) {
            Ok(since) => since,
            Err(error) => {
                said(&mut told, "schedules", format!("{}: {error}", path.display()), &tell);
                Vec::new()
            }
        };
        for (week, since) in round {
            let trouble = look(&site, &week, since, time.earlier()).await.err().unwrap_or_default();
            said(&mut told, &week.plan.name, trouble, &tell);
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn said(told: &mut BTreeMap<String, String>, about: &str, trouble: String, tell: &impl Fn(&str)) {
    if !trouble.is_empty() && told.get(about) != Some(&trouble) {
        tell(&trouble);
    }
    told.insert(about.to_owned(), trouble);
}

/// The weeks that have a schedule, and since when it is known. That is kept on the disk, because a schedule that came due for
/// the first time while nobody drove was missed like any other.
fn known(path: &Path, weeks: &[Week], time: &ScheduleTime) -> io::Result<Vec<(Week, Timestamp)>> {
    let before: Known = match fs::read(path) {
        // What cannot be read is as if it was not there: schedules count from now on.
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Known::default(),
        Err(error) => return Err(error),
    };
    let mut after = before.clone();
    after.0.retain(|name, _| weeks.iter().any(|week| week.plan.name == *name && week.schedule.is_some()));
    let mut found = Vec::new();
    for week in weeks {
        if let Some(schedule) = &week.schedule {
            found.push((week.clone(), after.since(&week.plan.name, schedule, time)));
        }
    }
    if after != before {
        write_whole(path, &serde_json::to_vec(&after).map_err(io::Error::other)?)?;
    }
    Ok(found)
}

/// Starts a week if it is due, or records that it was missed. An error is what a person should know.
pub(super) async fn look(site: &Site, week: &Week, since: Timestamp, now: Timestamp) -> Result<(), String> {
    let (name, Some(schedule)) = (&week.plan.name, &week.schedule) else { return Ok(()) };
    let dealt = site.core.read(|state| state.cycles.last_due(name));
    let command = match due(schedule, dealt.map_or(since, |dealt| dealt.max(since)), now) {
        Due::Nothing => return Ok(()),
        Due::Missed(due) => CycleCommand::Missed { schedule: name.clone(), due },
        Due::Start(due) => {
            let told = |why: String| format!("week {name}, due {due}, cannot be started: {why}");
            // It is tried again until it is too late, and then it was missed.
            site.check_week(&week.plan).await.map_err(|denied| told(denied.to_string()))?;
            let plan = Box::new(week.plan.clone());
            let command = CycleCommand::Start { plan, due: Some(due), build: None, reason: None };
            let submitted = site.core.submit(Actor::smith(), Command::Cycle(command)).await;
            return submitted.map(drop).map_err(|refused| told(refused.to_string()));
        }
    };
    let submitted = site.core.submit(Actor::smith(), Command::Cycle(command)).await;
    submitted.map(drop).map_err(|refused| format!("week {name}: {refused}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use smith_domain::calendar::Zone;
    use smith_domain::time::Now;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn weekly(if_missed: IfMissed) -> Schedule {
        let zone = Zone::new("Europe/London").unwrap();
        Schedule::new("0 3 * * SUN", zone, if_missed, Span::hours(12)).unwrap()
    }

    #[test]
    fn a_week_is_started_when_it_is_due_and_once() {
        let schedule = weekly(IfMissed::Start);
        let before = at("2026-11-20T12:00:00Z");
        assert_eq!(due(&schedule, before, at("2026-11-22T02:59:59Z")), Due::Nothing);
        let sunday = at("2026-11-22T03:00:00Z");
        assert_eq!(due(&schedule, before, sunday), Due::Start(sunday));
        assert_eq!(due(&schedule, sunday, at("2026-11-22T03:00:10Z")), Due::Nothing);
        // The clock was set forward, and a week was started early; when it is set back nothing is due again.
        let next = at("2026-11-29T03:00:00Z");
        assert_eq!(due(&schedule, sunday, at("2026-11-29T04:00:00Z")), Due::Start(next));
        assert_eq!(due(&schedule, next, at("2026-11-24T00:00:00Z")), Due::Nothing);
        assert_eq!(due(&schedule, next, next), Due::Nothing);
    }

    #[test]
    fn what_was_missed_is_started_late_or_recorded() {
        let (sunday, before) = (at("2026-11-22T03:00:00Z"), at("2026-11-16T00:00:00Z"));
        let late = |hours: u64| sunday + Span::hours(hours);
        assert_eq!(due(&weekly(IfMissed::Start), before, late(12)), Due::Start(sunday));
        assert_eq!(due(&weekly(IfMissed::Start), before, late(13)), Due::Missed(sunday));
        assert_eq!(due(&weekly(IfMissed::Skip), before, sunday + Span::mins(5)), Due::Start(sunday));
        assert_eq!(due(&weekly(IfMissed::Skip), before, late(1)), Due::Missed(sunday));
        // Of several the last counts.
        let later = at("2026-12-06T04:00:00Z");
        assert_eq!(due(&weekly(IfMissed::Start), before, later), Due::Start(at("2026-12-06T03:00:00Z")));
    }

    #[test]
    fn times_follow_the_zone_through_its_changes() {
        let summer = at("2026-07-05T02:00:00Z");
        assert_eq!(weekly(IfMissed::Start).before(summer), Some(summer), "03:00 in summer is 02:00 in UTC");
        let zone = Zone::new("Europe/London").unwrap();
        let gap = Schedule::new("30 1 * * *", zone, IfMissed::Start, Span::hours(1)).unwrap();
        // On 2026-03-29 the hour from one to two is left out, and on 2026-10-25 it comes twice.
        let day = |from: &str, to: &str| {
            let (mut at_, to) = (at(from), at(to));
            let mut found = Vec::new();
            while let Some(next) = gap.after(at_).filter(|next| *next < to) {
                found.push(next.to_string());
                at_ = next;
            }
            found
        };
        assert_eq!(day("2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z").len(), 1);
        assert_eq!(day("2026-10-25T00:00:00Z", "2026-10-26T00:00:00Z").len(), 1);
    }

    #[test]
    fn a_schedule_counts_from_when_it_was_written_or_edited() {
        let (mut known, first, later) =
            (Known::default(), at("2026-11-20T00:00:00Z"), at("2026-11-23T00:00:00Z"));
        assert_eq!(known.since("prod", &weekly(IfMissed::Start), &right(first, "a")), first);
        assert_eq!(known.since("prod", &weekly(IfMissed::Skip), &right(later, "a")), first);
        let daily = Schedule::new("0 3 * * *", Zone::utc(), IfMissed::Start, Span::hours(1)).unwrap();
        assert_eq!(known.since("prod", &daily, &right(later, "a")), later);
        let text = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Known>(&text).unwrap(), known);
    }

    /// Both clocks are right, in this start of the machine.
    fn right(at: Timestamp, boot: &str) -> ScheduleTime {
        ScheduleTime { now: Now::same(at), calendar: at, boot: boot.to_owned() }
    }

    /// The steady time is so many hours behind the clock on the wall, which is right and which nobody has accepted.
    fn unaccepted(wall: Timestamp, behind: i64, boot: &str) -> ScheduleTime {
        let steady = Timestamp(wall.0 - behind * 3_600_000);
        ScheduleTime { now: Now { steady, wall }, calendar: steady, boot: boot.to_owned() }
    }

    fn accepted(time: &ScheduleTime) -> ScheduleTime {
        ScheduleTime { calendar: time.now.wall, ..time.clone() }
    }

    const YEAR: i64 = 24 * 365;

    #[test]
    fn a_schedule_that_was_seen_by_a_wrong_clock_counts_from_when_that_was() {
        let (schedule, friday) = (weekly(IfMissed::Start), at("2026-11-20T12:00:00Z"));
        let (sunday, before) = (at("2026-11-22T03:00:00Z"), at("2026-11-15T03:00:00Z"));
        // The clock of a new server was years behind, or a year ahead, until it was set right ten minutes later.
        for behind in [6 * YEAR, -YEAR] {
            let first = unaccepted(friday, behind, "a").now.steady;
            let mut known = Known::default();
            assert_eq!(known.since("prod", &schedule, &right(first, "a")), first);
            let waits = unaccepted(friday + Span::mins(10), behind, "a");
            let since = known.since("prod", &schedule, &waits);
            assert_eq!(due(&schedule, since, waits.earlier()), Due::Nothing, "{behind} hours behind");
            let since = known.since("prod", &schedule, &accepted(&waits));
            assert_eq!(since, friday, "{behind} hours behind");
            assert_eq!(due(&schedule, since, before + Span::hours(1)), Due::Nothing);
            assert_eq!(
                due(&schedule, since, sunday),
                Due::Start(sunday),
                "it is not silent for the difference"
            );
            // It stays so when the machine starts again.
            assert_eq!(known.since("prod", &schedule, &right(sunday, "b")), friday);
        }
    }

    #[test]
    fn what_came_due_while_the_computer_was_down_is_not_lost_with_the_accepted_clock() {
        let (schedule, sunday) = (weekly(IfMissed::Start), at("2026-11-22T03:00:00Z"));
        let (mut known, seen) = (Known::default(), at("2026-11-22T01:30:00Z"));
        known.since("prod", &schedule, &right(seen, "a"));
        let up = unaccepted(at("2026-11-22T05:00:00Z"), 3, "b");
        let since = known.since("prod", &schedule, &up);
        assert_eq!(due(&schedule, since, up.earlier()), Due::Nothing);
        let up = accepted(&up);
        let since = known.since("prod", &schedule, &up);
        assert_eq!((since, due(&schedule, since, up.earlier())), (seen, Due::Start(sunday)));
    }

    #[test]
    fn a_schedule_that_was_seen_in_a_time_to_come_counts_from_when_the_clock_is_believed() {
        let (schedule, friday) = (weekly(IfMissed::Start), at("2026-11-20T12:00:00Z"));
        let mut known = Known::default();
        let first = unaccepted(friday, -YEAR, "a").now.steady;
        known.since("prod", &schedule, &right(first, "a"));
        // The computer was started anew before somebody set its clock.
        let up = unaccepted(friday + Span::hours(1), -YEAR, "b");
        let since = known.since("prod", &schedule, &up);
        assert_eq!((since, due(&schedule, since, up.earlier())), (first, Due::Nothing));
        let since = known.since("prod", &schedule, &accepted(&up));
        assert_eq!(since, friday + Span::hours(1));
        let sunday = at("2026-11-22T03:00:00Z");
        assert_eq!(due(&schedule, since, sunday), Due::Start(sunday));
    }

    #[test]
    fn what_was_written_down_before_steady_times_were_is_read() {
        let schedule = weekly(IfMissed::Start).words();
        let old = serde_json::json!({"prod": {"schedule": schedule, "at": 1_795_132_800_000_i64}});
        let mut known: Known = serde_json::from_value(old).unwrap();
        let later = right(at("2026-11-23T00:00:00Z"), "a");
        assert_eq!(known.since("prod", &weekly(IfMissed::Start), &later), Timestamp(1_795_132_800_000));
    }
}
