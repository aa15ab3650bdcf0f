//! The nodes of a field app: a forest of four levels in 60 types, each node some 700 bytes of JSON. The same index gives
//! the same node, so none has to be kept.

use serde_json::{Value, json};

/// The tenant of all nodes.
pub const TENANT: &str = "6f1d9d3e-54a0-4c0e-9f0b-2f6f0f9a7c11";

/// How many types there are.
const TYPES: usize = 60;
/// Where the levels of the forest begin; the last one has no end.
const LEVELS: [usize; 4] = [0, 60, 1_260, 12_060];
/// What makes one forest differ from another.
const SEED: u64 = 20_261_122;
const KINDS: [&str; 12] = [
    "workOrder",
    "truck",
    "crew",
    "site",
    "meter",
    "valve",
    "inspection",
    "customer",
    "contract",
    "part",
    "shift",
    "report",
];
const WORDS: [&str; 16] = [
    "pressure", "north", "replaced", "gate", "seal", "checked", "before", "noon", "leaking", "valve",
    "behind", "fence", "second", "visit", "needed", "again",
];
/// Words of a note.
const NOTE: usize = 28;

/// A node as an app posts it. `revision` is one property; every other member stays when it changes.
pub fn node(index: usize, revision: usize) -> String {
    let mut dice = Dice::of(index);
    let (ty, id) = key(index);
    let node_id = dice.guid();
    let mut node = json!({
        "tenantId": TENANT, "nodeId": node_id, "type": ty, "id": id, "title": dice.words(4),
        "props": props(&mut dice, revision),
        "refs": { "assignedTo": reference(&mut dice, index), "customer": reference(&mut dice, index) },
    });
    if let Some((ty, id)) = parent(index).map(key) {
        node["parentType"] = ty.into();
        node["parentId"] = id.into();
    }
    node.to_string()
}

/// A `PutData` message of such nodes, the `sequence`-th of its sender's session.
pub fn message(nodes: &[String], sequence: usize) -> String {
    json!({
        "tenantId": TENANT, "messageTypeLookupKey": "PutData", "senderSessionId": "quire-bench",
        "senderSessionSequence": sequence, "body": format!(r#"{{"nodes":[{}]}}"#, nodes.join(",")),
    })
    .to_string()
}

/// Type and id.
fn key(index: usize) -> (String, String) {
    let ty = index % TYPES;
    (format!("{}{}", KINDS[ty % KINDS.len()], ty / KINDS.len() + 1), format!("{:06}", index / TYPES))
}

fn parent(index: usize) -> Option<usize> {
    let level = LEVELS.iter().rposition(|begin| *begin <= index)?;
    let (above, begin) = (*LEVELS.get(level.checked_sub(1)?)?, LEVELS[level]);
    Some(above + (index - begin) % (begin - above))
}

/// Six of them: text, a whole number, a fraction, a truth, a list and an object.
fn props(dice: &mut Dice, revision: usize) -> Value {
    json!({
        "note": dice.words(NOTE),
        "revision": revision,
        "hours": dice.below(1_000) as f64 / 8.0,
        "isBillable": dice.below(2) == 0,
        "tags": [dice.words(1), dice.words(1), dice.words(1)],
        "address": {
            "street": format!("{} {}", dice.below(200), dice.words(1)),
            "zip": format!("{:05}", dice.below(100_000)),
            "position": { "lat": dice.degrees(90), "lon": dice.degrees(180) },
        },
    })
}

/// To a node that is there before this one; the first ones point to themselves.
fn reference(dice: &mut Dice, index: usize) -> Value {
    let (ty, id) = key(dice.below(index.max(1)));
    json!({ "type": ty, "id": id })
}

/// splitmix64.
struct Dice(u64);

impl Dice {
    fn of(index: usize) -> Self {
        let mut seeded = Self(SEED ^ (index as u64).wrapping_mul(0xd134_2543_de82_ef95));
        seeded.throw();
        seeded
    }

    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.throw() % bound as u64).unwrap_or_default()
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| WORDS[self.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
    }

    fn degrees(&mut self, limit: usize) -> f64 {
        self.below(limit * 20_000) as f64 / 1e4 - limit as f64
    }

    fn guid(&mut self) -> String {
        let (high, low) = (self.throw(), self.throw());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0xfff,
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{key, message, node, parent};
    use serde_json::Value;
    use std::collections::HashSet;

    #[test]
    fn a_node_is_about_seven_hundred_bytes() {
        let sum: usize = (0..1_000).map(|index| node(index * 100, 1).len()).sum();
        assert!((650_000..750_000).contains(&sum), "{sum}");
    }

    #[test]
    fn keys_are_its_own_and_parents_come_first() {
        let keys: HashSet<_> = (0..20_000).map(key).collect();
        assert_eq!(keys.len(), 20_000);
        assert_eq!(keys.iter().map(|(ty, _)| ty).collect::<HashSet<_>>().len(), 60);
        let depth = |index| std::iter::successors(Some(index), |index| parent(*index)).count();
        assert_eq!([0, 59, 60, 1_260, 12_060, 99_999].map(depth), [1, 1, 2, 3, 4, 4]);
        assert!((60..20_000).all(|index| parent(index).unwrap() < index));
    }

    #[test]
    fn a_revision_changes_one_property() {
        let read = |revision| serde_json::from_str::<Value>(&node(77, revision)).unwrap();
        let (mut one, two) = (read(1), read(2));
        assert_ne!(one, two);
        one["props"]["revision"] = 2.into();
        assert_eq!(one, two);
        assert_eq!(two["props"].as_object().unwrap().len(), 6);
    }

    #[test]
    fn a_message_holds_its_nodes_as_text() {
        let told: Value = serde_json::from_str(&message(&[node(1, 1), node(2, 1)], 3)).unwrap();
        let body: Value = serde_json::from_str(told["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["nodes"].as_array().unwrap().len(), 2);
    }
}
