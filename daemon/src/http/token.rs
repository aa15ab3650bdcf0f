//! The API token: what a program must know to use `/v1` and `/metrics`. It lies in a file only its owner can read.

mod file;

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use data_encoding::HEXLOWER;
use rustix::fs::OFlags;
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

pub use file::TokenFile;

/// 256 bits: out of reach of guessing for as long as files are kept.
const TOKEN_BYTES: usize = 32;

/// Longest file that is read: the digits and a line end, generously.
const FILE_BYTES: u64 = 256;

/// Readable and writable by the owner alone.
const PRIVATE: u32 = 0o600;

/// Any of these bits lets somebody else at the file.
const OTHERS: u32 = 0o077;

/// A secret of 32 random bytes, as 64 lower-case hexadecimal digits. Never printed.
#[derive(Clone)]
pub struct ApiToken(Zeroizing<String>);

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(…)")
    }
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("cannot use the API token file {}: {source}", path.display())]
    Io {
        /// The token file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is there is a link or no file; somebody may be redirecting us.
    #[error("{} is not a plain file; remove it and start again to get a new API token", .0.display())]
    NotAFile(PathBuf),
    /// The file belongs to another user, who knows its content.
    #[error("{} belongs to another user (uid {uid}); remove it and start again", path.display())]
    OtherOwner {
        /// The token file.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// The content is no token.
    #[error("{} does not hold an API token; remove it and start again to get a new one", .0.display())]
    Malformed(PathBuf),
    /// The system has no random bytes.
    #[error("the system gives no random bytes for an API token: {0}")]
    Random(getrandom::Error),
}

impl ApiToken {
    /// Makes a new token.
    ///
    /// # Errors
    /// [`TokenError::Random`].
    pub fn random() -> Result<Self, TokenError> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(TokenError::Random)?;
        Ok(Self(Zeroizing::new(HEXLOWER.encode(bytes.as_slice()))))
    }

    /// Reads the token from `path`, or makes one and writes it there (mode 0600, whole or not at all). A file that
    /// others could read is replaced by one with a new token: the old one is not a secret any more.
    ///
    /// # Errors
    /// The file is a link, somebody else's, holds something else, or the system refuses.
    pub fn load_or_create(path: &Path) -> Result<Self, TokenError> {
        match Self::load(path)? {
            Some((token, mode)) if mode & OTHERS == 0 => Ok(token),
            Some((_, mode)) => {
                tracing::warn!(
                    path = %path.display(), mode = format_args!("{:o}", mode & 0o7777),
                    "other users could read the API token; it is replaced by a new one, programs must read it again"
                );
                Self::create(path)
            }
            None => Self::create(path),
        }
    }

    /// Writes a new token to `path` in the place of any old one (`quire token rotate`).
    ///
    /// # Errors
    /// As [`Self::load_or_create`].
    pub fn create(path: &Path) -> Result<Self, TokenError> {
        let token = Self::random()?;
        write_private(path, &token.0).map_err(|source| TokenError::Io { path: path.into(), source })?;
        Ok(token)
    }

    fn load(path: &Path) -> Result<Option<(Self, u32)>, TokenError> {
        let fail = |source| TokenError::Io { path: path.into(), source };
        let file = match open_no_follow(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return Err(TokenError::NotAFile(path.into()));
            }
            Err(e) => return Err(fail(e)),
        };
        let meta = file.metadata().map_err(fail)?;
        if !meta.is_file() {
            return Err(TokenError::NotAFile(path.into()));
        }
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(TokenError::OtherOwner { path: path.into(), uid: meta.uid() });
        }
        let mut text = Zeroizing::new(Vec::new());
        file.take(FILE_BYTES).read_to_end(&mut text).map_err(fail)?;
        let token = Self::parse(&text).ok_or_else(|| TokenError::Malformed(path.into()))?;
        Ok(Some((token, meta.mode())))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let digits = text.trim_ascii();
        let good = digits.len() == TOKEN_BYTES * 2 && HEXLOWER.decode(digits).is_ok();
        good.then(|| str::from_utf8(digits).ok())?.map(|s| Self(Zeroizing::new(s.to_owned())))
    }

    /// The digits, to hand to a program of the same user. Never log them.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Is `offered` this token? Takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, offered: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(offered).into()
    }

    /// Whether these headers offer any token.
    fn is_offered(headers: &HeaderMap) -> bool {
        let bearer =
            |value: &[u8]| value.get(.."Bearer ".len()).is_some_and(|s| s.eq_ignore_ascii_case(b"Bearer "));
        headers.get_all(AUTHORIZATION).iter().any(|value| bearer(value.as_bytes()))
    }

    /// Do these headers carry exactly one `Authorization: Bearer` with this token?
    #[must_use]
    pub fn is_borne_by(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some((scheme, offered)) = value.as_bytes().split_at_checked("Bearer ".len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"Bearer ") && self.matches(offered.trim_ascii())
    }
}

/// Neither a link nor a pipe that never speaks may hold us up.
fn open_no_follow(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Writes beside the target, syncs, renames: at any crash the file is the old one or the new one, and never readable
/// by others.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", uuid::Uuid::new_v4().simple()));
    let beside = path.with_file_name(name);
    let written = write_new(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The error that is reported is the first one; a file left behind holds a token nobody uses.
        let _ = fs::remove_file(&beside);
        return written;
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn made_once_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-token");
        let made = ApiToken::load_or_create(&path).unwrap();
        assert_eq!((made.reveal().len(), mode(&path)), (64, 0o600));
        assert_eq!(ApiToken::load_or_create(&path).unwrap().reveal(), made.reveal());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(!format!("{made:?}").contains(made.reveal()));
    }

    #[test]
    fn a_token_others_could_read_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-token");
        let old = ApiToken::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let new = ApiToken::load_or_create(&path).unwrap();
        assert_ne!(old.reveal(), new.reveal());
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn links_folders_and_rubbish_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-token");
        symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(ApiToken::load_or_create(&path), Err(TokenError::NotAFile(_))));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(ApiToken::load_or_create(&path), Err(TokenError::NotAFile(_))));
        fs::remove_dir(&path).unwrap();
        for rubbish in ["", "secret", &"A".repeat(64), &"a".repeat(65)] {
            write_new(&path, rubbish).unwrap();
            assert!(matches!(ApiToken::load_or_create(&path), Err(TokenError::Malformed(_))), "{rubbish}");
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn another_owner_is_refused() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED another_owner_is_refused: only root can give a file away");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-token");
        ApiToken::create(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        assert!(matches!(ApiToken::load_or_create(&path), Err(TokenError::OtherOwner { uid: 65534, .. })));
    }

    #[test]
    fn exactly_the_token_is_borne() {
        let token = ApiToken::random().unwrap();
        let borne = |values: &[String]| {
            let mut headers = HeaderMap::new();
            values.iter().for_each(|v| {
                assert!(!headers.append(AUTHORIZATION, v.parse().unwrap()) || values.len() > 1)
            });
            token.is_borne_by(&headers)
        };
        let good = format!("Bearer {}", token.reveal());
        assert!(borne(std::slice::from_ref(&good)));
        assert!(borne(&[good.replace("Bearer", "bearer")]));
        let other = format!("Bearer {}", ApiToken::random().unwrap().reveal());
        for bad in
            ["Bearer ", "Bearer", "", token.reveal(), &good[..70], &format!("{good}0"), "Basic YTpi", &other]
        {
            assert!(!borne(&[bad.to_owned()]), "{bad}");
        }
        assert!(!borne(&[]));
        assert!(!borne(&[good.clone(), good]));
    }
}
