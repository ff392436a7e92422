//! The object that expressions know as `webhook`. What costs is made when it is asked for.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use super::Request;
use super::body::{Body, Content};
use super::cloudevents::CloudEvents;
use super::file::File;
use super::form::Query;
use super::split::Split;
use super::variables::Variables;
use crate::id::DeliveryId;
use crate::time::Timestamp;

/// The members that every webhook has. They win over members of the body with the same name, and a variable cannot be
/// called so.
pub const WEBHOOK_MEMBERS: &[&str] =
    &["body", "headers", "query", "path", "method", "raw", "ip", "received_at", "delivery_id", "files"];

/// The members that some webhooks have. Declared variables win over them, and they over members of the body.
pub const OFFERED_MEMBERS: &[&str] = &["event", "cloudevent", "cloudevents", "split"];

/// A request, its variables, and what else was in its body.
#[derive(Debug)]
pub(super) struct Webhook {
    body: Content,
    files: Vec<File>,
    events: CloudEvents,
    event: Option<Value>,
    query: Query,
    path: Vec<(String, String)>,
    method: Value,
    headers: Value,
    raw: Raw,
    address: Value,
    received_at: Timestamp,
    delivery: DeliveryId,
    variables: Variables,
    split: Option<Split>,
}

impl Webhook {
    pub(super) fn of(
        request: &Request<'_>,
        body: Body<'_>,
        query: Query,
        headers: Value,
        raw: Raw,
        variables: Variables,
        split: Option<Split>,
    ) -> Self {
        Self {
            event: request.event.map(Value::from).or_else(|| body.events.kind()),
            body: body.content,
            files: body.files,
            events: body.events,
            query,
            path: request.path_params.to_vec(),
            method: Value::from(request.method),
            headers,
            raw,
            address: Value::from(request.address),
            received_at: request.received_at,
            delivery: request.delivery,
            variables,
            split,
        }
    }

    fn member(&self, name: &str) -> Option<Value> {
        Some(match name {
            "body" => self.body.value().clone(),
            "headers" => self.headers.clone(),
            "query" => self.query.value().clone(),
            "path" => {
                let members = self.path.iter().map(|(name, value)| (Value::from(name), Value::from(value)));
                Value::from_object(members.collect::<IndexMap<Value, Value>>())
            }
            "method" => self.method.clone(),
            "raw" => self.raw.value(),
            "ip" => self.address.clone(),
            "received_at" => Value::from(self.received_at.to_string()),
            "delivery_id" => Value::from(self.delivery.to_string()),
            "files" => self.files.iter().cloned().map(Value::from_object).collect(),
            _ => return None,
        })
    }

    /// What only some requests bring.
    fn offered(&self, name: &str) -> Option<Value> {
        match name {
            "event" => self.event.clone(),
            "cloudevent" => self.events.one(&self.body, &self.raw),
            "cloudevents" => self.events.all(&self.body, &self.raw),
            "split" => self.split.map(Split::value),
            _ => None,
        }
    }

    /// What was sent without being declared.
    fn undeclared(&self, name: &str) -> Option<Value> {
        self.body.value().as_object().and_then(|body| body.get_value_by_str(name))
    }

    fn names(&self) -> Vec<Value> {
        let mut names: Vec<Value> = WEBHOOK_MEMBERS.iter().map(|name| Value::from(*name)).collect();
        names.extend(self.variables.present().cloned());
        let offered = OFFERED_MEMBERS.iter().filter(|name| !self.variables.declares(name) && self.offered(name).is_some());
        let offered: Vec<&str> = offered.copied().collect();
        names.extend(offered.iter().map(|name| Value::from(*name)));
        let is_taken = |name: &str| WEBHOOK_MEMBERS.contains(&name) || offered.contains(&name) || self.variables.declares(name);
        let body = self.body.value().as_object().and_then(|body| body.try_iter_pairs());
        let undeclared = body.into_iter().flatten().map(|(name, _)| name);
        names.extend(undeclared.filter(|name| name.as_str().is_some_and(|name| !is_taken(name))));
        names
    }
}

impl Object for Webhook {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        if let Some(member) = self.member(name) {
            return Some(member);
        }
        // A declared variable that was not sent is not defined, even if the body has a member of its name.
        if self.variables.declares(name) {
            return self.variables.get(name, &self.body);
        }
        self.offered(name).or_else(|| self.undeclared(name))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.names())
    }
}

/// The bytes of a body, without its content encodings.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) bytes: Bytes,
    /// Whether the content type says that they are not text.
    pub(super) binary: bool,
}

impl Raw {
    /// The bytes as text if they are text, else in base64.
    pub(super) fn value(&self) -> Value {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) if !self.binary => Value::from(text),
            _ => Value::from(BASE64_STANDARD.encode(&self.bytes)),
        }
    }
}
