//! Which parser a body gets: the content type alone decides.

use bytes::Bytes;

use super::body::{Body, BodyKind};
use super::form::Query;
use super::{Refusal, Request, binary, form, json, text};

/// What is accepted, for the answer to what is not.
pub const ACCEPTED_MEDIA_TYPES: &[&str] =
    &["application/json", "application/*+json", "application/x-www-form-urlencoded", "text/*", "application/octet-stream"];

/// A content type taken apart.
struct MediaType<'a> {
    /// `application/json`, lower case.
    essence: String,
    charset: Option<&'a str>,
}

impl<'a> MediaType<'a> {
    fn of(header: &'a str) -> Option<Self> {
        let mut parts = header.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
        });
        (!essence.is_empty()).then_some(Self { essence, charset })
    }

    fn is_json(&self) -> bool {
        self.essence.ends_with("/json") || self.essence.ends_with("+json")
    }

    fn is_xml(&self) -> bool {
        self.essence.ends_with("/xml") || self.essence.ends_with("+xml")
    }
}

/// Parses the body of a request with the parser of its content type. The wanted members are those that it will be asked
/// for.
pub(super) fn parse_body<'t>(
    request: &Request<'_>,
    query: &Query,
    wanted: &[&'t str],
    notes: &mut Vec<String>,
) -> Result<Body<'t>, Refusal> {
    if request.method == "GET" {
        return Ok(Body::built(BodyKind::Form, query.value().clone()));
    }
    if let Some(encoding) = request.headers.get("content-encoding").filter(|encoding| !is_identity(encoding)) {
        return Err(unsupported(&format!("content encoding {encoding}"), encoding, &["identity"]));
    }
    if request.body.is_empty() {
        return Ok(Body::absent());
    }
    let bytes = request.body;
    let Some(header) = request.headers.get("content-type") else { return without_type(bytes, wanted, notes) };
    let Some(media) = MediaType::of(header) else { return without_type(bytes, wanted, notes) };
    if media.essence == "multipart/form-data" || media.is_xml() {
        return Err(unsupported(&format!("content type {}", media.essence), &media.essence, ACCEPTED_MEDIA_TYPES));
    }
    if media.is_json() {
        return json::parse(text::decode(bytes, media.charset)?, bytes, wanted, notes);
    }
    if media.essence == "application/x-www-form-urlencoded" {
        return form::parse(bytes, media.charset);
    }
    if media.essence.starts_with("text/") {
        return text::parse(bytes, media.charset);
    }
    Ok(binary::parse())
}

fn is_identity(encoding: &str) -> bool {
    let encoding = encoding.trim();
    encoding.is_empty() || encoding.eq_ignore_ascii_case("identity")
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

fn unsupported(what: &str, got: &str, accepted: &'static [&'static str]) -> Refusal {
    let shown: String = what.chars().take(120).collect();
    Refusal::UnsupportedMediaType {
        got: got.chars().take(100).collect(),
        accepted,
        message: format!("{shown} is not supported; accepted are {}", accepted.join(", ")),
    }
}
