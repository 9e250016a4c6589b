//! The same for many things, on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Taken at a time by one thread, so that small things do not fight for the counter.
const BATCH: usize = 32;

/// What became of each, in no order.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> Option<R> + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    each_on(cores, BATCH, items, act)
}

/// The same with so many threads, for work that waits more than it computes.
pub(crate) fn each_on<T: Sync, R: Send>(
    threads: usize,
    batch: usize,
    items: &[T],
    act: impl Fn(&T) -> Option<R> + Sync,
) -> Vec<R> {
    let threads = threads.min(items.len().div_ceil(batch)).max(1);
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::new());
    let work = || {
        let mut mine = Vec::new();
        loop {
            let from = next.fetch_add(batch, Ordering::Relaxed);
            if from >= items.len() {
                break;
            }
            mine.extend(items[from..(from + batch).min(items.len())].iter().filter_map(&act));
        }
        all.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_done_once() {
        for length in [0, 1, 31, 32, 33, 1000] {
            let items: Vec<usize> = (0..length).collect();
            let mut done = each(&items, |item| (item % 3 != 0).then_some(*item));
            done.sort_unstable();
            assert_eq!(done, (0..length).filter(|item| item % 3 != 0).collect::<Vec<_>>());
        }
    }
}
