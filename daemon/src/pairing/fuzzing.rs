//! A door for the fuzz target `pairing_uri` (`fuzz/shell`). Not an interface: it changes with the reader.

use super::uri::Invite;

/// Code and addresses of an invitation.
///
/// # Errors
/// What a person reads who mistyped it.
///
/// # Panics
/// When it, written again, is read otherwise.
pub fn invitation(text: &str) -> Result<(String, Vec<String>), String> {
    let invite = Invite::read(text)?;
    // A bare code is taken as it stands; only what is written as codes are stands in a URI too.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let written = invite.to_string();
    if !invite.code.is_empty() && invite.code.bytes().all(is_plain) && written.len() <= text.len() {
        assert_eq!(Invite::read(&written).as_ref(), Ok(&invite));
    }
    Ok((invite.code, invite.at))
}
