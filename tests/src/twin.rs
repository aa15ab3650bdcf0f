//! A data folder twice, and nothing that shows it: a copied disk, a virtual machine that was rolled back.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use quire_daemon::engine::DATABASE;
use quire_daemon::store::keys::{Key, Kind};
use quire_daemon::store::rows::{bytes, meta};
use quire_daemon::store::{Store, Writer};

use crate::process::{Daemon, Options};

/// A second daemon that takes itself for a stopped one, log and all.
///
/// # Panics
/// When the folder cannot be copied, or the store is in use.
pub fn twin_of(stopped: &Daemon, options: Options) -> Daemon {
    let folder = tempfile::Builder::new().prefix("quire-twin-").tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    copy(&stopped.data(), &data);
    take_for_the_same(&data);
    Daemon::start_in(options, folder)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    let mode = std::fs::metadata(from).expect("a folder").permissions();
    std::fs::set_permissions(to, mode).expect("its mode");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// A store knows its file by the inode and the token beside it; this one is told those of the copy.
fn take_for_the_same(data: &Path) {
    let path = data.join(DATABASE);
    let (store, file) = (Store::open(&path).expect("the store"), std::fs::metadata(&path).expect("its file"));
    let token = std::fs::read(data.join("boot-token")).expect("the token beside it");
    let token: [u8; 16] = token.try_into().expect("16 bytes");
    let mark = bytes(&(file.dev(), file.ino(), token));
    let put = |rows: &mut Writer<'_>| rows.put(&Key::of(Kind::Meta).bytes(meta::INSTALLATION), &mark);
    store.write(put).expect("the mark of the copy");
}
