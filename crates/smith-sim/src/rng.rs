//! Random draws that a seed and a name determine, whatever else was drawn.
//!
//! Each part of a world draws from a generator of its own, derived from the seed by name: one more draw in one place
//! does not reshuffle all the others, so a seed keeps its meaning while the simulator grows.

/// SplitMix64: 64 bits of state, passes the usual tests, and four lines long.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x9e37_79b9_7f4a_7c15 }
    }

    /// The generator of this name below this one. Drawing from either does not move the other.
    pub fn named(&self, name: &str) -> Self {
        let mut hash = self.state ^ 0xcbf2_9ce4_8422_2325;
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self { state: mix(hash) }
    }

    /// The generator of these numbers below this one.
    pub fn numbered(&self, numbers: [u64; 3]) -> Self {
        let folded =
            numbers.into_iter().fold(self.state, |state, number| mix(state ^ mix(number.wrapping_add(1))));
        Self { state: folded }
    }

    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number from zero to one below `end`; zero where there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias of a remainder is below one in a billion for every range that is drawn here.
        if end == 0 { 0 } else { self.draw() % end }
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether something that happens so many times in ten thousand happens now.
    pub fn happens(&mut self, per_10_000: u32) -> bool {
        self.below(10_000) < u64::from(per_10_000)
    }

    /// One of the choices; panics on none, which is an error of the caller.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let at = self.below(choices.len() as u64);
        &choices[usize::try_from(at).unwrap_or(0)]
    }

    /// A number whose logarithm is spread evenly: as often between 1 and 10 as between 10 and 100.
    pub fn log_between(&mut self, low: u64, high: u64) -> u64 {
        let (low, high) = (low.max(1), high.max(1));
        let doublings = (high / low).max(1).ilog2();
        let base = low << self.below(u64::from(doublings) + 1);
        (base + self.below(base)).min(high)
    }

    /// Roughly normal around `mean`: the mean of four draws within `spread` of it.
    pub fn around(&mut self, mean: u64, spread: u64) -> u64 {
        let sum: u64 = (0..4).map(|_| self.below(spread * 2 + 1)).sum();
        (mean + sum / 4).saturating_sub(spread)
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_give_their_own_sequences() {
        let root = Rng::new(7);
        let first: Vec<u64> = (0..3)
            .map({
                let mut rng = root.named("desk");
                move |_| rng.draw()
            })
            .collect();
        let again: Vec<u64> = (0..3)
            .map({
                let mut rng = root.named("desk");
                move |_| rng.draw()
            })
            .collect();
        let other: Vec<u64> = (0..3)
            .map({
                let mut rng = root.named("people");
                move |_| rng.draw()
            })
            .collect();
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert_ne!(root.numbered([1, 2, 3]).draw(), root.numbered([1, 3, 2]).draw());
    }

    #[test]
    fn draws_stay_in_their_range_and_reach_its_ends() {
        let mut rng = Rng::new(1);
        let drawn: Vec<u64> = (0..2000).map(|_| rng.between(3, 6)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&6)));
        assert!((0..2000).all(|_| (50..=150).contains(&rng.around(100, 50))));
        assert!((0..2000).all(|_| (2..=4000).contains(&rng.log_between(2, 4000))));
        let hits = (0..10_000).filter(|_| rng.happens(2_500)).count();
        assert!((2_200..2_800).contains(&hits), "{hits}");
    }
}
