//! Which parser a body gets: the content type alone decides.

use std::borrow::Cow;

use bytes::Bytes;

use super::body::{Body, BodyKind};
use super::form::Query;
use super::parameters::{self, Parameters};
use super::{Refusal, Request, binary, cloudevents, form, json, multipart, text, xml};
use crate::workflow::PresetInfo;

/// The content types that have a parser of their own; bodies of all others are kept as they are.
pub const ACCEPTED_MEDIA_TYPES: &[&str] = &[
    "application/json",
    "application/*+json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/xml",
    "application/*+xml",
    "text/*",
    "application/octet-stream",
];

/// Types that are text although they are not called so.
const TEXTS: &[&str] = &["application/csv", "application/x-ndjson", "application/jsonl", "application/yaml"];

/// A content type taken apart.
pub(super) struct MediaType<'a> {
    /// `application/json`, lower case.
    pub(super) essence: Cow<'a, str>,
    pub(super) parameters: Parameters<'a>,
}

impl Texts {
    /// What they are of who sends by a preset.
    pub(super) fn of(preset: Option<&PresetInfo>) -> Self {
        if preset.is_some_and(|preset| preset.calls_json_text) { Self::Json } else { Self::Plain }
    }
}

impl<'a> MediaType<'a> {
    /// `None` if it says nothing.
    pub(super) fn of(header: &'a str) -> Option<Self> {
        let (essence, parameters) = parameters::split(header);
        let essence = if essence.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(essence.to_ascii_lowercase())
        } else {
            Cow::Borrowed(essence)
        };
        (!essence.is_empty()).then_some(Self { essence, parameters })
    }

    pub(super) fn charset(&self) -> Option<Cow<'a, str>> {
        self.parameters.first("charset")
    }

    pub(super) fn is_json(&self) -> bool {
        self.essence.ends_with("/json") || self.essence.ends_with("+json")
    }

    pub(super) fn is_xml(&self) -> bool {
        self.essence.ends_with("/xml") || self.essence.ends_with("+xml")
    }

    pub(super) fn is_text(&self) -> bool {
        self.essence.starts_with("text/") || TEXTS.contains(&&*self.essence)
    }
}

/// What bodies are whose content type only says that they are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Texts {
    Plain,
    /// The sender is known to send JSON under this name.
    Json,
}

/// Parses the body of a request, whose encodings have been undone, with the parser of its content type. The wanted
/// members are those that it will be asked for.
pub(super) fn parse_body<'t>(
    request: &Request<'_>,
    bytes: &Bytes,
    query: &Query,
    (wanted, texts): (&[&'t str], Texts),
    notes: &mut Vec<String>,
) -> Result<Body<'t>, Refusal> {
    if request.method == "GET" {
        return Ok(Body::built(BodyKind::Form, query.value().clone()));
    }
    let media = content_type(request)?;
    let mut body = match &media {
        _ if bytes.is_empty() => Body::absent(),
        Some(media) if texts == Texts::Json && media.is_text() => {
            json::parse(text::decode(bytes, media.charset().as_deref())?, bytes, wanted, notes)?
        }
        Some(media) => typed(media, bytes, wanted, notes)?,
        None => without_type(bytes, wanted, notes)?,
    };
    if let Some(attributes) = cloudevents::in_headers(request)? {
        body.events = attributes;
    }
    Ok(body)
}

fn content_type<'a>(request: &Request<'a>) -> Result<Option<MediaType<'a>>, Refusal> {
    let mut headers = request.headers.iter().filter(|(name, _)| *name == "content-type").map(|(_, value)| value);
    let Some(header) = headers.next() else { return Ok(None) };
    // Whoever checked the request before may have believed the other one.
    if headers.any(|other| other != header) {
        return Err(Refusal::bad_body("the request has two content types", None));
    }
    Ok(MediaType::of(header))
}

fn typed<'t>(media: &MediaType<'_>, bytes: &Bytes, wanted: &[&'t str], notes: &mut Vec<String>) -> Result<Body<'t>, Refusal> {
    let charset = media.charset();
    let charset = charset.as_deref();
    match &*media.essence {
        "application/cloudevents+json" => cloudevents::parse(text::decode(bytes, charset)?, bytes, wanted, notes),
        "application/cloudevents-batch+json" => cloudevents::parse_batch(text::decode(bytes, charset)?, bytes, notes),
        "application/x-www-form-urlencoded" => form::parse(bytes, charset),
        "multipart/form-data" => multipart::parse(bytes, media),
        _ if media.is_json() => json::parse(text::decode(bytes, charset)?, bytes, wanted, notes),
        _ if media.is_xml() => xml::parse(bytes, charset),
        _ if media.is_text() => text::parse(bytes, charset),
        _ => Ok(binary::parse()),
    }
}

/// JSON if it parses, else text if it is text, else bytes.
fn without_type<'t>(bytes: &Bytes, wanted: &[&'t str], notes: &mut Vec<String>) -> Result<Body<'t>, Refusal> {
    let Ok(text) = text::decode(bytes, None) else { return Ok(binary::parse()) };
    let mut found = Vec::new();
    match json::parse(text, bytes, wanted, &mut found) {
        Ok(body) => {
            notes.append(&mut found);
            Ok(body)
        }
        Err(_) => text::parse(bytes, None),
    }
}
