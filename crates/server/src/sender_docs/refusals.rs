//! With what a hook refuses: which codes can occur, and what the sender gets, in the hook's own shape.

use std::collections::BTreeMap;

use hookmill_engine::id::DeliveryId;
use hookmill_engine::workflow::{Dedupe, DedupeKey};
use serde_json::{Map, Value, json};

use super::Described;
use super::answers::standing;
use super::callers::{Shown, WaysIn};
use super::components::Components;
use super::signer::Signer;
use crate::ingress::{Code, PROBLEM_TYPE, problem};

/// What can be asked about a hook to know what it refuses.
pub(super) struct Refusals<'a> {
    pub(super) described: &'a Described<'a>,
    pub(super) ways: &'a WaysIn,
    pub(super) signer: Option<&'a Signer>,
    /// Whether the request has a body, or its query stands for one.
    pub(super) has_body: bool,
}

impl Refusals<'_> {
    /// The answers by status.
    pub(super) fn responses(&self, components: &mut Components) -> BTreeMap<String, Value> {
        let mut by_status: BTreeMap<u16, Vec<(Code, &'static str)>> = BTreeMap::new();
        for code in Code::ALL {
            if let Some(detail) = self.detail(code) {
                let product = self.described.product();
                let status = product.map_or(code.status(), |product| product.status(code));
                by_status.entry(status).or_default().push((code, detail));
            }
        }
        let refer = |(status, codes): (u16, Vec<(Code, &str)>)| {
            let response = self.response(status, &codes, components);
            (status.to_string(), components.refer("responses", &status.to_string(), response))
        };
        by_status.into_iter().map(refer).collect()
    }

    /// What is told when this happens; `None` if it cannot.
    fn detail(&self, code: Code) -> Option<&'static str> {
        let trigger = self.described.trigger;
        let asks = !trigger.variables.is_empty() || trigger.schema.is_some() || self.described.required().is_some();
        let other_than_signature = self.ways.ways.iter().flatten().any(|shown| *shown != Shown::Signature);
        let signed = self.ways.mentions(&Shown::Signature) && !self.signer.is_some_and(|signer| signer.is_optional(trigger));
        let waits = trigger.response.as_ref().is_some_and(|response| response.mode != Default::default());
        let keyed = !matches!(trigger.dedupe, Some(Dedupe::Off));
        // Only the key that a sender chooses itself is for one body.
        let strict = self.signer.is_none()
            && matches!(trigger.dedupe, None | Some(Dedupe::On { key: None | Some(DedupeKey::Header(_)), .. }));
        let (occurs, detail) = match code {
            Code::HookNotFound => (true, "No hook answers at this URL. Check it for a missing or changed part."),
            // Hooks that are off are not described; they may be switched off later.
            Code::HookOff => (true, "This hook is switched off."),
            Code::HookAway => (true, "This hook is switched off for now. Send it again later."),
            // The hook's own limit, or that of callers who failed too often.
            Code::RateLimited => (true, "Too many requests. Send it again later."),
            Code::BacklogFull => (true, "More is waiting to run than the limits allow. Send it again later."),
            // The methods that are described are taken.
            Code::MethodNotAllowed => (false, ""),
            Code::Unauthorized => (other_than_signature, "This hook asks for another credential."),
            Code::AddressNotAllowed => (!trigger.allow_ips.is_empty(), "Requests from this address are not allowed."),
            Code::BadSignature => (signed, "The signature is not right."),
            Code::BodyTooLarge => (self.has_body, "The body is larger than this hook takes."),
            Code::BodyTimeout => (self.has_body, "The body did not arrive in time."),
            Code::BodyTruncated => (self.has_body, "The body ended early."),
            Code::UnsupportedMediaType => (self.has_body, "The body's content type or encoding is not one that is taken."),
            Code::BadBody => (true, "The body is not what its content type says."),
            Code::SplitError => (trigger.split.is_some(), "The body has no array where this hook splits it."),
            Code::InvalidVariables => (asks, "`name` is missing"),
            Code::BadIdempotencyKey => (keyed, "The idempotency key cannot be used."),
            Code::IdempotencyKeyReused => {
                (keyed && strict, "This idempotency key was used before, for a request with another body.")
            }
            Code::ConditionError => (trigger.only_if.is_some(), "The request lacks what this hook decides by."),
            Code::LaneError => (self.described.has_lane, "The request lacks what its order is told by."),
            Code::HookNotReady => (true, "The hook cannot take requests until its owner has mended its settings."),
            Code::Overloaded => (true, "More is waiting to be stored than the limits allow. Send it again later."),
            Code::StorageFull => (true, "There is no room to store this request. Send it again later."),
            Code::StorageUnavailable => (true, "The request could not be stored. Send it again later."),
            Code::RunFailed => (waits, "The workflow did not finish successfully."),
            Code::RunCancelled => (waits, "The workflow did not finish successfully."),
            Code::Internal => (true, "The request could not be stored."),
        };
        occurs.then_some(detail)
    }

    fn response(&self, status: u16, codes: &[(Code, &str)], components: &mut Components) -> Value {
        let titles: Vec<&str> = codes.iter().map(|(code, _)| code.title()).collect();
        let mut examples = Map::new();
        let mut schema = None;
        for (code, detail) in codes {
            let first = (*code == Code::InvalidVariables).then_some("name");
            let reply = self.described.product().and_then(|product| product.refused(*code, detail, first));
            let example = match reply {
                Some(reply) => {
                    schema.get_or_insert_with(|| shape(&reply.body));
                    reply.body
                }
                None => self.problem(*code, detail),
            };
            examples.insert(code.name().to_owned(), json!({ "summary": code.title(), "value": example }));
        }
        let (media, schema) = match schema {
            Some(schema) => ("application/json", schema),
            None => (PROBLEM_TYPE, components.refer("schemas", "Problem", problem_schema())),
        };
        let mut response = json!({
            "description": format!("{}.", titles.join(". ")),
            "content": { media: { "schema": schema, "examples": examples } }
        });
        let header = |what: &str, kind: &str| json!({ "description": what, "schema": { "type": kind } });
        match status {
            401 => response["headers"] = json!({ "WWW-Authenticate": header("How to show who is calling.", "string") }),
            429 | 503 | 507 => {
                response["headers"] = json!({ "Retry-After": header("Seconds after which to send it again.", "integer") });
                let standing = if status == 429 { standing(self.described) } else { Vec::new() };
                standing.into_iter().for_each(|(name, told)| response["headers"][name] = told);
            }
            _ => {}
        }
        response
    }

    fn problem(&self, code: Code, detail: &str) -> Value {
        let mut body = problem(code, detail);
        body["delivery_id"] = DeliveryId(1).to_string().into();
        match code {
            Code::BodyTooLarge => body["limit_bytes"] = self.described.body_bytes_max().into(),
            Code::InvalidVariables => {
                body["errors"] = json!([{ "name": "name", "code": "missing", "message": "`name` is missing" }]);
            }
            _ => {}
        }
        body
    }
}

/// The members of a product's answer and their types.
pub(super) fn shape(body: &Value) -> Value {
    match body {
        Value::Object(members) => {
            let properties: Map<String, Value> = members.iter().map(|(name, value)| (name.clone(), shape(value))).collect();
            let required: Vec<&String> = members.keys().collect();
            json!({ "type": "object", "properties": properties, "required": required })
        }
        Value::Array(_) => json!({ "type": "array" }),
        Value::String(_) => json!({ "type": "string" }),
        Value::Number(_) => json!({ "type": "integer" }),
        Value::Bool(_) => json!({ "type": "boolean" }),
        Value::Null => json!({}),
    }
}

/// Problem details (RFC 9457), as hooks give them.
fn problem_schema() -> Value {
    let text = |what: &str| json!({ "type": "string", "description": what });
    json!({
        "type": "object",
        "description": "Problem details (RFC 9457).",
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "Where the code is explained." },
            "title": text("The code in words."),
            "status": { "type": "integer" },
            "code": text("What went wrong: a stable name."),
            "detail": text("What to mend."),
            "delivery_id": text("Under which the owner of the hook finds the request."),
            "run_id": text("The run that was waited for."),
            "limit_bytes": { "type": "integer", "description": "The largest body that is taken." },
            "errors": {
                "type": "array",
                "description": "Everything that is wrong with the request.",
                "items": {
                    "type": "object",
                    "properties": { "name": text("Where."), "code": text("What kind of problem."), "message": text("In words.") },
                    "required": ["name", "code", "message"]
                }
            }
        },
        "required": ["type", "title", "status", "code", "detail"]
    })
}
