//! What the sender of an accepted webhook gets, and the headers that keep any answer from being more than data.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::expression::{Scope, Template, Value, from_json, to_json};
use hookmill_engine::id::{DeliveryId, RunId};
use hookmill_engine::run::{Answer, Failure, Outcome};
use hookmill_engine::time::{Span, Timestamp};
use hookmill_engine::workflow::{Response as Wanted, ResponseMode};
use hookmill_worker::{Answered, Wants};
use http::header::{self, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::code::Code;
use super::product::Product;
use super::refused::{PROBLEM, problem};

/// How long a sender waits unless the hook says otherwise.
const DEADLINE: Span = Span(30_000);
/// How long a sender can be made to wait; few senders and no proxies have more patience.
pub const DEADLINE_MAX: Span = Span(300_000);
/// Headers that an answer of a workflow can have.
pub const ANSWER_HEADERS_MAX: usize = 32;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

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

/// How a hook answers what it accepted.
#[derive(Debug)]
pub(super) struct Responder {
    mode: ResponseMode,
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, Template)>,
    body: Option<Template>,
    pub(super) deadline: Duration,
    on_failure: Option<(StatusCode, Option<Template>)>,
    /// Whose default answer is given.
    product: Option<Product>,
}

/// What the templates of an answer can see.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) delivery: DeliveryId,
    pub(super) run: RunId,
    pub(super) webhook: Value,
    pub(super) now: Timestamp,
    pub(super) seed: u64,
}

impl Responder {
    /// Compiles the answer of a trigger.
    ///
    /// # Errors
    /// A sentence for the owner: an expression cannot be read, or a header has no possible name.
    pub(super) fn new(wanted: Option<&Wanted>, product: Option<Product>) -> Result<Self, String> {
        let default = Wanted::default();
        let wanted = wanted.unwrap_or(&default);
        let compile = |what: &str, value: &serde_json::Value| {
            Template::compile(value).map_err(|error| format!("The response's {what} cannot be read: {error}."))
        };
        let mut headers = Vec::new();
        for (name, value) in wanted.headers.iter().take(ANSWER_HEADERS_MAX) {
            let parsed: HeaderName =
                name.parse().map_err(|_| format!("`{name}` cannot be the name of a header of the response."))?;
            if !DENIED.contains(&parsed) {
                headers.push((parsed, compile("headers", value)?));
            }
        }
        let on_failure = match &wanted.on_failure {
            None => None,
            Some(failure) => {
                let body = failure.body.as_ref().map(|body| compile("on_failure", body)).transpose()?;
                Some((failure.status.and_then(usable_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body))
            }
        };
        Ok(Self {
            mode: wanted.mode,
            status: wanted.status.and_then(usable_status),
            headers,
            body: wanted.body.as_ref().map(|body| compile("body", body)).transpose()?,
            deadline: Duration::from_millis(wanted.deadline.unwrap_or(DEADLINE).min(DEADLINE_MAX).0),
            on_failure,
            product,
        })
    }

    /// What the sender waits for; none if it is answered as soon as the request is stored.
    pub(super) fn waits_for(&self) -> Option<Wants> {
        match self.mode {
            ResponseMode::Immediately => None,
            ResponseMode::WhenFinished => Some(Wants::End),
            ResponseMode::Respond => Some(Wants::Response),
        }
    }

    /// The answer to a request that is about to be stored. A template that fails must not turn away what can be stored:
    /// the sender gets the ids then, and the note says why.
    pub(super) fn at_once(&self, accepted: &Accepted) -> (Response<Body>, Option<String>) {
        let default = if self.body.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
        if self.body.is_none() && self.headers.is_empty() {
            if let Some(product) = self.product {
                let reply = product.accepted(accepted.delivery, accepted.run);
                return (secured(self.status.unwrap_or(reply.status), JSON, reply.body.to_string().into()), None);
            }
            return (ids(self.status.unwrap_or(default), accepted), None);
        }
        match self.render(self.status.unwrap_or(default), self.body.as_ref(), accepted, run_value(accepted, None, None)) {
            Ok(response) => (response, None),
            Err(why) => (ids(StatusCode::ACCEPTED, accepted), Some(format!("The answer's template failed: {why}"))),
        }
    }

    /// The answer to a sender that has waited; none: it has waited for too long, or nobody can tell any more.
    pub(super) fn after(&self, accepted: &Accepted, answered: Option<Answered>) -> Response<Body> {
        match answered {
            None => ids(StatusCode::ACCEPTED, accepted),
            Some(Answered::Responded(answer)) => responded(&answer),
            Some(Answered::Finished(Outcome::Succeeded { output })) => self.succeeded(accepted, &output),
            Some(Answered::Finished(Outcome::Failed(failure))) => self.failed(accepted, Code::RunFailed, &failure),
            Some(Answered::Finished(Outcome::Cancelled { reason })) => {
                self.failed(accepted, Code::RunCancelled, &Failure::new("cancelled", reason))
            }
        }
    }

    fn succeeded(&self, accepted: &Accepted, output: &serde_json::Value) -> Response<Body> {
        let status = self.status.unwrap_or(StatusCode::OK);
        let value = from_json(output);
        if self.body.is_none() && self.headers.is_empty() {
            let (content_type, body) = body_of(output);
            return secured(status, content_type, body);
        }
        let run = run_value(accepted, Some(value), None);
        let rendered = match &self.body {
            Some(_) => self.render(status, self.body.as_ref(), accepted, run),
            None => self.rendered_headers(accepted, run).map(|headers| {
                let (content_type, body) = body_of(output);
                let mut response = secured(status, content_type, body);
                response.headers_mut().extend(headers);
                response
            }),
        };
        rendered.unwrap_or_else(|why| {
            let detail = "The run succeeded, but the answer could not be made from its output.";
            tracing::warn!(run.id = %accepted.run, error = %why, "The answer of run {} could not be made", accepted.run);
            failure_problem(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, detail, accepted)
        })
    }

    fn failed(&self, accepted: &Accepted, code: Code, failure: &Failure) -> Response<Body> {
        let (status, body) = match &self.on_failure {
            Some((status, body)) => (*status, body.as_ref()),
            None => (StatusCode::INTERNAL_SERVER_ERROR, None),
        };
        // What failed inside is the owner's business; an owner who wants to tell it writes a template.
        let default = || failure_problem(status, code, "The workflow did not finish successfully.", accepted);
        let Some(body) = body else { return default() };
        let error = Value::from_pairs([("code", failure.code.as_str()), ("message", failure.message.as_str())]);
        self.render(status, Some(body), accepted, run_value(accepted, None, Some(error))).unwrap_or_else(|why| {
            tracing::warn!(run.id = %accepted.run, error = %why, "The failure answer of run {} could not be made", accepted.run);
            default()
        })
    }

    fn render(
        &self,
        status: StatusCode,
        body: Option<&Template>,
        accepted: &Accepted,
        run: Value,
    ) -> Result<Response<Body>, String> {
        let headers = self.rendered_headers(accepted, run.clone())?;
        let mut response = match body {
            None => ids(status, accepted),
            Some(body) => {
                let value = body.eval(&accepted.scope(run)).map_err(|error| error.to_string())?;
                let (content_type, body) = match value.as_str() {
                    Some(text) => (TEXT, Bytes::copy_from_slice(text.as_bytes())),
                    None => body_of(&to_json(&value)),
                };
                secured(status, content_type, body)
            }
        };
        response.headers_mut().extend(headers);
        Ok(response)
    }

    fn rendered_headers(&self, accepted: &Accepted, run: Value) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        if self.headers.is_empty() {
            return Ok(Vec::new());
        }
        let scope = accepted.scope(run);
        let rendered = self.headers.iter().map(|(name, template)| {
            let value = template.eval(&scope).map_err(|error| error.to_string())?;
            let value = HeaderValue::from_str(&value.to_string())
                .map_err(|_| format!("the value of the header {name} has forbidden characters"))?;
            Ok((name.clone(), value))
        });
        rendered.collect()
    }
}

impl Accepted {
    fn scope(&self, run: Value) -> Scope {
        let names = vec![
            ("webhook".to_owned(), self.webhook.clone()),
            ("run".to_owned(), run),
            ("delivery_id".to_owned(), Value::from(self.delivery.to_string())),
        ];
        Scope::of(names, self.now, self.seed)
    }
}

fn run_value(accepted: &Accepted, output: Option<Value>, error: Option<Value>) -> Value {
    let mut members = vec![("id", Value::from(accepted.run.to_string()))];
    members.extend(output.map(|output| ("output", output)));
    members.extend(error.map(|error| ("error", error)));
    Value::from_pairs(members)
}

/// What a `respond` step says, in the form in which we say it.
fn responded(answer: &Answer) -> Response<Body> {
    let (content_type, body) = body_of(&answer.body);
    let mut response = secured(usable_status(answer.status).unwrap_or(StatusCode::OK), content_type, body);
    for (name, value) in answer.headers.iter().take(ANSWER_HEADERS_MAX) {
        let Ok(name) = name.parse::<HeaderName>() else { continue };
        let Ok(value) = HeaderValue::from_str(value) else { continue };
        if !DENIED.contains(&name) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// A status that ends an exchange; 1xx would not.
fn usable_status(status: u16) -> Option<StatusCode> {
    StatusCode::from_u16(status).ok().filter(|status| (200..600).contains(&status.as_u16()))
}

/// A text is sent as it is, anything else as JSON.
fn body_of(value: &serde_json::Value) -> (HeaderValue, Bytes) {
    match value {
        serde_json::Value::String(text) => (TEXT, Bytes::copy_from_slice(text.as_bytes())),
        other => (JSON, Bytes::from(other.to_string())),
    }
}

/// The ids under which to ask for what became of a request.
fn ids(status: StatusCode, accepted: &Accepted) -> Response<Body> {
    let body = format!(r#"{{"delivery_id":"{}","run_id":"{}"}}"#, accepted.delivery, accepted.run);
    secured(status, JSON, Bytes::from(body))
}

fn failure_problem(status: StatusCode, code: Code, detail: &str, accepted: &Accepted) -> Response<Body> {
    let mut body = problem(code, detail);
    body["status"] = status.as_u16().into();
    body["delivery_id"] = accepted.delivery.to_string().into();
    body["run_id"] = accepted.run.to_string().into();
    secured(status, PROBLEM, Bytes::from(body.to_string()))
}

/// An answer that is data and nothing else, even in a browser that has the console open on the same origin.
pub(super) fn secured(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
