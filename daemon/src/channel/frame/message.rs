//! Messages in the stream of all frames' plaintext: each its length (LEB128, shortest form) and its bytes.

use bytes::{Buf, BytesMut};

use super::super::error::ChannelError;
use super::MAX_MESSAGE;

/// Bytes of LEB128 that [`MAX_MESSAGE`] needs.
pub(super) const MAX_LENGTH_BYTES: u32 = 3;

/// A message that is arriving.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    length: usize,
    length_bytes: u32,
    length_known: bool,
    pub(super) body: Vec<u8>,
}

impl Assembly {
    pub(super) fn is_new(&self) -> bool {
        self.length_bytes == 0
    }

    /// Takes from `plain` what belongs to this message; gives it when it is whole.
    pub(super) fn take(&mut self, plain: &mut BytesMut) -> Result<Option<Vec<u8>>, ChannelError> {
        while !self.length_known {
            if plain.is_empty() {
                return Ok(None);
            }
            self.take_length_byte(plain.get_u8())?;
        }
        let now = plain.len().min(self.length - self.body.len());
        self.body.extend_from_slice(&plain[..now]);
        plain.advance(now);
        if self.body.len() < self.length {
            return Ok(None);
        }
        Ok(Some(std::mem::take(self).body))
    }

    fn take_length_byte(&mut self, byte: u8) -> Result<(), ChannelError> {
        self.length |= usize::from(byte & 0x7f) << (7 * self.length_bytes);
        self.length_bytes += 1;
        self.length_known = byte & 0x80 == 0;
        if self.length_known && byte == 0 && self.length_bytes > 1 {
            return Err(ChannelError::Malformed("a length not in its shortest form"));
        }
        if !self.length_known && self.length_bytes == MAX_LENGTH_BYTES {
            return Err(ChannelError::Malformed("a length without an end"));
        }
        if self.length > MAX_MESSAGE {
            return Err(ChannelError::TooLarge { size: self.length, limit: MAX_MESSAGE });
        }
        Ok(())
    }
}

/// A length up to [`MAX_MESSAGE`] as LEB128, and how many of the bytes are used.
pub(super) fn length_bytes(mut length: usize) -> ([u8; MAX_LENGTH_BYTES as usize], usize) {
    const { assert!(MAX_MESSAGE < 1 << (7 * MAX_LENGTH_BYTES)) };
    let mut bytes = [0; MAX_LENGTH_BYTES as usize];
    let mut count = 0;
    loop {
        bytes[count] = (length & 0x7f) as u8;
        length >>= 7;
        count += 1;
        if length == 0 {
            return (bytes, count);
        }
        bytes[count - 1] |= 0x80;
    }
}
