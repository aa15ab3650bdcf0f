//! One daemon of the simulated world: the real replica on a disk in memory.

use super::disk::Disk;
use super::random::Random;
use quire_daemon::engine::EngineError;
use quire_daemon::replica::{Batch, Committed, Mirror, Opening, Replica, View};
use quire_daemon::store::keys::{Key, Kind};
use quire_daemon::store::rows::meta;
use quire_daemon::store::{Store, StoreError};
use quire_protocol::clock::Clock;
use quire_protocol::id::{Incarnation, Space};
use std::sync::Arc;

/// One daemon, up or down.
pub struct Peer {
    /// What it is called.
    pub name: String,
    /// Its disk.
    pub disk: Disk,
    life: Option<Life>,
    random: Random,
    last: Mirror,
}

struct Life {
    replica: Replica,
    store: Arc<Store>,
}

/// Whether a disk that was set back has a mark that tells so (see the daemon's `replica/installation.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As it always was.
    Same,
    /// Another inode or boot token: the daemon begins a new log at once.
    Other,
}

impl Peer {
    /// A new device, whose keys the stream determines.
    ///
    /// # Errors
    /// When the store cannot be made.
    pub fn new(name: &str, mut random: Random) -> Result<Peer, StoreError> {
        let disk = Disk::default();
        let store = Store::with_backend(disk.open())?;
        store.write(|rows| -> Result<(), StoreError> {
            rows.put(&meta_key(meta::DEVICE_SEED), &random.bytes::<32>())?;
            rows.put(&meta_key(meta::CHANNEL_KEY), &random.bytes::<32>())?;
            rows.put(&meta_key(meta::INCARNATION), &random.bytes::<16>())
        })?;
        let life = live(store, name, &mut random)?;
        let last = life.replica.mirror();
        Ok(Peer { name: name.to_owned(), disk, life: Some(life), random, last })
    }

    /// The same device on a copy of its disk.
    ///
    /// # Errors
    /// When the copy cannot be opened.
    pub fn on_copy(&mut self, name: &str, image: Vec<u8>) -> Result<Peer, StoreError> {
        let last = self.last.clone();
        let mut copy = Peer {
            name: name.to_owned(),
            disk: Disk::of(image),
            life: None,
            random: self.random.split(),
            last,
        };
        copy.start(Mark::Other)?;
        Ok(copy)
    }

    /// True while it runs.
    pub fn is_up(&self) -> bool {
        self.life.is_some()
    }

    /// Starts it.
    ///
    /// # Errors
    /// When its store cannot be opened.
    pub fn start(&mut self, mark: Mark) -> Result<(), StoreError> {
        let store = Store::with_backend(self.disk.open())?;
        if mark == Mark::Other {
            let fresh = self.random.bytes::<16>();
            store.write(|rows| rows.put(&meta_key(meta::INCARNATION), &fresh))?;
        }
        let life = live(store, &self.name, &mut self.random)?;
        self.last = life.replica.mirror();
        self.life = Some(life);
        Ok(())
    }

    /// Ends it in good order.
    pub fn stop(&mut self) {
        self.life = None;
    }

    /// Ends it by a power cut.
    pub fn crash(&mut self) {
        self.disk.cut_power();
        self.life = None;
    }

    /// Puts an earlier state of its disk in place of this one. It must be down.
    pub fn set_back(&mut self, image: Vec<u8>) {
        self.disk = Disk::of(image);
    }

    /// What it knows, or knew when it was last up.
    pub fn mirror(&self) -> &Mirror {
        &self.last
    }

    /// Its clock of a space, now or when it was last up.
    pub fn clock(&self, space: &Space) -> Clock {
        self.last.clock(space)
    }

    /// A snapshot; `None` when it is down.
    pub fn view(&self) -> Option<View> {
        self.life.as_ref().and_then(|life| life.replica.view().ok())
    }

    /// One transaction. `None` when the power went before it was on disk, or the peer is down; it is down then.
    ///
    /// # Errors
    /// What `work` refuses.
    pub fn commit<T>(
        &mut self,
        now_ms: i64,
        work: impl FnOnce(&mut Batch<'_, '_>) -> Result<T, EngineError>,
    ) -> Result<Option<(T, Committed)>, EngineError> {
        let Some(life) = &mut self.life else { return Ok(None) };
        let replica = &mut life.replica;
        let done = life.store.write(|rows| -> Result<_, EngineError> {
            let mut batch = Batch::new(replica, rows, now_ms);
            let done = work(&mut batch)?;
            Ok((done, batch.finish()?))
        });
        match done {
            Ok(done) => {
                self.last = life.replica.mirror();
                Ok(Some(done))
            }
            Err(_) if self.disk.is_dead() => {
                self.crash();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn live(store: Store, name: &str, random: &mut Random) -> Result<Life, StoreError> {
    let store = Arc::new(store);
    let mut replica = Replica::open(Arc::clone(&store), &Opening { name, path: None })?;
    let mut mint = random.split();
    replica.mint_from(move || Incarnation(mint.bytes()));
    Ok(Life { replica, store })
}

fn meta_key(name: &[u8]) -> Key {
    Key::of(Kind::Meta).bytes(name)
}
