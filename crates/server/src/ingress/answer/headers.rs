//! The headers of an answer that a workflow may set, and those that keep any answer from being more than data.

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::expression::{Scope, Template};
use http::header::{self, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

/// Headers that an answer of a workflow can have.
pub const ANSWER_HEADERS_MAX: usize = 32;

/// Headers that a workflow cannot set: those of the connection, those that fix the content type, and those with which
/// an answer could take effect beyond itself in a browser that has the console open on the same origin.
const DENIED: [HeaderName; 20] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::TE,
    header::UPGRADE,
    header::DATE,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::X_CONTENT_TYPE_OPTIONS,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_SECURITY_POLICY_REPORT_ONLY,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::REFRESH,
    header::ALT_SVC,
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("service-worker-allowed"),
];

/// The headers that the document asks for, with their templates.
#[derive(Debug)]
pub(super) struct Headers(Vec<(HeaderName, Template)>);

impl Headers {
    /// # Errors
    /// A sentence for the owner: a name or an expression cannot be read.
    pub(super) fn new(wanted: &Map<String, Value>) -> Result<Self, String> {
        let mut headers = Vec::new();
        for (name, value) in wanted.iter().take(ANSWER_HEADERS_MAX) {
            let parsed: HeaderName =
                name.parse().map_err(|_| format!("`{name}` cannot be the name of a header of the response."))?;
            if !DENIED.contains(&parsed) {
                headers.push((parsed, super::compiled("headers", value)?));
            }
        }
        Ok(Self(headers))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds all of them to an answer.
    ///
    /// # Errors
    /// For the owner: one cannot be made.
    pub(super) fn add_to(&self, response: &mut Response<Body>, scope: &Scope) -> Result<(), String> {
        for (name, template) in &self.0 {
            response.headers_mut().insert(name.clone(), rendered(name, template, scope)?);
        }
        Ok(())
    }

    /// Adds those to an answer that can be made. An answer for what went wrong lacks what the usual one speaks of.
    pub(super) fn add_possible_to(&self, response: &mut Response<Body>, scope: &Scope) {
        for (name, template) in &self.0 {
            if let Ok(value) = rendered(name, template, scope) {
                response.headers_mut().insert(name.clone(), value);
            }
        }
    }
}

fn rendered(name: &HeaderName, template: &Template, scope: &Scope) -> Result<HeaderValue, String> {
    let value = template.eval(scope).map_err(|error| error.to_string())?;
    HeaderValue::from_str(&value.to_string()).map_err(|_| format!("the value of the header {name} has forbidden characters"))
}

/// Adds the headers of a `respond` step, as far as an answer can have them.
pub(super) fn add_given(headers: &mut HeaderMap, given: &[(String, String)]) {
    for (name, value) in given.iter().take(ANSWER_HEADERS_MAX) {
        let Ok(name) = name.parse::<HeaderName>() else { continue };
        let Ok(value) = HeaderValue::from_str(value) else { continue };
        if !DENIED.contains(&name) {
            headers.append(name, value);
        }
    }
}

/// An answer that is data and nothing else, even in a browser that has the console open on the same origin.
pub(in super::super) fn secured(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
