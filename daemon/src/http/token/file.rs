//! The token while the daemon runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;

use super::{ApiToken, OTHERS, TokenError};

/// The token in its file, which `quire token rotate` replaces while the daemon runs: each request that bears a token
/// looks whether the file is another one, so that the old one is refused from that moment on. That costs a microsecond.
#[derive(Debug, Clone)]
pub struct TokenFile(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// None for a token that never changes.
    path: Option<PathBuf>,
    now: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    token: ApiToken,
    stamp: Option<Stamp>,
    generation: u64,
}

/// What changes when the file is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl TokenFile {
    /// The token at `path`, made where there is none.
    ///
    /// # Errors
    /// As [`ApiToken::load_or_create`].
    pub fn open(path: &Path) -> Result<Self, TokenError> {
        let token = ApiToken::load_or_create(path)?;
        let held = Held { token, stamp: stamp(path), generation: 0 };
        Ok(Self(Arc::new(Shared { path: Some(path.to_owned()), now: Mutex::new(held) })))
    }

    /// This token, from no file.
    #[must_use]
    pub fn fixed(token: ApiToken) -> Self {
        let held = Held { token, stamp: None, generation: 0 };
        Self(Arc::new(Shared { path: None, now: Mutex::new(held) }))
    }

    /// Do these headers carry exactly one `Authorization: Bearer` with the token of this moment?
    #[must_use]
    pub fn is_borne_by(&self, headers: &HeaderMap) -> bool {
        ApiToken::is_offered(headers) && self.held().token.is_borne_by(headers)
    }

    /// How many tokens there were before this one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.held().generation
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        let mut held = self.0.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.0.path {
            held.follow(path);
        }
        held
    }
}

impl Held {
    /// Takes a new token from the file. While there is none that can be used, the old one holds.
    fn follow(&mut self, path: &Path) {
        let stamp = stamp(path);
        if stamp.is_none() || stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        match ApiToken::load(path) {
            Ok(Some((token, mode))) if mode & OTHERS == 0 => {
                if !token.matches(self.token.0.as_bytes()) {
                    self.generation += 1;
                    tracing::info!("the API token was replaced");
                }
                self.token = token;
            }
            Ok(Some(_)) => tracing::warn!(
                path = %path.display(),
                "other users could read the new API token; it is not used, `quire token rotate` makes another"
            ),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the API token stays as it was"),
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let about = fs::symlink_metadata(path).ok()?;
    let changed = (about.ctime(), about.ctime_nsec());
    Some(Stamp { inode: about.ino(), size: about.size(), changed })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use axum::http::header::AUTHORIZATION;

    use super::*;

    #[test]
    fn a_running_daemon_takes_the_token_that_is_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-token");
        let file = TokenFile::open(&path).unwrap();
        let bearer = |token: &ApiToken| -> HeaderMap {
            [(AUTHORIZATION, format!("Bearer {}", token.reveal()).parse().unwrap())].into_iter().collect()
        };
        let old = ApiToken::load_or_create(&path).unwrap();
        assert!(file.is_borne_by(&bearer(&old)) && file.generation() == 0);
        let new = ApiToken::create(&path).unwrap();
        assert!(!file.is_borne_by(&bearer(&old)) && file.is_borne_by(&bearer(&new)));
        assert_eq!(file.generation(), 1);
        for spoil in ["", "rubbish"] {
            fs::write(&path, spoil).unwrap();
            assert!(file.is_borne_by(&bearer(&new)) && !file.is_borne_by(&bearer(&old)));
        }
        fs::remove_file(&path).unwrap();
        assert!(file.is_borne_by(&bearer(&new)));
        let open = ApiToken::create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(file.is_borne_by(&bearer(&new)) && !file.is_borne_by(&bearer(&open)));
        assert_eq!(file.generation(), 1);
    }
}
