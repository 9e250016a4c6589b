//! The language of stories, one command a line; `#` begins a comment.
//!
//! ```text
//! start p by ann build 725 step 0   # all but the name may be left out
//! run                               # until nothing happens any more by itself
//! until 1h30m                       # after the start of the story
//! answer b patch held-package x3    # how b answers the next three times; * is every machine, `silent` is no answer
//! always b patch unreachable
//! report b done 3                   # an answer out of turn, with its serial or to the newest action
//! #2 pause                          # of the second rollout; also unpause, abort
//! resume s +1 | retry b | retry | skip b | sign-off b
//! approve s gate by bob role lead
//! change approve CHG1 by bob | change reject … | change revoke …
//! join d cluster=x | leave b
//! wall +2h | accept-clock | desk silent | watch b
//! ```

use crate::actor::Actor;
use crate::change::ChangeCommand;
use crate::decide::Command;
use crate::id::{BuildNumber, RolloutId, StepName};
use crate::rollout::tests::rules::selector;
use crate::rollout::tests::world::{Answer, Desk, START, World};
use crate::rollout::{Action, CauseKind, Outcome, RebootNeed, RolloutCommand, Scope, Work};
use crate::time::Span;

impl World {
    pub(super) fn script(&mut self, script: &str) {
        for line in script.lines() {
            let line = line.split(" # ").next().unwrap_or_default().trim();
            let mut words: Vec<&str> = line.split_whitespace().collect();
            if words.first().is_none_or(|word| *word == "#") {
                continue;
            }
            let rollout = match words[0].strip_prefix('#') {
                Some(number) => {
                    words.remove(0);
                    RolloutId(number.parse().unwrap())
                }
                None => RolloutId(1),
            };
            self.line(rollout, &words, line);
        }
    }

    fn line(&mut self, rollout: RolloutId, words: &[&str], line: &str) {
        match words {
            ["start", name, rest @ ..] => self.start(name, rest),
            ["run"] => self.run(),
            ["until", at] => self.until(START + span(at)),
            ["answer", name, action, answer] => self.will(name, action_of(action), answer_of(answer), 1),
            ["answer", name, action, answer, times] => {
                let times = times.strip_prefix('x').unwrap().parse().unwrap();
                self.will(name, action_of(action), answer_of(answer), times);
            }
            ["always", name, action, answer] => self.always(name, action_of(action), answer_of(answer)),
            ["report", name, answer, serial @ ..] => self.report(rollout, name, answer, serial),
            ["pause"] => self.rollout("ann", RolloutCommand::Pause { rollout, reason: None }),
            ["unpause"] => self.rollout("ann", RolloutCommand::Unpause { rollout, reason: None }),
            ["abort"] => self.rollout("ann", RolloutCommand::Abort { rollout, reason: None }),
            ["resume", step, grant] => {
                let (step, grant) = (StepName::new(*step).unwrap(), grant.parse().unwrap());
                self.rollout("ann", RolloutCommand::Resume { rollout, step, grant, reason: None });
            }
            ["retry"] => self.rollout("ann", RolloutCommand::Retry { rollout, machines: None, reason: None }),
            ["retry", machines @ ..] => {
                let machines = Some(selector(&machines.join(" ")));
                self.rollout("ann", RolloutCommand::Retry { rollout, machines, reason: None });
            }
            ["skip", machines @ ..] => {
                let (machines, reason) = (selector(&machines.join(" ")), "told so".to_owned());
                self.rollout("ann", RolloutCommand::Skip { rollout, machines, reason });
            }
            ["sign-off", machines @ ..] => {
                let (machines, reason) = (selector(&machines.join(" ")), "looked at".to_owned());
                self.rollout("ann", RolloutCommand::SignOff { machines, reason });
            }
            ["approve", step, gate, "by", who, roles @ ..] => {
                let actor = actor(who, roles);
                let (step, gate) = (StepName::new(*step).unwrap(), (*gate).to_owned());
                let approve = RolloutCommand::ApproveGate { rollout, step, gate, reason: None };
                self.command(&actor, &Command::Rollout(approve));
            }
            ["change", verb, number, "by", who, roles @ ..] => {
                let (number, reason) = ((*number).to_owned(), "told so".to_owned());
                let command = match *verb {
                    "approve" => ChangeCommand::Approve { number, reason: None },
                    "reject" => ChangeCommand::Reject { number, reason },
                    "revoke" => ChangeCommand::Revoke { number, reason },
                    other => panic!("{other:?} in {line:?}"),
                };
                self.command(&actor(who, roles), &Command::Change(command));
            }
            ["join", machine @ ..] => self.join(&machine.join(" ")),
            ["leave", name] => self.leave(name),
            // It is the same machine, and other facts hold about it.
            ["relabel", name, rest @ ..] => self.change(name, &format!("{name} {}", rest.join(" "))),
            ["wall", ahead] => {
                let (sign, length) = ahead.split_at(1);
                let length = i64::try_from(span(length).0).unwrap();
                self.wall_ahead = if sign == "-" { -length } else { length };
                self.command(&Actor::smith(), &Command::ClockJumped);
            }
            ["accept-clock"] => {
                let seen = self.wall_ahead - self.state.clock_offset;
                self.command(&Actor::person("ann"), &Command::AcceptClock { reason: None, seen });
            }
            ["desk", "silent"] => self.desk = Desk::Silent,
            ["desk", "prompt"] => self.desk = Desk::Prompt,
            ["desk", "refuses"] => self.desk = Desk::Refuses,
            ["watch", name] => {
                self.watched.insert((*name).to_owned());
            }
            _ => panic!("no such line in a script: {line:?}"),
        }
    }

    fn start(&mut self, name: &str, rest: &[&str]) {
        let pipeline = self.pipelines.iter().find(|pipeline| pipeline.name.as_str() == name);
        let pipeline = Box::new(pipeline.unwrap_or_else(|| panic!("no pipeline {name}")).clone());
        let (mut by, mut build, mut scope) = ("ann", 725, Scope::Pipeline);
        for pair in rest.chunks(2) {
            match pair {
                ["by", who] => by = who,
                ["build", number] => build = number.parse().unwrap(),
                ["step", step] => scope = Scope::Step { step: step.parse().unwrap() },
                other => panic!("{other:?}"),
            }
        }
        self.rollout(by, RolloutCommand::Start { pipeline, build: BuildNumber(build), scope, reason: None });
    }

    fn report(&mut self, rollout: RolloutId, name: &str, answer: &str, serial: &[&str]) {
        let machine = self.machine(name);
        let newest = self.state.rollouts.get(rollout).unwrap().job_of(machine).unwrap().serial;
        let serial = serial.first().map_or(newest, |serial| serial.parse().unwrap());
        let Answer::Says(outcome) = answer_of(answer) else { panic!("{answer}") };
        let report = RolloutCommand::Report {
            rollout,
            machine,
            serial,
            outcome,
            took: Span::mins(1),
            note: None,
            packages: None,
        };
        self.rollout("smith", report);
    }
}

fn actor(name: &str, roles: &[&str]) -> Actor {
    let actor = Actor::person(name);
    match roles {
        [] => actor,
        ["role", roles @ ..] => roles.iter().fold(actor, |actor, role| actor.with_role(*role)),
        other => panic!("{other:?}"),
    }
}

/// `1h30m`, `90m`, `2d`, `10s`.
fn span(text: &str) -> Span {
    let mut sum = Span::ZERO;
    let mut digits = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let number: u64 = std::mem::take(&mut digits).parse().unwrap();
        sum = sum
            + match c {
                's' => Span::secs(number),
                'm' => Span::mins(number),
                'h' => Span::hours(number),
                'd' => Span::hours(24 * number),
                other => panic!("{other:?} in {text:?}"),
            };
    }
    sum
}

fn action_of(word: &str) -> Action {
    Action::ALL.into_iter().find(|action| action.word() == word).unwrap_or_else(|| panic!("{word}"))
}

fn answer_of(word: &str) -> Answer {
    Answer::Says(match word {
        "silent" => return Answer::Silent,
        "nothing" => Outcome::Found(Work::Nothing),
        "reboot-only" => Outcome::Found(Work::RebootOnly),
        "install" => Outcome::Found(Work::Install),
        "reboot-needed" => Outcome::Patched(RebootNeed::Needed),
        "not-needed" => Outcome::Patched(RebootNeed::NotNeeded),
        "done" => Outcome::Done,
        "not-begun" => Outcome::NotBegun,
        "lost" => Outcome::Lost,
        cause => Outcome::Failed(
            CauseKind::ALL
                .into_iter()
                .find(|kind| kind.word() == cause)
                .unwrap_or_else(|| panic!("no answer {cause}")),
        ),
    })
}
