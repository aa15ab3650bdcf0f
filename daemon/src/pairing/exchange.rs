//! What the two devices say once the code has made a channel between them.
//!
//! ```text
//!   acceptor                                       inviter
//!   Hello: card, credentials, proof  ──────────▶   card, proof hold? write: invited
//!   grants acceptable?  ◀──────────  Hello: card, credentials, proof, grants
//!   write: trusted, then TAKEN  ────────────────▶  write: trusted
//!   done  ◀───────────────────────────────────── TAKEN
//! ```
//!
//! A crash before the acceptor's write leaves the two unpaired: whom the inviter keeps as invited does not know of
//! it. One after that leaves them half paired, and the acceptor's first session heals it: an invited device is let in,
//! and trusted from then on.

use std::time::Duration;

use quire_protocol::id::{DeviceId, Space};
use quire_protocol::identity::{DeviceCard, Rights, Scope};
use quire_protocol::limits::MAX_ROSTER;
use quire_protocol::message::Credentials;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::timeout;

use super::{AcceptError, Redeemed};
use crate::channel::{Channel, ChannelError};
use crate::engine::{Engine, EngineError};

/// How long the whole exchange may take: four messages and two commits.
const DEADLINE: Duration = Duration::from_secs(10);

/// Spaces that one invitation can grant.
const MAX_GRANTS: usize = 1024;

/// The other side has written.
const TAKEN: &[u8] = &[1];
/// The other side will not: it holds one of the granted spaces.
const HOLDS: &[u8] = &[2];
/// The other side could not.
const FAILED: &[u8] = &[3];

/// Signed words of the proof; nothing else that a device signs begins with them.
const PROOF: &[u8] = b"quire pairing 1";

/// Spaces and rights in them; `None` is everything.
pub(super) type Grants = Option<Vec<(Space, Rights)>>;

/// A channel to an inviter.
pub(super) struct Found {
    pub(super) channel: Channel,
    pub(super) public: [u8; 32],
    pub(super) place: String,
}

/// Why two devices with the code did not pair.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// The channel failed or the other side left.
    #[error("the connection was lost while pairing: {0}")]
    Lost(String),
    /// The other side is not who it says, or says what cannot be read.
    #[error("the other device did not prove who it is")]
    Unproven,
    /// The acceptor holds a granted space already, or could not write.
    #[error("the other device did not take the invitation")]
    Declined,
    /// This side could not write.
    #[error("{0}")]
    Engine(#[from] EngineError),
}

/// The side of the exchange, as it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Inviter = b'i' as isize,
    Acceptor = b'a' as isize,
}

/// Who somebody is, and what it grants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Hello {
    card: DeviceCard,
    credentials: Credentials,
    proof: Vec<u8>,
    /// Of the inviter: `None` is everything. The acceptor says `None`.
    grants: Option<Vec<(Space, Rights)>>,
}

/// The inviter's part, with a device that has redeemed the invitation.
pub(crate) async fn answer(
    engine: &Engine,
    channel: Channel,
    public: [u8; 32],
    redeemed: Redeemed,
) -> Result<DeviceId, ExchangeError> {
    let work = answer_unbounded(engine, channel, public, redeemed.0);
    timeout(DEADLINE, work).await.unwrap_or_else(|_| Err(late()))
}

async fn answer_unbounded(
    engine: &Engine,
    mut channel: Channel,
    public: [u8; 32],
    grants: Option<Vec<(Space, Rights)>>,
) -> Result<DeviceId, ExchangeError> {
    let hash = channel.handshake_hash();
    let theirs = Hello::read(&receive(&mut channel).await?, &public, &hash, Role::Acceptor)?;
    let device = theirs.card.id();
    let credentials = engine.credentials_for(device);
    engine.invite(theirs.card.clone(), granted(grants.clone())).await?;
    let mine =
        Hello::say(engine.card(), credentials, grants.clone(), &statement(&hash, Role::Inviter), |s| {
            engine.sign(s)
        });
    channel.send(&mine.write()).await?;
    if receive(&mut channel).await? != TAKEN {
        engine.uninvite(device).await?;
        return Err(ExchangeError::Declined);
    }
    let written = engine.add_peer(theirs.card, granted(grants), theirs.credentials, Vec::new()).await;
    let confirmation = if written.is_ok() { TAKEN } else { FAILED };
    let told = channel.send(confirmation).await;
    written?;
    if let Err(error) = told {
        tracing::debug!(peer = %device, %error, "the acceptor left before it was confirmed");
    }
    Ok(device)
}

/// The acceptor's part. Gives the inviter's card and what it grants.
pub(super) async fn accept(engine: &Engine, found: Found) -> Result<(DeviceCard, Grants), AcceptError> {
    let Found { mut channel, public, place } = found;
    let hello = timeout(DEADLINE, introduce(engine, &mut channel, &public)).await;
    let theirs = hello.unwrap_or_else(|_| Err(late())).map_err(unreachable)?;
    if let Some(held) = already_held(engine, &theirs) {
        decline(&mut channel, HOLDS).await;
        return Err(AcceptError::AlreadyHolds(held));
    }
    let scopes = trusted_with(theirs.grants.clone());
    let written = engine.add_peer(theirs.card.clone(), scopes, theirs.credentials, vec![place]).await;
    if written.is_err() {
        decline(&mut channel, FAILED).await;
    }
    written?;
    match timeout(DEADLINE, confirm(&mut channel)).await {
        Ok(Ok(confirmation)) if confirmation == FAILED => Err(AcceptError::Unreachable(
            "the other device could not keep the pairing; pair again".to_owned(),
        )),
        // A lost confirmation says nothing; this side has written.
        _ => Ok((theirs.card, theirs.grants)),
    }
}

async fn introduce(
    engine: &Engine,
    channel: &mut Channel,
    public: &[u8; 32],
) -> Result<Hello, ExchangeError> {
    let hash = channel.handshake_hash();
    // Who the inviter is, and so what it may know, is not proved yet: the first session brings it.
    let nothing = Credentials::default();
    let mine =
        Hello::say(engine.card(), nothing, None, &statement(&hash, Role::Acceptor), |s| engine.sign(s));
    channel.send(&mine.write()).await?;
    Hello::read(&receive(channel).await?, public, &hash, Role::Inviter)
}

async fn confirm(channel: &mut Channel) -> Result<Vec<u8>, ExchangeError> {
    channel.send(TAKEN).await?;
    receive(channel).await
}

/// Says why not; the pairing fails in any case, so it matters little whether it is heard.
async fn decline(channel: &mut Channel, why: &[u8]) {
    let _ = timeout(DEADLINE, channel.send(why)).await;
}

async fn receive(channel: &mut Channel) -> Result<Vec<u8>, ExchangeError> {
    channel.recv().await?.ok_or_else(|| ExchangeError::Lost("the other device closed it".to_owned()))
}

/// A granted space that is here and that does not come from the inviter already.
fn already_held(engine: &Engine, theirs: &Hello) -> Option<Space> {
    let inviter = engine.peers().into_iter().find(|peer| peer.card.id() == theirs.card.id());
    let shared_before = |space: &Space| {
        inviter.as_ref().is_some_and(|peer| peer.everything || peer.spaces.iter().any(|(s, _)| s == space))
    };
    let mut grants = theirs.grants.iter().flatten().map(|(space, _)| space);
    grants.find(|space| engine.holds(space) && !shared_before(space)).cloned()
}

/// What the inviter trusts the acceptor with.
fn granted(grants: Option<Vec<(Space, Rights)>>) -> Vec<Scope> {
    let Some(grants) = grants else { return vec![Scope::Everything] };
    grants.into_iter().map(|(space, rights)| Scope::One(space, rights)).collect()
}

/// What the acceptor trusts the inviter with: a granted space is the inviter's.
fn trusted_with(grants: Option<Vec<(Space, Rights)>>) -> Vec<Scope> {
    let all = grants.map(|grants| grants.into_iter().map(|(space, _)| (space, Rights::ALL)).collect());
    granted(all)
}

fn statement(hash: &[u8; 32], role: Role) -> Vec<u8> {
    [PROOF, hash, &[role as u8]].concat()
}

impl Hello {
    fn say(
        card: DeviceCard,
        credentials: Credentials,
        grants: Option<Vec<(Space, Rights)>>,
        statement: &[u8],
        sign: impl Fn(&[u8]) -> [u8; 64],
    ) -> Hello {
        Hello { card, credentials, proof: sign(statement).to_vec(), grants }
    }

    fn write(&self) -> Vec<u8> {
        // Writing to memory cannot fail; an empty message would be refused by the other side.
        postcard::to_allocvec(self).unwrap_or_default()
    }

    /// Reads what the holder of the channel key `public` says in `role`.
    fn read(bytes: &[u8], public: &[u8; 32], hash: &[u8; 32], role: Role) -> Result<Hello, ExchangeError> {
        let hello: Hello = postcard::from_bytes(bytes).map_err(|_| ExchangeError::Unproven)?;
        let who = hello.card.holds() && hello.card.channel_key == *public;
        let proved = hello.card.key.verify(&statement(hash, role), &hello.proof);
        let known = &hello.credentials;
        let lists = [known.rulings.len(), known.roster.len(), known.certificates.len()];
        let bounded = lists.iter().all(|count| *count <= MAX_ROSTER);
        let grants = hello.grants.as_ref().is_none_or(|grants| usable(grants) && role == Role::Inviter);
        if who && proved && bounded && grants { Ok(hello) } else { Err(ExchangeError::Unproven) }
    }
}

fn usable(grants: &[(Space, Rights)]) -> bool {
    let named = |space: &Space| Space::parse(space.as_str()).is_some();
    (1..=MAX_GRANTS).contains(&grants.len()) && grants.iter().all(|(space, _)| named(space))
}

fn late() -> ExchangeError {
    ExchangeError::Lost("the other device took too long".to_owned())
}

fn unreachable(error: ExchangeError) -> AcceptError {
    match error {
        ExchangeError::Engine(error) => AcceptError::Engine(error),
        other => AcceptError::Unreachable(other.to_string()),
    }
}

impl From<ChannelError> for ExchangeError {
    fn from(error: ChannelError) -> Self {
        Self::Lost(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use quire_protocol::identity::DeviceKey;

    const HASH: [u8; 32] = [9; 32];
    const PUBLIC: [u8; 32] = [4; 32];

    fn hello(role: Role, grants: Option<Vec<(Space, Rights)>>) -> Hello {
        let key = DeviceKey::from_seed(&[1; 32]);
        let card = DeviceCard::issue(&key, PUBLIC, "laptop");
        Hello::say(card, Credentials::default(), grants, &statement(&HASH, role), |s| key.sign(s))
    }

    fn read(hello: &Hello, public: &[u8; 32], hash: &[u8; 32], role: Role) -> bool {
        Hello::read(&hello.write(), public, hash, role).is_ok()
    }

    #[test]
    fn a_hello_holds_on_its_channel_and_in_its_role_only() {
        let grants = Some(vec![(Space::account(3), Rights::READ)]);
        let inviter = hello(Role::Inviter, grants);
        assert_eq!(Hello::read(&inviter.write(), &PUBLIC, &HASH, Role::Inviter).unwrap(), inviter);
        assert!(!read(&inviter, &PUBLIC, &HASH, Role::Acceptor), "reflected");
        assert!(!read(&inviter, &PUBLIC, &[8; 32], Role::Inviter), "from another channel");
        assert!(!read(&inviter, &[5; 32], &HASH, Role::Inviter), "by somebody else");
        assert!(Hello::read(b"", &PUBLIC, &HASH, Role::Inviter).is_err());
    }

    #[test]
    fn another_s_card_needs_another_s_key() {
        let mut stolen = hello(Role::Acceptor, None);
        let thief = DeviceKey::from_seed(&[2; 32]);
        stolen.proof = thief.sign(&statement(&HASH, Role::Acceptor)).to_vec();
        assert!(!read(&stolen, &PUBLIC, &HASH, Role::Acceptor));
    }

    #[test]
    fn only_an_inviter_grants_and_only_spaces() {
        let grant = |n| Some(vec![(Space::account(3), Rights::READ); n]);
        assert!(!read(&hello(Role::Acceptor, grant(1)), &PUBLIC, &HASH, Role::Acceptor));
        assert!(!read(&hello(Role::Inviter, grant(0)), &PUBLIC, &HASH, Role::Inviter));
        assert!(!read(&hello(Role::Inviter, grant(MAX_GRANTS + 1)), &PUBLIC, &HASH, Role::Inviter));
    }

    #[test]
    fn a_granted_space_is_the_inviter_s() {
        let grants = Some(vec![(Space::account(3), Rights::READ)]);
        assert_eq!(granted(grants.clone()), [Scope::One(Space::account(3), Rights::READ)]);
        assert_eq!(trusted_with(grants), [Scope::One(Space::account(3), Rights::ALL)]);
        assert_eq!((granted(None), trusted_with(None)), (vec![Scope::Everything], vec![Scope::Everything]));
    }
}
