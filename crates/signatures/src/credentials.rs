//! Credentials that are the secret itself: a shared key, a bearer token, a token in a header.
//!
//! Comparing takes the same time whatever the presented value is, so that nobody can find a secret letter by letter.

use subtle::ConstantTimeEq as _;

/// Whether `presented` is `expected`. An empty secret is nobody's secret: it matches nothing.
#[must_use]
pub fn matches(presented: &[u8], expected: &[u8]) -> bool {
    // The length of a secret is not secret; `ct_eq` of different lengths is false at once.
    !expected.is_empty() && bool::from(presented.ct_eq(expected))
}

/// The token in the value of an `Authorization: Bearer …` header.
#[must_use]
pub fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(authorization.iter().position(|byte| *byte == b' ')?)?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_matches() {
        assert!(matches(b"s3cret", b"s3cret"));
        for presented in ["", "s3cre", "s3cret ", "S3CRET", "s3creu", "s3crets3cret"] {
            assert!(!matches(presented.as_bytes(), b"s3cret"), "{presented}");
        }
        assert!(!matches(b"", b""), "an empty secret lets nobody in");
    }

    #[test]
    fn bearer_tokens_are_found_whatever_the_case_of_the_scheme() {
        assert_eq!(bearer(b"Bearer abc"), Some(b"abc".as_slice()));
        assert_eq!(bearer(b"BEARER   abc "), Some(b"abc".as_slice()));
        for value in ["", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "abc"] {
            assert_eq!(bearer(value.as_bytes()), None, "{value}");
        }
    }
}
