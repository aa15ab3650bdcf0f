//! An open channel: frames on a socket. What the bytes are is decided in [`frame`](super::frame).

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

use super::error::ChannelError;
use super::frame::{Opener, Sealer};
use super::handshake::Established;

/// What a sender keeps allocated between two messages.
const KEPT_OUT: usize = 2 * 1024;

/// An encrypted channel to one known device.
#[derive(Debug)]
pub struct Channel {
    sender: ChannelSender,
    receiver: ChannelReceiver,
    hash: [u8; 32],
    version: u8,
}

/// The sending half. Dropping it tells the other side that no more will come.
#[derive(Debug)]
pub struct ChannelSender {
    socket: OwnedWriteHalf,
    sealer: Sealer,
    opened: Instant,
    out: BytesMut,
    failed: bool,
}

/// The receiving half.
#[derive(Debug)]
pub struct ChannelReceiver {
    socket: OwnedReadHalf,
    opener: Opener,
    failed: bool,
}

impl Channel {
    pub(super) fn new(stream: TcpStream, done: Established) -> Result<Self, ChannelError> {
        stream.set_nodelay(true).map_err(ChannelError::io("setting up"))?;
        let (read, write) = stream.into_split();
        Ok(Self {
            sender: ChannelSender {
                socket: write,
                sealer: done.sealer,
                opened: Instant::now(),
                out: BytesMut::new(),
                failed: false,
            },
            receiver: ChannelReceiver { socket: read, opener: done.opener, failed: false },
            hash: done.hash,
            version: done.version,
        })
    }

    /// The Noise handshake hash: the same on both sides and on no other channel. What must hold for this
    /// channel alone is bound to it.
    #[must_use]
    pub fn handshake_hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The wire version that both sides speak.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Two halves, for two tasks.
    #[must_use]
    pub fn split(self) -> (ChannelSender, ChannelReceiver) {
        (self.sender, self.receiver)
    }

    /// As [`ChannelSender::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), ChannelError> {
        self.sender.send(message).await
    }

    /// As [`ChannelSender::send_batch`].
    ///
    /// # Errors
    /// As there.
    pub async fn send_batch(&mut self, messages: &[Vec<u8>]) -> Result<(), ChannelError> {
        self.sender.send_batch(messages).await
    }

    /// As [`ChannelReceiver::recv`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, ChannelError> {
        self.receiver.recv().await
    }

    #[cfg(test)]
    pub(super) fn set_rekey(&mut self, rekey: super::frame::Rekey) {
        self.sender.sealer.set_rekey(rekey);
        self.receiver.opener.set_rekey(rekey);
    }
}

impl ChannelSender {
    /// Sends one message and flushes. Cancelling it never tears the stream: the message then leaves with the
    /// next one.
    ///
    /// # Errors
    /// [`ChannelError::TooLarge`] (the channel stays usable), [`ChannelError::Io`], and
    /// [`ChannelError::Closed`] ever after.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), ChannelError> {
        self.send_all(&[message]).await
    }

    /// Sends messages in order with as few writes as the system allows. All are refused when one is too large.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_batch(&mut self, messages: &[Vec<u8>]) -> Result<(), ChannelError> {
        self.send_all(messages).await
    }

    /// Says that no more will come, after everything has left.
    ///
    /// # Errors
    /// [`ChannelError::Io`], [`ChannelError::Closed`].
    pub async fn close(mut self) -> Result<(), ChannelError> {
        self.flush().await?;
        self.socket.shutdown().await.map_err(ChannelError::io("closing"))
    }

    async fn send_all<M: AsRef<[u8]>>(&mut self, messages: &[M]) -> Result<(), ChannelError> {
        if self.failed {
            return Err(ChannelError::Closed);
        }
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let sealed = self.sealer.seal_at(messages, now, &mut self.out);
        self.failed = matches!(sealed, Err(ref error) if !matches!(error, ChannelError::TooLarge { .. }));
        sealed?;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), ChannelError> {
        while self.out.has_remaining() {
            let written = self.socket.write_buf(&mut self.out).await;
            let failure = match written {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(_) => continue,
                Err(error) => error,
            };
            self.failed = true;
            return Err(ChannelError::io("sending")(failure));
        }
        if self.out.capacity() > KEPT_OUT {
            self.out = BytesMut::new();
        }
        Ok(())
    }
}

impl ChannelReceiver {
    /// The next message; `None` when the other side ended the stream between two messages. Cancelling it
    /// loses nothing. Whether the end was meant is not authenticated: what matters is acknowledged by
    /// messages.
    ///
    /// # Errors
    /// [`ChannelError::Cut`] when it ended inside one, [`ChannelError::Forged`],
    /// [`ChannelError::Malformed`], [`ChannelError::TooLarge`], [`ChannelError::Io`]; all end the channel, and
    /// it is [`ChannelError::Closed`] ever after.
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, ChannelError> {
        if self.failed {
            return Err(ChannelError::Closed);
        }
        let received = self.next().await;
        self.failed = received.is_err();
        received
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, ChannelError> {
        loop {
            if let Some(message) = self.opener.next_message()? {
                return Ok(Some(message));
            }
            let count =
                self.socket.read_buf(self.opener.space()).await.map_err(ChannelError::io("receiving"))?;
            if count == 0 {
                return if self.opener.at_boundary() { Ok(None) } else { Err(ChannelError::Cut) };
            }
            self.opener.arrived(count);
        }
    }
}
