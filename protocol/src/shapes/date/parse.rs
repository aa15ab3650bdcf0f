//! The forms of a date text, read from left to right.

use super::{DateKind, DateText, END_TICKS, TICKS_PER_DAY, TICKS_PER_MS, TICKS_PER_SECOND, UNIX_TICKS, days};

/// The greatest offset that .NET takes, in minutes.
const MAX_OFFSET: i64 = 14 * 60;
const TICKS_PER_MINUTE: i64 = 60 * TICKS_PER_SECOND;
/// Enough digits for every millisecond of the years 1 to 9999.
const MAX_MS_DIGITS: usize = 15;

pub(super) fn date(text: &str) -> Option<DateText> {
    if let Some(inner) = text.strip_prefix("/Date(") {
        return milliseconds(inner.strip_suffix(")/")?);
    }
    let mut scan = Scan(text.as_bytes());
    let day = scan.day()?;
    let local = day * TICKS_PER_DAY + scan.time_of_day()?;
    let kind = scan.zone()?;
    if !scan.0.is_empty() || !(0..END_TICKS).contains(&local) {
        return None;
    }
    let offset = if let DateKind::Offset(minutes) = kind { i64::from(minutes) } else { 0 };
    Some(DateText { ticks: local - offset * TICKS_PER_MINUTE, kind })
}

/// The inside of `/Date(…)/`: the number is UTC whatever offset follows.
fn milliseconds(text: &str) -> Option<DateText> {
    let mut scan = Scan(text.as_bytes());
    let negative = scan.take(b'-');
    let ms = scan.number(1, MAX_MS_DIGITS)?;
    let kind = match scan.0 {
        [] => DateKind::Utc,
        _ => scan.offset()?,
    };
    let since = if negative { -ms } else { ms };
    let ticks = since.checked_mul(TICKS_PER_MS)?.checked_add(UNIX_TICKS)?;
    (scan.0.is_empty() && (0..END_TICKS).contains(&ticks)).then_some(DateText { ticks, kind })
}

/// What is still to be read.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    /// `yyyy-MM-dd` or `MM/dd/yyyy`.
    fn day(&mut self) -> Option<i64> {
        if self.0.get(4) == Some(&b'-') {
            let year = self.number(4, 4)?;
            self.need(b'-')?;
            let month = self.number(2, 2)?;
            self.need(b'-')?;
            return days(year, month, self.number(2, 2)?);
        }
        let month = self.number(1, 2)?;
        self.need(b'/')?;
        let day = self.number(1, 2)?;
        self.need(b'/')?;
        days(self.number(4, 4)?, month, day)
    }

    /// `THH:mm[:ss[.f…]]` in ticks, or nothing for midnight. 24:00 is the end of the day, as in ISO 8601.
    fn time_of_day(&mut self) -> Option<i64> {
        if !self.take(b'T') && !self.take(b't') && !self.take(b' ') {
            return Some(0);
        }
        let hour = self.number(2, 2)?;
        self.need(b':')?;
        let minute = self.number(2, 2)?;
        let mut ticks = (hour * 60 + minute) * TICKS_PER_MINUTE;
        if self.take(b':') {
            let second = self.number(2, 2)?;
            ticks += second * TICKS_PER_SECOND + self.fraction()?;
            if second > 59 {
                return None;
            }
        }
        (minute <= 59 && (hour <= 23 || ticks == TICKS_PER_DAY)).then_some(ticks)
    }

    /// The fraction of a second in ticks, rounded by its eighth digit.
    fn fraction(&mut self) -> Option<i64> {
        if !self.take(b'.') {
            return Some(0);
        }
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let digit = |at: usize| digits.get(at).map_or(0, |b| i64::from(b - b'0'));
        let ticks = (0..7).fold(0, |ticks, at| ticks * 10 + digit(at));
        (count > 0).then(|| ticks + i64::from(digit(7) >= 5))
    }

    fn zone(&mut self) -> Option<DateKind> {
        if self.0.is_empty() {
            return Some(DateKind::Unspecified);
        }
        if self.take(b'Z') || self.take(b'z') {
            return Some(DateKind::Utc);
        }
        self.offset()
    }

    /// `+hh:mm`, `+hhmm` or `+hh`.
    fn offset(&mut self) -> Option<DateKind> {
        let negative = self.take(b'-');
        if !negative {
            self.need(b'+')?;
        }
        let hours = self.number(2, 2)?;
        let colon = self.take(b':');
        let minutes = if colon || !self.0.is_empty() { self.number(2, 2)? } else { 0 };
        let total = hours * 60 + minutes;
        if minutes > 59 || total > MAX_OFFSET {
            return None;
        }
        i16::try_from(if negative { -total } else { total }).ok().map(DateKind::Offset)
    }

    /// A number of at least `least` and at most `most` digits; at most 18 fit.
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self.0.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        (count >= least).then(|| digits.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.0 {
            [first, rest @ ..] if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn need(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }
}
