//! The pages about the codes with which webhooks are refused (`type` of every such answer leads here), and about the reasons
//! for which others start nothing.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use super::extract::Path;
use crate::problem::{Problem, Result};

/// Where the pages are; the code follows.
pub(crate) const PREFIX: &str = "/errors/";

macro_rules! pages {
    ($($code:literal)*) => {
        /// Code and page, one of each file in `docs/errors`.
        const PAGES: &[(&str, &str)] = &[$(($code, include_str!(concat!("../../../../docs/errors/", $code, ".md")))),*];
    };
}

pages! {
    "address_not_allowed"
    "backlog_full"
    "bad_body"
    "bad_idempotency_key"
    "bad_signature"
    "body_timeout"
    "body_too_large"
    "body_truncated"
    "condition_error"
    "duplicate"
    "hook_away"
    "hook_not_found"
    "hook_not_ready"
    "hook_off"
    "idempotency_key_reused"
    "internal"
    "invalid_variables"
    "lane_error"
    "method_not_allowed"
    "only_if"
    "overloaded"
    "rate_limited"
    "run_cancelled"
    "run_failed"
    "split_error"
    "storage_full"
    "storage_unavailable"
    "unauthorized"
    "unsupported_media_type"
}

/// What a reason code means: for senders and owners of hooks.
#[utoipa::path(
    get, path = "/errors/{code}", tag = "deliveries", params(("code" = String, Path)),
    responses((status = 200, content_type = "text/markdown", body = String))
)]
pub(super) async fn get_error_page(Path(code): Path<String>) -> Result<Response> {
    let shown: String = code.chars().take(40).collect();
    let (_, page) = PAGES.iter().find(|(name, _)| *name == code).ok_or_else(|| Problem::not_found("error code", shown))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8"))], *page).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingress::Code;

    #[test]
    fn every_reason_code_has_a_page_with_everything_on_it() {
        for code in Code::ALL {
            let name = code.name();
            let Some((_, page)) = PAGES.iter().find(|(page, _)| *page == name) else {
                panic!("write docs/errors/{name}.md and name it in PAGES")
            };
            let title = format!("# `{name}`: {}\n\nStatus {}. ", code.title(), code.status());
            assert!(page.starts_with(&title), "docs/errors/{name}.md must begin with\n{title}");
            for part in ["## What the sender sees", "## What the owner sees", "## What to do"] {
                let (_, text) = page.split_once(part).unwrap_or_else(|| panic!("docs/errors/{name}.md lacks `{part}`"));
                assert!(text.lines().find(|line| !line.is_empty()).is_some_and(|line| !line.starts_with('#')), "{name}: {part}");
            }
        }
        for (name, _) in PAGES {
            // What starts nothing without being refused.
            let is_reason = ["duplicate", "only_if"].contains(name);
            assert!(is_reason || Code::ALL.iter().any(|code| code.name() == *name), "{name} is no code");
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), PAGES.len(), "a page in docs/errors is not in PAGES");
    }
}
