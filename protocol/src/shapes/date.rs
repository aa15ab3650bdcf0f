//! .NET `DateTime` texts: which ones are valid, which instant they name, and how one is written.
//!
//! Dates in items stay text, digit for digit; this is for checking them, comparing them and for cursors. Nothing
//! here knows what time it is.

mod parse;

use thiserror::Error;

/// Ticks in a second; a tick is 100 ns, the resolution of .NET's `DateTime`.
pub const TICKS_PER_SECOND: i64 = 10_000_000;
const TICKS_PER_MS: i64 = 10_000;
const MS_PER_DAY: i64 = 86_400_000;
const TICKS_PER_DAY: i64 = MS_PER_DAY * TICKS_PER_MS;
/// Days from 0001-01-01 to 1970-01-01.
const UNIX_DAYS: i64 = 719_162;
const UNIX_TICKS: i64 = UNIX_DAYS * TICKS_PER_DAY;
/// Days from 0001-01-01 to 10000-01-01, the first that .NET cannot hold.
const END_DAYS: i64 = 3_652_059;
const END_TICKS: i64 = END_DAYS * TICKS_PER_DAY;

/// What a date text says about its time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateKind {
    /// `Z`, or `/Date(ms)/`.
    Utc,
    /// An offset from UTC in minutes, within ±14 hours.
    Offset(i16),
    /// Nothing: the reader's own guess.
    Unspecified,
}

/// What a date text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateText {
    /// The instant, in ticks since 0001-01-01T00:00:00 UTC; without a zone, as if it were UTC. With an offset it can
    /// lie up to 14 hours outside the years 1 to 9999.
    pub ticks: i64,
    /// What the text says about its zone.
    pub kind: DateKind,
}

/// A text that is not a date in any of the forms that documented servers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a date: expected a form like 2025-03-13T20:04:43.957Z")]
pub struct NotADate;

impl DateText {
    /// Reads ISO dates (a `T` or a blank before the time; any number of fraction digits, rounded to seven; `Z`, an
    /// offset or nothing), `yyyy-MM-dd`, `MM/dd/yyyy HH:mm:ss`, `/Date(ms)/` and `/Date(ms+0200)/`.
    ///
    /// # Errors
    /// [`NotADate`] for any other text, and for days and times that do not exist in the years 1 to 9999.
    pub fn parse(text: &str) -> Result<DateText, NotADate> {
        parse::date(text).ok_or(NotADate)
    }
}

/// A UTC instant, in milliseconds since 1970, as .NET writes it: `yyyy-MM-ddTHH:mm:ss.FFFZ` without trailing zeros,
/// and without a fraction where there is none. Instants outside the years 1 to 9999 become the nearest inside.
pub fn utc_text(ms_since_unix_epoch: i64) -> String {
    let (least, end) = (-UNIX_DAYS * MS_PER_DAY, (END_DAYS - UNIX_DAYS) * MS_PER_DAY);
    let ms = ms_since_unix_epoch.clamp(least, end - 1);
    let (year, month, day) = civil(ms.div_euclid(MS_PER_DAY) + UNIX_DAYS);
    let rest = ms.rem_euclid(MS_PER_DAY);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    let fraction = match rest % 1_000 {
        0 => String::new(),
        ms => format!(".{ms:03}").trim_end_matches('0').to_owned(),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Whether two date texts surely mean one instant: equal texts, or both with a zone and the same ticks.
pub fn same_instant(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (DateText::parse(a), DateText::parse(b)) {
        (Ok(a), Ok(b)) => {
            a.kind != DateKind::Unspecified && b.kind != DateKind::Unspecified && a.ticks == b.ticks
        }
        _ => false,
    }
}

/// Ticks as milliseconds since 1970; `None` where the instant is not a whole millisecond.
pub fn ticks_to_unix_ms(ticks: i64) -> Option<i64> {
    let ticks = ticks.checked_sub(UNIX_TICKS)?;
    (ticks % TICKS_PER_MS == 0).then_some(ticks / TICKS_PER_MS)
}

/// The day's number since 0001-01-01 in the Gregorian calendar; `None` for a day that does not exist.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return None;
    }
    let past = year - 1;
    let whole_years = past * 365 + past / 4 - past / 100 + past / 400;
    let whole_months: i64 = (1..month).map(|month| month_days(year, month)).sum();
    Some(whole_years + whole_months + day - 1)
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The year, month and day of a day's number: the inverse of [`days`], over years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 306;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;
