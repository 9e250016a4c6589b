//! Pages of long lists, each named by the number that its last item has.

use smith_api::Page;

use super::denied::{Denied, Kind};

/// Items of a page unless somebody asks for another number.
const PAGE: u32 = 100;
const PAGE_MAX: u32 = 1_000;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Only items behind this number.
    pub(super) after: Option<u64>,
    pub(super) limit: usize,
}

pub(super) fn part(after: Option<&str>, limit: Option<u32>) -> Result<Part, Denied> {
    let limit = limit.unwrap_or(PAGE);
    if limit == 0 || limit > PAGE_MAX {
        let text = format!("expected a limit from 1 to {PAGE_MAX}, found {limit}");
        return Err(Denied::new(Kind::Invalid, "S0417", text));
    }
    let after = after.map(|text| {
        text.parse().map_err(|_| {
            let text = format!("expected what the page before gave as `next`, found {text:?}");
            Denied::new(Kind::Invalid, "S0417", text)
        })
    });
    Ok(Part { after: after.transpose()?, limit: limit as usize })
}

impl Part {
    /// The page of items that come in the order of their numbers; each is made only if it is shown.
    pub(super) fn of<I, F, T>(self, items: impl Iterator<Item = (u64, I)>, make: F) -> Page<T>
    where
        F: Fn(I) -> T,
    {
        let mut wanted = items.filter(|(number, _)| self.after.is_none_or(|after| *number > after));
        let (mut page, mut last) = (Vec::new(), None);
        for (number, item) in wanted.by_ref().take(self.limit) {
            last = Some(number);
            page.push(make(item));
        }
        let next = if wanted.next().is_some() { last.map(|last| last.to_string()) } else { None };
        Page { items: page, next }
    }
}
