//! Whether replicas say the same: clocks, bytes of projections, members, conflicts and history.

use super::{Fault, Network, said};
use quire_daemon::replica::View;
use quire_daemon::store::rows::bytes;
use quire_protocol::clock::Clock;
use quire_protocol::id::DocId;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// All that a replica says of one space.
#[derive(Debug, PartialEq, Default)]
struct Said {
    clock: Clock,
    documents: BTreeMap<DocId, Item>,
}

#[derive(Debug, PartialEq)]
struct Item {
    projection: Vec<u8>,
    members: Map<String, Value>,
    /// Beginnings of the hashes of its changes; a seed may have come in either of two logs.
    history: Vec<[u8; 8]>,
}

type Everything = (BTreeMap<String, Said>, Vec<String>);

/// Checks that every peer says the same, and that none has set a record aside.
///
/// # Errors
/// What differs, and between whom.
pub fn all_equal(network: &Network) -> Result<(), Fault> {
    let mut first: Option<Everything> = None;
    for peer in &network.peers {
        let view = peer.view().ok_or("a peer is down that should be up")?;
        for certificate in view.mirror().certificates.values() {
            if view.set_aside(certificate.device.device()).map_err(said)? > 0 {
                return Err(format!("{} has set aside a record that somebody acknowledged", peer.name));
            }
        }
        let now = everything(&view).map_err(said)?;
        match &first {
            None => first = Some(now),
            Some(first) if *first == now => {}
            Some(first) => {
                let what = difference(first, &now);
                return Err(format!("{} and {} differ: {what}", network.peers[0].name, peer.name));
            }
        }
    }
    Ok(())
}

fn everything(view: &View) -> Result<Everything, quire_daemon::store::StoreError> {
    let mut spaces = BTreeMap::new();
    for (number, space) in view.mirror().names.spaces() {
        let mut said = Said { clock: view.mirror().clock(space), ..Said::default() };
        view.documents(number, None, &mut |doc, row| {
            let mut members = view.members(number, row);
            members.remove("id");
            let mut history: Vec<_> = row.changes.iter().map(|change| change.short).collect();
            history.sort();
            said.documents.insert(doc, Item { projection: bytes(&row.projection), members, history });
            Ok(ControlFlow::Continue(()))
        })?;
        spaces.insert(space.as_str().to_owned(), said);
    }
    let conflicts = view.conflicts(None)?.into_iter().map(|mut conflict| {
        // Its beginning is the space's number, which each daemon gives.
        conflict.id.replace_range(..8, "");
        format!("{conflict:?}")
    });
    let mut conflicts: Vec<String> = conflicts.collect();
    conflicts.sort();
    Ok((spaces, conflicts))
}

fn difference(a: &Everything, b: &Everything) -> String {
    for (name, one) in &a.0 {
        let Some(other) = b.0.get(name) else { return format!("only one holds {name}") };
        if one.clock != other.clock {
            return format!("clocks of {name}: {:?} and {:?}", one.clock, other.clock);
        }
        for (doc, item) in &one.documents {
            if other.documents.get(doc) != Some(item) {
                return format!("{doc} of {name}:\n  {:?}\n  {:?}", Some(item), other.documents.get(doc));
            }
        }
        if one.documents.len() != other.documents.len() {
            return format!("numbers of items of {name}");
        }
    }
    format!("conflicts: {:?} and {:?}", a.1, b.1)
}
