//! How a body lies in its row: as it came, or compressed when that saves space; always with a checksum of the bytes
//! as they came, because neither database checks its pages for everything a disk can do.

use bytes::Bytes;

use crate::Error;

/// Bodies of at least this size are worth trying to compress.
const COMPRESS_BYTES_MIN: usize = 16 * 1024;
/// Bodies of at least this size are compressed on a thread of their own, so that they do not hold up the others.
const OFFLOAD_BYTES_MIN: usize = 256 * 1024;
/// Fast; a body is compressed once and seldom read.
const ZSTD_LEVEL: i32 = 1;
/// No stored body is larger; a row that says otherwise is damaged.
pub(crate) const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A body ready for its row.
pub(crate) struct StoredBody {
    pub(crate) bytes: Bytes,
    pub(crate) body_bytes: i64,
    pub(crate) crc: i64,
    pub(crate) zstd: bool,
}

/// Prepares a body for storing.
pub(crate) async fn pack(body: Bytes) -> Result<StoredBody, Error> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::Invalid(format!("the body has {} bytes, more than {BODY_BYTES_MAX} cannot be stored", body.len())));
    }
    if body.len() < OFFLOAD_BYTES_MIN {
        return Ok(pack_now(body));
    }
    tokio::task::spawn_blocking(move || pack_now(body))
        .await
        .map_err(|_| Error::unavailable("the process is ending while a body was being compressed"))
}

fn pack_now(body: Bytes) -> StoredBody {
    let body_bytes = i64::try_from(body.len()).expect("BODY_BYTES_MAX fits");
    let crc = crc32fast::hash(&body).into();
    if body.len() >= COMPRESS_BYTES_MIN
        && let Ok(packed) = zstd::bulk::compress(&body, ZSTD_LEVEL)
        && packed.len() < body.len()
    {
        return StoredBody { bytes: packed.into(), body_bytes, crc, zstd: true };
    }
    StoredBody { bytes: body, body_bytes, crc, zstd: false }
}

/// The body as it came, from its row.
pub(crate) fn unpack(stored: StoredBody) -> Result<Bytes, Error> {
    let len = usize::try_from(stored.body_bytes).ok().filter(|len| *len <= BODY_BYTES_MAX);
    let len = len.ok_or_else(|| Error::corrupt(format!("a body of {} bytes", stored.body_bytes)))?;
    let body = if stored.zstd {
        zstd::bulk::decompress(&stored.bytes, len)
            .map_err(|error| Error::corrupt(format!("the compressed body cannot be read: {error}")))?
            .into()
    } else {
        stored.bytes
    };
    if body.len() != len || i64::from(crc32fast::hash(&body)) != stored.crc {
        return Err(Error::corrupt("the body does not match its checksum"));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_come_back_as_they_were() {
        let noise: Vec<u8> = (0..40_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for body in [vec![], b"{}".to_vec(), vec![b'a'; 16 * 1024], vec![0; 1 << 20], noise] {
            let body = Bytes::from(body);
            let stored = pack(body.clone()).await.unwrap();
            assert!(stored.bytes.len() <= body.len());
            assert_eq!(unpack(stored).unwrap(), body);
        }
    }

    #[tokio::test]
    async fn a_flipped_bit_never_gives_another_body() {
        for body in [Bytes::from_static(b"{\"total\": 1250}"), Bytes::from(vec![b'x'; 20_000])] {
            let stored = pack(body.clone()).await.unwrap();
            for bit in 0..stored.bytes.len() * 8 {
                let mut bytes = stored.bytes.to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let damaged = StoredBody { bytes: bytes.into(), ..stored };
                // A few bits of a compressed frame mean nothing: then it is still the body.
                match unpack(damaged) {
                    Err(Error::Corrupt { .. }) => {}
                    other => assert!(stored.zstd && other == Ok(body.clone()), "bit {bit}"),
                }
            }
        }
    }

    #[test]
    fn a_row_that_claims_an_absurd_size_is_refused_before_memory_is_taken() {
        let stored = StoredBody { bytes: Bytes::from_static(b"x"), body_bytes: i64::MAX, crc: 0, zstd: true };
        assert!(matches!(unpack(stored), Err(Error::Corrupt { .. })));
    }
}
