//! How large an event becomes when it is written down.
//!
//! A journal takes bodies up to a bound, and an event that is planned can be refused by nobody. So lists that grow with the fleet
//! are cut by what they weigh, and not only by how many there are.

/// Bytes of one event that is cut or planned: half of what a journal takes, because what is planned of an event repeats parts of it.
pub const EVENT_MAX: usize = 2 << 20;

/// Bytes of a text in JSON, with its quotation marks.
pub(crate) fn text(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    2 + text.bytes().map(escaped).sum::<usize>()
}

/// Cuts a list into pieces of at most so many items and at most [`EVENT_MAX`] bytes; an item that is heavier is alone.
pub(crate) fn pieces<T>(items: Vec<T>, most: usize, weight: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut pieces = Vec::new();
    let mut piece = Vec::new();
    let mut bytes = 0;
    for item in items {
        let more = weight(&item);
        if !piece.is_empty() && (piece.len() >= most || bytes + more > EVENT_MAX) {
            pieces.push(std::mem::take(&mut piece));
            bytes = 0;
        }
        bytes += more;
        piece.push(item);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_is_as_long_as_json_writes_it(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            // What JSON writes as two characters is counted as six.
            let short = text.chars().filter(|c| matches!(c, '\u{8}' | '\t' | '\n' | '\u{c}' | '\r')).count();
            prop_assert_eq!(super::text(&text), written.len() + 4 * short);
        }

        #[test]
        fn pieces_hold_everything_in_order_within_both_bounds(
            items in proptest::collection::vec(0_usize..super::EVENT_MAX, 0..40),
            most in 1_usize..8,
        ) {
            let pieces = super::pieces(items.clone(), most, |item| *item);
            prop_assert!(pieces.iter().all(|piece| (1..=most).contains(&piece.len())));
            prop_assert!(pieces.iter().all(|piece| piece.iter().sum::<usize>() <= super::EVENT_MAX));
            prop_assert_eq!(pieces.concat(), items);
        }
    }
}
