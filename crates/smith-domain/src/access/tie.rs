//! How two names may be one person, and how that is said to somebody who may not approve what they asked for.

use crate::access::state::Access;

/// Somebody did something, and another name may be the same person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tie {
    doer: String,
    by: String,
    bond: Bond,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Bond {
    /// It is the same name.
    Same,
    /// This person answers for both.
    Person(String),
    /// The doer has issued the other's token and may have kept its secret.
    Issuer,
    /// The doer acts with a token that the other has issued.
    Issued,
}

impl Access {
    /// How the two names may be one person: the same one answers for both, or one has issued the other's token and may have
    /// kept its secret.
    pub fn tie(&self, doer: &str, by: &str) -> Option<Tie> {
        let issued = |name: &str, by: &str| {
            let mut issuers = self.named(name).filter_map(|token| token.issuer.as_deref());
            issuers.any(|issuer| self.person(issuer) == by)
        };
        let (first, second) = (self.person(doer), self.person(by));
        let bond = if doer == by {
            Bond::Same
        } else if first == second {
            Bond::Person(first.to_owned())
        } else if issued(by, first) {
            Bond::Issuer
        } else if issued(doer, second) {
            Bond::Issued
        } else {
            return None;
        };
        // A name that somebody else answers for is told with whom.
        let with_person = |name: &str, person: &str| {
            if name == person { name.to_owned() } else { format!("{name} (of {person})") }
        };
        let (doer, by) = match bond {
            Bond::Same | Bond::Person(_) => (doer.to_owned(), by.to_owned()),
            Bond::Issuer => (with_person(doer, first), by.to_owned()),
            Bond::Issued => (doer.to_owned(), with_person(by, second)),
        };
        Some(Tie { doer, by, bond })
    }
}

impl Tie {
    /// Who did it, and what that has to do with the other name.
    pub fn subject(&self) -> String {
        let Tie { doer, by, bond } = self;
        match bond {
            Bond::Same => doer.clone(),
            Bond::Person(person) if person == by => format!("{doer}, for whom {by} answers,"),
            Bond::Person(person) if person == doer => format!("{doer}, who answers for {by},"),
            Bond::Person(person) => format!("{doer}, for whom {person} answers as for {by},"),
            Bond::Issuer => format!("{doer}, who gave {by}'s token out,"),
            Bond::Issued => format!("{doer}, whose token {by} gave out,"),
        }
    }

    /// That this was done, and that the other name's holder cannot approve it therefore.
    pub fn cannot_approve(&self, did: &str) -> String {
        let subject = self.subject();
        match self.bond {
            Bond::Same => format!("{subject} {did} and cannot approve it"),
            Bond::Person(_) | Bond::Issuer | Bond::Issued => {
                format!("{subject} {did}, and {} cannot approve it", self.by)
            }
        }
    }
}
