//! Frames: how messages become sealed bytes and back, without a socket.
//!
//! A frame is two bytes of length (big endian) and that many bytes of ciphertext, the last 16 its tag. The
//! plaintext of all frames is one stream: for each message its length (LEB128, shortest form) and its bytes.
//! A message may span frames and a frame may hold many messages. Frames are numbered from 0 in each
//! direction and never say so; the number is the nonce. After [`Rekey`] both sides change the key.
//!
//! A frame that carries nothing says that its direction's key changes right behind it: whoever sends has had that key for
//! too long. Two of them in a row are refused, so that a change of key always costs its sender a message.

mod message;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::{Buf, BytesMut};
use quire_protocol::session::Millis;
use snow::StatelessTransportState;

use super::error::ChannelError;
use message::{Assembly, MAX_LENGTH_BYTES, length_bytes};

/// The largest message in bytes: a batch of records of 1 MiB with room for what is around it.
pub const MAX_MESSAGE: usize = 1024 * 1024 + 64 * 1024;
/// A frame that carries nothing: the last word of a handshake.
pub const CONFIRMATION: usize = PREFIX + TAG;

const PREFIX: usize = 2;
const TAG: usize = 16;
/// What a Noise message can carry.
const MAX_PLAIN: usize = 65_535 - TAG;
/// What an idle channel reserves for reading: ten thousand of them take 20 MB.
const LEAST_READ: usize = 2 * 1024;
/// What a busy channel reserves for reading: a whole frame.
const MOST_READ: usize = 64 * 1024;

/// When a direction changes its key: after whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct Rekey {
    /// Frames under one key. Counted alike on both sides.
    pub frames: u64,
    /// Bytes of ciphertext under one key. Counted alike on both sides.
    pub bytes: u64,
    /// Milliseconds from one change to the next message that makes another. Only the sender looks, and says so.
    pub age: Millis,
}

/// Far below what ChaCha20-Poly1305 allows, so that a stolen key opens little: a GiB, or what was said in an hour.
const REKEY: Rekey = Rekey { frames: 1 << 20, bytes: 1 << 30, age: 60 * 60 * 1000 };

/// The keys of both directions. Only a change of key takes the lock for writing, so that the two directions
/// do not wait for each other.
type Keys = Arc<RwLock<StatelessTransportState>>;

/// The two halves of a finished handshake.
pub(super) fn halves(transport: StatelessTransportState) -> (Sealer, Opener) {
    let keys = Arc::new(RwLock::new(transport));
    (Sealer { keys: keys.clone(), counter: Counter::new(), renewed: 0 }, Opener::new(keys))
}

/// Seals messages into frames.
#[derive(Debug)]
pub struct Sealer {
    keys: Keys,
    counter: Counter,
    /// When the key last changed for its age.
    renewed: Millis,
}

impl Sealer {
    /// Appends the frames of these messages, in order, to `out`. All or none: a message over
    /// [`MAX_MESSAGE`] is refused before anything is sealed.
    ///
    /// # Errors
    /// [`ChannelError::TooLarge`].
    pub fn seal<M: AsRef<[u8]>>(&mut self, messages: &[M], out: &mut BytesMut) -> Result<(), ChannelError> {
        self.seal_at(messages, self.renewed, out)
    }

    /// The same, `now` milliseconds after the channel was opened: a key that is too old is changed first.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_at<M: AsRef<[u8]>>(
        &mut self,
        messages: &[M],
        now: Millis,
        out: &mut BytesMut,
    ) -> Result<(), ChannelError> {
        let sizes = || messages.iter().map(|message| message.as_ref().len());
        if let Some(size) = sizes().find(|size| *size > MAX_MESSAGE) {
            return Err(ChannelError::TooLarge { size, limit: MAX_MESSAGE });
        }
        if !messages.is_empty() && now.saturating_sub(self.renewed) >= self.counter.rekey.age {
            self.change_key(now, out)?;
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

    /// Says that the key changes, and changes it.
    fn change_key(&mut self, now: Millis, out: &mut BytesMut) -> Result<(), ChannelError> {
        self.frame(&[], out)?;
        self.keys.write().unwrap_or_else(PoisonError::into_inner).rekey_outgoing();
        self.counter.begin_anew();
        self.renewed = now;
        Ok(())
    }

    /// The frame that carries nothing, as the last word of a handshake.
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
    /// The last frame carried nothing.
    changed: bool,
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
            changed: false,
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
        if size < TAG {
            return Err(ChannelError::Malformed("a frame without a tag"));
        }
        if size == TAG && self.changed {
            return Err(ChannelError::Malformed("a key that changes twice and seals nothing"));
        }
        if rest.len() < size {
            return Ok(false);
        }
        self.wire.advance(PREFIX);
        let sealed = self.wire.split_to(size);
        self.plain = self.open(sealed)?;
        self.changed = size == TAG;
        if self.changed {
            self.keys.write().unwrap_or_else(PoisonError::into_inner).rekey_incoming();
            self.counter.begin_anew();
        }
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
            self.begin_anew();
        }
        due
    }

    /// The key is a new one.
    fn begin_anew(&mut self) {
        (self.frames, self.bytes) = (0, 0);
    }
}

fn read(keys: &Keys) -> RwLockReadGuard<'_, StatelessTransportState> {
    keys.read().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
