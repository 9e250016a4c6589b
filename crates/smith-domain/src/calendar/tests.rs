//! Openings at literal instants around changes of the clocks, and against an oracle that looks at every minute.

use jiff::tz::TimeZoneDatabase;
use proptest::prelude::*;

use super::*;
use crate::time::{Span, Timestamp};

fn zone(name: &str) -> Zone {
    Zone::new(name).expect("a zone of the test")
}

fn window(zone_name: &str, times: &str) -> Window {
    Window::new(zone(zone_name), parse_times(times).expect("times of the test"))
        .expect("a window of the test")
}

fn freeze(zone_name: &str, from: &str, to: &str) -> Freeze {
    let dates = parse_freeze_dates(from, to).expect("dates of the test");
    Freeze::new(zone(zone_name), "year end", dates).expect("a freeze of the test")
}

fn calendar(windows: &[(&str, &str)], freezes: &[(&str, &str, &str)]) -> Calendar {
    Calendar::new(
        windows.iter().map(|(zone, times)| window(zone, times)).collect(),
        freezes.iter().map(|(zone, from, to)| freeze(zone, from, to)).collect(),
    )
}

fn instant(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().expect("an instant of the test");
    Timestamp(at.as_millisecond())
}

fn shown(calendar: &Calendar, at: &str) -> String {
    let text = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
    match calendar.at(instant(at)) {
        Opening::Open { until } => format!("open until {}", text(until)),
        Opening::Closed { opens, why: Closing::OutsideWindow } => format!("outside, opens {}", text(opens)),
        Opening::Closed { opens, why: Closing::Freeze { reason, until } } => {
            format!("frozen ({reason}) until {}, opens {}", text(until), text(opens))
        }
        Opening::Closed { why: Closing::Clock, .. } => "no calendar knows a clock".to_owned(),
    }
}

#[test]
fn nothing_said_is_always_open() {
    let always = Calendar::default();
    assert!(always.is_always());
    assert_eq!(shown(&always, "2026-11-20T07:14:38Z"), "open until never");
    assert_eq!(always.longest_opening(), None);
    assert!(!always.never_opens());
}

#[test]
fn a_night_window_belongs_to_the_evening() {
    let nights = calendar(&[("Europe/Berlin", "Mon-Thu 22:00-04:00")], &[]);
    // 2026-11-20 is a Friday: the night of Thursday ends in it and its own night is none.
    assert_eq!(shown(&nights, "2026-11-20T02:59:59Z"), "open until 2026-11-20T03:00:00Z");
    assert_eq!(shown(&nights, "2026-11-20T03:00:00Z"), "outside, opens 2026-11-23T21:00:00Z");
    assert_eq!(shown(&nights, "2026-11-23T21:00:00Z"), "open until 2026-11-24T03:00:00Z");
    assert_eq!(nights.longest_opening(), Some(Span::hours(6)));
}

#[test]
fn adjoining_windows_are_one_opening_even_over_the_end_of_the_week() {
    let joined = calendar(&[("UTC", "Fri 22:00-24:00"), ("UTC", "Sat,Sun"), ("UTC", "Mon 00:00-06:00")], &[]);
    assert_eq!(shown(&joined, "2026-11-21T12:00:00Z"), "open until 2026-11-23T06:00:00Z");
    assert_eq!(shown(&joined, "2026-11-23T06:00:00Z"), "outside, opens 2026-11-27T22:00:00Z");
    let all = calendar(&[("UTC", "Mon-Fri"), ("UTC", "weekends")], &[]);
    assert_eq!(shown(&all, "2026-11-21T12:00:00Z"), "open until never");
}

#[test]
fn windows_of_two_zones_are_a_union() {
    let both = calendar(&[("Asia/Kolkata", "daily 00:00-05:30"), ("UTC", "daily 00:00-02:00")], &[]);
    // 00:00-05:30 in Kolkata is 18:30-24:00 in UTC.
    assert_eq!(shown(&both, "2026-11-20T18:30:00Z"), "open until 2026-11-21T02:00:00Z");
    assert_eq!(shown(&both, "2026-11-21T02:00:00Z"), "outside, opens 2026-11-21T18:30:00Z");
    assert_eq!(both.longest_opening(), Some(Span::mins(450)));
}

#[test]
fn in_the_spring_gap_nothing_is_inside() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00Z.
    let gap = calendar(&[("Europe/Berlin", "daily 02:00-03:00")], &[]);
    assert_eq!(shown(&gap, "2026-03-28T02:00:00Z"), "outside, opens 2026-03-30T00:00:00Z");
    let into = calendar(&[("Europe/Berlin", "daily 01:30-02:30")], &[]);
    assert_eq!(shown(&into, "2026-03-29T00:30:00Z"), "open until 2026-03-29T01:00:00Z");
    let out = calendar(&[("Europe/Berlin", "daily 02:30-04:00")], &[]);
    assert_eq!(shown(&out, "2026-03-29T00:59:59Z"), "outside, opens 2026-03-29T01:00:00Z");
    assert_eq!(shown(&out, "2026-03-29T01:00:00Z"), "open until 2026-03-29T02:00:00Z");
    // A window that lies in the gap once and never again opens never.
    let once = calendar(&[("Europe/Berlin", "2026-03-29 02:00-03:00")], &[]);
    assert!(once.never_opens());
}

#[test]
fn in_the_autumn_fold_both_hours_are_inside() {
    // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00Z.
    let whole = calendar(&[("Europe/Berlin", "daily 02:00-03:00")], &[]);
    assert_eq!(shown(&whole, "2026-10-25T00:00:00Z"), "open until 2026-10-25T02:00:00Z");
    let half = calendar(&[("Europe/Berlin", "daily 01:30-02:30")], &[]);
    assert_eq!(shown(&half, "2026-10-24T23:30:00Z"), "open until 2026-10-25T00:30:00Z");
    assert_eq!(shown(&half, "2026-10-25T00:30:00Z"), "outside, opens 2026-10-25T01:00:00Z");
    assert_eq!(shown(&half, "2026-10-25T01:00:00Z"), "open until 2026-10-25T01:30:00Z");
    // The hour that is there twice on one day of the year does not make the window longer.
    assert_eq!(whole.longest_opening(), Some(Span::hours(1)));
}

#[test]
fn clocks_change_on_the_other_half_of_the_earth_and_by_half_an_hour() {
    // Lord Howe, 2026-04-05: 02:00 becomes 01:30 at 15:00Z the day before.
    let fold = calendar(&[("Australia/Lord_Howe", "daily 01:30-02:00")], &[]);
    assert_eq!(shown(&fold, "2026-04-04T14:30:00Z"), "open until 2026-04-04T15:30:00Z");
    // Lord Howe, 2026-10-04: 02:00 becomes 02:30 at 15:30Z the day before.
    let gap = calendar(&[("Australia/Lord_Howe", "daily 02:00-02:30")], &[]);
    assert_eq!(shown(&gap, "2026-10-03T15:00:00Z"), "outside, opens 2026-10-04T15:00:00Z");
    // Chicago, 2026-03-08: 02:00 becomes 03:00 at 08:00Z.
    let night = calendar(&[("America/Chicago", "Sat 22:00-04:00")], &[]);
    assert_eq!(shown(&night, "2026-03-08T04:00:00Z"), "open until 2026-03-08T09:00:00Z");
}

#[test]
fn a_freeze_closes_whatever_windows_say() {
    let frozen = calendar(&[("UTC", "daily 22:00-04:00")], &[("UTC", "2026-12-20", "2026-12-26")]);
    assert_eq!(shown(&frozen, "2026-12-19T23:00:00Z"), "open until 2026-12-20T00:00:00Z");
    assert_eq!(
        shown(&frozen, "2026-12-20T00:00:00Z"),
        "frozen (year end) until 2026-12-27T00:00:00Z, opens 2026-12-27T00:00:00Z"
    );
    let to_noon =
        calendar(&[("UTC", "daily 22:00-04:00")], &[("UTC", "2026-12-20 01:00", "2026-12-26 12:00")]);
    assert_eq!(
        shown(&to_noon, "2026-12-20T01:00:00Z"),
        "frozen (year end) until 2026-12-26T12:00:00Z, opens 2026-12-26T22:00:00Z"
    );
}

#[test]
fn a_yearly_freeze_comes_back_and_may_run_over_the_end_of_the_year() {
    let yearly = calendar(&[], &[("UTC", "12-20", "01-03")]);
    assert_eq!(shown(&yearly, "2026-06-01T00:00:00Z"), "open until 2026-12-20T00:00:00Z");
    let winter = "frozen (year end) until 2028-01-04T00:00:00Z, opens 2028-01-04T00:00:00Z";
    assert_eq!(shown(&yearly, "2027-12-31T23:59:59Z"), winter);
    assert_eq!(shown(&yearly, "2028-01-03T00:00:00Z"), winter);
    // The last day of February is a day of leap years only.
    let leap = calendar(&[], &[("UTC", "02-29", "02-29")]);
    assert_eq!(shown(&leap, "2027-01-01T00:00:00Z"), "open until 2028-02-29T00:00:00Z");
    assert_eq!(
        shown(&leap, "2028-02-29T12:00:00Z"),
        "frozen (year end) until 2028-03-01T00:00:00Z, opens 2028-03-01T00:00:00Z"
    );
}

#[test]
fn what_never_opens_is_found() {
    for closed in [
        calendar(&[("UTC", "daily 22:00-04:00")], &[("UTC", "01-01", "12-31")]),
        calendar(&[], &[("UTC", "06-01", "12-31"), ("UTC", "01-01", "05-31")]),
        calendar(&[("UTC", "2026-12-24 20:00-23:00")], &[("UTC", "12-20", "01-03")]),
    ] {
        assert!(closed.never_opens(), "{closed:?}");
        assert!(matches!(closed.at(instant("2026-11-20T00:00:00Z")), Opening::Closed { opens: None, .. }));
    }
    let beside =
        calendar(&[("UTC", "2026-12-24 20:00-23:00")], &[("Asia/Kolkata", "2026-12-25", "2026-12-26")]);
    // 00:00 on the 25th in Kolkata is 18:30 on the 24th in UTC.
    assert!(beside.never_opens());
    assert_eq!(
        calendar(&[("UTC", "2026-12-24 18:00-23:00")], &[("Asia/Kolkata", "12-25", "12-26")])
            .longest_opening(),
        Some(Span::mins(30))
    );
}

#[test]
fn instants_beyond_all_calendars_are_answered_too() {
    let calendar = calendar(&[("Europe/Berlin", "daily 22:00-04:00")], &[("UTC", "12-20", "01-03")]);
    for at in [i64::MIN, i64::MIN + 1, -1, i64::MAX - 1, i64::MAX] {
        let _ = calendar.at(Timestamp(at));
    }
}

#[test]
fn dates_are_those_of_the_calendar() {
    // Every day of the years that text can name and some around the ends of cycles.
    let mut date = jiff::civil::date(1890, 1, 1);
    for days in -29_219..50_000 {
        assert_eq!(pattern::date_of(days), (i64::from(date.year()), date.month(), date.day()));
        assert_eq!(pattern::days_since_epoch(i64::from(date.year()), date.month(), date.day()), days);
        date = date.tomorrow().expect("in range");
    }
    assert_eq!(pattern::days_since_epoch(2027, 2, 29), pattern::days_since_epoch(2027, 3, 1));
}

#[test]
fn text_is_read_and_shown_again() {
    for (text, again) in [
        ("Mon-Thu 22:00-04:00", "Mon-Thu 22:00-04:00"),
        ("mon,tue , friday 9:00 - 17:30", "Mon,Tue,Fri 09:00-17:30"),
        ("Fri-Mon 00:00-24:00", "Mon,Fri-Sun 00:00-24:00"),
        ("weekends", "Sat,Sun 00:00-24:00"),
        ("22:00-04:00", "daily 22:00-04:00"),
        ("2026-12-05 22:00 - 2026-12-06 04:00", "2026-12-05 22:00 - 2026-12-06 04:00"),
        ("2026-12-05T22:00-04:00", "2026-12-05 22:00 - 2026-12-06 04:00"),
        ("2026-12-31 22:00-24:00", "2026-12-31 22:00 - 2027-01-01 00:00"),
    ] {
        let times = parse_times(text).expect(text);
        assert_eq!(times.to_string(), again);
        assert_eq!(parse_times(again), Ok(times));
    }
}

#[test]
fn bad_text_is_refused() {
    for bad in [
        "",
        "Mon",
        "Mon-",
        "Mon-Thu 22-04",
        "Moon 22:00-04:00",
        "Mon 25:00-26:00",
        "Mon 22:60-23:00",
        "Mon 22:00",
        "2026-02-30 22:00-23:00",
        "2026-12-05",
        "2026-12-05 22:00",
        "1926-12-05 22:00-23:00",
        "2026-12-05 22:00 - 2026-13-06 04:00",
        "äöü 22:00-04:00",
        "2026-12-0ä 22:00",
    ] {
        let read = parse_times(bad);
        assert_eq!(read.is_ok(), bad == "Mon", "{bad:?}: {read:?}");
    }
    for (from, to) in
        [("02-30", "03-01"), ("12-20", "2027-01-03"), ("2026-12-20", "01-03"), ("soon", "later"), ("", "")]
    {
        assert!(parse_freeze_dates(from, to).is_err(), "{from:?} {to:?}");
    }
    let same = parse_times("Mon 22:00-22:00").expect("read");
    assert!(matches!(Window::new(Zone::utc(), same), Err(WindowError::Empty { .. })));
    let long = parse_freeze_dates("2026-12-20", "2028-01-03").expect("read");
    assert!(matches!(Freeze::new(Zone::utc(), "typo", long), Err(FreezeError::TooLong { .. })));
    for name in ["Europe/Berlim", "", "Etc/Unknown", "../etc/passwd"] {
        assert!(Zone::new(name).is_err(), "{name:?}");
    }
    assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
}

/// The shape in which journals hold calendars: changing it needs a lift of old events.
const STORED: &str = r#"{"windows":[{"zone":"Europe/Berlin","times":{"weekly":{"days":["mon","tue"],"from":"22:00","to":"04:00"}}},{"zone":"UTC","times":{"dated":{"from":"2026-12-05 22:00","to":"2026-12-06 04:00"}}}],"freezes":[{"zone":"UTC","reason":"year end","dates":{"yearly":{"from":"12-20","to":"01-03"}}}]}"#;

#[test]
fn calendars_are_stored_and_checked_when_read() {
    let whole = calendar(
        &[("Europe/Berlin", "Mon,Tue 22:00-04:00"), ("UTC", "2026-12-05 22:00-04:00")],
        &[("UTC", "12-20", "01-03")],
    );
    assert_eq!(serde_json::to_string(&whole).expect("json"), STORED);
    assert_eq!(serde_json::from_str::<Calendar>(STORED).expect("json"), whole);
    let bytes = postcard::to_allocvec(&whole).expect("postcard");
    assert_eq!(postcard::from_bytes::<Calendar>(&bytes).expect("postcard"), whole);
    for bad in [
        STORED.replace("Europe/Berlin", "Europe/Berlim"),
        STORED.replace("04:00\"}}},{\"zone\":\"UTC\"", "22:00\"}}},{\"zone\":\"UTC\""),
        STORED.replace("[\"mon\",\"tue\"]", "[]"),
        STORED.replace("12-20", "12-32"),
        STORED.replace("year end", ""),
    ] {
        assert!(serde_json::from_str::<Calendar>(&bad).is_err(), "{bad}");
    }
}

// The oracle: it asks jiff for the civil time of every single minute and compares fields. It shares nothing with the
// evaluation but the zone database.

#[derive(Debug, Clone)]
struct Plan {
    zone: &'static str,
    /// Day of the week from Monday = 1, start and end in minutes of the day.
    weekly: Vec<(u8, u16, u16)>,
    freeze: Option<(u8, u8, u8)>,
}

const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "America/Chicago",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
    "America/Sao_Paulo",
    "Africa/Casablanca",
];

const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn oracle_is_open(plans: &[Plan], at: jiff::Timestamp) -> bool {
    let mut any_window = false;
    let mut inside = false;
    for plan in plans {
        let shown = TimeZoneDatabase::bundled().get(plan.zone).expect("zone").to_datetime(at);
        let minute = i32::from(shown.hour()) * 60 + i32::from(shown.minute());
        let today = shown.weekday().to_monday_one_offset();
        let yesterday = if today == 1 { 7 } else { today - 1 };
        for (day, from, to) in &plan.weekly {
            any_window = true;
            let (day, from, to) = (i8::try_from(*day).expect("day"), i32::from(*from), i32::from(*to));
            inside |= match from < to {
                true => today == day && from <= minute && minute < to,
                false => (today == day && from <= minute) || (yesterday == day && minute < to),
            };
        }
        if let Some((month, first, last)) = plan.freeze {
            let (month, first, last) = (month as i8, first as i8, last as i8);
            if shown.month() == month && first <= shown.day() && shown.day() <= last {
                return false;
            }
        }
    }
    inside || !any_window
}

fn built(plans: &[Plan]) -> Calendar {
    let mut windows = Vec::new();
    let mut freezes = Vec::new();
    for plan in plans {
        for (day, from, to) in &plan.weekly {
            let clock = |m: &u16| format!("{:02}:{:02}", m / 60, m % 60);
            let text = format!("{} {}-{}", NAMES[usize::from(*day) - 1], clock(from), clock(to));
            windows.push(window(plan.zone, &text));
        }
        if let Some((month, first, last)) = plan.freeze {
            freezes.push(freeze(
                plan.zone,
                &format!("{month:02}-{first:02}"),
                &format!("{month:02}-{last:02}"),
            ));
        }
    }
    Calendar::new(windows, freezes)
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let minute = prop_oneof![(0u16..288).prop_map(|n| n * 5), (0u16..20).prop_map(|n| 60 + n * 10)];
    let weekly = (1u8..=7, minute.clone(), minute).prop_filter("not empty", |(_, from, to)| from != to);
    let freeze =
        (3u8..=11, 1u8..=28, 0u8..4).prop_map(|(month, first, more)| (month, first, (first + more).min(28)));
    let plan = (0..ZONES.len(), prop::collection::vec(weekly, 0..5), prop::option::of(freeze))
        .prop_map(|(zone, weekly, freeze)| Plan { zone: ZONES[zone], weekly, freeze });
    prop::collection::vec(plan, 1..3)
}

/// Instants near changes of the clocks of 2026 in one of the zones of the test, as days and minutes of the year.
fn instants() -> impl Strategy<Value = i64> {
    let changes = [
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-03-08T08:00:00Z",
        "2026-11-01T07:00:00Z",
        "2026-04-04T15:00:00Z",
        "2026-10-03T15:30:00Z",
        "2026-02-15T02:00:00Z",
        "2026-07-01T00:00:00Z",
    ];
    (prop::sample::select(changes.to_vec()), -4 * 24 * 60i64..2 * 24 * 60, 0i64..60_000)
        .prop_map(|(change, minutes, rest)| instant(change).0 + minutes * 60_000 + rest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_minute_agrees(plans in plans(), at in instants()) {
        /// Nine days: every weekly window comes once and a change of the clocks may lie in between.
        const MINUTES: i64 = 9 * 24 * 60;
        let calendar = built(&plans);
        let minute = |n: i64| jiff::Timestamp::from_millisecond(at.div_euclid(60_000) * 60_000 + n * 60_000).expect("in range");
        let open = oracle_is_open(&plans, minute(0));
        let flip = (1..MINUTES).find(|n| oracle_is_open(&plans, minute(*n)) != open).map(|n| minute(n).as_millisecond());
        let (found_open, found_flip) = match calendar.at(Timestamp(at)) {
            Opening::Open { until } => (true, until),
            Opening::Closed { opens, .. } => (false, opens),
        };
        prop_assert_eq!(found_open, open);
        match flip {
            Some(flip) => prop_assert_eq!(found_flip, Some(Timestamp(flip))),
            None => prop_assert!(found_flip.is_none_or(|at| at.0 >= minute(MINUTES).as_millisecond())),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}", other in "[0-9A-Za-z:, -]{0,40}") {
        let _ = (parse_times(&text), parse_times(&other), parse_freeze_dates(&text, &other), Zone::new(&text));
    }
}
