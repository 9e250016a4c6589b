//! The order in which people count: `worker-2` stands before `worker-10`.

use std::cmp::Ordering;

/// Compares as text, but runs of digits as numbers. Equal only for equal texts, so it is a total order.
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    let (left, right) = (a.as_bytes(), b.as_bytes());
    let same = left.iter().zip(right).take_while(|(x, y)| x == y).count();
    // Names of one cluster share a long beginning; a number that it cuts in two is compared from its first digit.
    let mut i = same - left[..same].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let mut j = i;
    loop {
        match (left.get(i), right.get(j)) {
            (None, None) => return left.cmp(right),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (first, second) = (digits(&left[i..]), digits(&right[j..]));
                let order = number_cmp(first, second);
                if order != Ordering::Equal {
                    return order;
                }
                i += first.len();
                j += second.len();
            }
            (Some(x), Some(y)) if x == y => {
                i += 1;
                j += 1;
            }
            (Some(x), Some(y)) => return x.cmp(y),
        }
    }
}

fn digits(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    &text[..length]
}

/// Numbers of any length: without leading zeros, the longer one is the greater one.
fn number_cmp(a: &[u8], b: &[u8]) -> Ordering {
    let strip = |text: &[u8]| text.iter().take_while(|byte| **byte == b'0').count();
    let (a, b) = (&a[strip(a)..], &b[strip(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let sorted = [
            "",
            "prod-dal9-carrier10-worker-1",
            "prod-dal10-carrier2-worker-2",
            "prod-dal10-carrier2-worker-10",
            "prod-dal10-carrier10-worker-1",
            "prod-dal10-haproxy",
            "prod-dal10-haproxy-01",
            "prod-dal10-haproxy-1",
            "prod-dal10-haproxy-1a",
            "prod-dal10-haproxy-01b",
            "prod-dal10-haproxy01",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(natural_cmp(a, b), i.cmp(&j), "{a:?} and {b:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn is_a_total_order(mut names in prop::collection::vec("[a0-2-]{0,6}", 3)) {
            names.sort_by(|a, b| natural_cmp(a, b));
            prop_assert_ne!(natural_cmp(&names[0], &names[1]), Ordering::Greater);
            prop_assert_ne!(natural_cmp(&names[1], &names[2]), Ordering::Greater);
            prop_assert_ne!(natural_cmp(&names[0], &names[2]), Ordering::Greater);
            for a in &names {
                for b in &names {
                    prop_assert_eq!(natural_cmp(a, b), natural_cmp(b, a).reverse());
                    prop_assert_eq!(natural_cmp(a, b) == Ordering::Equal, a == b);
                }
            }
        }
    }
}
