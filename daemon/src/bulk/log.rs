//! What a sync tells of itself: items of `/syncs/{id}/logs`, with the documented codes and their messages (REFERENCE A5).

use quire_protocol::shapes::bulk::date::stamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How much an item matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Information,
    Warning,
    Error,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    severity: Severity,
    code: u16,
    message: String,
    count: u64,
    at: i64,
}

/// A code and its message; what stands in braces is filled in by the caller.
#[derive(Clone, Copy)]
pub(super) struct Code(u16, &'static str);

impl Code {
    pub const PROCESSED: Code = Code(1, "Total records processed.");
    pub const CONTACTS_CREATED: Code = Code(4, "Contacts created.");
    pub const CUSTOM_CREATED: Code = Code(7, "CustomObject data created.");
    pub const CUSTOM_UPDATED: Code = Code(12, "CustomObject data updated.");
    pub const CONTACTS_UPDATED: Code = Code(22, "Contacts updated.");
    pub const REJECTED: Code = Code(60, "Total rejected records.");
    pub const ACTIVITIES_CREATED: Code = Code(69, "Activities created.");
    pub const ENDED: Code = Code(101, "Sync processed for sync {}, resulting in {} status.");
    pub const EXPORTED: Code = Code(102, "Successfully exported members to csv file.");
    pub const FAILED: Code = Code(107, "There was an error processing the {}.");
    pub const IGNORED: Code = Code(111, "Field {} is not part of import definition, and will be ignored.");
    pub const NOTHING: Code = Code(124, "There was no data available to process.");
    pub const CONSTRAINT: Code = Code(125, "Constraint failed. {}");
    pub const STAGED: Code = Code(130, "Total records staged for import.");
    pub const FULL: Code = Code(136, "Staging area storage limit exceeded.");
    pub const READY: Code = Code(137, "Ready for data import processing.");
    pub const FIELDS_REJECTED: Code = Code(144, "Total records with rejected fields.");
    pub const TEMPORARY: Code = Code(146, "The sync failed because of a temporary error.");

    /// An item that says how many.
    pub fn count(self, count: u64, at: i64) -> Item {
        Item { severity: Severity::Information, code: self.0, message: self.1.to_owned(), count, at }
    }

    /// An item with these words in its message.
    pub fn with(self, words: &[&str], at: i64) -> Item {
        let mut message = self.1.to_owned();
        for word in words {
            message = message.replacen("{}", word, 1);
        }
        Item { message, ..self.count(0, at) }
    }
}

impl Item {
    /// The item with more weight.
    pub fn as_(mut self, severity: Severity) -> Item {
        self.severity = severity;
        self
    }

    /// Says it in other words.
    pub fn say(&mut self, message: &str) {
        message.clone_into(&mut self.message);
    }

    /// As it is answered.
    pub fn shown(&self, sync: u64) -> Map<String, Value> {
        let item = json!({
            "syncUri": format!("/syncs/{sync}"),
            "count": self.count,
            "severity": self.severity,
            "statusCode": format!("ELQ-{:05}", self.code),
            "message": self.message,
            "createdAt": stamp(self.at),
        });
        match item {
            Value::Object(item) => item,
            _ => Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_has_the_documented_members() {
        let item = Code::EXPORTED.count(4149, 1_399_901_045_910).shown(1196);
        let wanted = json!({
            "syncUri": "/syncs/1196", "count": 4149, "severity": "information", "statusCode": "ELQ-00102",
            "message": "Successfully exported members to csv file.", "createdAt": "2014-05-12T13:24:05.9100000Z",
        });
        assert_eq!(Value::Object(item), wanted);
        let ended = Code::ENDED.with(&["7", "{} odd"], 0).as_(Severity::Warning).shown(7);
        assert_eq!(ended["message"], "Sync processed for sync 7, resulting in {} odd status.");
        assert_eq!(ended["severity"], "warning");
    }
}
