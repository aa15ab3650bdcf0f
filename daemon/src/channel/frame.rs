//! Frames: how messages become sealed bytes and back, without a socket.
//!
//! A frame is two bytes of length (big endian) and that many bytes of ciphertext, the last 16 its tag. The
//! plaintext of all frames is one stream: for each message its length (LEB128, shortest form) and its bytes.
//! A message may span frames and a frame may hold many messages. Frames are numbered from 0 in each
//! direction and never say so; the number is the nonce. After [`Rekey`] both sides change the key.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::{Buf, BytesMut};
use snow::StatelessTransportState;

use super::error::ChannelError;

/// The largest message in bytes: a batch of records of 1 MiB with room for what is around it.
pub const MAX_MESSAGE: usize = 1024 * 1024 + 64 * 1024;
/// A frame that carries nothing: the last word of a handshake.
pub const CONFIRMATION: usize = PREFIX + TAG;

const PREFIX: usize = 2;
const TAG: usize = 16;
/// What a Noise message can carry.
const MAX_PLAIN: usize = 65_535 - TAG;
/// Bytes of LEB128 that [`MAX_MESSAGE`] needs.
const MAX_LENGTH_BYTES: u32 = 3;
/// What an idle channel reserves for reading: ten thousand of them take 20 MB.
const LEAST_READ: usize = 2 * 1024;
/// What a busy channel reserves for reading: a whole frame.
const MOST_READ: usize = 64 * 1024;

/// When a direction changes its key: after whichever comes first. Counted alike on both sides.
#[derive(Debug, Clone, Copy)]
pub struct Rekey {
    /// Frames under one key.
    pub frames: u64,
    /// Bytes of ciphertext under one key.
    pub bytes: u64,
}

/// Far below what ChaCha20-Poly1305 allows, so that a stolen key opens little.
const REKEY: Rekey = Rekey { frames: 1 << 20, bytes: 1 << 30 };

/// The keys of both directions. Only a change of key takes the lock for writing, so that the two directions
/// do not wait for each other.
type Keys = Arc<RwLock<StatelessTransportState>>;

/// The two halves of a finished handshake.
pub(super) fn halves(transport: StatelessTransportState) -> (Sealer, Opener) {
    let keys = Arc::new(RwLock::new(transport));
    (Sealer { keys: keys.clone(), counter: Counter::new() }, Opener::new(keys))
}

/// Seals messages into frames.
#[derive(Debug)]
pub struct Sealer {
    keys: Keys,
    counter: Counter,
}

impl Sealer {
    /// Appends the frames of these messages, in order, to `out`. All or none: a message over
    /// [`MAX_MESSAGE`] is refused before anything is sealed.
    ///
    /// # Errors
    /// [`ChannelError::TooLarge`].
    pub fn seal<M: AsRef<[u8]>>(&mut self, messages: &[M], out: &mut BytesMut) -> Result<(), ChannelError> {
        let sizes = || messages.iter().map(|message| message.as_ref().len());
        if let Some(size) = sizes().find(|size| *size > MAX_MESSAGE) {
            return Err(ChannelError::TooLarge { size, limit: MAX_MESSAGE });
        }
        let total: usize = sizes().map(|size| size + MAX_LENGTH_BYTES as usize).sum();
        let mut plain = Vec::with_capacity(total.min(MAX_PLAIN));
        for message in messages {
            let (length, count) = length_bytes(message.as_ref().len());
            self.stream(&length[..count], &mut plain, out)?;
            self.stream(message.as_ref(), &mut plain, out)?;
        }
        if plain.is_empty() { Ok(()) } else { self.frame(&plain, out) }
    }

    /// The frame that carries nothing.
    pub(super) fn confirmation(&mut self) -> Result<Vec<u8>, ChannelError> {
        let mut out = BytesMut::new();
        self.frame(&[], &mut out)?;
        Ok(out.to_vec())
    }

    /// Changes the key at other thresholds; both sides must do it at the same place.
    #[cfg(test)]
    pub(super) fn set_rekey(&mut self, rekey: Rekey) {
        self.counter.rekey = rekey;
    }

    fn stream(
        &mut self,
        mut bytes: &[u8],
        plain: &mut Vec<u8>,
        out: &mut BytesMut,
    ) -> Result<(), ChannelError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(MAX_PLAIN - plain.len()));
            plain.extend_from_slice(now);
            bytes = later;
            if plain.len() == MAX_PLAIN {
                self.frame(plain, out)?;
                plain.clear();
            }
        }
        Ok(())
    }

    fn frame(&mut self, plain: &[u8], out: &mut BytesMut) -> Result<(), ChannelError> {
        let size = u16::try_from(plain.len() + TAG).map_err(|_| ChannelError::Malformed("frame too long"))?;
        let start = out.len() + PREFIX;
        out.extend_from_slice(&size.to_be_bytes());
        out.resize(start + usize::from(size), 0);
        let sealed = read(&self.keys).write_message(self.counter.nonce, plain, &mut out[start..]);
        sealed.map_err(|_| ChannelError::Closed)?;
        if self.counter.count(size) {
            self.keys.write().unwrap_or_else(PoisonError::into_inner).rekey_outgoing();
        }
        Ok(())
    }
}

/// Opens frames and puts messages together. Memory follows the bytes that have arrived, not the lengths
/// that were announced.
#[derive(Debug)]
pub struct Opener {
    keys: Keys,
    counter: Counter,
    wire: BytesMut,
    plain: BytesMut,
    message: Assembly,
    reserve: usize,
}

impl Opener {
    fn new(keys: Keys) -> Self {
        Self {
            keys,
            counter: Counter::new(),
            wire: BytesMut::new(),
            plain: BytesMut::new(),
            message: Assembly::default(),
            reserve: LEAST_READ,
        }
    }

    /// Where to append bytes from the wire, with room for some.
    pub fn space(&mut self) -> &mut BytesMut {
        if self.plain.is_empty() && self.plain.capacity() > self.reserve {
            self.plain = BytesMut::new();
        }
        if self.wire.is_empty() && self.wire.capacity() > 2 * self.reserve {
            self.wire = BytesMut::new();
        }
        self.wire.reserve(self.reserve);
        &mut self.wire
    }

    /// Says how many bytes came into [`space`](Self::space), so that the next one fits the traffic.
    pub fn arrived(&mut self, count: usize) {
        if count >= self.reserve {
            self.reserve = (self.reserve * 2).min(MOST_READ);
        } else if count < self.reserve / 4 {
            self.reserve = (self.reserve / 2).max(LEAST_READ);
        }
    }

    /// The next whole message, or none until more bytes arrive.
    ///
    /// # Errors
    /// [`ChannelError::Forged`], [`ChannelError::Malformed`], [`ChannelError::TooLarge`]. None can be mended:
    /// the stream has lost its place.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, ChannelError> {
        loop {
            if let Some(message) = self.message.take(&mut self.plain)? {
                return Ok(Some(message));
            }
            if !self.open_frame()? {
                return Ok(None);
            }
        }
    }

    /// Whether the stream may end here: between two messages.
    #[must_use]
    pub fn at_boundary(&self) -> bool {
        self.wire.is_empty() && self.plain.is_empty() && self.message.is_new()
    }

    /// Takes the frame that carries nothing.
    pub(super) fn confirm(&mut self, frame: &[u8]) -> Result<(), ChannelError> {
        let Some((prefix, sealed)) = frame.split_first_chunk::<PREFIX>() else {
            return Err(ChannelError::Forged);
        };
        if usize::from(u16::from_be_bytes(*prefix)) != TAG || sealed.len() != TAG {
            return Err(ChannelError::Forged);
        }
        self.open(sealed.into()).map(|_| ())
    }

    /// See [`Sealer::set_rekey`].
    #[cfg(test)]
    pub(super) fn set_rekey(&mut self, rekey: Rekey) {
        self.counter.rekey = rekey;
    }

    fn open_frame(&mut self) -> Result<bool, ChannelError> {
        let Some((prefix, rest)) = self.wire.split_first_chunk::<PREFIX>() else { return Ok(false) };
        let size = usize::from(u16::from_be_bytes(*prefix));
        if size <= TAG {
            return Err(ChannelError::Malformed("a frame that carries nothing"));
        }
        if rest.len() < size {
            return Ok(false);
        }
        self.wire.advance(PREFIX);
        let sealed = self.wire.split_to(size);
        self.plain = self.open(sealed)?;
        Ok(true)
    }

    fn open(&mut self, sealed: BytesMut) -> Result<BytesMut, ChannelError> {
        let size = u16::try_from(sealed.len()).map_err(|_| ChannelError::Forged)?;
        let mut plain = BytesMut::zeroed(sealed.len().saturating_sub(TAG));
        let opened = read(&self.keys).read_message(self.counter.nonce, &sealed, &mut plain);
        opened.map_err(|_| ChannelError::Forged)?;
        if self.counter.count(size) {
            self.keys.write().unwrap_or_else(PoisonError::into_inner).rekey_incoming();
        }
        Ok(plain)
    }
}

/// One direction's frame number and what its key has done. The number is never set back.
#[derive(Debug)]
struct Counter {
    nonce: u64,
    frames: u64,
    bytes: u64,
    rekey: Rekey,
}

impl Counter {
    fn new() -> Self {
        Self { nonce: 0, frames: 0, bytes: 0, rekey: REKEY }
    }

    /// Counts one frame and says whether the key must change before the next.
    fn count(&mut self, size: u16) -> bool {
        // At the last number snow refuses to seal or open, so this never goes round.
        self.nonce = self.nonce.saturating_add(1);
        self.frames += 1;
        self.bytes += u64::from(size);
        let due = self.frames >= self.rekey.frames || self.bytes >= self.rekey.bytes;
        if due {
            (self.frames, self.bytes) = (0, 0);
        }
        due
    }
}

/// A message that is arriving.
#[derive(Debug, Default)]
struct Assembly {
    length: usize,
    length_bytes: u32,
    length_known: bool,
    body: Vec<u8>,
}

impl Assembly {
    fn is_new(&self) -> bool {
        self.length_bytes == 0
    }

    /// Takes from `plain` what belongs to this message; gives it when it is whole.
    fn take(&mut self, plain: &mut BytesMut) -> Result<Option<Vec<u8>>, ChannelError> {
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
fn length_bytes(mut length: usize) -> ([u8; MAX_LENGTH_BYTES as usize], usize) {
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

fn read(keys: &Keys) -> RwLockReadGuard<'_, StatelessTransportState> {
    keys.read().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::tests::established;
    use super::*;

    /// One direction of an open channel.
    fn direction() -> (Sealer, Opener) {
        let (near, far) = established();
        (near.sealer, far.opener)
    }

    /// What the opener makes of one frame with this plaintext.
    fn opens(plain: &[u8]) -> (Opener, Result<Option<Vec<u8>>, ChannelError>) {
        let (mut sealer, mut opener) = direction();
        sealer.frame(plain, opener.space()).unwrap();
        let opened = opener.next_message();
        (opener, opened)
    }

    #[test]
    fn frames_that_carry_nothing_are_refused() {
        for size in [0_u16, 1, 15, 16] {
            let (_, mut opener) = direction();
            opener.space().extend_from_slice(&size.to_be_bytes());
            assert!(matches!(opener.next_message(), Err(ChannelError::Malformed(_))));
        }
        assert!(matches!(opens(&[]).1, Err(ChannelError::Malformed(_))));
    }

    #[test]
    fn the_largest_frame_is_waited_for_without_memory() {
        let (_, mut opener) = direction();
        opener.space().extend_from_slice(&[0xff, 0xff, 1, 2, 3]);
        assert!(opener.next_message().unwrap().is_none());
        opener.arrived(5);
        assert!(opener.space().capacity() <= 2 * LEAST_READ);
        let missing = vec![0; 65_535 - 3];
        opener.space().extend_from_slice(&missing);
        assert!(matches!(opener.next_message(), Err(ChannelError::Forged)));
    }

    #[test]
    fn an_announced_length_takes_no_memory() {
        let (length, count) = length_bytes(MAX_MESSAGE);
        let (mut opener, opened) = opens(&length[..count]);
        assert!(opened.unwrap().is_none());
        assert!(!opener.at_boundary());
        assert_eq!(opener.message.body.capacity(), 0);
        assert!(opener.space().capacity() <= 2 * LEAST_READ);
    }

    #[test]
    fn a_length_over_the_limit_or_misspelt_is_refused() {
        let over = length_bytes(MAX_MESSAGE + 1).0;
        assert!(matches!(opens(&over).1, Err(ChannelError::TooLarge { .. })));
        for bad in [&[0x80, 0][..], &[0x81, 0x80, 0], &[0x80, 0x80, 0x80], &[0xff, 0xff, 0xff, 0xff, 0x0f]] {
            assert!(opens(bad).1.is_err(), "{bad:?}");
        }
        assert_eq!(opens(&[0]).1.unwrap().unwrap(), b"");
    }

    #[test]
    fn lengths_are_written_as_they_are_read() {
        for size in
            [0, 1, 127, 128, 199, 16_383, 16_384, MAX_PLAIN - 3, MAX_PLAIN, MAX_PLAIN + 1, MAX_MESSAGE]
        {
            let (mut sealer, mut opener) = direction();
            let (small, large) = (vec![1; 3], vec![2; size]);
            sealer.seal(&[&small, &large, &small], opener.space()).unwrap();
            for expected in [&small, &large, &small] {
                assert!(opener.next_message().unwrap().unwrap() == *expected);
            }
            assert!(opener.at_boundary() && opener.next_message().unwrap().is_none());
        }
    }

    #[test]
    fn bytes_may_come_one_by_one() {
        let (mut sealer, mut opener) = direction();
        let mut wire = BytesMut::new();
        sealer.seal(&[b"one", b"two"], &mut wire).unwrap();
        sealer.seal(&[b"six"], &mut wire).unwrap();
        let mut messages = Vec::new();
        for byte in wire {
            opener.space().extend_from_slice(&[byte]);
            opener.arrived(1);
            messages.extend(std::iter::from_fn(|| opener.next_message().unwrap()));
        }
        assert_eq!(messages, [b"one", b"two", b"six"]);
    }

    #[test]
    fn a_frame_changed_repeated_or_left_out_is_forged() {
        for order in [[0, 0], [0, 2]] {
            let (mut sealer, mut opener) = direction();
            let mut frames = [BytesMut::new(), BytesMut::new(), BytesMut::new()];
            for wire in &mut frames {
                sealer.seal(&[b"same"], wire).unwrap();
            }
            assert_ne!(frames[0], frames[1]);
            opener.space().extend_from_slice(&frames[order[0]]);
            opener.next_message().unwrap().unwrap();
            opener.space().extend_from_slice(&frames[order[1]]);
            assert!(matches!(opener.next_message(), Err(ChannelError::Forged)));
        }
        for at in PREFIX..PREFIX + 1 + 4 + TAG {
            let (mut sealer, mut opener) = direction();
            sealer.seal(&[b"same"], opener.space()).unwrap();
            opener.wire[at] ^= 1;
            assert!(matches!(opener.next_message(), Err(ChannelError::Forged)));
        }
    }

    #[test]
    fn a_mirror_is_forged() {
        let (mut near, _) = established();
        near.sealer.seal(&[b"hello"], near.opener.space()).unwrap();
        assert!(matches!(near.opener.next_message(), Err(ChannelError::Forged)));
    }

    #[test]
    fn an_idle_opener_gives_its_memory_back() {
        let (mut sealer, mut opener) = direction();
        for _ in 0..8 {
            sealer.seal(&[vec![0; MAX_PLAIN]], opener.space()).unwrap();
            opener.arrived(MOST_READ);
            opener.next_message().unwrap().unwrap();
        }
        for _ in 0..8 {
            sealer.seal(&[b"x"], opener.space()).unwrap();
            opener.arrived(20);
            opener.next_message().unwrap().unwrap();
        }
        assert!(opener.space().capacity() <= 4 * LEAST_READ);
        assert!(opener.plain.capacity() <= LEAST_READ);
    }
}
