//! Messages on their way out: encoded, and cut where one list would not fit into one message.

use quire_protocol::limits::MAX_MESSAGE;
use quire_protocol::message::{Credentials, Message};

/// What waits to be handed to the channel.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    messages: Vec<Vec<u8>>,
    bytes: usize,
}

impl Outgoing {
    /// Adds a message behind the others.
    pub(super) fn push(&mut self, message: Message) {
        self.push_bounded(message, MAX_MESSAGE);
    }

    /// Takes everything out, in order.
    pub(super) fn take(&mut self) -> Vec<Vec<u8>> {
        self.bytes = 0;
        std::mem::take(&mut self.messages)
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Credentials and clocks may be said in several messages, so a long list is halved until it fits.
    fn push_bounded(&mut self, message: Message, limit: usize) {
        let encoded = message.encode();
        if encoded.len() <= limit {
            self.bytes += encoded.len();
            return self.messages.push(encoded);
        }
        match halves(message).ok_or(encoded) {
            Ok((first, second)) => {
                self.push_bounded(first, limit);
                self.push_bounded(second, limit);
            }
            // One element alone: nothing valid is that large, and the other side ends the session.
            Err(encoded) => {
                self.bytes += encoded.len();
                self.messages.push(encoded);
            }
        }
    }
}

fn halves(message: Message) -> Option<(Message, Message)> {
    match message {
        Message::Clocks(mut spaces) if spaces.len() > 1 => {
            let rest = spaces.split_off(spaces.len() / 2);
            Some((Message::Clocks(spaces), Message::Clocks(rest)))
        }
        Message::Credentials(all) => {
            let (first, second) = parts(all)?;
            Some((Message::Credentials(first), Message::Credentials(second)))
        }
        _ => None,
    }
}

/// Rulings go first and whole lists before halves of one, so that nobody is trusted for a moment who was removed.
fn parts(mut all: Credentials) -> Option<(Credentials, Credentials)> {
    let mut first = Credentials::default();
    let others = all.roster.len() + all.certificates.len();
    if others > 0 && !all.rulings.is_empty() {
        first.rulings = std::mem::take(&mut all.rulings);
    } else if !all.roster.is_empty() && !all.certificates.is_empty() {
        // Certificates are kept of devices that are known.
        first.roster = std::mem::take(&mut all.roster);
    } else {
        halve(&mut all.rulings, &mut first.rulings)
            .or_else(|| halve(&mut all.roster, &mut first.roster))
            .or_else(|| halve(&mut all.certificates, &mut first.certificates))?;
    }
    Some((first, all))
}

/// Moves the first half of a list; nothing when there is none.
fn halve<T>(from: &mut Vec<T>, to: &mut Vec<T>) -> Option<()> {
    let at = Some(from.len() / 2).filter(|at| *at > 0)?;
    let rest = from.split_off(at);
    *to = std::mem::replace(from, rest);
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use quire_protocol::clock::Clock;
    use quire_protocol::id::{Incarnation, Space};
    use quire_protocol::identity::{Certificate, DeviceKey};

    #[test]
    fn a_long_list_goes_in_several_messages_in_order() {
        let spaces: Vec<(Space, Clock)> = (0..100)
            .map(|n| (Space::account(n), [(Incarnation([1; 16]), 5)].into_iter().collect()))
            .collect();
        let mut out = Outgoing::default();
        out.push_bounded(Message::Clocks(spaces.clone()), 200);
        let sent = out.take();
        assert!(sent.len() > 1 && sent.iter().all(|bytes| bytes.len() <= 200));
        let read = sent.iter().flat_map(|bytes| match Message::decode(bytes).unwrap().unwrap() {
            Message::Clocks(some) => some,
            other => panic!("{other:?}"),
        });
        assert_eq!(read.collect::<Vec<_>>(), spaces);
        assert_eq!(out.bytes(), 0);
    }

    #[test]
    fn credentials_are_halved_down_to_single_ones() {
        let key = DeviceKey::from_seed(&[1; 32]);
        let certificates: Vec<Certificate> =
            (0..9).map(|n| Certificate::issue(Incarnation([n; 16]), &key)).collect();
        let mut out = Outgoing::default();
        let all = Credentials { certificates: certificates.clone(), ..Credentials::default() };
        out.push_bounded(Message::Credentials(all), 150);
        let mut read = Vec::new();
        for bytes in out.take() {
            let Some(Message::Credentials(some)) = Message::decode(&bytes).unwrap() else { panic!() };
            read.extend(some.certificates);
        }
        assert_eq!(read, certificates);
    }
}
