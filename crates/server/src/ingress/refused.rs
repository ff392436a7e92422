//! A refused webhook: what its sender is told, and what its owner finds in the ledger.

use std::net::IpAddr;

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::contact::ContactError;
use hookmill_engine::id::DeliveryId;
use hookmill_engine::request::Refusal;
use hookmill_signatures::Failure;
use hookmill_store::Error as StoreError;
use hookmill_store::hook_states::OffAnswer;
use http::header::{ACCEPT_ENCODING, ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{JSON, secured};
use super::code::Code;
use super::diagnosis::Case;
use super::hook::{Hook, Place};
use super::product::Product;

/// When a sender should try again while too many runs wait.
const BACKLOG_RETRY_S: u64 = 10;
/// When a sender should try again after the database could not be reached.
const UNAVAILABLE_RETRY_S: u64 = 5;
/// When a sender should try again after the disk was full, the hook not ready, or off.
const LONG_RETRY_S: u64 = 60;

/// Why a webhook is refused, and everything that is told about it.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) code: Code,
    /// For the sender.
    pub(super) detail: String,
    /// For the owner of the hook, if it is more than the sender is told.
    pub(super) owner_detail: Option<String>,
    pub(super) members: Map<String, Value>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Whose ledger it goes into; none if no hook was reached or nothing can be stored.
    pub(super) place: Option<Place>,
    /// What was read of the body.
    pub(super) body: Bytes,
    /// A wrong signature that is to be explained to the owner.
    pub(super) case: Option<Box<Case>>,
    /// Whether it is one of those that the ledger keeps.
    pub(super) kept: bool,
}

/// A refusal, boxed: it is the rare case, and the common one should not carry its size.
pub(super) type Result<T> = std::result::Result<T, Box<Refused>>;

impl Refused {
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            code,
            detail: detail.into(),
            owner_detail: None,
            members: Map::new(),
            headers: Vec::new(),
            place: None,
            body: Bytes::new(),
            case: None,
            kept: true,
        })
    }

    pub(super) fn at(mut self: Box<Self>, place: Place) -> Box<Self> {
        self.place = Some(place);
        self
    }

    pub(super) fn body(mut self: Box<Self>, body: Bytes) -> Box<Self> {
        self.body = body;
        self
    }

    pub(super) fn owner(mut self: Box<Self>, detail: impl Into<String>) -> Box<Self> {
        self.owner_detail = Some(detail.into());
        self
    }

    /// Of refusals of which there are many when there are any. `kept`: it goes into the ledger, with the number of those before
    /// it that did not.
    pub(super) fn one_of_many(mut self: Box<Self>, kept: Option<u64>) -> Box<Self> {
        self.kept = kept.is_some();
        match kept {
            None | Some(0) => self,
            Some(unkept) => {
                let owner = self.ledger_detail();
                self.owner(format!("{owner} {unkept} more that were refused before this one are not kept."))
            }
        }
    }

    fn retry_after_s(mut self: Box<Self>, seconds: u64) -> Box<Self> {
        self.headers.push((RETRY_AFTER, HeaderValue::from(seconds.max(1))));
        self
    }

    pub(super) fn hook_not_found() -> Box<Self> {
        Self::new(Code::HookNotFound, "No hook answers at this URL. Check it for a missing or changed part.")
    }

    pub(super) fn hook_off(hook: &Hook) -> Box<Self> {
        let refused = match hook.off_answer {
            OffAnswer::NotFound => Self::new(Code::HookOff, "This hook is switched off."),
            OffAnswer::Unavailable => {
                Self::new(Code::HookAway, "This hook is switched off for now. Send it again later.").retry_after_s(LONG_RETRY_S)
            }
        };
        refused.at(hook.place.clone())
    }

    pub(super) fn method_not_allowed(hook: &Hook, method: &http::Method) -> Box<Self> {
        let detail = format!("This hook does not take {method}; it takes {}.", hook.allow.to_str().unwrap_or_default());
        let mut refused = Self::new(Code::MethodNotAllowed, detail).at(hook.place.clone());
        refused.headers.push((ALLOW, hook.allow.clone()));
        refused
    }

    pub(super) fn unauthorized(hook: &Hook, owner_detail: String) -> Box<Self> {
        let mut refused = Self::new(Code::Unauthorized, hook.credentials.expected()).owner(owner_detail).at(hook.place.clone());
        refused.headers.push((WWW_AUTHENTICATE, hook.credentials.challenge()));
        refused
    }

    pub(super) fn address_not_allowed(hook: &Hook, address: IpAddr) -> Box<Self> {
        Self::new(Code::AddressNotAllowed, "Requests from this address are not allowed.")
            .owner(format!("{address} is not in `allow_ips`."))
            .at(hook.place.clone())
    }

    pub(super) fn bad_signature(hook: &Hook, failure: &Failure) -> Box<Self> {
        let owner = failure.for_owner.clone();
        let mut refused = Self::new(Code::BadSignature, failure.for_sender.clone()).owner(owner).at(hook.place.clone());
        refused.headers.push((WWW_AUTHENTICATE, hook.credentials.challenge()));
        refused
    }

    /// A request that must say who it is about, and does not; `place`: in which part of it.
    pub(super) fn nobody(error: ContactError, place: &str) -> Box<Self> {
        let (code, message) = match error {
            ContactError::Missing => ("missing", format!("`{place}email` is missing")),
            ContactError::Malformed => ("mistyped", format!("`{place}email` must be an e-mail address")),
        };
        let mut refused = Self::new(Code::InvalidVariables, message.clone());
        refused
            .members
            .insert("errors".to_owned(), json!([{ "name": format!("{place}email"), "code": code, "message": message }]));
        refused
    }

    /// Whether the request is at fault, so that it belongs into the ledger, though the store found out.
    pub(super) fn is_senders(&self) -> bool {
        self.code == Code::BadBody
    }

    pub(super) fn bad_key(why: &str) -> Box<Self> {
        Self::new(Code::BadIdempotencyKey, format!("The idempotency key cannot be used: {why}."))
    }

    pub(super) fn key_reused(original: &DeliveryId) -> Box<Self> {
        Self::new(Code::IdempotencyKeyReused, "This idempotency key was used before, for a request with another body.")
            .owner(format!("The key was used by {original}, with another body."))
    }

    pub(super) fn condition(why: &str) -> Box<Self> {
        Self::new(Code::ConditionError, "The request lacks what this hook decides by.")
            .owner(format!("The expression in `only_if` gives no value: {why}"))
    }

    pub(super) fn not_ready(owner_detail: impl Into<String>) -> Box<Self> {
        let detail =
            "The hook cannot take requests until its owner has mended its settings. Nothing was stored; send it again later.";
        Self::new(Code::HookNotReady, detail).owner(owner_detail).retry_after_s(LONG_RETRY_S)
    }

    pub(super) fn body_too_large(bytes_max: u64) -> Box<Self> {
        let mut refused =
            Self::new(Code::BodyTooLarge, format!("The body is larger than this hook takes; the limit is {bytes_max} bytes."));
        refused.members.insert("limit_bytes".to_owned(), bytes_max.into());
        refused
    }

    pub(super) fn request(refusal: &Refusal) -> Box<Self> {
        let code = match refusal {
            Refusal::BadBody { .. } => Code::BadBody,
            Refusal::TooLarge { .. } => Code::BodyTooLarge,
            Refusal::UnsupportedMediaType { .. } => Code::UnsupportedMediaType,
            Refusal::Split { .. } => Code::SplitError,
            Refusal::Variables(_) => Code::InvalidVariables,
        };
        let mut refused = Self::new(code, refusal.to_string());
        match refusal {
            Refusal::TooLarge { bytes_max, .. } => {
                refused.members.insert("limit_bytes".to_owned(), (*bytes_max).into());
            }
            // RFC 9110 12.5.3: so that the sender can tell which of the two was not supported.
            Refusal::UnsupportedMediaType { header: "content-encoding", accepted, .. } => {
                refused.headers.extend(HeaderValue::from_str(&accepted.join(", ")).ok().map(|value| (ACCEPT_ENCODING, value)));
            }
            Refusal::UnsupportedMediaType { .. } | Refusal::BadBody { .. } | Refusal::Split { .. } | Refusal::Variables(_) => {}
        }
        let errors: Vec<Value> = refusal
            .findings()
            .iter()
            .map(|finding| json!({ "name": finding.name, "code": finding.code, "message": finding.message }))
            .collect();
        refused.members.insert("errors".to_owned(), errors.into());
        refused
    }

    pub(super) fn handed_over_too_often(hook: &Hook) -> Box<Self> {
        Self::new(Code::RateLimited, "Too many secrets were handed over to this hook. Register it again later.")
            .owner("Too many secrets were handed over in the last minute; this one is not among them.")
            .at(hook.place.clone())
            .retry_after_s(LONG_RETRY_S)
    }

    /// `limit`: the setting that says how many may wait.
    pub(super) fn backlog_full(hook: &Hook, limit: &str) -> Box<Self> {
        let detail = "More runs wait for their turn than the limits allow. Send it again later.";
        Self::new(Code::BacklogFull, detail)
            .owner(format!("More runs wait for their turn than `worker.{limit}` allows."))
            .at(hook.place.clone())
            .retry_after_s(BACKLOG_RETRY_S)
    }

    /// What the store could not do. Nothing was accepted; there is no ledger to write to either.
    pub(super) fn store(error: &StoreError) -> Box<Self> {
        match error {
            StoreError::Overloaded { retry_after_ms } => {
                Self::new(Code::Overloaded, "More is waiting to be stored than the limits allow. Send it again later.")
                    .retry_after_s(retry_after_ms.div_ceil(1000))
            }
            StoreError::Full { .. } => {
                Self::new(Code::StorageFull, "There is no room to store this request. Send it again later.")
                    .retry_after_s(LONG_RETRY_S)
            }
            StoreError::Unavailable { .. } => {
                Self::new(Code::StorageUnavailable, "The request could not be stored. Send it again later.")
                    .retry_after_s(UNAVAILABLE_RETRY_S)
            }
            StoreError::DraftGone => Self::new(Code::HookNotReady, "The hook changed while the request came in. Send it again.")
                .owner("The draft that it was sent to is not kept any more.")
                .retry_after_s(UNAVAILABLE_RETRY_S),
            StoreError::Invalid(why) => Self::new(Code::BadBody, format!("The request cannot be stored: {why}.")),
            other => {
                tracing::error!(error = %other, "A webhook could not be stored");
                Self::new(Code::Internal, "The request could not be stored.").retry_after_s(UNAVAILABLE_RETRY_S)
            }
        }
    }

    /// What the owner reads in the ledger.
    pub(super) fn ledger_detail(&self) -> String {
        self.owner_detail.clone().unwrap_or_else(|| self.detail.clone())
    }

    /// The answer for the sender. `product`: whose errors it understands. `delivery`: the id under which the refused request
    /// is kept.
    pub(super) fn answer(&self, product: Option<Product>, delivery: Option<String>) -> Response<Body> {
        let missing = || {
            let first = self.members.get("errors")?.get(0)?;
            first.get("name")?.as_str().filter(|_| first.get("code").is_some_and(|code| code == "missing"))
        };
        if let Some(reply) = product.and_then(|product| product.refused(self.code, &self.detail, missing())) {
            return self.with_headers(secured(reply.status, JSON, reply.body.to_string().into()));
        }
        let mut body = problem(self.code, &self.detail);
        if let Some(delivery) = delivery {
            body["delivery_id"] = delivery.into();
        }
        for (name, value) in &self.members {
            body[name] = value.clone();
        }
        self.with_headers(secured(status(self.code.status()), PROBLEM, body.to_string().into()))
    }

    fn with_headers(&self, mut response: Response<Body>) -> Response<Body> {
        response.headers_mut().extend(self.headers.iter().cloned());
        response
    }
}

/// The media type of problem details.
pub(super) const PROBLEM: HeaderValue = HeaderValue::from_static(PROBLEM_TYPE);
/// The same as text.
pub(crate) const PROBLEM_TYPE: &str = "application/problem+json";

/// The envelope of every error.
pub(crate) fn problem(code: Code, detail: &str) -> Value {
    json!({
        "type": format!("{}{}", crate::api::errors::PREFIX, code.name()),
        "title": code.title(),
        "status": code.status(),
        "code": code.name(),
        "detail": detail,
    })
}

pub(super) fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
