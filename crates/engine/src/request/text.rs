//! `text/*` bodies, and the way from bytes to text that the other parsers share.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use minijinja::Value;

use super::Refusal;
use super::body::{Body, BodyKind};
use super::refusal::Position;

/// A text body is its text.
pub(super) fn parse(bytes: &[u8], charset: Option<&str>) -> Result<Body<'static>, Refusal> {
    Ok(Body::built(BodyKind::Text, Value::from(&*decode(bytes, charset)?)))
}

/// Decodes strictly: by the byte order mark if there is one, else by the charset named, else as UTF-8.
pub(super) fn decode<'b>(bytes: &'b [u8], charset: Option<&str>) -> Result<Cow<'b, str>, Refusal> {
    let (encoding, bytes) = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (encoding, &bytes[mark..]),
        None => (encoding(charset)?, bytes),
    };
    if encoding == UTF_8 {
        return std::str::from_utf8(bytes)
            .map(Cow::Borrowed)
            .map_err(|error| Refusal::bad_body("the body is not valid UTF-8", Some(Position::at(bytes, error.valid_up_to()))));
    }
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or_else(|| Refusal::bad_body(format!("the body is not valid {}", encoding.name()), None))
}

/// The encoding of this name; UTF-8 without a name.
pub(super) fn encoding(charset: Option<&str>) -> Result<&'static Encoding, Refusal> {
    let Some(charset) = charset else { return Ok(UTF_8) };
    Encoding::for_label_no_replacement(charset.as_bytes()).ok_or_else(|| {
        let shown: String = charset.chars().take(40).collect();
        Refusal::bad_body(format!("the charset `{shown}` is not known"), None)
    })
}
