//! Numbers and times as people read them.

use smith_domain::time::{Span, Timestamp};

/// `1,234,567`
pub fn count(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 machine`, `2,000 machines`
pub fn counted(number: impl Into<u64>, noun: &str) -> String {
    let number = number.into();
    let (many, plural) = (count(number), if number == 1 { "" } else { "s" });
    format!("{many} {noun}{plural}")
}

/// `no build`, `build 7`, `builds 7, 8`
pub fn numbered<T: ToString>(noun: &str, all: &[T]) -> String {
    let numbers: Vec<String> = all.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [] => format!("no {noun}"),
        [one] => format!("{noun} {one}"),
        many => format!("{noun}s {}", many.join(", ")),
    }
}

/// `once`, `twice`, `3 times`
pub fn times(number: u32) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The first of January 1970 was a Thursday.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// `05 Jan 13:20`, in UTC.
pub fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or("??");
    let month = part(5, 7).parse().ok().and_then(|month: usize| MONTHS.get(month.checked_sub(1)?));
    format!("{} {} {}", part(8, 10), month.unwrap_or(&"???"), part(11, 16))
}

/// `Mon`
pub fn day(at: Timestamp) -> &'static str {
    let days = at.0.div_euclid(86_400_000).rem_euclid(7);
    usize::try_from(days).ok().and_then(|day| DAYS.get(day)).unwrap_or(&"???")
}

/// How many times `part` goes into `whole`, with two digits.
pub fn ratio(whole: Span, part: Span) -> Option<String> {
    let hundredths = whole.0.saturating_mul(100).checked_div(part.0)?;
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let numbers = [(0_u64, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in numbers {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1_u64, "machine"), "1 machine");
        assert_eq!(counted(2_u64, "machine"), "2 machines");
        assert_eq!([times(1), times(2), times(3)], ["once", "twice", "3 times"]);
        assert_eq!(ratio(Span(250), Span(200)), Some("1.25".to_owned()));
        assert_eq!(ratio(Span(250), Span(0)), None);
    }

    #[test]
    fn moments_are_shown_in_utc() {
        let at = Timestamp(1_767_571_200_000);
        assert_eq!((day(at), moment(at).as_str()), ("Mon", "05 Jan 00:00"));
        assert_eq!(day(Timestamp(-1)), "Wed");
    }
}
