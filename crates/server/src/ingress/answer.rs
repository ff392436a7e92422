//! What the sender of an accepted webhook gets.

mod form;
mod headers;
mod names;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::expression::{Names, Scope, Template, Value, to_json};
use hookmill_engine::id::{DeliveryId, RunId};
use hookmill_engine::run::{Answer, Failure, Outcome};
use hookmill_engine::time::{Span, Timestamp};
use hookmill_engine::workflow::{ContentType, FallbackAnswer, Response as Wanted, ResponseMode};
use hookmill_worker::{Answered, Ended, Wants};
use http::{Response, StatusCode};

use super::code::Code;
use super::product::Product;
use super::refused::{PROBLEM, problem};
pub(crate) use form::written;
use headers::Headers;
use names::Known;

pub(super) use form::JSON;
pub use headers::ANSWER_HEADERS_MAX;
pub(super) use headers::secured;

/// How long a sender waits unless the hook says otherwise.
pub(crate) const DEADLINE: Span = Span(30_000);
/// How long a sender can be made to wait; few senders and no proxies have more patience.
pub const DEADLINE_MAX: Span = Span(300_000);

/// How a hook answers what it accepted.
#[derive(Debug)]
pub(super) struct Responder {
    mode: ResponseMode,
    status: Option<StatusCode>,
    headers: Headers,
    form: Option<ContentType>,
    body: Option<Template>,
    pub(super) deadline: Duration,
    on_failure: Option<Fallback>,
    aborted: Option<Fallback>,
    on_deadline: Option<Fallback>,
    /// Whose default answer is given.
    product: Option<Product>,
    /// The status of what is accepted and answered before its run has ended.
    accepted: StatusCode,
}

/// The answer that is given instead of the usual one.
#[derive(Debug)]
struct Fallback {
    status: Option<StatusCode>,
    form: Option<ContentType>,
    body: Option<Template>,
}

/// What the templates of an answer can see.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) delivery: DeliveryId,
    /// The run; the first one if there are several. None: nothing was to be run, or retention took it and its delivery.
    pub(super) run: Option<RunId>,
    /// All runs of a request that is split.
    pub(super) runs: Option<Vec<RunId>>,
    pub(super) webhook: Value,
    pub(super) now: Timestamp,
    pub(super) seed: u64,
}

fn compiled(what: &str, value: &serde_json::Value) -> Result<Template, String> {
    Template::compile(value).map_err(|error| format!("The response's {what} cannot be read: {error}."))
}

impl Responder {
    /// Compiles the answer of a trigger.
    ///
    /// # Errors
    /// A sentence for the owner: an expression cannot be read, or a header has no possible name.
    pub(super) fn new(wanted: Option<&Wanted>, product: Option<Product>, accepted: StatusCode) -> Result<Self, String> {
        let default = Wanted::default();
        let wanted = wanted.unwrap_or(&default);
        let form = wanted.content_type;
        let fallback = |what: &str, answer: &Option<FallbackAnswer>| {
            let Some(answer) = answer else { return Ok(None) };
            let body = answer.body.as_ref().map(|body| compiled(what, body)).transpose()?;
            let status = answer.status.and_then(usable_status);
            Ok::<_, String>(Some(Fallback { status, form: answer.content_type.or(form), body }))
        };
        Ok(Self {
            mode: wanted.mode,
            status: wanted.status.and_then(usable_status),
            headers: Headers::new(&wanted.headers)?,
            form,
            body: wanted.body.as_ref().map(|body| compiled("body", body)).transpose()?,
            deadline: Duration::from_millis(wanted.deadline.unwrap_or(DEADLINE).min(DEADLINE_MAX).0),
            on_failure: fallback("on_failure", &wanted.on_failure)?,
            aborted: fallback("aborted", &wanted.aborted)?,
            on_deadline: fallback("on_deadline", &wanted.on_deadline)?,
            product,
            accepted,
        })
    }

    /// Whether the answer is made from what the request says, not only from ids.
    pub(super) fn is_made_from_values(&self) -> bool {
        self.body.is_some() || !self.headers.is_empty()
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
        let default = if self.body.is_some() { StatusCode::OK } else { self.accepted };
        let status = self.status.unwrap_or(default);
        let Some(body) = &self.body else {
            let mut response = match self.product {
                Some(product) => {
                    let reply = product.accepted(accepted.delivery, accepted.run);
                    secured(self.status.unwrap_or(reply.status), JSON, reply.body.to_string().into())
                }
                None => ids(status, accepted),
            };
            let scope = || accepted.scope(Known::default());
            let added = if self.headers.is_empty() { Ok(()) } else { self.headers.add_to(&mut response, &scope()) };
            return (response, added.err().map(|why| format!("A header of the answer could not be made: {why}")));
        };
        match self.rendered(status, body, &accepted.scope(Known::default())) {
            Ok(response) => (response, None),
            Err(why) => (ids(self.accepted, accepted), Some(format!("The answer's template failed: {why}"))),
        }
    }

    /// The answer to a sender that has waited; none: it has waited for too long, or nobody can tell any more.
    pub(super) fn after(&self, accepted: &Accepted, answered: Option<Answered>) -> Response<Body> {
        match answered {
            None => self.too_late(accepted),
            Some(Answered::Responded(answer)) => self.responded(answer),
            Some(Answered::Finished(Ended { outcome, names })) => match outcome {
                Outcome::Succeeded { output } => self.succeeded(accepted, output, names),
                Outcome::Failed(failure) => {
                    let scope = accepted.scope(Known::failure(&failure).of_run(names));
                    self.failed(accepted, Code::RunFailed, self.on_failure.as_ref(), &scope)
                }
                Outcome::Cancelled { reason } => {
                    let scope = accepted.scope(Known::failure(&Failure::new("cancelled", reason)).of_run(names));
                    self.failed(accepted, Code::RunCancelled, self.aborted.as_ref().or(self.on_failure.as_ref()), &scope)
                }
            },
        }
    }

    /// The run goes on.
    fn too_late(&self, accepted: &Accepted) -> Response<Body> {
        let Some(fallback) = &self.on_deadline else { return ids(self.accepted, accepted) };
        let status = fallback.status.unwrap_or(self.accepted);
        self.fallback(status, fallback, &accepted.scope(Known::default()), accepted).unwrap_or_else(|| ids(status, accepted))
    }

    /// What a `respond` step says, in the form in which we say it.
    fn responded(&self, answer: Answer) -> Response<Body> {
        let (content_type, body) = written(self.form, answer.body);
        let mut response = secured(usable_status(answer.status).unwrap_or(StatusCode::OK), content_type, body);
        headers::add_given(response.headers_mut(), &answer.headers);
        response
    }

    fn succeeded(&self, accepted: &Accepted, output: serde_json::Value, names: Option<Arc<dyn Names>>) -> Response<Body> {
        let status = self.status.unwrap_or(StatusCode::OK);
        let as_it_is = |output| {
            let (content_type, body) = written(self.form, output);
            secured(status, content_type, body)
        };
        if self.body.is_none() && self.headers.is_empty() {
            return as_it_is(output);
        }
        let scope = accepted.scope(Known::output(&output).of_run(names));
        let rendered = match &self.body {
            Some(body) => self.rendered(status, body, &scope),
            None => {
                let mut response = as_it_is(output);
                self.headers.add_to(&mut response, &scope).map(|()| response)
            }
        };
        rendered.unwrap_or_else(|why| {
            let detail = "The run succeeded, but the answer could not be made from its output.";
            let run = accepted.run_id();
            tracing::warn!(run.id = run, error = %why, "The answer of run {run} could not be made");
            self.problem(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, detail, accepted)
        })
    }

    fn failed(&self, accepted: &Accepted, code: Code, fallback: Option<&Fallback>, scope: &Scope) -> Response<Body> {
        let status = fallback.and_then(|fallback| fallback.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // What failed inside is the owner's business; an owner who wants to tell it writes a template.
        let default = || self.problem(status, code, "The workflow did not finish successfully.", accepted);
        let Some(fallback) = fallback else { return default() };
        self.fallback(status, fallback, scope, accepted).unwrap_or_else(default)
    }

    /// What stands in for the usual answer; none if it has no body or that cannot be made.
    fn fallback(&self, status: StatusCode, fallback: &Fallback, scope: &Scope, accepted: &Accepted) -> Option<Response<Body>> {
        let value = fallback.body.as_ref()?.eval(scope);
        let value = value.inspect_err(|error| {
            let run = accepted.run_id();
            tracing::warn!(run.id = run, %error, "The answer for what became of run {run} could not be made");
        });
        let (content_type, body) = written(fallback.form, to_json(&value.ok()?));
        let mut response = secured(status, content_type, body);
        self.headers.add_possible_to(&mut response, scope);
        Some(response)
    }

    /// What became of the run, where there is no other word for it.
    fn problem(&self, status: StatusCode, code: Code, detail: &str, accepted: &Accepted) -> Response<Body> {
        if let Some(reply) = self.product.and_then(|product| product.refused_with(status, code, detail, None)) {
            return secured(reply.status, JSON, reply.body.to_string().into());
        }
        let mut body = problem(code, detail);
        body["status"] = status.as_u16().into();
        body["delivery_id"] = accepted.delivery.to_string().into();
        body["run_id"] = accepted.run.map(|run| run.to_string()).into();
        secured(status, PROBLEM, Bytes::from(body.to_string()))
    }

    fn rendered(&self, status: StatusCode, body: &Template, scope: &Scope) -> Result<Response<Body>, String> {
        let value = body.eval(scope).map_err(|error| error.to_string())?;
        let (content_type, body) = written(self.form, to_json(&value));
        let mut response = secured(status, content_type, body);
        self.headers.add_to(&mut response, scope)?;
        Ok(response)
    }
}

/// A status that ends an exchange; 1xx would not.
fn usable_status(status: u16) -> Option<StatusCode> {
    StatusCode::from_u16(status).ok().filter(|status| (200..600).contains(&status.as_u16()))
}

/// The ids under which to ask for what became of a request.
fn ids(status: StatusCode, accepted: &Accepted) -> Response<Body> {
    let body = match &accepted.runs {
        None => match accepted.run {
            Some(run) => format!(r#"{{"delivery_id":"{}","run_id":"{run}"}}"#, accepted.delivery),
            None => format!(r#"{{"delivery_id":"{}","run_id":null}}"#, accepted.delivery),
        },
        Some(runs) => {
            let runs: Vec<String> = runs.iter().map(RunId::to_string).collect();
            serde_json::json!({ "delivery_id": accepted.delivery.to_string(), "run_ids": runs }).to_string()
        }
    };
    secured(status, JSON, Bytes::from(body))
}
