//! Frames without a socket: what is refused, what changes keys, what memory they take.

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
    for size in [0_u16, 1, 15] {
        let (_, mut opener) = direction();
        opener.space().extend_from_slice(&size.to_be_bytes());
        assert!(matches!(opener.next_message(), Err(ChannelError::Malformed(_))));
    }
    // Without the key nobody says that it changes.
    let (_, mut opener) = direction();
    opener.space().extend_from_slice(&[&[0, 16][..], &[0; 16]].concat());
    assert!(matches!(opener.next_message(), Err(ChannelError::Forged)));
}

#[test]
fn a_key_that_is_too_old_changes_before_the_next_message() {
    let (mut sealer, mut opener) = direction();
    let hour = REKEY.age;
    let mut wire = BytesMut::new();
    // Sealed at these times, and bytes of a change of key before the message.
    for (now, change) in
        [(0, 0), (hour - 1, 0), (hour, CONFIRMATION), (2 * hour - 1, 0), (9 * hour, CONFIRMATION)]
    {
        wire.clear();
        sealer.seal_at(&[b"one", b"two"], now, &mut wire).unwrap();
        assert_eq!(wire.len(), change + PREFIX + 4 + 4 + TAG, "at {now}");
        // By single bytes, so that the change and the message come apart.
        let mut heard = Vec::new();
        for byte in &wire {
            opener.space().extend_from_slice(&[*byte]);
            heard.extend(std::iter::from_fn(|| opener.next_message().unwrap()));
        }
        assert_eq!(heard, [b"one", b"two"], "at {now}");
        assert!(opener.at_boundary());
    }
}

#[test]
fn a_change_that_is_left_out_or_said_again_ends_the_channel() {
    for (order, forged) in [(&[1][..], true), (&[0, 0], true), (&[0, 1, 0], true), (&[0, 1], false)] {
        let (mut sealer, mut opener) = direction();
        let mut wire = BytesMut::new();
        sealer.seal_at(&[b"old"], REKEY.age, &mut wire).unwrap();
        let parts = [&wire[..CONFIRMATION], &wire[CONFIRMATION..]];
        order.iter().for_each(|part| opener.space().extend_from_slice(parts[*part]));
        let heard: Result<Vec<_>, _> = std::iter::from_fn(|| opener.next_message().transpose()).collect();
        assert_eq!(heard.is_err(), forged, "{order:?}: {heard:?}");
    }
}

#[test]
fn nothing_to_say_changes_no_key_and_a_change_costs_a_message() {
    let (mut sealer, mut opener) = direction();
    let mut wire = BytesMut::new();
    sealer.seal_at::<&[u8]>(&[], 5 * REKEY.age, &mut wire).unwrap();
    let large = vec![0; MAX_MESSAGE + 1];
    sealer.seal_at(&[&large], 5 * REKEY.age, &mut wire).unwrap_err();
    assert!(wire.is_empty());
    for _ in 0..2 {
        sealer.change_key(0, opener.space()).unwrap();
    }
    assert!(matches!(opener.next_message(), Err(ChannelError::Malformed(_))));
}

#[test]
fn keys_that_change_for_their_age_and_for_their_use_stay_in_step() {
    let (mut sealer, mut opener) = direction();
    let rekey = Rekey { frames: 3, bytes: 4_000, age: 100 };
    sealer.set_rekey(rekey);
    opener.set_rekey(rekey);
    for n in 0..500_u64 {
        let message = vec![n as u8; (n * 37 % 900) as usize];
        sealer.seal_at(&[&message], n * 19, opener.space()).unwrap();
        assert_eq!(opener.next_message().unwrap().unwrap(), message);
    }
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
    for size in [0, 1, 127, 128, 199, 16_383, 16_384, MAX_PLAIN - 3, MAX_PLAIN, MAX_PLAIN + 1, MAX_MESSAGE] {
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
