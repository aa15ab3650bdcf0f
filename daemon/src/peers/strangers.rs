//! Who stands at the door and has not yet said who he is: bounded, and nobody can take all places.

use std::net::IpAddr;

/// Connections that shake hands at one time. Each costs a few kilobytes and at most five seconds.
pub(super) const PLACES: usize = 64;

/// The places, in order of arrival.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    present: Vec<(Origin, u64)>,
    next: u64,
}

/// Where a stranger comes from: an IPv4 address, or the IPv6 network that one household has.
type Origin = u64;

impl Strangers {
    /// Gives a newcomer a place, and names the one who must leave for it: when all places are taken, the
    /// oldest of the origin that has the most. A flood from one origin so only drives out itself.
    pub(super) fn admit(&mut self, ip: IpAddr) -> (u64, Option<u64>) {
        let leaves = if self.present.len() >= PLACES { self.most_crowded() } else { None };
        if let Some(number) = leaves {
            self.leave(number);
        }
        let number = self.next;
        self.next += 1;
        self.present.push((origin(ip), number));
        (number, leaves)
    }

    /// A place is free again.
    pub(super) fn leave(&mut self, number: u64) {
        self.present.retain(|(_, n)| *n != number);
    }

    fn most_crowded(&self) -> Option<u64> {
        let crowd = |origin: Origin| self.present.iter().filter(|(o, _)| *o == origin).count();
        // Of equal ones `max_by_key` gives the last; reversed, that is the oldest.
        self.present.iter().rev().max_by_key(|(origin, _)| crowd(*origin)).map(|(_, number)| *number)
    }
}

fn origin(ip: IpAddr) -> Origin {
    match ip.to_canonical() {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_flood_from_one_origin_drives_out_only_itself() {
        let mut strangers = Strangers::default();
        let honest: IpAddr = "192.0.2.1".parse().unwrap();
        let flood: IpAddr = "::ffff:198.51.100.7".parse().unwrap();
        let (first, _) = strangers.admit(honest);
        let mut gone = Vec::new();
        for _ in 0..10 * PLACES {
            gone.extend(strangers.admit(flood).1);
        }
        assert_eq!(gone.len(), 9 * PLACES + 1);
        assert!(!gone.contains(&first) && gone.is_sorted(), "the oldest first, never the honest one");
        assert_eq!(strangers.present.len(), PLACES);
    }

    #[test]
    fn places_become_free() {
        let mut strangers = Strangers::default();
        let ip: IpAddr = "2001:db8::1".parse().unwrap();
        for _ in 0..3 * PLACES {
            let (number, leaves) = strangers.admit(ip);
            assert_eq!(leaves, None);
            strangers.leave(number);
        }
    }
}
