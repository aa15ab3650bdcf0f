//! Dates and cursors: what is read names an instant, whose own text is read as the same one.

use quire_protocol::shapes::date::{DateText, same_instant, ticks_to_unix_ms, utc_text};

/// Ticks of the years that .NET knows, with the 14 hours that an offset may add at either end.
const YEARS: std::ops::Range<i64> = -14 * HOUR..3_652_059 * 24 * HOUR + 14 * HOUR;
const HOUR: i64 = 3600 * 10_000_000;

/// Reads the input as a date, and its first eight bytes as an instant.
pub fn check(data: &[u8]) {
    if let Some(ms) = data.first_chunk::<8>() {
        written(i64::from_le_bytes(*ms));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(date) = DateText::parse(text) else {
        assert!(same_instant(text, text), "a text is itself");
        return;
    };
    assert!(YEARS.contains(&date.ticks), "{text} is outside the years: {}", date.ticks);
    if let Some(ms) = ticks_to_unix_ms(date.ticks) {
        written(ms);
    }
}

/// An instant outside the years becomes the nearest inside, which is then written as itself.
fn written(ms: i64) {
    let text = utc_text(ms);
    let read = DateText::parse(&text).map(|date| ticks_to_unix_ms(date.ticks));
    let Ok(Some(again)) = read else { panic!("{ms} is written {text}, which is not read") };
    assert_eq!(utc_text(again), text);
    let inside = (-62_135_596_800_000..253_402_300_800_000).contains(&ms);
    assert!(!inside || again == ms, "{ms} became {again}");
}
