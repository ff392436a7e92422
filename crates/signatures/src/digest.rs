//! `Content-Digest` (RFC 9530).

use ring::digest::{SHA256, SHA512, digest};
use subtle::ConstantTimeEq as _;

use crate::message::{Item, dictionary};
use crate::scheme::Encoding;

/// Whether a `Content-Digest` is that of a body as received. Every algorithm that is both named and active must fit. `None` if
/// there is none, or if the field is broken.
#[must_use]
pub fn content_digest_matches(field: &[u8], body: &[u8]) -> Option<bool> {
    let members = dictionary(std::str::from_utf8(field).ok()?)?;
    let mut matches = None;
    for (name, item) in members {
        let expected = match name {
            "sha-256" => digest(&SHA256, body),
            "sha-512" => digest(&SHA512, body),
            _ => continue,
        };
        let fits = matches!(item, Item::Bytes(bytes) if bool::from(bytes.as_slice().ct_eq(expected.as_ref())));
        matches = Some(matches.unwrap_or(true) & fits);
    }
    matches
}

/// The `Content-Digest` of a body, by SHA-256.
pub(crate) fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", Encoding::Base64.encode(digest(&SHA256, body).as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9530, appendix B.1 and D.
    #[test]
    fn the_digests_of_the_rfc_match_their_content_and_no_other() {
        let sha_256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
        let body = b"{\"hello\": \"world\"}";
        assert_eq!(content_digest_matches(sha_256.as_bytes(), body), Some(true));
        assert_eq!(content_digest(body), sha_256);
        assert_eq!(content_digest_matches(sha_256.as_bytes(), b"{\"hello\": \"world\"}\n"), Some(false));
        let both = format!("md5=:AAAA:, {sha_256}, sha-512=:AAAA:");
        assert_eq!(content_digest_matches(both.as_bytes(), body), Some(false), "every active digest must fit");
        for broken in ["", "sha-256", "md5=:AAAA:", "sha-256=:X48E9", "sha-256=:!:", ",", "sha-256=1"] {
            assert_ne!(content_digest_matches(broken.as_bytes(), body), Some(true), "{broken}");
        }
    }
}
