#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

fn read(text: &str) -> DateText {
    DateText::parse(text).unwrap_or_else(|_| panic!("{text}"))
}

fn ms(text: &str) -> i64 {
    ticks_to_unix_ms(read(text).ticks).unwrap()
}

#[test]
fn every_documented_form_is_read() {
    let noon = 1_741_910_683_000;
    for text in [
        "2025-03-14T00:04:43Z",
        "2025-03-13T20:04:43-04:00",
        "2025-03-13T20:04:43.0000000-0400",
        "2025-03-14T02:04:43.0+02",
        "2025-03-14 00:04:43",
        "2025-03-14T00:04:43",
        "03/14/2025 00:04:43",
        "3/14/2025 00:04:43",
        "/Date(1741910683000)/",
        "/Date(1741910683000+0200)/",
    ] {
        assert_eq!(ms(text), noon, "{text}");
    }
    assert_eq!(ms("1970-01-01"), 0);
    assert_eq!(ms("/Date(-1)/"), -1);
    assert_eq!(ms("2024-02-29T24:00:00Z"), ms("2024-03-01T00:00Z"));
}

#[test]
fn the_zone_is_told() {
    assert_eq!(read("2025-03-14T00:04:43Z").kind, DateKind::Utc);
    assert_eq!(read("2025-03-14T00:04:43-04:30").kind, DateKind::Offset(-270));
    assert_eq!(read("2025-03-14T00:04:43").kind, DateKind::Unspecified);
    assert_eq!(read("/Date(5)/").kind, DateKind::Utc);
    assert_eq!(read("/Date(5-0100)/").kind, DateKind::Offset(-60));
}

#[test]
fn fractions_have_seven_digits_and_more_are_rounded() {
    let base = read("2025-03-13T20:04:43Z").ticks;
    for (fraction, ticks) in [
        ("9577025", 9_577_025),
        ("5", 5_000_000),
        ("12345674999", 1_234_567),
        ("12345675", 1_234_568),
        ("99999999", 10_000_000),
    ] {
        assert_eq!(read(&format!("2025-03-13T20:04:43.{fraction}Z")).ticks - base, ticks);
    }
    assert!(DateText::parse("9999-12-31T23:59:59.99999999").is_err());
}

#[test]
fn what_does_not_exist_is_refused() {
    for text in [
        "",
        " ",
        "5",
        "nope",
        "2025",
        "2025-03",
        "2025-3-1",
        "2025-02-29",
        "1900-02-29",
        "2025-13-01",
        "2025-00-01",
        "2025-01-32",
        "0000-01-01",
        "2025-01-01T",
        "2025-01-01T1:00:00",
        "2025-01-01T24:00:01",
        "2025-01-01T23:60:00",
        "2025-01-01T23:59:60",
        "2025-01-01T00:00:00.",
        "2025-01-01T00:00:00.Z",
        "2025-01-01T00:00:00+15:00",
        "2025-01-01T00:00:00+14:01",
        "2025-01-01T00:00:00+1",
        "2025-01-01T00:00:00+01:",
        "2025-01-01T00:00:00ZZ",
        "2025-01-01T00:00:00Z ",
        "13/01/2025 00:00:00",
        "/Date()/",
        "/Date(1",
        "/Date(1)",
        "/Date(1x)/",
        "/Date(99999999999999999999)/",
        "/Date(999999999999999)/",
        "/Date(-62135596800001)/",
        "éé-01-01",
        "2025-é1-01",
    ] {
        assert!(DateText::parse(text).is_err(), "{text}");
    }
}

#[test]
fn the_edges_of_time_are_read_and_written() {
    assert_eq!(read("0001-01-01T00:00:00").ticks, 0);
    assert_eq!(read("0001-01-01T00:00:00+14:00").ticks, -14 * 3600 * TICKS_PER_SECOND);
    assert_eq!(read("9999-12-31T23:59:59.9999999").ticks, 3_155_378_975_999_999_999);
    assert!(read("9999-12-31T23:59:59.9999999-14:00").ticks > 3_155_378_975_999_999_999);
    assert_eq!(utc_text(i64::MIN), "0001-01-01T00:00:00Z");
    assert_eq!(utc_text(i64::MAX), "9999-12-31T23:59:59.999Z");
    assert_eq!(ticks_to_unix_ms(i64::MIN), None);
    assert_eq!(ticks_to_unix_ms(1), None);
}

#[test]
fn utc_is_written_without_trailing_zeros() {
    assert_eq!(utc_text(0), "1970-01-01T00:00:00Z");
    assert_eq!(utc_text(10), "1970-01-01T00:00:00.01Z");
    assert_eq!(utc_text(-1), "1969-12-31T23:59:59.999Z");
    assert_eq!(utc_text(1_741_910_683_950), "2025-03-14T00:04:43.95Z");
}

#[test]
fn the_same_instant_needs_zones_or_the_same_text() {
    assert!(same_instant("2025-03-14T00:04:43Z", "2025-03-13T20:04:43.000-04:00"));
    assert!(!same_instant("2025-03-14T00:04:43Z", "2025-03-14T00:04:43"));
    assert!(!same_instant("2025-03-14T00:04:43", "2025-03-14 00:04:43"));
    assert!(!same_instant("2025-03-14T00:04:43Z", "2025-03-14T00:04:43.0000001Z"));
    assert!(same_instant("x", "x"));
    assert!(!same_instant("x", "y"));
}

#[test]
fn every_day_of_every_year_comes_back() {
    for number in 0..END_DAYS {
        let (year, month, day) = civil(number);
        assert_eq!(days(year, month, day), Some(number));
    }
}

proptest! {
    #[test]
    fn written_instants_are_read_back(instant in -62_135_596_800_000_i64..=253_402_300_799_999) {
        let text = utc_text(instant);
        let date = read(&text);
        prop_assert_eq!(date.kind, DateKind::Utc);
        prop_assert_eq!(ticks_to_unix_ms(date.ticks), Some(instant));
    }

    #[test]
    fn an_offset_never_changes_the_instant(
        instant in -62_000_000_000_000_i64..=253_000_000_000_000,
        minutes in -840_i64..=840,
    ) {
        let shifted = utc_text(instant + minutes * 60_000);
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        let text = format!("{}{sign}{hours:02}:{rest:02}", shifted.trim_end_matches('Z'));
        prop_assert!(same_instant(&utc_text(instant), &text), "{}", text);
    }

    #[test]
    fn no_text_panics(text in any::<String>(), near in r"[0-9/:.TZ+() Date-]{0,40}") {
        let _ = DateText::parse(&text);
        let _ = DateText::parse(&near);
        let _ = same_instant(&text, &near);
    }
}
