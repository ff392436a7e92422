//! Reading an answer's body: bounded, by its content type, into a value or a file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hookmill_engine::id::RunId;
use hookmill_engine::run::Failure;
use http::header::CONTENT_TYPE;
use mime::Mime;
use reqwest::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::input::ResponseAs;
use crate::context::Context;
use crate::failure::{failed, with_details};
use crate::files::{FileRef, FileWriter, NewFile};
use crate::net::next_chunk;

/// A larger body becomes a file unless the step asks for a value.
pub const RESPONSE_INLINE_BYTES_MAX: u64 = 1024 * 1024;
/// The largest body that becomes a value.
pub const RESPONSE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// The largest body that becomes a file.
pub const RESPONSE_FILE_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// How much of an unexpected answer's body is shown.
pub const EXCERPT_BYTES_MAX: usize = 4 * 1024;

/// What became of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// There was none.
    None,
    /// `body` is the parsed JSON.
    Json,
    /// `body` is a text.
    Text,
    /// `body` is the bytes in base64.
    Base64,
    /// `file` names a stored file.
    File,
}

/// A body as the output shows it.
pub(super) struct Read {
    pub(super) body: Value,
    pub(super) encoding: Encoding,
    pub(super) file: Option<FileRef>,
}

/// The most bytes that will be read.
pub(super) fn limit(wanted: ResponseAs, max_bytes: Option<u64>) -> Result<u64, Failure> {
    let (default, highest) = match wanted {
        ResponseAs::Auto => (RESPONSE_FILE_BYTES_MAX, RESPONSE_FILE_BYTES_MAX),
        ResponseAs::File => (RESPONSE_FILE_BYTES_MAX, RESPONSE_FILE_BYTES_MAX),
        ResponseAs::Json | ResponseAs::Text | ResponseAs::Base64 => (RESPONSE_BYTES_MAX, RESPONSE_BYTES_MAX),
    };
    match max_bytes {
        Some(bytes) if bytes > highest => {
            Err(failed("invalid_input", format!("`max_bytes` is {bytes}, but at most {highest} bytes are possible here")))
        }
        other => Ok(other.unwrap_or(default)),
    }
}

/// Reads the whole body, at most `limit` bytes of it.
pub(super) async fn read(mut answer: Response, wanted: ResponseAs, limit: u64, context: &Context) -> Result<Read, Failure> {
    if answer.content_length().is_some_and(|bytes| bytes > limit) {
        return Err(too_large(limit));
    }
    let media_type = media_type(&answer);
    let mut kept = Vec::new();
    let mut file: Option<Box<dyn FileWriter>> = None;
    let mut bytes = 0u64;
    if wanted == ResponseAs::File {
        file = Some(context.files.create(about(context.run, &answer, media_type.as_ref())).await?);
    }
    while let Some(chunk) = next_chunk(&mut answer).await.map_err(|error| error.failure())? {
        bytes += chunk.len() as u64;
        if bytes > limit {
            return Err(too_large(limit));
        }
        if wanted == ResponseAs::Auto && file.is_none() && bytes > RESPONSE_INLINE_BYTES_MAX {
            let mut writer = context.files.create(about(context.run, &answer, media_type.as_ref())).await?;
            writer.write(&std::mem::take(&mut kept)).await?;
            file = Some(writer);
        }
        match &mut file {
            Some(writer) => writer.write(&chunk).await?,
            None => kept.extend_from_slice(&chunk),
        }
    }
    match file {
        Some(writer) => Ok(Read { body: Value::Null, encoding: Encoding::File, file: Some(writer.finish().await?) }),
        None => parse(kept, wanted, media_type.as_ref()),
    }
}

/// The beginning of the body, for an error message. What cannot be read is left out: the status says more.
pub(super) async fn excerpt(mut answer: Response) -> String {
    let charset = media_type(&answer);
    let mut kept = Vec::new();
    while let Ok(Some(chunk)) = next_chunk(&mut answer).await {
        kept.extend_from_slice(&chunk);
        if kept.len() > EXCERPT_BYTES_MAX {
            kept.truncate(EXCERPT_BYTES_MAX);
            return format!("{}…", text(&kept, charset.as_ref()));
        }
    }
    text(&kept, charset.as_ref())
}

fn too_large(limit: u64) -> Failure {
    failed("response_too_large", format!("the answer's body is larger than the limit of {limit} bytes"))
}

fn media_type(answer: &Response) -> Option<Mime> {
    answer.headers().get(CONTENT_TYPE)?.to_str().ok()?.parse().ok()
}

fn about(run: RunId, answer: &Response, media_type: Option<&Mime>) -> NewFile {
    let last = answer.url().path_segments().and_then(|mut segments| segments.rfind(|segment| !segment.is_empty()));
    let name = last.map(|name| percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned());
    NewFile {
        run,
        name: name.unwrap_or_else(|| "response".to_owned()),
        media_type: media_type.map_or_else(|| "application/octet-stream".to_owned(), Mime::to_string),
    }
}

fn parse(bytes: Vec<u8>, wanted: ResponseAs, media_type: Option<&Mime>) -> Result<Read, Failure> {
    let encoding = match wanted {
        _ if bytes.is_empty() => Encoding::None,
        ResponseAs::Json => Encoding::Json,
        ResponseAs::Text => Encoding::Text,
        ResponseAs::Base64 => Encoding::Base64,
        ResponseAs::Auto | ResponseAs::File => by_type(&bytes, media_type),
    };
    let body = match encoding {
        Encoding::None | Encoding::File => Value::Null,
        Encoding::Json => json(&bytes)?,
        Encoding::Text => Value::String(text(&bytes, media_type)),
        Encoding::Base64 => Value::String(STANDARD.encode(&bytes)),
    };
    Ok(Read { body, encoding, file: None })
}

fn by_type(bytes: &[u8], media_type: Option<&Mime>) -> Encoding {
    let Some(media_type) = media_type else {
        return match std::str::from_utf8(bytes) {
            Ok(_) if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() => Encoding::Json,
            Ok(_) => Encoding::Text,
            Err(_) => Encoding::Base64,
        };
    };
    let (kind, detail, suffix) = (media_type.type_(), media_type.subtype().as_str(), media_type.suffix());
    let suffix = suffix.map(|suffix| suffix.as_str());
    if detail == "json" || suffix == Some("json") {
        return Encoding::Json;
    }
    let textual = kind == mime::TEXT
        || suffix.is_some_and(|suffix| matches!(suffix, "xml" | "yaml"))
        || matches!(detail, "xml" | "javascript" | "x-www-form-urlencoded" | "yaml" | "x-yaml" | "x-ndjson" | "graphql");
    if textual { Encoding::Text } else { Encoding::Base64 }
}

fn json(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|error| {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT_BYTES_MAX)]).into_owned();
        let failure = failed("invalid_response", format!("the answer's body is not JSON: {error}"));
        with_details(failure, serde_json::json!({ "body": start }))
    })
}

/// Decodes by the charset that the type names; UTF-8 where it names none.
fn text(bytes: &[u8], media_type: Option<&Mime>) -> String {
    let charset = media_type.and_then(|media_type| media_type.get_param(mime::CHARSET));
    let encoding = charset.and_then(|name| encoding_rs::Encoding::for_label(name.as_str().as_bytes()));
    encoding.unwrap_or(encoding_rs::UTF_8).decode(bytes).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_by_their_type() {
        for (media_type, body, encoding, value) in [
            ("application/json", "{\"a\":1}", Encoding::Json, serde_json::json!({ "a": 1 })),
            ("application/problem+json; charset=utf-8", "[1]", Encoding::Json, serde_json::json!([1])),
            ("text/html", "<p>", Encoding::Text, "<p>".into()),
            ("application/atom+xml", "<a/>", Encoding::Text, "<a/>".into()),
            ("image/png", "abc", Encoding::Base64, "YWJj".into()),
            ("application/json", "", Encoding::None, Value::Null),
        ] {
            let mime: Mime = media_type.parse().expect(media_type);
            let read = parse(body.into(), ResponseAs::Auto, Some(&mime)).expect(media_type);
            assert_eq!((read.encoding, read.body), (encoding, value), "{media_type}");
        }
        let latin: Mime = "text/plain; charset=iso-8859-1".parse().expect("a media type");
        assert_eq!(parse(vec![0xe9], ResponseAs::Auto, Some(&latin)).expect("a text").body, "é");
        assert_eq!(parse(b"{}".to_vec(), ResponseAs::Auto, None).expect("JSON").encoding, Encoding::Json);
        assert_eq!(parse(b"{".to_vec(), ResponseAs::Auto, None).expect("a text").encoding, Encoding::Text);
        assert_eq!(parse(vec![0xff], ResponseAs::Auto, None).expect("bytes").encoding, Encoding::Base64);
    }

    #[test]
    fn broken_and_endlessly_nested_json_is_a_failure() {
        for body in [b"{".to_vec(), b"[".repeat(100_000), b"\"\xff\"".to_vec()] {
            let failure = parse(body, ResponseAs::Json, None).err().expect("it is not JSON");
            assert_eq!(failure.code, "invalid_response");
        }
    }
}
