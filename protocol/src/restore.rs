//! Bringing back what an item said: an ordinary edit at the present, which any other may follow.

use crate::document::{Edit, Life, Projection, Register, key};
use crate::item::{IDENTITY, KIND};
use crate::node::{self, PARENT};

/// The edit after which an item that says `now` says what it said `then`. Members that it did not have then are cleared.
/// What names it stays; so do the ids it was given since.
pub fn restoring(then: &Projection, now: &Projection) -> Edit {
    let mut names: Vec<&String> = then.values.keys().chain(now.values.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let stays = |name: &str| name == KIND || name == IDENTITY || name == key::NOTE || node::is_own(name);
    let values = names.into_iter().filter(|name| !stays(name)).filter_map(|name| {
        let (to, from) =
            (then.get(name).unwrap_or(&Register::Null), now.get(name).unwrap_or(&Register::Null));
        let same = if name == PARENT { goal(to) == goal(from) } else { to.same(from) };
        (!same).then(|| (name.clone(), if name == PARENT { moved(to, from) } else { to.clone() }))
    });
    let values = values.collect();
    let note = then.get(key::NOTE).unwrap_or(&Register::Null);
    let same_note = now.get(key::NOTE).unwrap_or(&Register::Null).same(note);
    let life = match (then.removed, now.removed) {
        (true, false) => Life::Remove,
        (false, true) => Life::Revive,
        _ => Life::Keep,
    };
    Edit { values, note: (!same_note).then(|| note.clone()), life }
}

fn goal(register: &Register) -> Option<node::NodeKey> {
    node::read_move(register)?.0
}

/// A move is written with the place it is made from.
fn moved(to: &Register, from: &Register) -> Register {
    node::moved(goal(to).as_ref(), goal(from).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::is_nothing;
    use crate::node::NodeKey;

    fn says(values: &[(&str, Register)]) -> Projection {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Projection { values, ..Projection::default() }
    }

    fn text(text: &str) -> Register {
        Register::Text(text.into())
    }

    fn after(now: &Projection, edit: &Edit) -> Projection {
        let mut after = now.clone();
        after.values.extend(edit.values.iter().cloned());
        after.values.extend(edit.note.iter().map(|note| (key::NOTE.to_owned(), note.clone())));
        after.values.retain(|_, value| *value != Register::Null);
        after.removed = match edit.life {
            Life::Remove => true,
            Life::Revive => false,
            Life::Keep => now.removed,
        };
        after
    }

    #[test]
    fn after_it_the_item_says_what_it_said() {
        let names = [(KIND, Register::Int(1)), (IDENTITY, text("g"))];
        let then = says(&[&names[..], &[("color", text("red")), ("note", text("n"))]].concat());
        let mut now = says(&[&names[..], &[("color", text("blue")), ("style", text("s"))]].concat());
        now.removed = true;
        assert_eq!(after(&now, &restoring(&then, &now)), then);
        let mut back = restoring(&now, &then);
        assert_eq!(back.life, Life::Remove);
        back.values.sort();
        assert_eq!(back.values, [("color".into(), text("blue")), ("style".into(), text("s"))]);
        assert_eq!(back.note, Some(Register::Null));
        assert!(is_nothing(&restoring(&then, &then)));
    }

    #[test]
    fn a_parent_comes_back_as_a_move_from_where_the_node_is() {
        let key = |id: &str| NodeKey { ty: "job".into(), id: id.into() };
        let at = |to: &str, from: &str| says(&[(PARENT, node::moved(Some(&key(to)), Some(&key(from))))]);
        let edit = restoring(&at("1", "9"), &at("2", "1"));
        assert_eq!(edit.values, [(PARENT.to_owned(), node::moved(Some(&key("1")), Some(&key("2"))))]);
        assert!(is_nothing(&restoring(&at("1", "9"), &at("1", "2"))), "it is there, wherever it came from");
        let also = says(&[("nodeId\u{1F}ab", Register::Bool(true))]);
        assert!(is_nothing(&restoring(&says(&[]), &also)), "whoever knows it by that id finds it still");
    }
}
