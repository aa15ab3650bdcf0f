//! The documented synchronization: what is taken, what arrives, what merges, what a cursor stands for.

mod cursors;
mod documented;
mod items;
mod merging;
mod removal;

use quire_tests::process::Daemon;

/// Two paired daemons, connected.
fn pair() -> (Daemon, Daemon) {
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    desk.pair_with(&phone);
    (desk, phone)
}

/// The space of the account that the tests' markings have.
const SPACE: &str = "account:3";
