//! Encrypted bytes: one value, or a stream of any length in chunks.
//!
//! A value is `nonce | XChaCha20-Poly1305`. A stream is such values of [`CHUNK`] bytes each but the last; what it belongs
//! to, the number of the chunk and whether it is the last are bound to each. So a stream that was cut, put together
//! anew or taken from elsewhere is an error, and any part of it can be read without the rest.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::random;

/// Bytes of a key.
pub const KEY: usize = 32;

/// A secret key, gone from memory when it is dropped.
pub type Secret = Zeroizing<[u8; KEY]>;

/// Long enough to be drawn at random: 24 bytes never meet again, and unlike a counter they stay apart in a copied or
/// restored folder, whose writers share the key.
pub const NONCE: usize = 24;
/// What Poly1305 adds.
pub const MAC: usize = 16;

/// Bytes of a chunk: a page of rows is read out of two or three, and they take a quarter of a percent more.
pub const CHUNK: usize = 16 * 1024;
const SEALED_CHUNK: usize = CHUNK + NONCE + MAC;

/// A cipher under this key.
pub fn cipher(key: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&**key).into())
}

/// A value as it rests; none for one that is longer than the cipher takes (256 GiB).
pub fn close(cipher: &XChaCha20Poly1305, bound_to: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE] = random::bytes();
    let sealed = cipher.encrypt(XNonce::from_slice(&nonce), Payload { msg: value, aad: bound_to }).ok()?;
    let mut out = Vec::with_capacity(NONCE + sealed.len());
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    Some(out)
}

/// The value, when nothing of it or of what it is bound to has changed.
pub fn open(cipher: &XChaCha20Poly1305, bound_to: &[u8], rests: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = rests.split_at_checked(NONCE)?;
    cipher.decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: bound_to }).ok()
}

/// What is bound to each chunk.
struct Binding {
    cipher: XChaCha20Poly1305,
    to: [u8; 32],
}

impl Binding {
    fn new(key: &Secret, belongs_to: &[u8]) -> Binding {
        Binding { cipher: cipher(key), to: *blake3::hash(belongs_to).as_bytes() }
    }

    fn of(&self, number: u64, is_last: bool) -> [u8; 41] {
        let mut bound = [0; 41];
        bound[..32].copy_from_slice(&self.to);
        bound[32..40].copy_from_slice(&number.to_be_bytes());
        bound[40] = u8::from(is_last);
        bound
    }
}

/// Encrypts what is written to it. Without [`finish`](Self::finish) it is a stream that was cut.
pub struct SealedWriter<W: Write> {
    out: W,
    binding: Binding,
    chunk: Vec<u8>,
    number: u64,
}

impl<W: Write> SealedWriter<W> {
    /// `belongs_to` says what the stream is of; its reader must say the same.
    pub fn new(out: W, key: &Secret, belongs_to: &[u8]) -> Self {
        Self { out, binding: Binding::new(key, belongs_to), chunk: Vec::with_capacity(CHUNK), number: 0 }
    }

    /// Writes the last chunk and gives back what was written to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn put(&mut self, is_last: bool) -> io::Result<()> {
        let bound = self.binding.of(self.number, is_last);
        let sealed = close(&self.binding.cipher, &bound, &self.chunk);
        self.out.write_all(&sealed.ok_or_else(|| io::Error::other("a chunk is too long"))?)?;
        self.chunk.clear();
        self.number += 1;
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits until it is known that more comes.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.put(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads a stream from any place.
pub struct SealedReader<R: Read + Seek> {
    from: R,
    binding: Binding,
    /// Where the first chunk begins.
    start: u64,
    /// How many there are.
    chunks: u64,
    /// Bytes of the last one as it rests.
    last: usize,
    at: u64,
    chunk: Zeroizing<Vec<u8>>,
    number: Option<u64>,
}

impl<R: Read + Seek> SealedReader<R> {
    /// Of the stream that begins where `from` is and ends with it.
    ///
    /// # Errors
    /// When there is no such stream, or it cannot be read.
    pub fn new(mut from: R, key: &Secret, belongs_to: &[u8]) -> io::Result<Self> {
        let start = from.stream_position()?;
        let length = from.seek(SeekFrom::End(0))?.saturating_sub(start);
        let chunks = length.div_ceil(SEALED_CHUNK as u64);
        let whole = chunks.saturating_sub(1) * SEALED_CHUNK as u64;
        let last = usize::try_from(length - whole).map_err(io::Error::other)?;
        if last < NONCE + MAC {
            return Err(damaged());
        }
        let binding = Binding::new(key, belongs_to);
        let chunk = Zeroizing::new(Vec::new());
        Ok(Self { from, binding, start, chunks, last, at: 0, chunk, number: None })
    }

    /// Bytes of what was written.
    pub fn length(&self) -> u64 {
        (self.chunks - 1) * CHUNK as u64 + (self.last - NONCE - MAC) as u64
    }

    fn load(&mut self, number: u64) -> io::Result<()> {
        if self.number == Some(number) {
            return Ok(());
        }
        self.number = None;
        let is_last = number + 1 == self.chunks;
        let mut rests = vec![0; if is_last { self.last } else { SEALED_CHUNK }];
        self.from.seek(SeekFrom::Start(self.start + number * SEALED_CHUNK as u64))?;
        self.from.read_exact(&mut rests)?;
        let bound = self.binding.of(number, is_last);
        self.chunk = Zeroizing::new(open(&self.binding.cipher, &bound, &rests).ok_or_else(damaged)?);
        self.number = Some(number);
        Ok(())
    }
}

impl<R: Read + Seek> Read for SealedReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // Also when nothing is left: that the stream ends here is known from its last chunk alone.
        let number = (self.at / CHUNK as u64).min(self.chunks - 1);
        self.load(number)?;
        let within = self.at - number * CHUNK as u64;
        let rest =
            usize::try_from(within).ok().and_then(|within| self.chunk.get(within..)).unwrap_or_default();
        let taken = rest.len().min(out.len());
        out[..taken].copy_from_slice(&rest[..taken]);
        self.at += taken as u64;
        Ok(taken)
    }
}

impl<R: Read + Seek> Seek for SealedReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.length().checked_add_signed(by),
        };
        self.at = to.ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

fn damaged() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "it is damaged, or belongs to something else")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Cursor;

    use super::*;

    fn key() -> Secret {
        Zeroizing::new([7; KEY])
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut writer = SealedWriter::new(Vec::new(), &key(), b"a file");
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8], belongs_to: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        SealedReader::new(Cursor::new(bytes), &key(), belongs_to)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn some(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n * 7 + n / 251) as u8).collect()
    }

    #[test]
    fn what_is_written_is_read_whole_and_from_any_place() {
        for length in [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5] {
            let (plain, rests) = (some(length), sealed(&some(length)));
            assert_eq!(read(&rests, b"a file").unwrap(), plain);
            let mut reader = SealedReader::new(Cursor::new(&rests), &key(), b"a file").unwrap();
            assert_eq!(reader.length(), length as u64);
            for at in [length, length / 2, length.saturating_sub(1), 0, CHUNK.min(length)] {
                reader.seek(SeekFrom::Start(at as u64)).unwrap();
                let mut rest = Vec::new();
                reader.read_to_end(&mut rest).unwrap();
                assert!(rest == plain[at..], "{length} from {at}");
            }
        }
    }

    #[test]
    fn a_stream_that_was_cut_or_edited_or_moved_is_an_error() {
        let rests = sealed(&some(2 * CHUNK + 50));
        assert!(read(&rests, b"another file").is_err());
        for length in [0, 39, 40, SEALED_CHUNK, 2 * SEALED_CHUNK, rests.len() - 1] {
            assert!(read(&rests[..length], b"a file").is_err(), "cut to {length}");
        }
        for at in (0..rests.len()).step_by(97) {
            let mut edited = rests.clone();
            edited[at] ^= 1;
            assert!(read(&edited, b"a file").is_err(), "edited at {at}");
        }
        let (first, rest) = rests.split_at(SEALED_CHUNK);
        let (second, last) = rest.split_at(SEALED_CHUNK);
        assert!(read(&[second, first, last].concat(), b"a file").is_err(), "chunks in another order");
        assert!(read(&[first, last].concat(), b"a file").is_err(), "a chunk is missing");
        assert!(read(&[&rests[..], last].concat(), b"a file").is_err(), "something behind it");
    }
}
