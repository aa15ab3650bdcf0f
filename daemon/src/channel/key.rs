//! The X25519 key pair by which a device is known on the wire.

use std::fmt;

use snow::params::DHChoice;
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::Dh;
use zeroize::{Zeroize, Zeroizing};

use super::error::ChannelError;

/// A device's static Noise key. The private half is wiped on drop and never shown by `Debug`.
pub struct StaticKey {
    private: [u8; 32],
    public: [u8; 32],
}

impl StaticKey {
    /// A new key from the system's randomness.
    ///
    /// # Errors
    /// [`ChannelError::Random`].
    pub fn generate() -> Result<Self, ChannelError> {
        let mut private = Zeroizing::new([0; 32]);
        getrandom::fill(private.as_mut()).map_err(ChannelError::Random)?;
        Ok(Self::from_private(*private))
    }

    /// The key whose private half was kept in the store.
    #[must_use]
    pub fn from_private(private: [u8; 32]) -> Self {
        let mut public = [0; 32];
        public.copy_from_slice(curve(&private).pubkey());
        Self { private, public }
    }

    /// The public half: what other devices know this one by.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    /// The private half, for keeping in the store.
    #[must_use]
    pub fn private_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.private)
    }

    pub(super) fn private(&self) -> &[u8; 32] {
        &self.private
    }
}

impl Drop for StaticKey {
    fn drop(&mut self) {
        self.private.zeroize();
    }
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticKey").finish_non_exhaustive()
    }
}

/// Whether `public` is a point of small order. With such a key every shared secret is zero, so anybody
/// could speak in its name; snow does not look.
pub(super) fn is_weak(public: &[u8; 32]) -> bool {
    let mut shared = [0; 32];
    let computed = curve(&[0x42; 32]).dh(public, &mut shared);
    computed.is_err() || shared == [0; 32]
}

fn curve(private: &[u8; 32]) -> Box<dyn Dh> {
    #[allow(clippy::expect_used)] // Which curves exist was settled when snow was compiled.
    let mut curve = DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("snow is built with Curve25519");
    curve.set(private);
    curve
}
