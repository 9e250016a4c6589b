//! The machine's clock against its controller's.

use smith_agent::protocol::Finding;

use super::check::{bad, good};

pub(super) fn judge(own: u64, controller: u64, most: u32) -> Finding {
    let (apart, word) = match own.checked_sub(controller) {
        Some(ahead) => (ahead, "ahead"),
        None => (controller - own, "behind"),
    };
    if apart > u64::from(most) {
        let text = format!("expected a clock within {most} s of the controller's, found it {apart} s {word}");
        return bad("clock", text);
    }
    good("clock", format!("{apart} s {word}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_differ_by_so_much() {
        assert_eq!(judge(1_000, 1_030, 30), good("clock", "30 s behind"));
        assert_eq!(
            judge(1_031, 1_000, 30),
            bad("clock", "expected a clock within 30 s of the controller's, found it 31 s ahead")
        );
        assert!(!judge(0, u64::MAX, u32::MAX).good);
    }
}
