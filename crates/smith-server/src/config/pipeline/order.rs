//! Circles among things that wait for each other.

/// Circles, each with the indexes on it in waiting order. Together they touch every group that can never start; not
/// every possible circle is listed.
pub(super) fn circles(count: usize, waits: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let mut waits: Vec<(usize, usize)> = waits.to_vec();
    let mut found = Vec::new();
    // Each turn takes one wait away, so there are at most as many turns as waits.
    loop {
        let stuck = stuck(count, &waits);
        let Some(start) = (0..count).find(|at| stuck[*at]) else { return found };
        let circle = follow(start, &waits, &stuck);
        let (Some(last), Some(first)) = (circle.last(), circle.first()) else { return found };
        let closing = (*last, *first);
        waits.retain(|wait| *wait != closing);
        found.push(circle);
    }
}

/// Which of them can never start: what waits for one of them included.
fn stuck(count: usize, waits: &[(usize, usize)]) -> Vec<bool> {
    let mut stuck = vec![true; count];
    let mut left = vec![0usize; count];
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (from, to) in waits {
        left[*from] += 1;
        waiting[*to].push(*from);
    }
    let mut free: Vec<usize> = (0..count).filter(|at| left[*at] == 0).collect();
    while let Some(at) = free.pop() {
        stuck[at] = false;
        for from in &waiting[at] {
            left[*from] -= 1;
            if left[*from] == 0 {
                free.push(*from);
            }
        }
    }
    stuck
}

/// Goes from one stuck thing to one that it waits for until it comes back to where it has been.
fn follow(start: usize, waits: &[(usize, usize)], stuck: &[bool]) -> Vec<usize> {
    let mut path = vec![start];
    loop {
        let at = path[path.len() - 1];
        let next = waits.iter().find(|(from, to)| *from == at && stuck[*to]).map(|(_, to)| *to);
        let Some(next) = next else { return Vec::new() };
        if let Some(again) = path.iter().position(|seen| *seen == next) {
            return path.split_off(again);
        }
        path.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_once() {
        assert_eq!(circles(3, &[(1, 0), (2, 1)]), Vec::<Vec<usize>>::new());
        assert_eq!(circles(2, &[(0, 1), (1, 0)]), [vec![0, 1]]);
        assert_eq!(circles(1, &[(0, 0)]), [vec![0]]);
        // 0 only waits for the circle of 1 and 2; 3 and 4 are another one.
        assert_eq!(circles(5, &[(0, 1), (1, 2), (2, 1), (3, 4), (4, 3)]), [vec![1, 2], vec![3, 4]]);
    }
}
