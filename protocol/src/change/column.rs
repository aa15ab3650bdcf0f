//! The columns of a change: run-length encoded values, differences, flags.

use crate::clock::{put_varint, take_varint};

/// Bytes of a column that are not read yet.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next bytes.
    pub fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// An unsigned number.
    pub fn unsigned(&mut self) -> Option<u64> {
        let (value, rest) = take_varint(self.0)?;
        self.0 = rest;
        Some(value)
    }

    /// A signed number (LEB128).
    pub fn signed(&mut self) -> Option<i64> {
        let mut value = 0i64;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            value |= i64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                let unused = 64 - (shift + 7).min(64);
                return Some(if byte & 0x40 != 0 { value << unused >> unused } else { value });
            }
        }
        None
    }
}

/// Writes a signed number (LEB128).
pub fn put_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        let done = (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0);
        out.push(if done { byte } else { byte | 0x80 });
        if done {
            return;
        }
    }
}

/// A value that columns hold.
pub trait Cell<'a>: Copy + PartialEq {
    /// Reads one.
    fn take(reader: &mut Reader<'a>) -> Option<Self>;
    /// Writes one.
    fn put(&self, out: &mut Vec<u8>);
}

impl Cell<'_> for u64 {
    fn take(reader: &mut Reader<'_>) -> Option<u64> {
        reader.unsigned()
    }
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, *self);
    }
}

impl Cell<'_> for i64 {
    fn take(reader: &mut Reader<'_>) -> Option<i64> {
        reader.signed()
    }
    fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, *self);
    }
}

impl<'a> Cell<'a> for &'a str {
    fn take(reader: &mut Reader<'a>) -> Option<&'a str> {
        let length = reader.unsigned()?;
        std::str::from_utf8(reader.take(length)?).ok()
    }
    fn put(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len() as u64);
        out.extend_from_slice(self.as_bytes());
    }
}

/// Reads a run-length encoded column of at most `most` cells. Runs are k > 0: one value k times, k < 0: -k
/// values, 0: so many nulls.
pub fn read_runs<'a, T: Cell<'a>>(column: &'a [u8], most: usize) -> Option<Vec<Option<T>>> {
    let mut reader = Reader(column);
    let mut out = Vec::new();
    while !reader.0.is_empty() {
        let run = reader.signed()?;
        let count = if run == 0 { reader.unsigned()? } else { run.unsigned_abs() };
        let room = most.checked_sub(out.len())?;
        let count = usize::try_from(count).ok().filter(|n| *n <= room)?;
        match run {
            0 => out.extend(std::iter::repeat_n(None, count)),
            1.. => out.extend(std::iter::repeat_n(Some(T::take(&mut reader)?), count)),
            _ => {
                for _ in 0..count {
                    out.push(Some(T::take(&mut reader)?));
                }
            }
        }
    }
    Some(out)
}

/// Reads a column of differences: each value is the sum of those before it.
pub fn read_differences(column: &[u8], most: usize) -> Option<Vec<Option<u64>>> {
    let mut sum = 0i64;
    let mut add = |difference: Option<i64>| match difference {
        Some(difference) => {
            sum = sum.checked_add(difference)?;
            Some(Some(u64::try_from(sum).ok()?))
        }
        None => Some(None),
    };
    read_runs::<i64>(column, most)?.into_iter().map(&mut add).collect()
}

/// Reads flags: how many false, how many true, and so on.
pub fn read_flags(column: &[u8], most: usize) -> Option<Vec<bool>> {
    let mut reader = Reader(column);
    let (mut out, mut value) = (Vec::new(), false);
    while !reader.0.is_empty() {
        let room = most.checked_sub(out.len())?;
        let count = usize::try_from(reader.unsigned()?).ok().filter(|n| *n <= room)?;
        out.extend(std::iter::repeat_n(value, count));
        value = !value;
    }
    Some(out)
}

/// Writes a run-length encoded column; nothing when every cell is null.
pub fn write_runs<'a, T: Cell<'a>>(cells: &[Option<T>]) -> Vec<u8> {
    let mut out = Vec::new();
    if cells.iter().all(Option::is_none) {
        return out;
    }
    let mut at = 0;
    while at < cells.len() {
        let same = cells[at..].iter().take_while(|cell| **cell == cells[at]).count();
        match cells[at] {
            None => {
                put_signed(&mut out, 0);
                put_varint(&mut out, same as u64);
                at += same;
            }
            Some(value) if same > 1 => {
                put_signed(&mut out, same as i64);
                value.put(&mut out);
                at += same;
            }
            Some(_) => at += write_literals(&cells[at..], &mut out),
        }
    }
    out
}

/// Writes values of which no two neighbours are equal; gives how many.
fn write_literals<'a, T: Cell<'a>>(cells: &[Option<T>], out: &mut Vec<u8>) -> usize {
    let single = |pair: &[Option<T>]| pair[0].is_some() && pair[0] != pair[1];
    let mut count = cells.windows(2).take_while(|pair| single(pair)).count();
    if count + 1 == cells.len() && cells[count].is_some() {
        count += 1;
    }
    put_signed(out, -(count as i64));
    cells[..count].iter().flatten().for_each(|value| value.put(out));
    count
}

/// Writes a column of differences.
pub fn write_differences(cells: &[Option<u64>]) -> Vec<u8> {
    let mut last = 0;
    let difference = |cell: &Option<u64>| {
        cell.map(|value| {
            let difference = value as i64 - last;
            last = value as i64;
            difference
        })
    };
    let differences: Vec<Option<i64>> = cells.iter().map(difference).collect();
    write_runs(&differences)
}

/// Writes flags.
pub fn write_flags(flags: impl IntoIterator<Item = bool>) -> Vec<u8> {
    let (mut out, mut last, mut count) = (Vec::new(), false, 0u64);
    for flag in flags {
        if flag != last {
            put_varint(&mut out, count);
            (last, count) = (flag, 0);
        }
        count += 1;
    }
    if count > 0 {
        put_varint(&mut out, count);
    }
    out
}
