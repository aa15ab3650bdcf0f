//! Frames: what was sealed comes back whatever the cuts; what was not sealed is never a message; and memory follows
//! what arrived, not what was announced.

use quire_daemon::channel::MAX_MESSAGE;
use quire_daemon::channel::frame::{Opener, Sealer};

use bytes::BytesMut;

use super::wire;

/// Messages in one story.
const MOST: usize = 16;

/// Messages sealed at one time.
const AT_ONCE: usize = 3;

/// Milliseconds for each unit of a pause: of the pauses that a byte can say half make a key too old.
const PAUSE: u64 = 2 * 60 * 60 * 1000 / 256;

/// What an opener may hold besides what it was given: a frame on its way in, the same opened, and a message.
const SPARE: usize = 4 * 65_536;

/// The first byte says how the input is used: as messages that are cut, as damage to frames, or as frames.
pub fn check(data: &[u8]) {
    let (Some((mode, rest)), Ok((guest, host))) = (data.split_first(), wire::session()) else { return };
    match mode % 3 {
        0 => cut(guest.sealer, host.opener, rest),
        1 => damaged(guest.sealer, host.opener, rest),
        _ => anything(host.opener, rest),
    }
}

/// Messages of lengths that the input says, at times that it says, given to the opener in the pieces that it says.
fn cut(mut sealer: Sealer, mut opener: Opener, program: &[u8]) {
    let messages = messages(program);
    let (mut wire, mut now) = (BytesMut::new(), 0);
    for (batch, pause) in messages.chunks(AT_ONCE).zip(program) {
        now += u64::from(*pause) * PAUSE;
        assert!(sealer.seal_at(batch, now, &mut wire).is_ok());
    }
    let mut got = Vec::new();
    let mut pieces = program.iter().cycle();
    while !wire.is_empty() {
        let size = pieces.next().map_or(1, |byte| usize::from(*byte).pow(2) + 1).min(wire.len());
        give(&mut opener, &wire.split_to(size));
        loop {
            match opener.next_message() {
                Ok(Some(message)) => got.push(message),
                Ok(None) => break,
                Err(error) => panic!("what was sealed is refused: {error}"),
            }
        }
    }
    assert!(got == messages && opener.at_boundary());
}

fn messages(program: &[u8]) -> Vec<Vec<u8>> {
    let lengths = program.chunks_exact(2).take(MOST);
    let length = |bytes: &[u8]| match bytes[0] {
        // Around what one frame carries.
        0xff => 65_519 + usize::from(bytes[1] % 4) - 2,
        _ => usize::from(bytes[0]) << (bytes[1] % 4),
    };
    lengths.map(|bytes| vec![bytes[1]; length(bytes)]).collect()
}

/// One flipped byte: what came before it is whole, nothing after it is a message.
fn damaged(mut sealer: Sealer, mut opener: Opener, program: &[u8]) {
    let Some((place, rest)) = program.split_first_chunk::<2>() else { return };
    let messages = messages(rest);
    let mut wire = BytesMut::new();
    assert!(sealer.seal(&messages, &mut wire).is_ok());
    if wire.is_empty() {
        return;
    }
    let at = usize::from(u16::from_le_bytes(*place)) % wire.len();
    wire[at] ^= 1 << (place[0] % 8);
    give(&mut opener, &wire);
    let mut count = 0;
    while let Ok(Some(message)) = opener.next_message() {
        assert_eq!(Some(&message), messages.get(count), "a message that nobody sealed");
        count += 1;
    }
    assert!(count < messages.len(), "the damage was not seen");
}

/// Bytes that nobody sealed.
fn anything(mut opener: Opener, bytes: &[u8]) {
    for piece in bytes.chunks(97) {
        give(&mut opener, piece);
        match opener.next_message() {
            Ok(None) => {}
            Ok(Some(message)) => panic!("{} bytes that nobody sealed are a message", message.len()),
            Err(_) => return,
        }
    }
    assert!(bytes.len() < MAX_MESSAGE);
}

fn give(opener: &mut Opener, bytes: &[u8]) {
    opener.space().extend_from_slice(bytes);
    opener.arrived(bytes.len());
    // A buffer that grows doubles.
    assert!(opener.space().capacity() <= 2 * (bytes.len() + SPARE));
}
