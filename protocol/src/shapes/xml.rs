//! Contracts as XML, byte for byte as .NET's `DataContractSerializer` writes it and reading at least what it reads
//! (REFERENCE D5 and D6). Elements may come in any order; what is not known is skipped.

mod any;
mod escape;
pub mod plain;
mod read;
mod source;
mod write;

use thiserror::Error;

pub use escape::encoded_name;
pub(crate) use escape::push_text;
pub use read::{read, read_list};
pub use write::{write, write_list};

/// The deepest nesting of elements that is read. The documented shapes have 7; recursion follows it.
pub const MAX_DEPTH: usize = 64;

/// Attributes of one element. Checking that none occurs twice takes their square.
pub const MAX_ATTRIBUTES: usize = 256;

/// `i:nil` and `i:type`.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The types of values that need one.
const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";
/// The types that .NET adds to them: `guid`, `duration`, `char`.
const SERIALIZATION: &str = "http://schemas.microsoft.com/2003/10/Serialization/";
/// Entries of dictionaries and items of plain lists.
const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
/// An entry of `props`.
const ANY_ENTRY: &str = "KeyValueOfstringanyType";
/// .NET's hash of [`super::contract::REPRESENTATIONS`], which ends the name of a dictionary's entry.
const NAMESPACE_HASH: &str = "PuhFCfmt";

/// Why a body is not the XML of its contract.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum XmlError {
    /// A document type, which could define entities; refused whatever it says, in the words of .NET.
    #[error("For security reasons DTD is prohibited in this XML document.")]
    Dtd,
    /// The text is not well-formed.
    #[error("{message} Line {line}, position {position}.")]
    Syntax {
        /// What is wrong.
        message: String,
        /// The line, from 1.
        line: usize,
        /// UTF-16 units before it on that line.
        position: usize,
    },
    /// Elements are nested more than [`MAX_DEPTH`] deep.
    #[error("The maximum depth of {MAX_DEPTH} elements has been exceeded.")]
    Depth,
    /// The root is another element, or in another namespace.
    #[error("Expecting element '{expected}' from namespace '{namespace}'. Encountered element '{found}'.")]
    Root {
        /// The name that is needed.
        expected: String,
        /// The namespace that is needed.
        namespace: &'static str,
        /// The name that was met.
        found: String,
    },
    /// The content of an element is not of its type.
    #[error("{message} Path '{path}'.")]
    Value {
        /// Where, by JSON names, as in `nodes[0].tenantId`.
        path: String,
        /// What is wrong.
        message: String,
    },
}

impl XmlError {
    /// The same error within one more step of the path, such as `nodes` or `[0]`.
    fn within(self, step: &str) -> XmlError {
        let XmlError::Value { path, message } = self else { return self };
        let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        XmlError::Value { path: super::cut(&format!("{step}{dot}{path}"), super::MAX_MESSAGE), message }
    }
}

#[cfg(test)]
mod tests;
