//! Well-formed XML as a stream of elements and text. `quick-xml` finds the tokens; what it leaves unchecked of the
//! rules of XML is checked here.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{QName, ResolveResult};
use quick_xml::reader::NsReader;

use super::any::boolean;
use super::escape::is_forbidden;
use super::{INSTANCE, MAX_ATTRIBUTES, MAX_DEPTH, XmlError};
use crate::shapes::{MAX_MESSAGE, cut, place};

/// What comes next.
pub(super) enum Token<'a> {
    Open(Open),
    Close,
    Text(Cow<'a, str>),
}

/// A start tag.
#[derive(Debug)]
pub(super) struct Open {
    /// The name without its prefix.
    pub(super) local: String,
    /// The namespace; empty for none.
    pub(super) namespace: String,
    /// `i:nil`.
    pub(super) nil: bool,
    /// `i:type` as namespace and name.
    pub(super) ty: Option<(String, String)>,
}

impl Open {
    pub(super) fn is(&self, namespace: &str, local: &str) -> bool {
        self.namespace == namespace && self.local == local
    }
}

pub(super) struct Source<'a> {
    text: &'a str,
    reader: NsReader<&'a [u8]>,
    depth: usize,
}

impl<'a> Source<'a> {
    /// A stream over the text.
    ///
    /// # Errors
    /// [`XmlError::Syntax`] for a character that XML forbids.
    pub(super) fn new(text: &'a str) -> Result<Source<'a>, XmlError> {
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
        let mut reader = NsReader::from_str(text);
        reader.config_mut().enable_all_checks(true);
        reader.config_mut().expand_empty_elements = true;
        let source = Source { text, reader, depth: 0 };
        match text.char_indices().find(|(_, c)| is_forbidden(*c)) {
            Some((at, c)) => {
                Err(source.syntax_at(at, format!("'0x{:02X}' is an invalid character.", u32::from(c))))
            }
            None => Ok(source),
        }
    }

    /// The root's start tag.
    pub(super) fn root(&mut self) -> Result<Open, XmlError> {
        loop {
            match self.next()? {
                Some(Token::Open(open)) => return Ok(open),
                Some(Token::Text(text)) if is_blank(&text) => {}
                Some(_) => return Err(self.syntax("Data at the root level is invalid.")),
                None => return Err(self.syntax("Root element is missing.")),
            }
        }
    }

    /// Nothing but white space and comments follow the root.
    pub(super) fn finish(&mut self) -> Result<(), XmlError> {
        loop {
            match self.next()? {
                None => return Ok(()),
                Some(Token::Text(text)) if is_blank(&text) => {}
                Some(_) => return Err(self.syntax("There is data after the root element.")),
            }
        }
    }

    /// The next element inside the current one, or `None` at its end.
    pub(super) fn child(&mut self) -> Result<Option<Open>, XmlError> {
        loop {
            match self.inside()? {
                Token::Open(open) => return Ok(Some(open)),
                Token::Close => return Ok(None),
                Token::Text(text) if is_blank(&text) => {}
                Token::Text(_) => {
                    return Err(value_error("'Element' expected. Found text."));
                }
            }
        }
    }

    /// The rest of the current element, which may hold text only.
    pub(super) fn text(&mut self) -> Result<String, XmlError> {
        let mut whole = String::new();
        loop {
            match self.inside()? {
                Token::Text(text) if whole.is_empty() => whole = text.into_owned(),
                Token::Text(text) => whole.push_str(&text),
                Token::Close => return Ok(whole),
                Token::Open(open) => {
                    let name = cut(&open.local, MAX_MESSAGE / 2);
                    return Err(value_error(&format!("Text expected. Found element '{name}'.")));
                }
            }
        }
    }

    /// Steps over the rest of the current element.
    pub(super) fn skip(&mut self) -> Result<(), XmlError> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            self.inside()?;
        }
        Ok(())
    }

    fn inside(&mut self) -> Result<Token<'a>, XmlError> {
        match self.next()? {
            Some(token) => Ok(token),
            None => Err(self.syntax("Unexpected end of file.")),
        }
    }

    fn next(&mut self) -> Result<Option<Token<'a>>, XmlError> {
        loop {
            let before = self.reader.buffer_position();
            let event = self.reader.read_event();
            let token = match event.map_err(|error| self.syntax(&error.to_string()))? {
                Event::Start(tag) => Token::Open(self.open(&tag)?),
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    Token::Close
                }
                Event::Text(text) if text.contains("]]>") => {
                    return Err(self.syntax("']]>' is not allowed in text."));
                }
                Event::Text(text) => Token::Text(text.xml10_content()),
                Event::CData(_) | Event::GeneralRef(_) if self.depth == 0 => {
                    return Err(self.syntax("Data at the root level is invalid."));
                }
                Event::CData(text) => Token::Text(text.xml10_content()),
                Event::GeneralRef(name) => Token::Text(self.reference(&name)?),
                Event::Decl(_) if before == 0 => continue,
                Event::Decl(_) => return Err(self.syntax("Unexpected XML declaration.")),
                Event::PI(pi) if !is_name(pi.target()) || pi.target().eq_ignore_ascii_case("xml") => {
                    return Err(self.syntax("A processing instruction has no valid name."));
                }
                Event::Comment(_) | Event::PI(_) => continue,
                Event::DocType(_) => return Err(XmlError::Dtd),
                Event::Empty(_) => return Err(self.syntax("Unexpected empty element.")),
                Event::Eof if self.depth > 0 => return Err(self.syntax("Unexpected end of file.")),
                Event::Eof => return Ok(None),
            };
            return Ok(Some(token));
        }
    }

    fn open(&mut self, tag: &BytesStart<'a>) -> Result<Open, XmlError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(XmlError::Depth);
        }
        let (namespace, local) = self.resolve(tag.name(), true)?;
        let mut open = Open { local, namespace, nil: false, ty: None };
        let mut count = 0;
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| self.syntax(&error.to_string()))?;
            count += 1;
            if count > MAX_ATTRIBUTES || attribute.value.contains('<') {
                return Err(self.syntax("An element has bad attributes, or too many."));
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.syntax(&error.to_string()))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            match self.resolve(attribute.key, false)? {
                (namespace, local) if namespace == INSTANCE && local == "nil" => {
                    open.nil = boolean(value.trim()).ok_or_else(|| value_error("i:nil is no boolean."))?;
                }
                (namespace, local) if namespace == INSTANCE && local == "type" => {
                    open.ty = Some(self.resolve(QName(value.trim()), true)?);
                }
                _ => {}
            }
        }
        Ok(open)
    }

    /// The namespace and local part of a name; only elements without a prefix are in the default namespace.
    fn resolve(&self, name: QName<'_>, is_element: bool) -> Result<(String, String), XmlError> {
        if !is_name(name.0) {
            return Err(self.syntax(&format!("'{}' is not a name.", cut(name.0, MAX_MESSAGE / 2))));
        }
        let resolver = self.reader.resolver();
        let (namespace, local) =
            if is_element { resolver.resolve_element(name) } else { resolver.resolve_attribute(name) };
        match namespace {
            ResolveResult::Bound(namespace) => {
                Ok((namespace.into_inner().to_owned(), local.into_inner().to_owned()))
            }
            ResolveResult::Unbound => Ok((String::new(), local.into_inner().to_owned())),
            ResolveResult::Unknown(prefix) => {
                let prefix = cut(&prefix, MAX_MESSAGE / 2);
                Err(self.syntax(&format!("'{prefix}' is an undeclared prefix.")))
            }
        }
    }

    /// A character reference, also to a character that XML forbids, as .NET reads them; or one of the five entities.
    fn reference(&self, name: &BytesRef<'a>) -> Result<Cow<'a, str>, XmlError> {
        let digits = |digits: &str, radix| {
            let fits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_alphanumeric());
            u32::from_str_radix(digits, radix).ok().filter(|_| fits).and_then(char::from_u32)
        };
        let numbered = name.strip_prefix('#').and_then(|number| match number.strip_prefix('x') {
            Some(hex) => digits(hex, 16),
            None => digits(number, 10),
        });
        if let Some(c) = numbered {
            return Ok(Cow::Owned(c.to_string()));
        }
        match quick_xml::escape::resolve_xml_entity(name) {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => {
                let name = cut(name, MAX_MESSAGE / 2);
                Err(self.syntax(&format!("Reference to undeclared entity '{name}'.")))
            }
        }
    }

    fn syntax(&self, message: &str) -> XmlError {
        let at = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
        self.syntax_at(at, message.to_owned())
    }

    fn syntax_at(&self, at: usize, message: String) -> XmlError {
        let (line, position) = place(self.text, at);
        XmlError::Syntax { message: cut(&message, MAX_MESSAGE), line, position }
    }
}

pub(super) fn value_error(message: &str) -> XmlError {
    XmlError::Value { path: String::new(), message: message.to_owned() }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
}

/// A name with at most one prefix. Characters beyond ASCII are not told apart.
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let first = part.chars().next();
        first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') || !c.is_ascii())
    };
    match name.split_once(':') {
        Some((prefix, local)) => part(prefix) && part(local),
        None => part(name),
    }
}
