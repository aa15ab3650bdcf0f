//! Rows as a stream of bytes: `mark | flags u8`, then for each row `key length u32 | value length u32 | key | value`, and
//! at the end a key length of zero and the number of rows as u64, all big-endian. Keys rise, so no row is there twice.

use std::io::{self, ErrorKind, Read};

/// What the stream begins with.
pub const MARK: &[u8; 8] = b"QUIREDB1";
/// Flag: the store it is of is encrypted.
const ENCRYPTED: u8 = 1;

/// What is done with each row.
pub(super) type Take<'a, E> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<(), E>;

/// Longest key: names on the shelf have 256 bytes, all others are shorter.
pub const MAX_KEY: usize = 1024;
/// Longest value: the store keeps values of 16 MiB in parts; documents of long histories are the largest rows.
pub const MAX_VALUE: usize = 256 * 1024 * 1024;

/// Writes the stream, a piece at a time.
#[derive(Default)]
pub struct Encoder {
    count: u64,
}

impl Encoder {
    /// The first bytes.
    pub fn begin(encrypted: bool) -> Vec<u8> {
        let mut out = MARK.to_vec();
        out.push(if encrypted { ENCRYPTED } else { 0 });
        out
    }

    /// Adds a row.
    pub fn row(&mut self, key: &[u8], value: &[u8], out: &mut Vec<u8>) {
        // Both are far below 4 GiB: the store's own bounds.
        out.extend_from_slice(&(key.len() as u32).to_be_bytes());
        out.extend_from_slice(&(value.len() as u32).to_be_bytes());
        out.extend_from_slice(key);
        out.extend_from_slice(value);
        self.count += 1;
    }

    /// Adds the end.
    pub fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.count.to_be_bytes());
    }
}

/// Reads a stream to its end; gives whether it is of an encrypted store.
///
/// # Errors
/// When it is no such stream, does not end as it must, or `each` fails.
pub fn read<E: From<io::Error>>(from: &mut impl Read, each: Take<'_, E>) -> Result<bool, E> {
    let mut head = [0; MARK.len() + 1];
    from.read_exact(&mut head)?;
    if head[..MARK.len()] != MARK[..] || head[MARK.len()] & !ENCRYPTED != 0 {
        return Err(bad("it holds something else, or is of a newer Quire").into());
    }
    let (mut last, mut value, mut count) = (Vec::new(), Vec::new(), 0);
    loop {
        let key_length = number(from)? as usize;
        if key_length == 0 {
            break;
        }
        let value_length = number(from)? as usize;
        if key_length > MAX_KEY || value_length > MAX_VALUE {
            return Err(bad("a row is longer than any can be").into());
        }
        let mut key = Vec::new();
        take(from, key_length, &mut key)?;
        take(from, value_length, &mut value)?;
        if key <= last || !key[0].is_ascii_alphabetic() {
            return Err(bad("its rows are not in order").into());
        }
        each(&key, &value)?;
        (last, count) = (key, count + 1);
    }
    let mut said = [0; 8];
    from.read_exact(&mut said)?;
    if u64::from_be_bytes(said) != count || from.read(&mut [0])? != 0 {
        return Err(bad("it does not end as it must").into());
    }
    Ok(head[MARK.len()] & ENCRYPTED != 0)
}

/// Memory is taken as bytes arrive, whatever was announced.
fn take(from: &mut impl Read, length: usize, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    if from.take(length as u64).read_to_end(into)? < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn number(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn bad(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    type Row = (Vec<u8>, Vec<u8>);

    fn stream(rows: &[(&[u8], &[u8])]) -> Vec<u8> {
        let (mut out, mut encoder) = (Encoder::begin(true), Encoder::default());
        rows.iter().for_each(|(key, value)| encoder.row(key, value, &mut out));
        encoder.end(&mut out);
        out
    }

    fn rows(mut bytes: &[u8]) -> io::Result<Vec<Row>> {
        let mut rows = Vec::new();
        assert!(read::<io::Error>(&mut bytes, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            Ok(())
        })?);
        Ok(rows)
    }

    #[test]
    fn rows_come_back_and_no_cut_stream_does() {
        let bytes = stream(&[(b"a", b""), (b"b1", b"two"), (b"b2", &[7; 1000])]);
        assert_eq!(rows(&bytes).unwrap().len(), 3);
        for length in 0..bytes.len() {
            assert!(rows(&bytes[..length]).is_err(), "cut to {length}");
        }
        assert!(rows(&[&bytes[..], &[0]].concat()).is_err(), "something behind it");
    }

    #[test]
    fn what_no_store_writes_is_refused_without_taking_memory() {
        let head = Encoder::begin(false);
        let cases: [(&str, Vec<u8>); 6] = [
            ("keys out of order", stream(&[(b"b", b""), (b"a", b"")])),
            ("a key twice", stream(&[(b"b", b""), (b"b", b"")])),
            ("a key of the seal", stream(&[(b"0tag", b"")])),
            ("a long key", [&head[..], &[0, 0, 8, 0], &[0; 4], &[b'a'; 2048]].concat()),
            ("4 GiB announced", [&head[..], &[0, 0, 0, 1], &[255; 4], b"a"].concat()),
            ("256 MiB announced", [&head[..], &[0, 0, 0, 1], &[16, 0, 0, 0], b"a"].concat()),
        ];
        for (what, bytes) in &cases {
            assert!(read::<io::Error>(&mut &bytes[..], &mut |_, _| Ok(())).is_err(), "{what}");
        }
        eprintln!("inputs passed: rows of a backup {0} of {0}", cases.len());
    }
}
