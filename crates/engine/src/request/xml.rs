//! XML bodies: `{"order": {"@id": "7", "item": ["a", "b"], "#text": "…"}}`.
//!
//! An element is the text in it if it has nothing else, or else an object of its attributes, its elements and its text;
//! elements of one name are a list if there are several. Names keep their prefixes. White space around a text is not
//! part of it, unless it was written as CDATA or by reference.
//!
//! There are no document types here, and so no entities but the five that XML itself has: nothing is fetched, nothing
//! grows.

use std::borrow::Cow;
use std::ops::Range;

use indexmap::IndexMap;
use minijinja::Value;
use quick_xml::XmlVersion;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::body::{Body, BodyKind};
use super::refusal::Position;
use super::{Refusal, text};

/// Elements nested deeper than this are refused.
pub const XML_DEPTH_MAX: usize = 128;
/// A document of more elements and attributes than this is refused.
pub const XML_NODES_MAX: usize = 200_000;
/// An element with more attributes than this is refused.
pub const XML_ATTRIBUTES_MAX: usize = 256;
/// The key of an element's text beside attributes and elements.
const TEXT: &str = "#text";
/// In how many bytes the declaration must say the encoding.
const DECLARATION_BYTES_MAX: usize = 200;
const VERSION: XmlVersion = XmlVersion::Explicit1_0;

/// Parses a document. The charset of the content type wins over the one that the document declares (RFC 7303 3.2).
pub(super) fn parse(bytes: &[u8], charset: Option<&str>) -> Result<Body<'static>, Refusal> {
    let text = text::decode(bytes, charset.or_else(|| declared(bytes)))?;
    let mut builder = Builder::new(&text);
    let value = builder.document().map_err(|problem| {
        let position = Position::at(text.as_bytes(), problem.offset);
        Refusal::bad_body(format!("the body is not XML that is accepted here: {}", problem.why), Some(position))
    })?;
    Ok(Body::built(BodyKind::Form, value))
}

/// The encoding that a declaration names: `<?xml version="1.0" encoding="iso-8859-1"?>`.
fn declared(bytes: &[u8]) -> Option<&str> {
    let start = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let start = start.strip_prefix(b"<?xml")?;
    let end = start.windows(2).position(|pair| pair == b"?>")?;
    let (_, rest) = std::str::from_utf8(&start[..end]).ok()?.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(name, _)| name)
}

struct Problem {
    why: Cow<'static, str>,
    offset: usize,
}

/// An element that has not ended yet.
struct Open {
    name: String,
    members: IndexMap<Value, Member>,
    text: Text,
}

enum Member {
    One(Value),
    Many(Vec<Value>),
}

struct Builder<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
    open: Vec<Open>,
    root: Option<(String, Value)>,
    nodes: usize,
    /// Where the event that is looked at starts.
    at: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().enable_all_checks(true);
        Self { text, reader, open: Vec::new(), root: None, nodes: 0, at: 0 }
    }

    fn document(&mut self) -> Result<Value, Problem> {
        if let Some((offset, _)) = self.text.char_indices().find(|(_, char)| !is_legal(*char)) {
            return Err(Problem { why: "it has a control character".into(), offset });
        }
        loop {
            self.at = position(self.reader.buffer_position());
            match self.reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(event) => self.event(event)?,
                Err(error) => return Err(Problem { why: why(&error), offset: position(self.reader.error_position()) }),
            }
        }
        if let Some(open) = self.open.last() {
            return self.refuse(format!("the element `{}` does not end", shown(&open.name)));
        }
        match self.root.take() {
            Some((name, value)) => Ok(Value::from_object(IndexMap::from([(Value::from(name), value)]))),
            None => self.refuse("it has no element"),
        }
    }

    fn event(&mut self, event: Event<'_>) -> Result<(), Problem> {
        match event {
            Event::Start(start) => {
                let open = self.start(&start)?;
                self.open.push(open);
            }
            Event::Empty(start) => {
                let open = self.start(&start)?;
                self.end(open);
            }
            Event::End(_) => {
                if let Some(open) = self.open.pop() {
                    self.end(open);
                }
            }
            Event::Text(text) => match self.open.last_mut() {
                Some(open) => open.text.add(&text.xml_content(VERSION)),
                None if text.trim_matches(is_space).is_empty() => {}
                None => return self.refuse("it has text outside of its element"),
            },
            Event::CData(text) => match self.open.last_mut() {
                Some(open) => open.text.keep(&text.xml_content(VERSION)),
                None => return self.refuse("it has text outside of its element"),
            },
            Event::GeneralRef(reference) => self.reference(&reference)?,
            Event::DocType(_) => return self.refuse("document types are not allowed"),
            Event::Decl(_) if self.at > 0 => return self.refuse("the XML declaration does not stand at the start"),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => {}
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<Open, Problem> {
        if self.open.is_empty() && self.root.is_some() {
            return self.refuse("it has a second element beside its first one");
        }
        if self.open.len() >= XML_DEPTH_MAX {
            return self.refuse(format!("nested deeper than {XML_DEPTH_MAX} levels"));
        }
        let name = self.name(start.name().as_ref())?;
        self.count()?;
        let mut members = IndexMap::new();
        for attribute in start.attributes() {
            if members.len() >= XML_ATTRIBUTES_MAX {
                return self.refuse(format!("the element `{}` has more than {XML_ATTRIBUTES_MAX} attributes", shown(&name)));
            }
            let Ok(attribute) = attribute else {
                return self.refuse(format!("the element `{}` has a malformed or repeated attribute", shown(&name)));
            };
            self.count()?;
            let key = self.name(attribute.key.as_ref())?;
            let value = attribute.normalized_value(VERSION).ok().filter(|value| value.chars().all(is_legal));
            let Some(value) = value.filter(|_| !attribute.value.contains('<')) else {
                return self
                    .refuse(format!("the attribute `{}` has a reference or a character that is not allowed", shown(&key)));
            };
            members.insert(Value::from(format!("@{key}")), Member::One(Value::from(&*value)));
        }
        Ok(Open { name, members, text: Text::default() })
    }

    fn count(&mut self) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > XML_NODES_MAX {
            return self.refuse(format!("it has more than {XML_NODES_MAX} elements and attributes"));
        }
        Ok(())
    }

    fn name(&self, name: &str) -> Result<String, Problem> {
        let starts = |char: char| char.is_ascii_alphabetic() || matches!(char, '_' | ':') || !char.is_ascii();
        let goes_on = |char: char| starts(char) || char.is_ascii_digit() || matches!(char, '-' | '.');
        if name.starts_with(starts) && name.chars().all(goes_on) {
            return Ok(name.to_owned());
        }
        self.refuse("it has a tag or an attribute without a proper name")
    }

    fn end(&mut self, element: Open) {
        let text = element.text.trimmed();
        let value = if element.members.is_empty() {
            Value::from(text)
        } else {
            let own = (!text.is_empty()).then(|| (Value::from(TEXT), Value::from(text)));
            let members = element.members.into_iter().map(|(name, member)| (name, member.into_value()));
            Value::from_object(members.chain(own).collect::<IndexMap<Value, Value>>())
        };
        match self.open.last_mut() {
            None => self.root = Some((element.name, value)),
            Some(parent) => match parent.members.entry(Value::from(element.name)) {
                indexmap::map::Entry::Vacant(entry) => {
                    entry.insert(Member::One(value));
                }
                indexmap::map::Entry::Occupied(mut entry) => entry.get_mut().add(value),
            },
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Problem> {
        let char = match &**reference {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => reference.resolve_char_ref().ok().flatten().filter(|char| is_legal(*char)),
        };
        match (char, self.open.last_mut()) {
            (Some(char), Some(open)) => {
                open.text.keep(char.encode_utf8(&mut [0; 4]));
                Ok(())
            }
            (None, _) => self.refuse(format!("the reference `&{};` is not known", shown(reference))),
            (_, None) => self.refuse("it has text outside of its element"),
        }
    }

    fn refuse<T>(&self, why: impl Into<Cow<'static, str>>) -> Result<T, Problem> {
        Err(Problem { why: why.into(), offset: self.at })
    }
}

impl Member {
    fn add(&mut self, value: Value) {
        match self {
            Self::One(first) => *self = Self::Many(vec![first.clone(), value]),
            Self::Many(values) => values.push(value),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::One(value) => value,
            Self::Many(values) => Value::from(values),
        }
    }
}

/// The text of an element.
#[derive(Default)]
struct Text {
    text: String,
    /// The part that was written so that its white space counts.
    kept: Option<Range<usize>>,
}

impl Text {
    fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn keep(&mut self, text: &str) {
        let start = self.kept.as_ref().map_or(self.text.len(), |kept| kept.start);
        self.text.push_str(text);
        self.kept = Some(start..self.text.len());
    }

    fn trimmed(&self) -> &str {
        let Some(kept) = &self.kept else { return self.text.trim_matches(is_space) };
        let before = self.text[..kept.start].trim_start_matches(is_space).len();
        let after = self.text[kept.end..].trim_end_matches(is_space).len();
        &self.text[kept.start - before..kept.end + after]
    }
}

/// What white space is in XML 1.0 (2.3).
fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

/// What a document may consist of (XML 1.0, 2.2).
fn is_legal(char: char) -> bool {
    is_space(char) || (char >= ' ' && !matches!(char, '\u{fffe}' | '\u{ffff}'))
}

/// Offsets in a text fit.
fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// Names come from outside.
fn shown(name: &str) -> String {
    name.chars().take(60).collect()
}

fn why(error: &Error) -> Cow<'static, str> {
    match error {
        Error::Syntax(error) => error.to_string().into(),
        Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found }) => {
            format!("expected the end of `{}`, found that of `{}`", shown(expected), shown(found)).into()
        }
        Error::IllFormed(IllFormedError::UnmatchedEndTag(found)) => format!("the end of `{}` has no start", shown(found)).into(),
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "`--` stands in a comment".into(),
        Error::IllFormed(IllFormedError::UnclosedReference) => "`&` starts a reference that does not end".into(),
        _ => "it is malformed".into(),
    }
}
