//! HTTPS beside HTTP (`api.tls`): a certificate of this daemon's own, for the names that apps call it by.
//!
//! Nobody vouches for it but its owner, who imports `cert.pem` where an app asks for trust. Its dates say nothing, since no
//! clock decides anything here. It is made anew when the names change.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The folder within the data folder, and what is in it.
const FOLDER: &str = "tls";
const CERTIFICATE: &str = "cert.pem";
const KEY: &str = "key.pem";
/// Before the key in its file: the names that it was made for.
const NAMES: &str = "names: ";
/// The names that always mean this machine.
const OWN: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const OTHERS: u32 = 0o077;

/// Why there is no HTTPS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A name cannot be in a certificate.
    #[error("cannot make a certificate for {names}: {source}")]
    Names {
        /// The names.
        names: String,
        /// Why.
        source: rcgen::Error,
    },
    /// What is in the files is no key with its certificate.
    #[error("{} does not hold a key and its certificate ({reason}); remove it to get new ones", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// What HTTPS is served with.
pub struct Tls {
    /// Takes connections.
    pub acceptor: TlsAcceptor,
    /// What is to be trusted.
    pub certificate: PathBuf,
}

/// What takes connections, shared and replaceable while they come.
#[derive(Clone)]
pub struct SharedTls(Arc<RwLock<TlsAcceptor>>);

impl SharedTls {
    /// Begins with this one.
    #[must_use]
    pub fn new(tls: &Tls) -> Self {
        Self(Arc::new(RwLock::new(tls.acceptor.clone())))
    }

    /// Puts another one in force, from the next connection on.
    pub fn store(&self, tls: &Tls) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = tls.acceptor.clone();
    }

    /// The one in force.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Tls {
    /// Reads key and certificate of a data folder, or makes them: where there are none, where others could read the key,
    /// and where they are for other names than the loopback ones and `hosts`.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(data: &Path, hosts: &[String]) -> Result<Self, TlsError> {
        let folder = data.join(FOLDER);
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        let names = names(hosts);
        if !is_for(&key, &certificate, &names) {
            make(&folder, &names)?;
        }
        let acceptor =
            acceptor(&certificate, &key).map_err(|reason| TlsError::Unusable { path: folder, reason })?;
        Ok(Self { acceptor, certificate })
    }
}

/// Names and addresses as a certificate has them: without ports and brackets.
fn names(hosts: &[String]) -> Vec<String> {
    let mut names: Vec<String> = OWN.map(str::to_owned).into();
    for host in hosts {
        let name = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn is_for(key: &Path, certificate: &Path, names: &[String]) -> bool {
    let private = fs::symlink_metadata(key)
        .is_ok_and(|about| about.is_file() && about.permissions().mode() & OTHERS == 0);
    let first = fs::read_to_string(key).ok().and_then(|text| text.lines().next().map(str::to_owned));
    private && certificate.is_file() && first == Some(heading(names))
}

fn heading(names: &[String]) -> String {
    format!("{NAMES}{}", names.join(" "))
}

fn make(folder: &Path, names: &[String]) -> Result<(), TlsError> {
    let refused = |source| TlsError::Names { names: names.join(", "), source };
    let key = KeyPair::generate().map_err(refused)?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(refused)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Quire on this machine");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key).map_err(refused)?;
    let failed = |source| TlsError::Io { path: folder.to_owned(), source };
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(failed)?;
    // The key last: without it the pair is made again.
    remove(&folder.join(KEY)).map_err(failed)?;
    write(&folder.join(CERTIFICATE), &certificate.pem()).map_err(failed)?;
    let text = zeroize::Zeroizing::new(format!("{}\n{}", heading(names), key.serialize_pem()));
    write(&folder.join(KEY), &text).map_err(failed)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    remove(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let certificate = CertificateDer::from_pem_file(certificate).map_err(|error| error.to_string())?;
    // Its text is not repeated in an error.
    let key = PrivateKeyDer::from_pem_file(key).map_err(|_| "the key cannot be read".to_owned())?;
    let provider = Arc::new(default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|error| error.to_string())?.with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate], key).map_err(|error| error.to_string())?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_certificate_stays_until_its_names_change() {
        let data = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read(data.path().join(FOLDER).join(name)).unwrap();
        let open = |hosts: &[&str]| {
            let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
            Tls::open(data.path(), &hosts).unwrap();
            (read(CERTIFICATE), read(KEY))
        };
        let first = open(&[]);
        assert_eq!(open(&[]), first);
        assert_eq!(open(&["LOCALHOST", "[::1]"]), first);
        let second = open(&["books.example", "[fd00::1]"]);
        assert!(second.0 != first.0 && second.1 != first.1);
        let key = data.path().join(FOLDER).join(KEY);
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, FILE_MODE);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(open(&["books.example", "[fd00::1]"]), second, "others could read the key");
    }

    #[test]
    fn a_damaged_key_is_told_without_its_text() {
        let data = tempfile::tempdir().unwrap();
        Tls::open(data.path(), &[]).unwrap();
        let key = data.path().join(FOLDER).join(KEY);
        let text = fs::read_to_string(&key).unwrap();
        write(&key, &text.replace("BEGIN", "BEGUN")).unwrap();
        let told = Tls::open(data.path(), &[]).err().unwrap().to_string();
        assert!(told.contains("remove it") && !told.contains("MIG"), "{told}");
    }
}
