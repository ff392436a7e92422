//! Looking for a text in deliveries: in path and query, headers, and the beginning of the body.
//!
//! There is no index for it, so the work of one page is bounded by the number of deliveries that it looks at and by the
//! bytes that it reads of each.

use std::io::Read as _;

use hookmill_engine::request::Headers;

use crate::db::Row;
use crate::{Error, Result};

/// Deliveries that one page looks at.
pub const TEXT_EXAMINED_MAX: usize = 2_000;
/// Bytes of a body, from its beginning, in which a text is found.
pub const TEXT_BODY_BYTES: usize = 16 * 1024;
/// The longest text that is looked for.
pub const TEXT_BYTES_MAX: usize = 256;
/// Deliveries of one query: what it reads of their bodies lies in memory at once.
pub(super) const CHUNK_MAX: usize = 64;

/// The columns in which a text is looked for. Of a compressed body a whole first block must be there: at most 128 KiB
/// (RFC 8878 3.1.1.2.4) and the frame's header.
macro_rules! columns {
    () => {
        ", d.headers, d.zstd, SUBSTR(d.body, 1, CASE WHEN d.zstd = 1 THEN 131200 ELSE 16384 END) "
    };
}
pub(super) use columns;

/// A text that is looked for.
pub(super) struct Needle(String);

impl Needle {
    pub(super) fn new(text: &str) -> Result<Self> {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err(Error::Invalid(format!("a text to look for has 1 to {TEXT_BYTES_MAX} bytes, not {}", text.len())));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether it is in a delivery; `first` is the first of the columns above.
    pub(super) fn is_in(&self, path_and_query: &str, row: &Row, first: usize) -> Result<bool> {
        if self.found(path_and_query.as_bytes()) {
            return Ok(true);
        }
        let headers: Headers = serde_json::from_str(row.text(first)?)
            .map_err(|error| Error::corrupt(format!("the headers of a delivery: {error}")))?;
        if headers.iter().any(|(name, value)| self.found(format!("{name}: {value}").as_bytes())) {
            return Ok(true);
        }
        let body = row.bytes(first + 2)?;
        Ok(if row.int(first + 1)? == 1 { self.found(&inflated(&body)) } else { self.found(&body) })
    }

    fn found(&self, hay: &[u8]) -> bool {
        hay.windows(self.0.len()).any(|window| window.eq_ignore_ascii_case(self.0.as_bytes()))
    }
}

/// What the beginning of a compressed body says; a damaged one says nothing.
fn inflated(packed: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(TEXT_BODY_BYTES);
    if let Ok(decoder) = zstd::stream::read::Decoder::with_buffer(packed) {
        // The end is missing if the body is long: what came before the error is there.
        let _ = decoder.take(TEXT_BODY_BYTES as u64).read_to_end(&mut body);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_without_regard_to_case() {
        let needle = Needle::new("Ünïcode A").unwrap();
        assert!(needle.found("xxÜnïcode ayy".as_bytes()) && !needle.found(b"nicode A"));
        for wrong in ["", &"x".repeat(257)] {
            assert!(Needle::new(wrong).is_err());
        }
    }

    #[test]
    fn the_beginning_of_a_compressed_body_is_enough() {
        // Noise compresses badly, so the first block is as long as blocks get.
        let mut state = 7u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[(state >> 58) as usize]
        };
        let body: Vec<u8> = (0..1_000_000).map(|_| noise()).collect();
        let packed = zstd::bulk::compress(&body, 1).unwrap();
        assert!(packed.len() > 200_000);
        assert_eq!(inflated(&packed[..131_200]), &body[..TEXT_BODY_BYTES]);
        assert_eq!(inflated(b"nonsense"), b"");
    }
}
