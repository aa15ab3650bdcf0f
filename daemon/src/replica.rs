//! One replica: what the rows mean, and how they change. No threads, no sockets, no wall clock.
//!
//! [`Replica`] holds the store and small mirrors of it in memory; [`Batch`] is one writing transaction in
//! which any number of requests are done and which ends with one sync; [`View`] is a snapshot for reading.

mod answer;
mod aside;
mod bare;
mod batch;
mod blocks;
mod candidate;
mod echo;
mod edit;
mod fetch;
mod fold;
mod forks;
mod history;
mod import;
mod ingest;
mod initial;
mod installation;
mod messages;
mod native;
mod node;
mod node_conflicts;
mod nodes;
mod open;
mod past;
mod positions;
mod records;
mod refold;
mod registration;
mod roster;
mod shelf;
mod synchronize;
mod token;
mod tree;
mod trust;
mod view;
mod window;

pub use answer::Pending;
pub use batch::{Batch, Committed};
pub use forks::Comparison;
pub use installation::open_store;
pub use shelf::{MAX_SHELF_NAME, MAX_SHELF_VALUE};
pub use synchronize::cursor_candidates;
pub use token::TokenState;
pub use trust::{SetAside, TOLD_ASIDES};
pub use view::View;
pub use window::Window;

use blocks::Blocks;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use lru::LruCache;
use quire_protocol::clock::Clock;
use quire_protocol::document::Document;
use quire_protocol::id::{DeviceId, DocId, Incarnation, Space};
use quire_protocol::identity::{Certificate, DeviceCard, DeviceKey, PublicKey};
use quire_protocol::roster::{Roster, Standing, Trust};

use crate::sealed::Secret;
use crate::store::keys::{Key, Kind, SpaceNo, last_number, last_signed, sixteen};
use crate::store::rows::{ArrivalRow, CursorRow, HeadRow, InvitedRow, RowCodec, decode, meta};
use crate::store::{Result, Rows, Store, StoreError};

/// Documents kept loaded: one costs about 21 KiB (measured), and a hot edit then 20 µs instead of 100.
const DOCUMENTS: usize = 128;

/// Names that are long in rows and short in memory.
#[derive(Clone, Default, Debug)]
pub struct Names {
    spaces: Vec<Space>,
    space_numbers: HashMap<Space, SpaceNo>,
    logs: Vec<Incarnation>,
    log_numbers: HashMap<Incarnation, u32>,
}

impl Names {
    /// The space of a number.
    pub fn space(&self, number: SpaceNo) -> Option<&Space> {
        self.spaces.get(number as usize)
    }

    /// The number of a space.
    pub fn space_number(&self, space: &Space) -> Option<SpaceNo> {
        self.space_numbers.get(space).copied()
    }

    /// The log of a number.
    pub fn log(&self, number: u32) -> Incarnation {
        self.logs.get(number as usize).copied().unwrap_or(Incarnation([0; 16]))
    }

    /// The number of a log.
    pub fn log_number(&self, log: Incarnation) -> Option<u32> {
        self.log_numbers.get(&log).copied()
    }

    /// True when no log of these rows lacks its name here.
    pub fn name_all_logs(&self, rows: &impl Rows) -> Result<bool> {
        let all = Key::of(Kind::LogNumber);
        let last =
            rows.last(&all, &all.end())?.filter(|(key, _)| key.first() == Some(&(Kind::LogNumber as u8)));
        let number = last.and_then(|(key, _)| Some(u32::from_be_bytes(key.get(1..5)?.try_into().ok()?)));
        Ok(number.is_none_or(|number| (number as usize) < self.logs.len()))
    }

    /// Every space, in the order of their numbers.
    pub fn spaces(&self) -> impl Iterator<Item = (SpaceNo, &Space)> {
        self.spaces.iter().enumerate().map(|(n, space)| (n as SpaceNo, space))
    }

    fn add_space(&mut self, space: Space) -> SpaceNo {
        let number = self.spaces.len() as SpaceNo;
        self.space_numbers.insert(space.clone(), number);
        self.spaces.push(space);
        number
    }

    fn add_log(&mut self, log: Incarnation) -> u32 {
        let number = self.logs.len() as u32;
        self.log_numbers.insert(log, number);
        self.logs.push(log);
        number
    }
}

/// What is read without the store: replaced as a whole when it changes.
#[derive(Clone)]
pub struct Mirror {
    /// This device.
    pub card: DeviceCard,
    /// The incarnation that writes.
    pub log: Incarnation,
    /// Numbers of spaces and logs.
    pub names: Arc<Names>,
    /// Clock of each space, by number.
    pub clocks: Arc<Vec<Clock>>,
    /// Who is trusted with what.
    pub trust: Arc<BTreeMap<DeviceId, Trust>>,
    /// Whose log is whose.
    pub certificates: Arc<BTreeMap<Incarnation, Certificate>>,
    /// Signed statements that trust follows from.
    pub roster: Arc<Roster>,
    /// What follows from them.
    pub standing: Arc<Standing>,
    /// Devices that proved an invitation's code and were not heard of since: a crash came between the two sides.
    pub invited: Arc<BTreeMap<DeviceId, InvitedRow>>,
    /// Arrival that the next record will get.
    pub next_arrival: u64,
    /// Records that were read lately.
    blocks: Arc<Blocks>,
}

/// The one writer's state.
pub struct Replica {
    store: Option<Arc<Store>>,
    key: Arc<DeviceKey>,
    channel_key: [u8; 32],
    file_key: Secret,
    mirror: Mirror,
    heads: HashMap<(SpaceNo, Incarnation), HeadRow>,
    /// Keys on paper that are above devices.
    recovery: BTreeSet<PublicKey>,
    /// Latest cursor given for each space, in milliseconds.
    last_cursor: HashMap<SpaceNo, i64>,
    documents: LruCache<(SpaceNo, DocId), Document>,
    codec: RowCodec,
    mint: Mint,
}

/// Where new incarnations come from.
type Mint = Box<dyn FnMut() -> Incarnation + Send>;

/// How a replica is opened.
pub struct Opening<'a> {
    /// What people call the device.
    pub name: &'a str,
    /// Where the database is, so that a copy is noticed; `None` for a store in memory, which has no copies.
    pub path: Option<&'a Path>,
}

impl Replica {
    /// Opens a replica on an open store, making what a first start needs.
    pub fn open(store: Arc<Store>, opening: &Opening<'_>) -> Result<Replica> {
        let identity = installation::start(&store, opening)?;
        let key = Arc::new(DeviceKey::from_seed(&identity.device_seed));
        let channel_key = identity.channel_key;
        let public = crate::channel::StaticKey::from_private(channel_key).public();
        let card = DeviceCard::issue(&key, public, opening.name);
        let mirror = Mirror {
            card,
            log: identity.incarnation,
            names: Arc::default(),
            clocks: Arc::default(),
            trust: Arc::default(),
            certificates: Arc::default(),
            roster: Arc::default(),
            standing: Arc::default(),
            invited: Arc::default(),
            next_arrival: 1,
            blocks: Arc::default(),
        };
        let capacity = std::num::NonZeroUsize::new(DOCUMENTS).unwrap_or(std::num::NonZeroUsize::MIN);
        let mut replica = Replica {
            store: Some(store),
            key,
            channel_key,
            file_key: identity.file_key,
            mirror,
            heads: HashMap::new(),
            recovery: BTreeSet::new(),
            last_cursor: HashMap::new(),
            documents: LruCache::new(capacity),
            codec: RowCodec::default(),
            mint: Box::new(|| Incarnation(crate::random::bytes())),
        };
        replica.reload()?;
        replica.seal_left_open()?;
        replica.ensure_certificate()?;
        Ok(replica)
    }

    /// Seals what a crash left open.
    fn seal_left_open(&mut self) -> Result<()> {
        let store = self.store()?;
        let open = Key::of(Kind::Open);
        if !store.read()?.last(&open, &open.end())?.is_some_and(|(key, _)| key.starts_with(&open)) {
            return Ok(());
        }
        store.write(|rows| {
            let mut batch = Batch::new(self, rows, 0);
            batch.seal_left_open()?;
            batch.finish().map(drop)
        })?;
        self.reload()
    }

    /// Takes new incarnations from elsewhere than the system's generator, so that a simulation repeats
    /// itself. Whatever the source, it must never give one twice.
    pub fn mint_from(&mut self, source: impl FnMut() -> Incarnation + Send + 'static) {
        self.mint = Box::new(source);
    }

    /// What readers need besides the store.
    pub fn mirror(&self) -> Mirror {
        self.mirror.clone()
    }

    /// A snapshot of the last commit.
    pub fn view(&self) -> Result<View> {
        Ok(View::new(self.store()?.read()?, self.mirror()))
    }

    /// The key that signs in this device's name.
    pub fn device_key(&self) -> Arc<DeviceKey> {
        Arc::clone(&self.key)
    }

    /// Private key of the encrypted channel.
    pub fn channel_key(&self) -> [u8; 32] {
        self.channel_key
    }

    /// What services encrypt their files with, where the store is encrypted.
    pub fn file_key(&self) -> Secret {
        self.file_key.clone()
    }

    /// Reads everything that is mirrored in memory; after a failed commit the store alone is the truth.
    pub fn reload(&mut self) -> Result<()> {
        let reader = self.store()?.read()?;
        let names = read_names(&reader)?;
        self.heads = read_heads(&reader)?;
        self.last_cursor = read_last_cursors(&reader)?;
        self.recovery = read_recovery(&reader)?;
        let mut clocks = vec![Clock::default(); names.spaces.len()];
        for ((space, log), head) in &self.heads {
            if let Some(clock) = clocks.get_mut(*space as usize) {
                clock.advance(*log, head.seq);
            }
        }
        self.mirror.names = Arc::new(names);
        self.mirror.clocks = Arc::new(clocks);
        self.mirror.next_arrival = next_arrival(&reader)?;
        self.mirror.certificates = Arc::new(read_certificates(&reader)?);
        let (entries, rulings) = (read_all(&reader, Kind::Roster)?, read_all(&reader, Kind::Ruling)?);
        self.mirror.roster = Arc::new(Roster { entries, rulings });
        let invited: Vec<InvitedRow> = read_all(&reader, Kind::Invited)?;
        self.mirror.invited = Arc::new(invited.into_iter().map(|row| (row.card.id(), row)).collect());
        self.mirror.blocks = Arc::default();
        self.documents.clear();
        self.settle_trust();
        Ok(())
    }

    fn ensure_certificate(&mut self) -> Result<()> {
        if self.mirror.certificates.contains_key(&self.mirror.log) {
            return Ok(());
        }
        let own = Certificate::issue(self.mirror.log, &self.key);
        self.store()?.write(|rows| -> Result<()> {
            let key = Key::of(Kind::Certificate).log(own.incarnation);
            rows.put(&key, &crate::store::rows::bytes(&own))
        })?;
        self.reload()
    }

    /// Lets go of the store, so that its file can be opened again.
    pub fn release(&mut self) {
        self.store = None;
    }

    /// False from [`release`](Self::release) on.
    pub fn is_open(&self) -> bool {
        self.store.is_some()
    }

    fn store(&self) -> Result<Arc<Store>> {
        self.store.clone().ok_or_else(|| StoreError::Database("it is being opened again".into()))
    }

    /// The key that signs a log, when its device is known.
    fn author(&self, log: Incarnation) -> Option<PublicKey> {
        self.mirror.certificates.get(&log).map(|certificate| certificate.device)
    }
}

fn read_names(reader: &impl Rows) -> Result<Names> {
    let mut names = Names::default();
    each(reader, Kind::Space, |key, value| {
        let text = std::str::from_utf8(value).ok().and_then(Space::parse);
        let space = text.ok_or_else(|| StoreError::Unreadable(crate::store::keys::describe(key)))?;
        names.add_space(space);
        Ok(())
    })?;
    each(reader, Kind::LogNumber, |_, value| {
        names.add_log(Incarnation(sixteen(value, 0)));
        Ok(())
    })?;
    Ok(names)
}

fn read_heads(reader: &impl Rows) -> Result<HashMap<(SpaceNo, Incarnation), HeadRow>> {
    let mut heads = HashMap::new();
    each(reader, Kind::Head, |key, value| {
        let space = SpaceNo::from_be_bytes([key[1], key[2], key[3], key[4]]);
        heads.insert((space, Incarnation(sixteen(key, 5))), decode(key, value)?);
        Ok(())
    })?;
    Ok(heads)
}

/// The latest cursor of an account is never forgotten before its application returns a later one, so the
/// greatest one kept is the greatest one given.
fn read_last_cursors(reader: &impl Rows) -> Result<HashMap<SpaceNo, i64>> {
    let mut last = HashMap::new();
    each(reader, Kind::Cursor, |key, value| {
        let (ms, row): (i64, CursorRow) = (last_signed(key), decode(key, value)?);
        for space in row.clocks.keys() {
            let entry = last.entry(*space).or_insert(ms);
            *entry = ms.max(*entry);
        }
        Ok(())
    })?;
    Ok(last)
}

fn read_certificates(reader: &impl Rows) -> Result<BTreeMap<Incarnation, Certificate>> {
    let all: Vec<Certificate> = read_all(reader, Kind::Certificate)?;
    Ok(all.into_iter().map(|certificate| (certificate.incarnation, certificate)).collect())
}

fn next_arrival(reader: &impl Rows) -> Result<u64> {
    let arrivals = Key::of(Kind::Arrival);
    match reader.last(&arrivals, &arrivals.end())? {
        Some((key, value)) if key[0] == Kind::Arrival as u8 => {
            let row: ArrivalRow = decode(&key, &value)?;
            Ok(last_number(&key) + u64::from(row.count))
        }
        _ => Ok(1),
    }
}

fn device(key: &[u8]) -> Option<DeviceId> {
    Some(DeviceId(key.get(1..21)?.try_into().ok()?))
}

fn read_recovery(reader: &impl Rows) -> Result<BTreeSet<PublicKey>> {
    let kept = read_meta(reader, meta::RECOVERY)?;
    kept.map_or(Ok(BTreeSet::new()), |value| decode(&meta_key(meta::RECOVERY), &value))
}

fn read_all<T: serde::de::DeserializeOwned>(reader: &impl Rows, kind: Kind) -> Result<Vec<T>> {
    let mut all = Vec::new();
    each(reader, kind, |key, value| {
        all.push(decode(key, value)?);
        Ok(())
    })?;
    Ok(all)
}

/// Every row of a kind.
fn each(reader: &impl Rows, kind: Kind, mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
    let from = Key::of(kind);
    reader.scan(&from, &from.end(), &mut |key, value| {
        visit(key, value)?;
        Ok(std::ops::ControlFlow::Continue(()))
    })
}

/// The value of a meta row.
fn read_meta(reader: &impl Rows, name: &[u8]) -> Result<Option<Vec<u8>>> {
    reader.get(&meta_key(name))
}

pub(crate) fn meta_key(name: &[u8]) -> Key {
    Key::of(Kind::Meta).bytes(name)
}

/// The store's format, checked before anything is written.
fn check_format(reader: &impl Rows) -> Result<bool> {
    match read_meta(reader, meta::FORMAT)? {
        None => Ok(false),
        Some(value) if value == crate::store::rows::FORMAT.to_be_bytes() => Ok(true),
        Some(_) => Err(StoreError::Unreadable("format: it was written by a newer Quire; update".into())),
    }
}
