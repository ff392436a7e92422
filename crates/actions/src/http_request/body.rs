//! The body to send: checked and measured once, produced as often as it is needed.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig as Config};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use hookmill_engine::run::Failure;
use reqwest::Body;
use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::input::{FileSource, Input, Part};
use crate::failure::failed;
use crate::files::{FileError, FileRef, Files};
use crate::net::{NoPayload, Payload};

/// The largest body made of values; files are not counted.
pub const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most parts of a multipart form.
pub const PARTS_MAX: usize = 200;
/// How much of a file is read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of chance in a multipart boundary.
const BOUNDARY_BYTES: usize = 16;

/// Standard base64, with or without padding: senders differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, BASE64_CONFIG);
const BASE64_CONFIG: GeneralPurposeConfig = Config::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// A body ready to be sent.
pub(super) struct Prepared {
    pub(super) payload: Arc<dyn Payload>,
    /// What it is, unless the headers say otherwise.
    pub(super) content_type: Option<String>,
}

/// Makes the body that the input describes.
pub(super) async fn prepare(input: &mut Input, files: &Files) -> Result<Prepared, Failure> {
    only_one(input)?;
    if let Some(value) = input.json.take() {
        return bytes(value.to_string().into(), "application/json");
    }
    if let Some(fields) = input.form.take() {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, values) in &fields {
            form.extend_pairs(values.texts().iter().map(|value| (name, value)));
        }
        return bytes(form.finish().into(), "application/x-www-form-urlencoded");
    }
    if let Some(text) = input.raw.take() {
        return bytes(text.into(), "text/plain; charset=utf-8");
    }
    if let Some(text) = input.base64.take() {
        return bytes(decoded("base64", &text)?, "application/octet-stream");
    }
    if let Some(source) = input.file.take() {
        let file = described(&source, files).await?;
        let content_type = file.media_type.clone();
        return pieces(vec![Piece::File(file)], files, content_type);
    }
    match input.multipart.take() {
        Some(parts) => multipart(parts, files).await,
        None => Ok(Prepared { payload: Arc::new(NoPayload), content_type: None }),
    }
}

fn only_one(input: &Input) -> Result<(), Failure> {
    let given = [
        ("json", input.json.is_some()),
        ("form", input.form.is_some()),
        ("multipart", input.multipart.is_some()),
        ("raw", input.raw.is_some()),
        ("base64", input.base64.is_some()),
        ("file", input.file.is_some()),
    ];
    let names: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if names.len() > 1 {
        return Err(failed("invalid_input", format!("a request has one body, but {} are given", names.join(" and "))));
    }
    Ok(())
}

fn bytes(body: Bytes, content_type: &str) -> Result<Prepared, Failure> {
    if body.len() > BODY_BYTES_MAX {
        return Err(failed("body_too_large", format!("the body is larger than {BODY_BYTES_MAX} bytes; send it as a file")));
    }
    Ok(Prepared { payload: Arc::new(body), content_type: Some(content_type.to_owned()) })
}

fn decoded(field: &str, text: &str) -> Result<Bytes, Failure> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = BASE64.decode(packed).map_err(|error| failed("invalid_input", format!("`{field}` is not base64: {error}")))?;
    Ok(bytes.into())
}

async fn described(source: &FileSource, files: &Files) -> Result<FileRef, Failure> {
    Ok(files.open(source.id()).await?.file)
}

async fn multipart(parts: Vec<Part>, files: &Files) -> Result<Prepared, Failure> {
    if parts.len() > PARTS_MAX {
        return Err(failed("invalid_input", format!("`multipart` has more than {PARTS_MAX} parts")));
    }
    let mut chance = [0u8; BOUNDARY_BYTES];
    getrandom::fill(&mut chance).map_err(|error| failed("internal", format!("no random bytes: {error}")))?;
    let boundary = format!("hookmill-{}", hex::encode(chance));
    let mut all = Vec::with_capacity(parts.len() * 3 + 1);
    for (position, part) in parts.into_iter().enumerate() {
        let (content, filename, media_type) = content(position, &part, files).await?;
        let head = part_head(&boundary, &part, filename, media_type)?;
        all.extend([Piece::Bytes(head.into()), content, Piece::Bytes(Bytes::from_static(b"\r\n"))]);
    }
    all.push(Piece::Bytes(format!("--{boundary}--\r\n").into()));
    pieces(all, files, format!("multipart/form-data; boundary={boundary}"))
}

async fn content(position: usize, part: &Part, files: &Files) -> Result<(Piece, Option<String>, Option<String>), Failure> {
    match (&part.value, &part.base64, &part.file) {
        (Some(Value::String(text)), None, None) => Ok((Piece::Bytes(text.clone().into()), None, None)),
        (Some(value), None, None) => Ok((Piece::Bytes(value.to_string().into()), None, Some("application/json".to_owned()))),
        (None, Some(text), None) => {
            let bytes = decoded(&format!("multipart[{position}].base64"), text)?;
            Ok((Piece::Bytes(bytes), None, Some("application/octet-stream".to_owned())))
        }
        (None, None, Some(source)) => {
            let file = described(source, files).await?;
            let (name, media_type) = (file.name.clone(), file.media_type.clone());
            Ok((Piece::File(file), Some(name), Some(media_type)))
        }
        _ => Err(failed("invalid_input", format!("multipart[{position}] needs exactly one of `value`, `base64` and `file`"))),
    }
}

fn part_head(boundary: &str, part: &Part, filename: Option<String>, media_type: Option<String>) -> Result<String, Failure> {
    let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name));
    if let Some(filename) = part.filename.clone().or(filename) {
        head += &format!("; filename=\"{}\"", quoted(&filename));
    }
    if let Some(media_type) = part.content_type.clone().or(media_type) {
        if media_type.chars().any(char::is_control) {
            return Err(failed("invalid_input", "a part's content type holds a control character"));
        }
        head += &format!("\r\nContent-Type: {media_type}");
    }
    Ok(head + "\r\n\r\n")
}

/// Browsers' rule for names in multipart headers.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn pieces(pieces: Vec<Piece>, files: &Files, content_type: String) -> Result<Prepared, Failure> {
    let in_memory: usize = pieces.iter().map(|piece| if let Piece::Bytes(bytes) = piece { bytes.len() } else { 0 }).sum();
    if in_memory > BODY_BYTES_MAX {
        return Err(failed("body_too_large", format!("the body is larger than {BODY_BYTES_MAX} bytes; send it as files")));
    }
    let bytes = pieces.iter().map(Piece::bytes).sum();
    let payload = Arc::new(Pieces { pieces, bytes, files: Arc::clone(files) });
    Ok(Prepared { payload, content_type: Some(content_type) })
}

struct Pieces {
    pieces: Vec<Piece>,
    bytes: u64,
    files: Files,
}

#[derive(Clone)]
enum Piece {
    Bytes(Bytes),
    File(FileRef),
}

impl Piece {
    fn bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.bytes,
        }
    }
}

#[async_trait]
impl Payload for Pieces {
    fn bytes(&self) -> Option<u64> {
        Some(self.bytes)
    }

    async fn open(&self) -> io::Result<Body> {
        let files = Arc::clone(&self.files);
        let contents = stream::iter(self.pieces.clone()).then(move |piece| {
            let files = Arc::clone(&files);
            async move {
                match piece {
                    Piece::Bytes(bytes) => Ok(stream::once(async { Ok(bytes) }).left_stream()),
                    Piece::File(file) => read_file(files, file.id).await.map(StreamExt::right_stream),
                }
            }
        });
        Ok(Body::wrap_stream(contents.try_flatten()))
    }
}

async fn read_file(files: Files, id: String) -> io::Result<impl Stream<Item = io::Result<Bytes>>> {
    let file = files.open(&id).await.map_err(|error| match error {
        FileError::Io(error) => error,
        other => io::Error::other(other),
    })?;
    Ok(stream::try_unfold(file.content, |mut content| async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        let bytes = content.read(&mut chunk).await?;
        chunk.truncate(bytes);
        Ok((bytes > 0).then(|| (Bytes::from(chunk), content)))
    }))
}
