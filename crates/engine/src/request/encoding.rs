//! Undoing Content-Encoding (RFC 9110 8.4), with limits: what is small on the way in may be large here.

use std::fmt;
use std::io::{self, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Refusal, Request};

/// A body that would be larger than this without its encoding is refused, whatever the trigger says.
pub const INFLATED_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// A body that grows by more than this factor is refused, once it is larger than [`INFLATED_FREE_BYTES`].
pub const INFLATED_RATIO_MAX: u64 = 200;
/// Up to here a body may grow by any factor: there is no harm in it.
pub const INFLATED_FREE_BYTES: u64 = 1024 * 1024;
/// A body that was encoded more often than this is refused.
pub const ENCODINGS_MAX: usize = 2;
/// The largest window of zstd, as a power of two: what RFC 9659 asks of senders on the web.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
const CHUNK_BYTES: usize = 16 * 1024;

/// A Content-Encoding that a trigger may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950; also RFC 1951 alone, which many send under this name.
    Deflate,
    /// RFC 7932.
    Br,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// All that can be undone.
    pub const ALL: &'static [Self] = &[Self::Gzip, Self::Deflate, Self::Br, Self::Zstd];

    /// Its name in `Content-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }

    fn of(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        // RFC 9110 8.4.1.3: x-gzip is gzip.
        if is("x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.iter().copied().find(|encoding| is(encoding.name()))
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bytes of the body without its encodings. `allowed`, `bytes_max`: what the trigger says.
pub(super) fn undo(request: &Request<'_>, allowed: &[Encoding], bytes_max: Option<u64>) -> Result<Bytes, Refusal> {
    let Some(header) = request.headers.joined_text("content-encoding") else { return Ok(request.body.clone()) };
    let mut applied = Vec::new();
    for name in header.split(',').map(str::trim).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity")) {
        match Encoding::of(name).filter(|encoding| allowed.contains(encoding)) {
            Some(encoding) => applied.push(encoding),
            None => return Err(unsupported(name, allowed)),
        }
    }
    if applied.len() > ENCODINGS_MAX {
        return Err(Refusal::bad_body(format!("the body is encoded more than {ENCODINGS_MAX} times"), None));
    }
    let bytes_max = bytes_max.unwrap_or(INFLATED_BYTES_MAX).min(INFLATED_BYTES_MAX);
    let mut bytes = request.body.clone();
    // The encoding that was applied last is named last.
    for encoding in applied.into_iter().rev().filter(|_| !request.body.is_empty()) {
        bytes = inflate(encoding, &bytes, bytes_max)?;
    }
    Ok(bytes)
}

fn unsupported(name: &str, allowed: &[Encoding]) -> Refusal {
    let accepted = allowed.iter().map(|encoding| encoding.name()).chain(["identity"]).collect();
    Refusal::unsupported("content-encoding", name, accepted)
}

fn inflate(encoding: Encoding, bytes: &[u8], bytes_max: u64) -> Result<Bytes, Refusal> {
    let mut inflated = Inflated { bytes: Vec::new(), encoding, sent: bytes.len(), bytes_max };
    match encoding {
        Encoding::Gzip => inflated.read(&mut MultiGzDecoder::new(bytes))?,
        Encoding::Deflate => inflated.deflate(bytes)?,
        Encoding::Br => inflated.brotli(bytes)?,
        Encoding::Zstd => {
            let broken = |error: io::Error| inflated.broken(&error);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
            inflated.read(&mut decoder)?;
        }
    }
    Ok(inflated.bytes.into())
}

/// Whether the two bytes of a zlib header (RFC 1950 2.2) stand at the start.
fn is_zlib(bytes: &[u8]) -> bool {
    let [method, flags, ..] = bytes else { return false };
    method & 0x0f == 8 && (u16::from(*method) << 8 | u16::from(*flags)).is_multiple_of(31)
}

/// What came of a body so far.
struct Inflated {
    bytes: Vec<u8>,
    encoding: Encoding,
    sent: usize,
    bytes_max: u64,
}

impl Inflated {
    fn read(&mut self, decoder: &mut impl Read) -> Result<(), Refusal> {
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            match decoder.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(length) => self.add(&chunk[..length])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    fn deflate(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut decoder = Decompress::new(is_zlib(bytes));
        let mut chunk = [0; CHUNK_BYTES];
        let mut rest = bytes;
        loop {
            let (read, written) = (decoder.total_in(), decoder.total_out());
            let status = decoder.decompress(rest, &mut chunk, FlushDecompress::None).map_err(|error| self.broken(&error))?;
            // Both fit: they are at most the lengths of slices.
            let (read, written) = ((decoder.total_in() - read) as usize, (decoder.total_out() - written) as usize);
            rest = &rest[read..];
            self.add(&chunk[..written])?;
            match status {
                Status::StreamEnd => return self.ends(rest),
                Status::Ok | Status::BufError if read == 0 && written == 0 => return Err(self.broken(&"it ends too early")),
                Status::Ok | Status::BufError => {}
            }
        }
    }

    fn brotli(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        // Strict: without the large windows that are no part of RFC 7932 and may ask for a gigabyte.
        let alloc = StandardAlloc::default;
        let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
        let (mut left, mut position, mut total) = (bytes.len(), 0, 0);
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            let (mut room, mut filled) = (CHUNK_BYTES, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut position,
                bytes,
                &mut room,
                &mut filled,
                &mut chunk,
                &mut total,
                &mut state,
            );
            self.add(&chunk[..filled])?;
            match result {
                BrotliResult::ResultSuccess => return self.ends(&bytes[position..]),
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Err(self.broken(&"it ends too early")),
                BrotliResult::ResultFailure => return Err(self.broken(&"its data is damaged")),
            }
        }
    }

    fn add(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        let length = (self.bytes.len() + chunk.len()) as u64;
        if length > self.bytes_max {
            let message = format!("the body without its {} encoding is larger than {} bytes", self.encoding, self.bytes_max);
            return Err(Refusal::TooLarge { bytes_max: self.bytes_max, message });
        }
        let in_proportion = (self.sent as u64).saturating_mul(INFLATED_RATIO_MAX);
        if length > INFLATED_FREE_BYTES.max(in_proportion) {
            let message =
                format!("the body without its {} encoding is more than {INFLATED_RATIO_MAX} times as large", self.encoding);
            return Err(Refusal::TooLarge { bytes_max: INFLATED_FREE_BYTES.max(in_proportion), message });
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// Refuses what follows the end of the encoded data.
    fn ends(&self, rest: &[u8]) -> Result<(), Refusal> {
        if rest.is_empty() { Ok(()) } else { Err(self.broken(&"something follows its end")) }
    }

    fn broken(&self, why: &impl fmt::Display) -> Refusal {
        Refusal::bad_body(format!("the body is not valid {}: {why}", self.encoding), None)
    }
}
