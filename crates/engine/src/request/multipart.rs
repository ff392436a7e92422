//! `multipart/form-data` (RFC 7578, RFC 2046 5.1): fields, and files that stay where they are in the body.
//!
//! Strict: lines end in CRLF, every part says its name, no part contains parts. Two readers of one body that disagree on
//! what it says are a way past whoever checked it first.

mod part;

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use memchr::memmem::Finder;
use minijinja::Value;

use self::part::Head;
use super::body::{Body, BodyKind};
use super::file::File;
use super::form::Fields;
use super::media::MediaType;
use super::{Refusal, text};

/// A body with more parts than this is refused.
pub const MULTIPART_PARTS_MAX: usize = 1_000;
/// A part whose head is larger than this many bytes is refused.
pub const PART_HEAD_BYTES_MAX: usize = 8 * 1024;
/// RFC 2046 5.1.1.
const BOUNDARY_BYTES_MAX: usize = 70;
/// The field that names the charset of the others (RFC 7578 4.6).
const CHARSET_FIELD: &str = "_charset_";
const WHAT: &str = "multipart body";

/// Parses a multipart body by the boundary of its content type.
pub(super) fn parse(bytes: &Bytes, media: &MediaType<'_>) -> Result<Body<'static>, Refusal> {
    let mut form = Form::default();
    let delimiter = format!("--{}", boundary(media)?);
    let mut parts = Parts::of(bytes, &delimiter)?;
    while let Some(part) = parts.next()? {
        if parts.count > MULTIPART_PARTS_MAX {
            return Err(Refusal::bad_body(format!("the {WHAT} has more than {MULTIPART_PARTS_MAX} parts"), None));
        }
        let (head, content) = Head::of(part).map_err(|why| wrong(parts.count, &why))?;
        form.add(head, bytes.slice_ref(content)).map_err(|problem| match problem {
            Problem::Part(why) => wrong(parts.count, &why),
            Problem::Whole(refusal) => refusal,
        })?;
    }
    let mut body = Body::built(BodyKind::Form, form.fields.into_value());
    body.files = form.files;
    Ok(body)
}

/// The names and texts of the fields of a form, files left out; nothing if the content type is another, or if `parse`
/// would refuse the body.
#[must_use]
pub fn texts(content_type: &str, body: &[u8]) -> Vec<(String, String)> {
    form_type(content_type).and_then(|media| texts_of(body, &media).ok()).unwrap_or_default()
}

/// The names of the fields of a form, files left out, and where in the body their contents stand; up to the first part
/// that nobody can read.
#[must_use]
pub fn fields(content_type: &str, body: &[u8]) -> Vec<(String, Range<usize>)> {
    let mut fields = Vec::new();
    if let Some(media) = form_type(content_type) {
        let add = |head: Head, content| {
            fields.push((head.name, content));
            Ok(())
        };
        // What follows a part that cannot be read is nobody's field.
        each_field(body, &media, add).ok();
    }
    fields
}

fn form_type(content_type: &str) -> Option<MediaType<'_>> {
    MediaType::of(content_type).filter(|media| media.essence == "multipart/form-data")
}

fn texts_of(body: &[u8], media: &MediaType<'_>) -> Result<Vec<(String, String)>, Refusal> {
    let mut texts = Vec::new();
    let mut charset = None;
    each_field(body, media, |head, content| {
        let media = head.content_type.as_deref().and_then(MediaType::of);
        let own = media.as_ref().and_then(MediaType::charset);
        let text = decoded(&body[content], own.as_deref().or(charset.as_deref()))?.into_owned();
        if head.name == CHARSET_FIELD {
            charset = Some(text.trim().to_owned());
        }
        texts.push((head.name, text));
        Ok(())
    })?;
    Ok(texts)
}

/// Tells of each field of a form, files left out: its head, and where its content stands. An error that is given back ends a
/// sentence that starts with the part.
fn each_field(
    body: &[u8],
    media: &MediaType<'_>,
    mut tell: impl FnMut(Head, Range<usize>) -> Result<(), String>,
) -> Result<(), Refusal> {
    let delimiter = format!("--{}", boundary(media)?);
    let mut parts = Parts::of(body, &delimiter)?;
    while let Some(start) = parts.start {
        let Some(part) = parts.next()? else { break };
        let refused = |why: &str| wrong(parts.count, why);
        if parts.count > MULTIPART_PARTS_MAX {
            return Err(refused("is one too many"));
        }
        let (head, content) = Head::of(part).map_err(|why| refused(&why))?;
        let media = head.content_type.as_deref().and_then(MediaType::of);
        if head.filename.is_none() && is_text(media.as_ref()) {
            let end = start + part.len();
            tell(head, end - content.len()..end).map_err(|why| refused(&why))?;
        }
    }
    Ok(())
}

fn wrong(part: usize, why: &str) -> Refusal {
    Refusal::bad_body(format!("part {part} of the {WHAT} {why}"), None)
}

fn boundary<'m>(media: &MediaType<'m>) -> Result<Cow<'m, str>, Refusal> {
    let refused = |why: &str| Refusal::bad_body(format!("the content type multipart/form-data {why}"), None);
    let mut boundary = None;
    for parameter in media.parameters.clone() {
        let (name, value) = parameter.ok_or_else(|| refused("has a malformed parameter"))?;
        if name.eq_ignore_ascii_case("boundary") && boundary.replace(value).is_some() {
            return Err(refused("has two boundaries"));
        }
    }
    let boundary = boundary.ok_or_else(|| refused("has no boundary"))?;
    let printable = boundary.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX || !printable || boundary.ends_with(' ') {
        return Err(refused(&format!("needs a boundary of 1 to {BOUNDARY_BYTES_MAX} printable characters")));
    }
    Ok(boundary)
}

/// The parts between the delimiters of a body.
struct Parts<'b> {
    bytes: &'b [u8],
    /// Finds a delimiter at the start of a line.
    finder: Finder<'b>,
    /// Where the next part starts; none after the closing delimiter.
    start: Option<usize>,
    /// How many parts were found.
    count: usize,
}

impl<'b> Parts<'b> {
    fn of(bytes: &'b [u8], delimiter: &'b str) -> Result<Self, Refusal> {
        let mut parts = Self { bytes, finder: Finder::new(delimiter), start: None, count: 0 };
        // What stands before the first delimiter is for people to read.
        let first = parts.delimiter(0).ok_or_else(|| {
            Refusal::bad_body(format!("no line of the {WHAT} is the boundary that the content type names"), None)
        })?;
        parts.start = first.next;
        Ok(parts)
    }

    fn next(&mut self) -> Result<Option<&'b [u8]>, Refusal> {
        let Some(start) = self.start else { return Ok(None) };
        self.count += 1;
        // The line end before a delimiter belongs to the delimiter: for the one right after another one, to both.
        let end = self.delimiter(start).ok_or_else(|| wrong(self.count, "has no end: the body is cut off"))?;
        self.start = end.next;
        Ok(Some(self.bytes.get(start..end.at).unwrap_or_default()))
    }

    /// The next line from here on that is a delimiter. Lines that only start like one are content.
    fn delimiter(&self, from: usize) -> Option<Delimiter> {
        let mut from = from;
        loop {
            let at = from + self.finder.find(&self.bytes[from..])?;
            let after = at + self.finder.needle().len();
            let before = if at == 0 { Some(0) } else { self.bytes[..at].ends_with(CRLF).then(|| at - CRLF.len()) };
            if let (Some(at), Some(next)) = (before, self.line_end(after)) {
                return Some(Delimiter { at, next });
            }
            from = at + 1;
        }
    }

    /// What follows a delimiter, if it is one. `Some(None)`: it is the closing one.
    fn line_end(&self, after: usize) -> Option<Option<usize>> {
        let rest = &self.bytes[after..];
        let closing = rest.starts_with(b"--");
        let mut padding = if closing { CLOSING_BYTES } else { 0 };
        padding += rest[padding..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = &rest[padding..];
        match closing {
            true if rest.is_empty() || rest.starts_with(CRLF) => Some(None),
            false if rest.starts_with(CRLF) => Some(Some(after + padding + CRLF.len())),
            _ => None,
        }
    }
}

const CRLF: &[u8] = b"\r\n";
const CLOSING_BYTES: usize = 2;

struct Delimiter {
    /// Where the content before it ends.
    at: usize,
    /// Where the content after it starts; none after the closing one.
    next: Option<usize>,
}

/// What the parts say.
#[derive(Default)]
struct Form {
    fields: Fields,
    files: Vec<File>,
    charset: Option<String>,
}

/// What is wrong with a part.
enum Problem {
    /// The end of a sentence about the part.
    Part(String),
    Whole(Refusal),
}

impl Form {
    fn add(&mut self, head: Head, content: Bytes) -> Result<(), Problem> {
        let media = head.content_type.as_deref().and_then(MediaType::of);
        if media.as_ref().is_some_and(|media| media.essence.starts_with("multipart/")) {
            return Err(Problem::Part("contains parts itself; send each of them on its own".to_owned()));
        }
        let charset = media.as_ref().and_then(MediaType::charset).map(Cow::into_owned);
        let is_text = is_text(media.as_ref());
        match head.filename {
            // What a browser sends of a form whose file was not chosen.
            Some(filename) if filename.is_empty() && content.is_empty() => Ok(()),
            None if is_text => self.field(&head.name, &content, charset),
            filename => {
                let filename = filename.filter(|filename| !filename.is_empty());
                let content_type = head.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
                self.files.push(File { field: head.name, filename, content_type, charset, bytes: content });
                Ok(())
            }
        }
    }

    fn field(&mut self, name: &str, content: &[u8], charset: Option<String>) -> Result<(), Problem> {
        let charset = charset.as_deref().or(self.charset.as_deref());
        let text = decoded(content, charset).map_err(Problem::Part)?;
        if name == CHARSET_FIELD {
            self.charset = Some(text.trim().to_owned());
        }
        self.fields.put(name, Value::from(&*text), WHAT).map_err(Problem::Whole)
    }
}

/// Whether a part without a file's name is a field.
fn is_text(media: Option<&MediaType<'_>>) -> bool {
    media.is_none_or(|media| media.is_text() || media.is_json() || media.is_xml())
}

/// The text of a field. The error ends a sentence that starts with the part.
fn decoded<'c>(content: &'c [u8], charset: Option<&str>) -> Result<Cow<'c, str>, String> {
    let encoding = text::encoding(charset).map_err(|_| "has a charset that is not known".to_owned())?;
    let text = encoding.decode_without_bom_handling_and_without_replacement(content);
    text.ok_or_else(|| format!("is not valid {}", encoding.name()))
}
