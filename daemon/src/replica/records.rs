//! Records for exports: a flat map of each item, one by one out of one snapshot. What happened to markings is in
//! `past.rs`.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use lru::LruCache;
use quire_protocol::document::Projection;
use quire_protocol::domain::{Kind as ItemKind, Role};
use quire_protocol::id::{DocId, Space};
use quire_protocol::item::{Naming, plain, put_members};
use quire_protocol::node::{self, properties, type_of};
use serde_json::{Map, Value};

use super::View;
use super::bare::read_bare;
use super::tree::{branches, parent_of};
use super::view::Near;
use crate::engine::RecordsOf;
use crate::store::Result;
use crate::store::keys::SpaceNo;
use crate::store::rows::{DocRow, Stored};

/// What is done with each record; it ends the export by breaking.
pub(super) type Each<'a> = &'a mut dyn FnMut(Map<String, Value>) -> ControlFlow<()>;

/// Types of nodes that are told apart: applications have some dozens, and a tenant of a hostile one must not fill the
/// memory with their names.
const TYPES: usize = 10_000;

/// Names of properties that are told of one type: an export takes 250 fields at most, and a tenant of a hostile
/// application must not fill the memory.
const PROPERTIES: usize = 2_000;

/// Titles of books that are remembered while activities are written: they come in the order of their accounts, and
/// nobody reads more books at a time.
const TITLES: usize = 256;

/// Longest title that is remembered, in bytes: a longer one is no title that people gave, and is read again.
const MAX_TITLE: usize = 1024;

/// Members of an activity's record besides those of its item.
const MORE: usize = 8;

/// A document of which all is here but the names of its changes.
pub(super) struct Read {
    pub row: DocRow,
    /// The creation's log and arrival, when there is no other change.
    pub alone: Option<(u32, u64)>,
}

impl Read {
    fn of(stored: Stored, near: Near<'_>) -> Result<Read> {
        match stored {
            Stored::Whole(row) => Ok(Read { row, alone: None }),
            Stored::Bare(bare) => {
                let (row, arrival) = read_bare(bare, near)?;
                Ok(Read { row, alone: Some((bare.log, arrival)) })
            }
        }
    }
}

impl View {
    /// Every record of an object, in an order that stays while nothing changes.
    pub fn records(&self, of: &RecordsOf, each: Each<'_>) -> Result<()> {
        match of {
            RecordsOf::Activities => Activities::of(self).write(each),
            RecordsOf::Markings => self.marking_records(each),
            RecordsOf::Contacts => self.contact_records(each),
            RecordsOf::Nodes { space, ty } => self.node_records(space, ty, each),
        }
    }

    fn marking_records(&self, each: Each<'_>) -> Result<()> {
        for (number, account) in self.accounts() {
            let flow = self.stored(number, &|_| true, &mut |_, stored, near| {
                let read = Read::of(stored, near)?;
                if read.row.kind() != Some(ItemKind::Marking) {
                    return Ok(ControlFlow::Continue(()));
                }
                let mut record = self.item_record((number, account), ItemKind::Marking, &read.row);
                record.insert("Marking.Id".to_owned(), read.row.row_id.into());
                Ok(each(record))
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Accounts are known by their numbers, each in its own space.
    fn contact_records(&self, each: Each<'_>) -> Result<()> {
        for (number, account) in self.accounts() {
            let doc = DocId::of(ItemKind::Account, &account.to_string());
            let Some(row) = self.row(number, doc)? else { continue };
            let mut record = self.item_record((number, account), ItemKind::Account, &row);
            record.retain(|name, _| ItemKind::Account.member(name).is_none_or(|m| m.role != Role::Secret));
            record.insert("Contact.Id".to_owned(), account.into());
            if each(record).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn node_records(&self, space: &Space, ty: &str, each: Each<'_>) -> Result<()> {
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(()) };
        let branches = branches(self.rows(), number)?;
        let tenant = space.tenant_guid().unwrap_or_default();
        let done = self.nodes_there(number, &mut |doc, row, its_type| {
            if its_type != ty {
                return ControlFlow::Continue(());
            }
            let parent = parent_of(&branches, doc, &row.projection);
            let naming = node::Naming { tenant, cyan_id: row.row_id, parent: parent.as_ref() };
            each(flat(node::members(&row.projection, naming, &|blob| self.blob(number, blob))))
        });
        done.map(drop)
    }

    /// Tenants and types of nodes that are there, in order.
    pub fn node_types(&self) -> Result<Vec<(Space, String)>> {
        let mut types = BTreeSet::new();
        let names = &self.mirror().names;
        for (number, space) in names.spaces().filter(|(_, space)| space.tenant_guid().is_some()) {
            let mut here = BTreeSet::new();
            self.nodes_there(number, &mut |_, _, ty| {
                keep_least(&mut here, ty, TYPES);
                ControlFlow::Continue(())
            })?;
            types.extend(here.into_iter().map(|ty| (space.clone(), ty)));
            while types.len() > TYPES {
                types.pop_last();
            }
        }
        Ok(types.into_iter().collect())
    }

    /// Names of properties of nodes of one type that are there, in order.
    pub fn property_names(&self, space: &Space, ty: &str) -> Result<Vec<String>> {
        let mut names = BTreeSet::new();
        let Some(number) = self.mirror().names.space_number(space) else { return Ok(Vec::new()) };
        self.nodes_there(number, &mut |_, row, its_type| {
            if its_type == ty {
                for (name, _) in properties(&row.projection, &|blob| self.blob(number, blob)) {
                    keep_least(&mut names, name, PROPERTIES);
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(names.into_iter().collect())
    }

    /// Each node that has a type and is not removed.
    fn nodes_there(
        &self,
        space: SpaceNo,
        each: &mut dyn FnMut(DocId, &DocRow, String) -> ControlFlow<()>,
    ) -> Result<()> {
        let done = self.stored(space, &|_| true, &mut |doc, stored, near| {
            let row = Read::of(stored, near)?.row;
            let is_there = row.kind() == Some(ItemKind::Node) && !row.projection.removed;
            Ok(match type_of(&row.projection).filter(|_| is_there) {
                Some(ty) => each(doc, &row, ty),
                None => ControlFlow::Continue(()),
            })
        });
        done.map(drop)
    }

    /// Accounts that are held, by the numbers of their spaces.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (SpaceNo, i64)> + '_ {
        self.mirror().names.spaces().filter_map(|(number, space)| Some((number, space.account_number()?)))
    }

    fn item_record(
        &self,
        (space, account): (SpaceNo, i64),
        kind: ItemKind,
        row: &DocRow,
    ) -> Map<String, Value> {
        self.record_of((space, account), kind, row.row_id, &row.projection)
    }

    fn record_of(
        &self,
        (space, account): (SpaceNo, i64),
        kind: ItemKind,
        row_id: u64,
        projection: &Projection,
    ) -> Map<String, Value> {
        let mut record = Map::with_capacity(kind.members().len() + MORE);
        let naming = Naming { account, row_id };
        put_members(&mut record, kind, projection, naming, &|blob| self.blob(space, blob));
        record
    }
}

fn keep_least(names: &mut BTreeSet<String>, name: String, most: usize) {
    names.insert(name);
    if names.len() > most {
        names.pop_last();
    }
}

/// A node's members with its properties beside them; references are no field.
fn flat(members: Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::with_capacity(members.len());
    for (name, value) in members {
        match value {
            Value::Object(props) if name == "props" => {
                out.extend(props.into_iter().map(|(name, value)| (format!("props.{name}"), value)));
            }
            _ if name == "refs" || name == "props" => {}
            value => drop(out.insert(name, value)),
        }
    }
    out
}

/// An activity besides its item.
pub(super) struct Activity {
    pub id: u64,
    pub ty: &'static str,
    /// Number of the log that it came in.
    pub log: u32,
}

/// Writes activities.
pub(super) struct Activities<'v> {
    pub view: &'v View,
    titles: LruCache<(SpaceNo, i64), String>,
    /// Of each log that was met: there are as many as devices were ever set up.
    devices: HashMap<u32, Value>,
}

impl Activities<'_> {
    fn of(view: &View) -> Activities<'_> {
        let most = NonZeroUsize::new(TITLES).unwrap_or(NonZeroUsize::MIN);
        Activities { view, titles: LruCache::new(most), devices: HashMap::new() }
    }

    fn write(mut self, each: Each<'_>) -> Result<()> {
        let view = self.view;
        for at in view.accounts() {
            let flow = view.stored(at.0, &|_| true, &mut |doc, stored, near| {
                let read = Read::of(stored, near)?;
                match (read.row.kind(), read.alone) {
                    (Some(ItemKind::History), _) => self.reading(at, &read, each),
                    (Some(ItemKind::Marking), Some((log, id))) => {
                        let ty = super::past::beginning(read.row.projection.removed);
                        self.tell(
                            at,
                            (ItemKind::Marking, read.row.row_id),
                            &read.row.projection,
                            Activity { id, ty, log },
                            each,
                        )
                    }
                    (Some(ItemKind::Marking), None) => self.past((at, doc), &read.row, near, each),
                    _ => Ok(ControlFlow::Continue(())),
                }
            })?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// A reading activity is one as it is now, known by its first record.
    fn reading(&mut self, at: (SpaceNo, i64), read: &Read, each: Each<'_>) -> Result<ControlFlow<()>> {
        let row = &read.row;
        let first = row.changes.first().map_or(0, |change| change.log);
        let log = read.alone.map_or(first, |(log, _)| log);
        let activity = Activity { id: row.row_id, ty: "Reading", log };
        self.tell(at, (ItemKind::History, row.row_id), &row.projection, activity, each)
    }

    /// Writes one.
    pub(super) fn tell(
        &mut self,
        at: (SpaceNo, i64),
        (kind, row_id): (ItemKind, u64),
        projection: &Projection,
        activity: Activity,
        each: Each<'_>,
    ) -> Result<ControlFlow<()>> {
        let mut record = self.view.record_of(at, kind, row_id, projection);
        let book = record.get("bookID").and_then(Value::as_i64).unwrap_or(0);
        let title = self.title(at.0, book)?;
        let device = self.device(activity.log);
        let when = record.get("Timestamp").cloned().unwrap_or_default();
        let mut put = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
        put("Activity.Id", activity.id.into());
        put("Activity.Type", activity.ty.into());
        put("Activity.CreatedAt", when);
        put("Activity.Asset.Id", book.into());
        put("Activity.Asset.Type", "Book".into());
        put("Activity.Asset.Name", title.into());
        put("Activity.Contact.Id", at.1.into());
        put("Activity.Device", device);
        Ok(each(record))
    }

    fn device(&mut self, log: u32) -> Value {
        let mirror = self.view.mirror();
        let find = || mirror.certificates.get(&mirror.names.log(log)).map(|c| c.device.device().to_string());
        self.devices.entry(log).or_insert_with(|| find().into()).clone()
    }

    /// The title of a book of the account; empty when it is not held.
    fn title(&mut self, space: SpaceNo, book: i64) -> Result<String> {
        if let Some(known) = self.titles.get(&(space, book)) {
            return Ok(known.clone());
        }
        let row = self.view.row(space, DocId::of(ItemKind::Book, &format!("n:{book}")))?;
        let title = row.as_ref().and_then(|row| row.projection.get("title"));
        let shown =
            title.map(|title| plain("title", ItemKind::Book, title, &|blob| self.view.blob(space, blob)));
        let title = shown.and_then(|shown| shown.as_str().map(str::to_owned)).unwrap_or_default();
        if title.len() <= MAX_TITLE {
            self.titles.put((space, book), title.clone());
        }
        Ok(title)
    }
}
