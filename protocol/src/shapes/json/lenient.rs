//! The lenient reader. Recursive, at most [`MAX_DEPTH`] levels; each level adds its step to the path of a fault.

use serde_json::{Map, Number, Value};

use super::{JsonError, MAX_DEPTH};
use crate::shapes::{MAX_MESSAGE, cut, place};

/// What went wrong at a byte, before line and column are counted. Boxed, so that every level's result is small.
struct Fault {
    message: String,
    at: usize,
    path: Vec<Step>,
}

enum Step {
    Name(String),
    Index(usize),
}

type Read<T> = Result<T, Box<Fault>>;

pub(super) fn read(text: &str) -> Result<Value, JsonError> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut reader = Reader::new(text);
    reader.root().map_err(|fault| fault.into_error(text))
}

pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0 }
    }

    /// The byte behind the value at the end of these steps, each a name in any letter case or an index.
    pub(super) fn end_at<'s>(
        &mut self,
        steps: &mut impl Iterator<Item = &'s str>,
    ) -> Result<Option<usize>, JsonError> {
        self.find(steps, 0).map_err(|fault| fault.into_error(self.text))
    }

    fn find<'s>(&mut self, steps: &mut impl Iterator<Item = &'s str>, depth: usize) -> Read<Option<usize>> {
        self.skip_blank()?;
        let Some(step) = steps.next() else {
            match self.peek() {
                Some('{' | '[') => self.at += 1,
                _ => drop(self.value(depth)?),
            }
            return Ok(Some(self.at));
        };
        match self.peek() {
            Some('{') => self.open(depth + 1)?,
            Some('[') => {
                self.open(depth + 1)?;
                return self.find_item(step, steps, depth + 1);
            }
            _ => return Ok(None),
        }
        loop {
            self.skip_blank()?;
            if self.take('}') {
                return Ok(None);
            }
            let name = self.name()?;
            self.colon()?;
            if name.eq_ignore_ascii_case(step) {
                return self.find(steps, depth + 1);
            }
            self.value(depth + 1)?;
            if !self.comma('}')? {
                return Ok(None);
            }
        }
    }

    fn find_item<'s>(
        &mut self,
        step: &str,
        steps: &mut impl Iterator<Item = &'s str>,
        depth: usize,
    ) -> Read<Option<usize>> {
        let Ok(wanted) = step.parse::<usize>() else { return Ok(None) };
        for _ in 0..wanted {
            self.skip_blank()?;
            if self.take(']') {
                return Ok(None);
            }
            self.value(depth)?;
            if !self.comma(']')? {
                return Ok(None);
            }
        }
        self.find(steps, depth)
    }

    fn root(&mut self) -> Read<Value> {
        self.skip_blank()?;
        match self.peek() {
            None => Ok(Value::Null),
            Some(_) => self.value(0),
        }
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        match self.peek() {
            None => Err(self.ended("when reading JSON")),
            Some('{') => self.object(depth + 1),
            Some('[') => self.array(depth + 1),
            Some(quote @ ('"' | '\'')) => Ok(Value::String(self.string(quote)?)),
            Some('-' | '.' | '0'..='9') => self.number(),
            Some(c) if is_word(c) => self.literal(),
            Some(c) => Err(self.unexpected(c)),
        }
    }

    fn object(&mut self, depth: usize) -> Read<Value> {
        self.open(depth)?;
        let mut members = Map::new();
        loop {
            self.skip_blank()?;
            if self.take('}') {
                return Ok(Value::Object(members));
            }
            let name = self.name()?;
            let value = self.member_value(depth).map_err(|fault| fault.within(Step::Name(name.clone())))?;
            members.insert(name, value);
            if !self.comma('}')? {
                return Ok(Value::Object(members));
            }
        }
    }

    fn member_value(&mut self, depth: usize) -> Read<Value> {
        self.colon()?;
        self.value(depth)
    }

    /// Steps over the colon before a value.
    fn colon(&mut self) -> Read<()> {
        self.skip_blank()?;
        match self.peek() {
            Some(':') => self.at += 1,
            Some(c) => {
                return Err(self.fault(format!(
                    "Invalid character after parsing property name. Expected ':' but got: {c}."
                )));
            }
            None => return Err(self.ended("when reading JSON")),
        }
        self.skip_blank()
    }

    fn array(&mut self, depth: usize) -> Read<Value> {
        self.open(depth)?;
        let mut items = Vec::new();
        loop {
            self.skip_blank()?;
            if self.take(']') {
                return Ok(Value::Array(items));
            }
            let index = items.len();
            items.push(self.value(depth).map_err(|fault| fault.within(Step::Index(index)))?);
            if !self.comma(']')? {
                return Ok(Value::Array(items));
            }
        }
    }

    /// Steps over the opening bracket, unless that is one level too many.
    fn open(&mut self, depth: usize) -> Read<()> {
        if depth > MAX_DEPTH {
            return Err(self.fault(format!("The reader's MaxDepth of {MAX_DEPTH} has been exceeded.")));
        }
        self.at += 1;
        Ok(())
    }

    /// After a value: true past a comma, false past the closing bracket.
    fn comma(&mut self, close: char) -> Read<bool> {
        self.skip_blank()?;
        match self.peek() {
            Some(',') => {
                self.at += 1;
                Ok(true)
            }
            Some(c) if c == close => {
                self.at += 1;
                Ok(false)
            }
            Some(c) => {
                Err(self
                    .fault(format!("After parsing a value an unexpected character was encountered: {c}.")))
            }
            None => Err(self.ended("when reading JSON")),
        }
    }

    fn name(&mut self) -> Read<String> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.string(quote),
            Some(c) if is_word(c) => Ok(self.word().to_owned()),
            Some(c) => Err(self.fault(format!("Invalid property identifier character: {c}."))),
            None => Err(self.ended("when reading JSON")),
        }
    }

    fn literal(&mut self) -> Read<Value> {
        let start = self.at;
        match self.word() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            "null" => Ok(Value::Null),
            _ => {
                self.at = start;
                Err(self.unexpected(self.peek().unwrap_or(' ')))
            }
        }
    }

    fn number(&mut self) -> Read<Value> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'));
        let token = &rest[..end.unwrap_or(rest.len())];
        match full_number(token).parse::<Number>() {
            Ok(number) => {
                self.at += token.len();
                Ok(Value::Number(number))
            }
            Err(_) => Err(self.fault(format!("Input string '{}' is not a valid number.", cut(token, 40)))),
        }
    }

    fn string(&mut self, quote: char) -> Read<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(stop) = rest.bytes().position(|b| b == b'\\' || char::from(b) == quote) else {
                self.at = self.text.len();
                return Err(self.fault(format!("Unterminated string. Expected delimiter: {quote}.")));
            };
            text.push_str(&rest[..stop]);
            self.at += stop + 1;
            if rest.as_bytes()[stop] != b'\\' {
                return Ok(text);
            }
            text.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Read<char> {
        let Some(c) = self.peek() else { return Err(self.ended("when reading JSON")) };
        let plain = match c {
            'b' => '\u{8}',
            'f' => '\u{C}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '\\' | '/' | '"' | '\'' => c,
            'u' => return self.unicode_escape(),
            _ => return Err(self.fault(format!("Bad JSON escape sequence: \\{c}."))),
        };
        self.at += 1;
        Ok(plain)
    }

    /// A lone surrogate becomes U+FFFD, as in Json.NET: no text of ours could hold it.
    fn unicode_escape(&mut self) -> Read<char> {
        self.at += 1;
        let high = self.hex4()?;
        if let Some(c) = char::from_u32(high) {
            return Ok(c);
        }
        let after = self.at;
        if high < 0xDC00 && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let low = self.hex4()?;
            if (0xDC00..0xE000).contains(&low) {
                let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Read<u32> {
        let digits = self.text.as_bytes()[self.at..].iter().take(4);
        let mut code = 0;
        let mut count = 0;
        for digit in digits.map_while(|b| char::from(*b).to_digit(16)) {
            code = code * 16 + digit;
            count += 1;
        }
        if count < 4 {
            return Err(self.fault("Bad JSON escape sequence: \\u needs four hexadecimal digits.".to_owned()));
        }
        self.at += 4;
        Ok(code)
    }

    /// Steps over white space and comments.
    fn skip_blank(&mut self) -> Read<()> {
        loop {
            let rest = self.text[self.at..].trim_start();
            self.at = self.text.len() - rest.len();
            if rest.starts_with("//") {
                self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(end) => self.at += end + 4,
                    None => {
                        self.at = self.text.len();
                        return Err(self.ended("while parsing comment"));
                    }
                }
            } else {
                return Ok(());
            }
        }
    }

    fn word(&mut self) -> &str {
        let rest = &self.text[self.at..];
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn unexpected(&self, c: char) -> Box<Fault> {
        self.fault(format!("Unexpected character encountered while parsing value: {c}."))
    }

    fn ended(&self, doing: &str) -> Box<Fault> {
        self.fault(format!("Unexpected end {doing}."))
    }

    fn fault(&self, message: String) -> Box<Fault> {
        Box::new(Fault { message, at: self.at, path: Vec::new() })
    }
}

impl Fault {
    fn within(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.path.push(step);
        self
    }

    fn into_error(self, text: &str) -> JsonError {
        let (line, position) = place(text, self.at);
        JsonError::Syntax { message: self.message, path: path_text(self.path), line, position }
    }
}

fn path_text(steps: Vec<Step>) -> String {
    let mut path = String::new();
    for step in steps.into_iter().rev() {
        match step {
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Name(name) if !name.is_empty() && name.chars().all(is_word) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
            }
            Step::Name(name) => path.push_str(&format!("['{name}']")),
        }
        if path.len() > MAX_MESSAGE {
            break;
        }
    }
    cut(&path, MAX_MESSAGE)
}

/// Json.NET's identifier characters.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// `.5` and `5.` as JSON has them.
fn full_number(token: &str) -> String {
    let (sign, digits) = token.strip_prefix('-').map_or(("", token), |rest| ("-", rest));
    let zero = if digits.starts_with('.') { "0" } else { "" };
    let digits = match digits.strip_suffix('.') {
        Some(whole) if !whole.is_empty() && !whole.contains('.') => format!("{whole}.0"),
        _ => digits.to_owned(),
    };
    format!("{sign}{zero}{digits}")
}
