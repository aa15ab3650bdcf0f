//! The members of a marking, which are also those of a reading activity (the documented type `position`).

use super::{Member, Role, Type, plain, playing, required};

/// Which members may be null follows from the numbers in the documented sample: a nullable one takes none.
pub(super) const MARKING: &[Member] = &[
    playing(plain("id", Type::Int), Role::RowId),
    playing(plain("syncGuid", Type::Guid), Role::Key),
    plain("groupId", Type::Guid),
    playing(required("AccountId", Type::Int), Role::Account),
    required("bookID", Type::Int),
    plain("version", Type::Text),
    plain("content", Type::Text),
    plain("chapter", Type::Text),
    playing(plain("chapterId", Type::Text), Role::Place),
    plain("section", Type::Text),
    plain("subSection1", Type::Text),
    plain("subSection2", Type::Text),
    playing(plain("CharIndexStart", Type::Int), Role::Place),
    playing(plain("CharIndexEnd", Type::Int), Role::Place),
    playing(plain("note", Type::Text), Role::Note),
    plain("color", Type::Text),
    plain("type", Type::Int),
    plain("actionType", Type::Int),
    playing(plain("textLength", Type::Int), Role::Place),
    playing(plain("selectionOuterHtml", Type::Text), Role::Place),
    playing(plain("selectionInnerHtml", Type::Text), Role::Place),
    required("Timestamp", Type::Date),
    playing(required("SyncIsRemoved", Type::Bool), Role::Removed),
    playing(plain("selectionParentOuterHtml", Type::Text), Role::Place),
    required("ignoreParentChildRelationship", Type::Bool),
];
