//! Which of two connections to one peer stays. Both sides decide alone and alike.

use quire_protocol::id::DeviceId;
use quire_protocol::session::Millis;

/// Two connections that come within this time crossed each other. A later one means that the peer has lost
/// the older one, even if this side does not know it yet: nobody dials a peer that is connected.
const CROSSING: Millis = 5_000;

/// Whether a new connection takes the place of the existing one, which is `age` old. The dialers are the
/// devices that opened each.
pub(super) fn replaces(age: Millis, existing_dialer: DeviceId, new_dialer: DeviceId) -> bool {
    // The same dialer again: it has given up its first. Otherwise they crossed: the smaller id's stays.
    age > CROSSING || new_dialer <= existing_dialer
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: DeviceId = DeviceId([1; 20]);
    const GREAT: DeviceId = DeviceId([2; 20]);

    #[test]
    fn of_two_that_crossed_both_sides_keep_the_same_one() {
        // One side saw them in this order, the other in the opposite one.
        assert!(!replaces(3, SMALL, GREAT));
        assert!(replaces(3, GREAT, SMALL));
    }

    #[test]
    fn a_peer_that_comes_again_is_let_in() {
        assert!(replaces(3, SMALL, SMALL));
        assert!(replaces(3, GREAT, GREAT));
        assert!(replaces(CROSSING + 1, SMALL, GREAT));
    }
}
