//! The members of a book, and of its pages and style sheets.

use super::{Member, Role, Type, plain, playing, required};

/// A book's identity is `booksBookID`, else `bookIdentifier`; both stay ordinary data as well.
pub(super) const BOOK: &[Member] = &[
    plain("title", Type::Text),
    plain("url", Type::Text),
    plain("description", Type::Text),
    plain("bookIdentifier", Type::Text),
    plain("cover", Type::Text),
    required("locked", Type::Bool),
    required("new", Type::Bool),
    required("featured", Type::Bool),
    required("date", Type::Date),
    plain("categories", Type::Json),
    required("ProductId", Type::Int),
    plain("booksBookID", Type::Int),
    plain("version", Type::Text),
    plain("bookVersion", Type::Text),
    plain("publisher", Type::Text),
    plain("author", Type::Text),
    plain("tableOfContentHTML", Type::Text),
    plain("tableOfContentEpub30File", Type::Text),
    plain("contentOpfPath", Type::Text),
    plain("spineContent", Type::Text),
    plain("manifestElementContent", Type::Text),
    plain("parent", Type::Text),
    required("isInMyBooks", Type::Bool),
    plain("account_code_id", Type::Int),
    plain("account_code_start_date", Type::Date),
    plain("account_code_end_date", Type::Date),
    plain("datePurchased", Type::Date),
    plain("lastHistoryActivityDate", Type::Date),
    plain("fileSize", Type::Int),
];

pub(super) const HTML_PAGE: &[Member] = &[
    playing(required("BookHtmlPageId", Type::Int), Role::Key),
    required("BookId", Type::Int),
    plain("FileName", Type::Text),
    plain("HtmlPageTitle", Type::Text),
    plain("Content", Type::Text),
    plain("BodyContent", Type::Text),
    plain("BodyContentForTinyMCE", Type::Text),
    plain("BodyContentWithoutHtmlTags", Type::Text),
    plain("RelativePathFromOpfFile", Type::Text),
];

pub(super) const STYLE_SHEET: &[Member] = &[
    playing(required("BookStyleSheetId", Type::Int), Role::Key),
    required("BookId", Type::Int),
    plain("Title", Type::Text),
    plain("FilePath", Type::Text),
    plain("OriginalContent", Type::Text),
    plain("ModifiedContent", Type::Text),
];
