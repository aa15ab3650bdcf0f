//! `QUIRE_…` variables. An empty one counts as unset; lists are separated by commas.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::bulk::callback::{Allowed, Place};

use super::{ConfigError, Given, Layer, Source, value};

type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What the environment says.
pub(super) fn layer(variable: Lookup<'_>) -> Result<Layer, ConfigError> {
    Ok(Layer {
        data_dir: path(variable, "QUIRE_DATA_DIR")
            .map(|value| Given { value: absolute(value), source: Source::Environment("QUIRE_DATA_DIR") }),
        api: one(variable, "QUIRE_API", value::address)?,
        peer: one(variable, "QUIRE_PEER", value::address)?,
        name: one(variable, "QUIRE_NAME", value::name)?,
        discovery: one(variable, "QUIRE_NO_DISCOVERY", |text| value::switch(text).map(|off| !off))?,
        connect: list(variable, "QUIRE_CONNECT", value::connect)?,
        log: one(variable, "QUIRE_LOG", value::level)?,
        log_format: one(variable, "QUIRE_LOG_FORMAT", value::log_format)?,
        api_auth: one(variable, "QUIRE_API_AUTH", value::auth)?,
        api_hosts: list(variable, "QUIRE_API_HOSTS", value::host)?,
        api_allow_uids: list(variable, "QUIRE_API_ALLOW_UIDS", value::uid)?,
        cyan_anchors: one(variable, "QUIRE_CYAN_ANCHORS", value::anchors)?,
        bulk_callbacks: list(variable, "QUIRE_BULK_CALLBACKS", Place::parse)?.map(allowed),
        bulk_storage: one(variable, "QUIRE_BULK_STORAGE", value::storage)?,
        api_apps: None,
        api_tls: one(variable, "QUIRE_API_TLS", |text| value::address(text).map(Some))?,
        bulk_users: None,
        encrypt: one(variable, "QUIRE_ENCRYPT", value::switch)?,
        encrypt_key: one(variable, "QUIRE_ENCRYPT_KEY", value::key_choice)?,
        remarks: Vec::new(),
    })
}

fn allowed(given: Given<Vec<Place>>) -> Given<Allowed> {
    Given { value: Allowed::new(given.value), source: given.source }
}

/// A path, which need not be text.
pub(super) fn path(variable: Lookup<'_>, name: &'static str) -> Option<PathBuf> {
    variable(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// As seen from the folder the program was started in.
pub(super) fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

fn one<T>(
    variable: Lookup<'_>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Given<T>>, ConfigError> {
    let source = Source::Environment(name);
    let Some(raw) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let parsed = match raw.to_str() {
        Some(text) => parse(text.trim()),
        None => Err("the value is not UTF-8".to_owned()),
    };
    match parsed {
        Ok(value) => Ok(Some(Given { value, source })),
        Err(reason) => Err(ConfigError::Bad { at: source, reason }),
    }
}

fn list<T>(
    variable: Lookup<'_>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Given<Vec<T>>>, ConfigError> {
    one(variable, name, |text| {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(&parse).collect()
    })
}
