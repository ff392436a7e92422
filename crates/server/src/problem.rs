//! Errors as HTTP answers: problem details (RFC 9457), one envelope, stable codes.
//!
//! Which error goes where: handlers return `Result<_, Problem>`; errors of the crates below become a [`Problem`] through
//! the `From` implementations here and nowhere else. What a client caused says what to change; what the server caused
//! says nothing about its inside and is logged where it is made.

pub mod code;
mod translate;

pub use code::Code;
pub(crate) use translate::sentence;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// The media type of every error answer.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error on its way to the client.
#[derive(Debug)]
pub struct Problem {
    code: &'static Code,
    detail: String,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What handlers answer.
pub type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    /// A problem with a sentence that says what is wrong and what to do about it.
    pub fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), members: Map::new(), headers: Vec::new() }
    }

    /// The same with one more member beside `code` and `detail`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same, telling when to try again, rounded up to seconds.
    #[must_use]
    pub fn retry_after_ms(self, ms: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000).max(1)))
    }

    /// Something that does not exist (any more).
    pub fn not_found(what: &str, name: impl std::fmt::Display) -> Self {
        Self::new(&code::NOT_FOUND, format!("There is no {what} `{name}`."))
    }

    /// A request that cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(&code::BAD_REQUEST, detail)
    }

    /// Its stable code.
    #[must_use]
    pub fn code(&self) -> &'static Code {
        self.code
    }

    /// Its sentence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "type": format!("urn:hookmill:error:{}", self.code.name),
            "title": self.code.title,
            "status": self.code.status,
            "code": self.code.name,
            "detail": self.detail,
        });
        for (name, value) in &self.members {
            body[name] = value.clone();
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status).expect("codes have valid statuses");
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        let mut response = (status, headers, self.to_json().to_string()).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented_and_unique() {
        let page = include_str!("../../../docs/errors.md");
        let mut seen = std::collections::BTreeSet::new();
        for code in code::ALL {
            assert!(seen.insert(code.name), "{} is there twice", code.name);
            assert!(StatusCode::from_u16(code.status).is_ok(), "{}", code.name);
            let row = format!("| `{}` | {} | {} |", code.name, code.status, code.title);
            assert!(page.contains(&row), "docs/errors.md lacks the row\n{row} …");
        }
        assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), code::ALL.len(), "docs/errors.md has more");
    }

    #[test]
    fn the_envelope_has_the_members_of_rfc_9457() {
        let problem = Problem::not_found("run", "run_1").with("hint", "look again").retry_after_ms(1);
        assert_eq!(
            problem.to_json(),
            json!({
                "type": "urn:hookmill:error:not_found",
                "title": "Not found",
                "status": 404,
                "code": "not_found",
                "detail": "There is no run `run_1`.",
                "hint": "look again"
            })
        );
        let response = problem.into_response();
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
