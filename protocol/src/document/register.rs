//! The values a document keeps: scalars, and names of blobs.

use automerge::ScalarValue;
use serde::{Deserialize, Serialize};

use crate::clock::{put_varint, take_varint};

/// One value of one key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Register {
    /// Cleared, or null from the beginning.
    Null,
    /// true or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text; also dates as they were written, and JSON for members that are not scalars.
    Text(String),
    /// A value kept outside, because it is large.
    Blob(BlobRef),
}

/// Name of a large value: its content's hash, and its length in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct BlobRef {
    /// blake3 of the whole content.
    pub hash: [u8; 32],
    /// Bytes of UTF-8.
    pub length: u64,
}

impl BlobRef {
    /// The name of this content.
    pub fn of(content: &str) -> BlobRef {
        BlobRef { hash: *blake3::hash(content.as_bytes()).as_bytes(), length: content.len() as u64 }
    }

    /// The bytes that stand for it in a document.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![BLOB_TAG];
        bytes.extend_from_slice(&self.hash);
        put_varint(&mut bytes, self.length);
        bytes
    }
}

/// First byte of the bytes that stand for a blob in a document. No shape carries bytes of its own.
const BLOB_TAG: u8 = 1;

impl Register {
    /// As Automerge keeps it.
    pub fn to_scalar(&self) -> ScalarValue {
        match self {
            Register::Null => ScalarValue::Null,
            Register::Bool(b) => ScalarValue::Boolean(*b),
            Register::Int(n) => ScalarValue::Int(*n),
            Register::Text(text) => ScalarValue::Str(text.as_str().into()),
            Register::Blob(blob) => ScalarValue::Bytes(blob.to_bytes()),
        }
    }

    /// Reads Automerge's value; `None` for a scalar that no document of ours holds.
    pub fn from_scalar(scalar: &ScalarValue) -> Option<Register> {
        Some(match scalar {
            ScalarValue::Null => Register::Null,
            ScalarValue::Boolean(b) => Register::Bool(*b),
            ScalarValue::Int(n) => Register::Int(*n),
            ScalarValue::Str(text) => Register::Text(text.to_string()),
            ScalarValue::Bytes(bytes) => Register::from_bytes(bytes)?,
            _ => return None,
        })
    }

    /// Its number, when it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Register::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// Reads the bytes that stand for a blob; `None` for any other.
    pub fn from_bytes(bytes: &[u8]) -> Option<Register> {
        let (hash, rest) = bytes.strip_prefix(&[BLOB_TAG])?.split_at_checked(32)?;
        let (length, rest) = take_varint(rest)?;
        rest.is_empty().then_some(Register::Blob(BlobRef { hash: hash.try_into().ok()?, length }))
    }

    /// True when both are the same value, one of them perhaps kept outside and the other not.
    pub fn same(&self, other: &Register) -> bool {
        match (self, other) {
            (Register::Text(text), Register::Blob(blob)) | (Register::Blob(blob), Register::Text(text)) => {
                blob.length == text.len() as u64 && BlobRef::of(text) == *blob
            }
            _ => self == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_from_automerge() {
        let blob = Register::Blob(BlobRef::of("long"));
        for value in
            [Register::Null, Register::Bool(true), Register::Int(-3), Register::Text("é".into()), blob]
        {
            assert_eq!(Register::from_scalar(&value.to_scalar()), Some(value));
        }
        assert_eq!(Register::from_scalar(&ScalarValue::Bytes(vec![9])), None);
        assert_eq!(Register::from_scalar(&ScalarValue::counter(1)), None);
    }

    #[test]
    fn a_value_is_the_same_inside_and_outside() {
        assert!(Register::Text("a".into()).same(&Register::Blob(BlobRef::of("a"))));
        assert!(!Register::Text("b".into()).same(&Register::Blob(BlobRef::of("a"))));
    }
}
