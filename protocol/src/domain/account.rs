//! The members of an account, of its access codes and of its popup settings.

use super::{Member, Role, Type, plain, playing, required};

pub(super) const ACCOUNT: &[Member] = &[
    playing(required("AccountId", Type::Int), Role::Key),
    plain("Email", Type::Text),
    playing(plain("Password", Type::Text), Role::Secret),
    required("LastAccess", Type::Date),
    plain("FirstName", Type::Text),
    plain("LastName", Type::Text),
    plain("FontSize", Type::Int),
    plain("FontColor", Type::Text),
    plain("BackgroundColor", Type::Text),
    plain("PageView", Type::Int),
    playing(plain("PasswordHash", Type::Text), Role::Secret),
    playing(plain("SecurityStamp", Type::Text), Role::Secret),
    plain("Timestamp", Type::Date),
];

pub(super) const ACCOUNT_CODE: &[Member] = &[
    playing(required("Id", Type::Int), Role::Key),
    playing(required("AccountId", Type::Int), Role::Account),
    required("ProductId", Type::Int),
    required("BookId", Type::Int),
    plain("Date", Type::Date),
    plain("StartDate", Type::Date),
    plain("EndDate", Type::Date),
];

pub(super) const POPUP: &[Member] = &[
    required("EPubPopupSettingId", Type::Int),
    playing(required("AccountId", Type::Int), Role::Key),
    required("Top", Type::Int),
    required("Left", Type::Int),
    required("Width", Type::Int),
    required("Height", Type::Int),
    plain("Timestamp", Type::Date),
];
