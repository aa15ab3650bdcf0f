//! The configuration file: taken, or refused with the line that is wrong.

use std::path::Path;

use quire_daemon::config::fuzzing::read;

/// Reads the input as a configuration file.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Err(error) = read(Path::new("/etc/config.toml"), text) else { return };
    let said = error.to_string();
    let Some(place) = said.strip_prefix("/etc/config.toml:") else { panic!("no place: {said}") };
    let mut numbers = place.split(':');
    let mut number = || numbers.next().and_then(|number| number.trim().parse::<usize>().ok());
    let lines = text.matches('\n').count() + 1;
    let line = number();
    assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{lines} lines: {said}");
    assert!(number().is_some_and(|column| column >= 1), "{said}");
}
