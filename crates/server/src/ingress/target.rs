//! Where a path leads, as far as can be told without looking anything up: the styles of URLs.

use hookmill_store::hooks::PATH_SEGMENTS_MAX;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

use super::{PREFIX, product};

/// Bytes of the longest path of another product's form.
const ALIAS_BYTES_MAX: usize = 1024;
/// Characters of the longest token.
const TOKEN_BYTES_MAX: usize = 64;
/// The first segment of test URLs; no workspace has that name.
const TEST: &str = "test";

/// Where a path leads, and by which style of URL.
#[derive(Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// `/hooks/{token}`.
    Token(&'a str),
    /// `/hooks/test/{token}`: the draft of the hook's workflow, or what is published if it has none.
    Test(&'a str),
    /// `/hooks/{workspace}/{own/path}`, its segments decoded.
    Path {
        /// The slug of the workspace.
        workspace: &'a str,
        /// What follows.
        segments: Vec<Cow<'a, str>>,
    },
    /// The form of another product, whole.
    Alias(&'a str),
    /// Where no hook can be.
    Nowhere,
}

impl<'a> Target<'a> {
    /// Reads a path as it stands in a request.
    #[must_use]
    pub fn of(path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix(PREFIX) else {
            let known = product::PREFIXES.iter().any(|prefix| path.starts_with(prefix)) && path.len() <= ALIAS_BYTES_MAX;
            return if known { Self::Alias(path) } else { Self::Nowhere };
        };
        match rest.split_once('/') {
            None if is_token(rest) => Self::Token(rest),
            Some((TEST, token)) if is_token(token) => Self::Test(token),
            None | Some((TEST, _)) => Self::Nowhere,
            Some((workspace, path)) => Self::path(workspace, path),
        }
    }

    fn path(workspace: &'a str, path: &'a str) -> Self {
        let decode = |segment| percent_decode_str(segment).decode_utf8().ok();
        // One more than there can be tells enough.
        let segments = path.trim_end_matches('/').split('/').take(PATH_SEGMENTS_MAX + 1).map(decode).collect::<Option<Vec<_>>>();
        match segments {
            Some(segments) if segments.len() <= PATH_SEGMENTS_MAX => Self::Path { workspace, segments },
            _ => Self::Nowhere,
        }
    }
}

/// Whether a text can be a token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= TOKEN_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_urls_are_what_the_store_takes_for_them() {
        assert_eq!(format!("{PREFIX}{TEST}/"), hookmill_store::hooks::TEST_PATHS);
    }

    #[test]
    fn every_style_is_told_from_the_path_alone() {
        let path = |workspace, segments: &[&'static str]| Target::Path {
            workspace,
            segments: segments.iter().map(|segment| Cow::Borrowed(*segment)).collect(),
        };
        let too_deep = format!("/hooks/main/{}", "a/".repeat(PATH_SEGMENTS_MAX + 1));
        let too_long = format!("/webhooks/{}", "a".repeat(ALIAS_BYTES_MAX));
        for (text, wanted) in [
            ("/hooks/abc123", Target::Token("abc123")),
            ("/hooks/test/abc123", Target::Test("abc123")),
            ("/hooks/test/a/b", Target::Nowhere),
            ("/hooks/test/", Target::Nowhere),
            ("/hooks/", Target::Nowhere),
            ("/hooks/a-b", Target::Nowhere),
            ("/hooks/main/orders/a%20b%2Fc/", path("main", &["orders", "a b/c"])),
            ("/hooks/main/", path("main", &[""])),
            ("/hooks/main/%ff", Target::Nowhere),
            (&too_deep, Target::Nowhere),
            ("/webhooks/x", Target::Alias("/webhooks/x")),
            ("/api/webhook/a/b", Target::Alias("/api/webhook/a/b")),
            (&too_long, Target::Nowhere),
            ("/api/v1/runs", Target::Nowhere),
        ] {
            assert_eq!(Target::of(text), wanted, "{text}");
        }
    }
}
