//! Requests that differ from the given one in a single point: what something between sender and receiver may have done to it.

use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use crate::settings::Settings;

/// Larger bodies are not rewritten for the doctor.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Each with what differs, as the end of "The signature fits if …".
pub(super) fn other_bodies(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    if body.len() > BODY_BYTES_MAX {
        return Vec::new();
    }
    let mut found = Vec::new();
    match body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")) {
        Some(without) => found.push(("the line break at the end of the body is taken off", without.to_vec())),
        None => {
            found.push(("a line break is put at the end of the body", [body, b"\n"].concat()));
            found.push(("a line break (CR LF) is put at the end of the body", [body, b"\r\n"].concat()));
        }
    }
    found.push(("the body is taken without white space around it", body.trim_ascii().to_vec()));
    if let Some(without) = body.strip_prefix(b"\xef\xbb\xbf") {
        found.push(("the byte order mark is taken off the body", without.to_vec()));
    }
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let compact = value.to_string().into_bytes();
        let escaped = escape_slashes(&compact);
        found.push(("the JSON body is written again without spaces", compact));
        found.push(("the JSON body is written again with all slashes escaped", escaped));
        found.push((
            "the JSON body is written again with two spaces of indent",
            serde_json::to_vec_pretty(&value).unwrap_or_default(),
        ));
        found.push(("the JSON body is written again with a space after each `:` and `,`", spaced(&value)));
    }
    found.push(("the body is empty", Vec::new()));
    found.retain(|(_, other)| other != body);
    found
}

fn escape_slashes(json: &[u8]) -> Vec<u8> {
    json.iter().flat_map(|byte| if *byte == b'/' { &b"\\/"[..] } else { std::slice::from_ref(byte) }).copied().collect()
}

/// As Python's `json.dumps` writes it.
fn spaced(value: &Value) -> Vec<u8> {
    struct Spaced;
    impl Formatter for Spaced {
        fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
            writer.write_all(if first { b"" } else { b", " })
        }
        fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, first: bool) -> std::io::Result<()> {
            writer.write_all(if first { b"" } else { b", " })
        }
        fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
            writer.write_all(b": ")
        }
    }
    let mut out = Vec::new();
    let written = serde::Serialize::serialize(value, &mut Serializer::with_formatter(&mut out, Spaced));
    if written.is_err() { Vec::new() } else { out }
}

/// Other spellings of the public URL.
pub(super) fn other_urls(settings: &Settings) -> Vec<(String, Settings)> {
    let Some(url) = settings.public_url.as_deref() else { return Vec::new() };
    let mut found = Vec::new();
    let (bare, query) = url.split_once('?').map_or((url, None), |(bare, query)| (bare, Some(query)));
    let joined = |bare: &str| query.map_or(bare.to_owned(), |query| format!("{bare}?{query}"));
    if let Some(rest) = url.strip_prefix("https://") {
        found.push(format!("http://{rest}"));
    } else if let Some(rest) = url.strip_prefix("http://") {
        found.push(format!("https://{rest}"));
    }
    match bare.strip_suffix('/') {
        Some(without) => found.push(joined(without)),
        None => found.push(joined(&format!("{bare}/"))),
    }
    if let Some((scheme, rest)) = url.split_once("://") {
        match rest.strip_prefix("www.") {
            Some(without) => found.push(format!("{scheme}://{without}")),
            None => found.push(format!("{scheme}://www.{rest}")),
        }
    }
    let settings = |url: String| (format!("`public_url` is {url}"), Settings { public_url: Some(url), ..settings.clone() });
    found.into_iter().map(settings).collect()
}
