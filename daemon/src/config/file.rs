//! The TOML file. `api` may be an address or a table:
//!
//! ```toml
//! api = "127.0.0.1:7470"
//! "api.hosts" = ["books.example"]
//! ```
//!
//! says the same as
//!
//! ```toml
//! [api]
//! address = "127.0.0.1:7470"
//! hosts = ["books.example"]
//! ```

mod app;
mod user;

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::bulk::callback::{Allowed, Place};

use super::{ConfigError, Given, Layer, Source, environment, value};

/// A configuration is a page of text; a bigger file is a mistake and must not cost memory.
const MAX_CONFIG_BYTES: u64 = 1024 * 1024;
const KEYS: &str = "data_dir, api (or [api] address, auth, hosts, allow_uids, tls, [[api.apps]]), peer, name, discovery, connect, encrypt, encrypt_key, log, log_format, cyan.anchors, [bulk] callbacks, storage, [[bulk.users]]";

/// What the file says; nothing when it does not exist and nobody named it.
pub(super) fn layer(path: &Path, must_exist: bool) -> Result<Layer, ConfigError> {
    match open(path) {
        Ok(file) => {
            let mut remarks = Vec::new();
            let text = read(path, file, &mut remarks)?;
            Ok(Layer { remarks, ..parse(path, &text)? })
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !must_exist => Ok(Layer::default()),
        Err(error) => Err(unreadable(path, error.to_string())),
    }
}

/// The whole text; none when there is no such file.
pub(super) fn text(path: &Path) -> Result<Option<String>, ConfigError> {
    match open(path) {
        Ok(file) => read(path, file, &mut Vec::new()).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error.to_string())),
    }
}

/// Without blocking on a FIFO, which `read` then refuses.
fn open(path: &Path) -> std::io::Result<File> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(nonblock).open(path)
}

fn read(path: &Path, file: File, remarks: &mut Vec<String>) -> Result<String, ConfigError> {
    let about = file.metadata().map_err(|error| unreadable(path, error.to_string()))?;
    if !about.is_file() {
        return Err(unreadable(path, "is not a regular file".to_owned()));
    }
    if about.permissions().mode() & 0o002 != 0 {
        remarks.push(format!("everybody may write {}; `chmod o-w` it", path.display()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_CONFIG_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, error.to_string()))?;
    if bytes.len() as u64 > MAX_CONFIG_BYTES {
        return Err(unreadable(path, format!("is larger than {MAX_CONFIG_BYTES} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..good).unwrap_or_default()).into_owned();
        ConfigError::Bad { at: place(path, &before, before.len()), reason: "is not UTF-8".to_owned() }
    })
}

fn unreadable(path: &Path, reason: String) -> ConfigError {
    ConfigError::Unreadable { path: path.to_owned(), reason }
}

fn place(path: &Path, text: &str, offset: usize) -> Source {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Source::File { path: path.to_owned(), line, column }
}

/// What a file with this text says.
pub(super) fn parse(path: &Path, text: &str) -> Result<Layer, ConfigError> {
    // The first mistake is the one to mend; what follows often comes from it.
    let (table, errors) = DeTable::parse_recoverable(text);
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    if let Some(error) = errors.iter().min_by_key(|error| start(error)) {
        let at = place(path, text, start(error));
        return Err(ConfigError::Bad { at, reason: error.message().to_owned() });
    }
    let mut reader = Reader { path, text, layer: Layer::default() };
    reader.table("", table.get_ref())?;
    Ok(reader.layer)
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    layer: Layer,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), ConfigError> {
        for (key, value) in table {
            let full = format!("{prefix}{}", key.get_ref());
            match value.get_ref() {
                DeValue::Table(inner) if full == "api" => self.table("api.", inner)?,
                DeValue::Table(inner) if full == "cyan" => self.table("cyan.", inner)?,
                DeValue::Table(inner) if full == "bulk" => self.table("bulk.", inner)?,
                _ => self.entry(&full, key.span().start, value)?,
            }
        }
        Ok(())
    }

    fn entry(&mut self, key: &str, at: usize, found: &Spanned<DeValue<'_>>) -> Result<(), ConfigError> {
        let source = place(self.path, self.text, at);
        let twice = match key {
            "data_dir" => {
                let value = self.string(found, |text| Ok(PathBuf::from(text)))?;
                put(self.beside_the_file(value), &mut self.layer.data_dir, source.clone())
            }
            "api" | "api.address" => {
                put(self.string(found, value::address)?, &mut self.layer.api, source.clone())
            }
            "peer" => put(self.string(found, value::address)?, &mut self.layer.peer, source.clone()),
            "name" => put(self.string(found, value::name)?, &mut self.layer.name, source.clone()),
            "discovery" => put(self.boolean(found)?, &mut self.layer.discovery, source.clone()),
            "connect" => {
                let list = self.list(found, |item| self.string(item, value::connect))?;
                put(list, &mut self.layer.connect, source.clone())
            }
            "encrypt" => put(self.boolean(found)?, &mut self.layer.encrypt, source.clone()),
            "encrypt_key" => {
                put(self.string(found, value::key_choice)?, &mut self.layer.encrypt_key, source.clone())
            }
            "log" => put(self.string(found, value::level)?, &mut self.layer.log, source.clone()),
            "log_format" => {
                put(self.string(found, value::log_format)?, &mut self.layer.log_format, source.clone())
            }
            "api.auth" => put(self.string(found, value::auth)?, &mut self.layer.api_auth, source.clone()),
            "cyan.anchors" => {
                put(self.string(found, value::anchors)?, &mut self.layer.cyan_anchors, source.clone())
            }
            "api.hosts" => {
                let list = self.list(found, |item| self.string(item, value::host))?;
                put(list, &mut self.layer.api_hosts, source.clone())
            }
            "api.allow_uids" => {
                let list = self.list(found, |item| self.uid(item))?;
                put(list, &mut self.layer.api_allow_uids, source.clone())
            }
            "api.tls" => {
                put(Some(self.string(found, value::address)?), &mut self.layer.api_tls, source.clone())
            }
            "api.apps" => put(self.apps(found)?, &mut self.layer.api_apps, source.clone()),
            "bulk.callbacks" => {
                let list = self.list(found, |item| self.string(item, Place::parse))?;
                put(Allowed::new(list), &mut self.layer.bulk_callbacks, source.clone())
            }
            "bulk.storage" => put(self.bytes(found)?, &mut self.layer.bulk_storage, source.clone()),
            "bulk.users" => put(self.users(found)?, &mut self.layer.bulk_users, source.clone()),
            _ => {
                let reason = format!("there is no key {key:?}; the keys are {KEYS}");
                return Err(ConfigError::Bad { at: source, reason });
            }
        };
        if twice {
            return Err(ConfigError::Bad { at: source, reason: format!("{key:?} is set twice") });
        }
        Ok(())
    }

    /// A relative folder is meant as seen from the file, wherever the program was started.
    fn beside_the_file(&self, folder: PathBuf) -> PathBuf {
        let base = self.path.parent().unwrap_or(Path::new(""));
        environment::absolute(base.join(folder))
    }

    fn bad(&self, found: &Spanned<DeValue<'_>>, reason: String) -> ConfigError {
        self.bad_at(found.span().start, reason)
    }

    fn bad_at(&self, offset: usize, reason: String) -> ConfigError {
        ConfigError::Bad { at: place(self.path, self.text, offset), reason }
    }

    fn wrong_type(&self, found: &Spanned<DeValue<'_>>, wanted: &str) -> ConfigError {
        self.bad(found, format!("{wanted} belongs here, not a value of type {}", found.get_ref().type_str()))
    }

    fn string<T>(
        &self,
        found: &Spanned<DeValue<'_>>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        match found.get_ref() {
            DeValue::String(text) if text.is_empty() => Err(self.bad(found, "is empty".to_owned())),
            DeValue::String(text) => parse(text).map_err(|reason| self.bad(found, reason)),
            _ => Err(self.wrong_type(found, "a string in quotes")),
        }
    }

    fn boolean(&self, found: &Spanned<DeValue<'_>>) -> Result<bool, ConfigError> {
        found.get_ref().as_bool().ok_or_else(|| self.wrong_type(found, "true or false"))
    }

    fn uid(&self, found: &Spanned<DeValue<'_>>) -> Result<u32, ConfigError> {
        match found.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| self.bad(found, format!("{} is not a user id", number.as_str()))),
            _ => Err(self.wrong_type(found, "a numeric user id")),
        }
    }

    fn bytes(&self, found: &Spanned<DeValue<'_>>) -> Result<u64, ConfigError> {
        match found.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| self.bad(found, format!("{} is not a number of bytes", number.as_str()))),
            DeValue::String(_) => self.string(found, value::storage),
            _ => Err(self.wrong_type(found, "a number of bytes, or a string such as \"4GiB\",")),
        }
    }

    fn list<T>(
        &self,
        found: &Spanned<DeValue<'_>>,
        item: impl Fn(&Spanned<DeValue<'_>>) -> Result<T, ConfigError>,
    ) -> Result<Vec<T>, ConfigError> {
        match found.get_ref() {
            DeValue::Array(items) => items.iter().map(item).collect(),
            _ => Err(self.wrong_type(found, "a list in [ ]")),
        }
    }
}

/// Fills a member; true when it was filled already (by the other spelling of the same key).
fn put<T>(value: T, member: &mut Option<Given<T>>, source: Source) -> bool {
    member.replace(Given { value, source }).is_some()
}
