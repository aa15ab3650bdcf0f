//! The one live invitation of a daemon: five minutes, five wrong tries, one use.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quire_protocol::id::Space;
use quire_protocol::identity::Rights;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::channel::{INVITATION_ID, Invitation};

/// How long an invitation works: to walk to the other device and type 13 characters. Its 60 bits are out of
/// reach for those who listen in that time.
pub(super) const LIFE: Duration = Duration::from_secs(300);

/// Wrong codes until it is dead. A person who mistypes is stopped by the check character before that.
const TRIES: u8 = 5;

/// An invitation and what it grants.
pub(super) struct Offer {
    secret: Invitation,
    grants: Option<Vec<(Space, Rights)>>,
    expires: Instant,
    failed: u8,
}

/// What the device is granted that has redeemed an invitation; `None`: everything.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redeemed(pub(super) Option<Vec<(Space, Rights)>>);

/// Where the live invitation is, if there is one.
pub(crate) struct Invitations {
    offer: Mutex<Option<Offer>>,
    announce: Box<dyn Fn(bool) + Send + Sync>,
}

impl Offer {
    pub(super) fn new(secret: Invitation, grants: Option<Vec<(Space, Rights)>>, expires: Instant) -> Offer {
        Offer { secret, grants, expires, failed: 0 }
    }

    fn lives(&self, now: Instant) -> bool {
        now < self.expires && self.failed < TRIES
    }
}

impl Invitations {
    /// `announce` is told whether an invitation is live.
    pub(crate) fn new(announce: Option<Box<dyn Fn(bool) + Send + Sync>>) -> Invitations {
        Invitations { offer: Mutex::new(None), announce: announce.unwrap_or_else(|| Box::new(|_| {})) }
    }

    /// Makes this the live one.
    pub(super) fn put(&self, offer: Offer) {
        *self.offer() = Some(offer);
        (self.announce)(true);
    }

    /// The live one.
    pub(crate) fn live(&self) -> Option<Invitation> {
        self.expire();
        self.offer().as_ref().map(|offer| offer.secret.clone())
    }

    /// Somebody tried a wrong code.
    pub(crate) fn failed_try(&self) {
        if let Some(offer) = self.offer().as_mut() {
            offer.failed = offer.failed.saturating_add(1);
        }
        self.expire();
    }

    /// Takes the invitation out of use, for whoever proved its code. Of two at the same moment one gets it.
    pub(crate) fn redeem(&self, id: &[u8; INVITATION_ID]) -> Option<Redeemed> {
        self.expire();
        let taken = self.offer().take_if(|offer| bool::from(offer.secret.id.ct_eq(id)))?;
        (self.announce)(false);
        Some(Redeemed(taken.grants))
    }

    /// Forgets an invitation that works no more.
    pub(super) fn expire(&self) {
        let now = Instant::now();
        if self.offer().take_if(|offer| !offer.lives(now)).is_some() {
            (self.announce)(false);
        }
    }

    fn offer(&self) -> MutexGuard<'_, Option<Offer>> {
        self.offer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;

    fn offer(id: u8) -> Offer {
        let secret = Invitation { id: [id; INVITATION_ID], psk: [id; 32] };
        Offer::new(secret, Some(vec![(Space::account(3), Rights::READ)]), Instant::now() + LIFE)
    }

    fn inviting() -> (Invitations, Arc<Mutex<Vec<bool>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = told.clone();
        let invitations = Invitations::new(Some(Box::new(move |live| log.lock().unwrap().push(live))));
        invitations.put(offer(1));
        (invitations, told)
    }

    #[test]
    fn works_once_and_grants_what_it_says() {
        let (invitations, told) = inviting();
        assert_eq!(invitations.redeem(&[2; INVITATION_ID]), None);
        let granted = Redeemed(Some(vec![(Space::account(3), Rights::READ)]));
        assert_eq!(invitations.redeem(&[1; INVITATION_ID]), Some(granted));
        assert_eq!(invitations.redeem(&[1; INVITATION_ID]), None);
        assert!(invitations.live().is_none());
        assert_eq!(*told.lock().unwrap(), [true, false]);
    }

    #[test]
    fn dies_with_the_fifth_wrong_try() {
        let (invitations, told) = inviting();
        for _ in 0..4 {
            invitations.failed_try();
        }
        assert!(invitations.live().is_some());
        invitations.failed_try();
        assert_eq!(invitations.redeem(&[1; INVITATION_ID]), None);
        assert_eq!(*told.lock().unwrap(), [true, false]);
    }

    #[test]
    fn dies_after_five_minutes() {
        let (invitations, told) = inviting();
        let expires = offer(1).expires;
        assert!(offer(1).lives(expires - Duration::from_millis(1)));
        assert!(!invitations.offer().as_ref().unwrap().lives(expires));
        invitations.put(Offer::new(offer(1).secret, None, Instant::now()));
        assert_eq!(invitations.redeem(&[1; INVITATION_ID]), None);
        assert_eq!(*told.lock().unwrap(), [true, true, false]);
    }

    #[test]
    fn a_new_one_takes_the_place_of_the_old_one() {
        let (invitations, _) = inviting();
        invitations.failed_try();
        invitations.put(offer(2));
        assert_eq!(invitations.redeem(&[1; INVITATION_ID]), None);
        assert_eq!(invitations.live().unwrap().id, [2; INVITATION_ID]);
        for _ in 0..4 {
            invitations.failed_try();
        }
        assert!(invitations.redeem(&[2; INVITATION_ID]).is_some(), "with tries of its own");
    }
}
