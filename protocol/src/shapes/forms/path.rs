//! The name of a form's field, as steps from the root: `nodes[0].refs[a][type]`.

use super::{FormError, MAX_DEPTH};

/// Where a value belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path<'a> {
    pub(super) steps: Vec<Step<'a>>,
    /// The name ends in `[]`, which means a list even of a single value.
    pub(super) is_list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    Name(&'a str),
    /// Only a place in the order of a list; nothing is ever as large as an index.
    Index(u64),
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TooDeep,
    Unclosed,
}

impl Fault {
    pub(super) fn of(self, key: String) -> FormError {
        match self {
            Fault::TooDeep => FormError::TooDeep { key },
            Fault::Unclosed => FormError::Unclosed { key },
        }
    }
}

impl<'a> Path<'a> {
    /// Empty steps, as in `a..b` and `a[][b]`, are left out. What follows a bracket needs no dot.
    pub(super) fn parse(name: &'a str) -> Result<Path<'a>, Fault> {
        let mut path = Path { steps: Vec::new(), is_list: name.ends_with("[]") };
        let mut rest = name;
        while let Some((dotted, bracketed)) = rest.split_once('[') {
            path.push_dotted(dotted)?;
            let (inner, after) = bracketed.split_once(']').ok_or(Fault::Unclosed)?;
            path.push(bracket(inner))?;
            rest = after;
        }
        path.push_dotted(rest)?;
        Ok(path)
    }

    fn push_dotted(&mut self, dotted: &'a str) -> Result<(), Fault> {
        dotted.split('.').try_for_each(|name| self.push(Step::Name(name)))
    }

    fn push(&mut self, step: Step<'a>) -> Result<(), Fault> {
        if step == Step::Name("") {
            return Ok(());
        }
        if self.steps.len() == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        self.steps.push(step);
        Ok(())
    }
}

/// An index if it is all digits, and few enough of them; else a name, such as a GUID.
fn bracket(inner: &str) -> Step<'_> {
    let digits = inner.bytes().all(|b| b.is_ascii_digit());
    match inner.parse() {
        Ok(index) if digits => Step::Index(index),
        _ => Step::Name(inner),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Step::{Index, Name};
    use super::*;

    #[test]
    fn dots_and_brackets_are_steps() {
        for (name, steps) in [
            ("a", vec![Name("a")]),
            ("a.b", vec![Name("a"), Name("b")]),
            ("a[b]", vec![Name("a"), Name("b")]),
            ("a[]", vec![Name("a")]),
            ("a[0]", vec![Name("a"), Index(0)]),
            ("[0].a", vec![Index(0), Name("a")]),
            (
                "nodes[07].refs[x.y][type]",
                vec![Name("nodes"), Index(7), Name("refs"), Name("x.y"), Name("type")],
            ),
            ("a[][b]c", vec![Name("a"), Name("b"), Name("c")]),
            ("a..b.", vec![Name("a"), Name("b")]),
            ("a[3fa85f64-5717]", vec![Name("a"), Name("3fa85f64-5717")]),
            ("a[+1][99999999999999999999]", vec![Name("a"), Name("+1"), Name("99999999999999999999")]),
            ("a.0]b", vec![Name("a"), Name("0]b")]),
            ("[]", vec![]),
            ("", vec![]),
        ] {
            let path = Path::parse(name).unwrap();
            assert_eq!(path.steps, steps, "{name}");
            assert_eq!(path.is_list, name.ends_with("[]"));
        }
    }

    #[test]
    fn open_brackets_and_deep_names_are_faults() {
        for name in ["a[", "[", "a[b][c", "a[]["] {
            assert_eq!(Path::parse(name), Err(Fault::Unclosed), "{name}");
        }
        assert!(Path::parse(&"[0]".repeat(MAX_DEPTH)).is_ok());
        for deep in ["[0]".repeat(MAX_DEPTH + 1), "a.".repeat(1_000_000)] {
            assert_eq!(Path::parse(&deep), Err(Fault::TooDeep));
        }
    }
}
