//! A request for tests, and what is read from it.

use bytes::Bytes;
use hookmill_engine::id::DeliveryId;
use hookmill_engine::request::{Parsed, Refusal, Request, parse};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{Trigger, WebhookTrigger, read};
use minijinja::Value;

pub(crate) fn trigger(webhook: &str) -> WebhookTrigger {
    let text = format!("hookmill: 1\nname: t\ntriggers:\n  - webhook: {webhook}\nsteps: []\n");
    let workflow = read(&text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let [Trigger::Webhook(trigger)] = workflow.triggers.as_slice() else { panic!("one trigger") };
    (**trigger).clone()
}

/// A request to be read.
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) query: &'static str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) event: Option<&'static str>,
    pub(crate) path: Vec<(String, String)>,
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Sent {
    pub(crate) fn post(content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = if content_type.is_empty() { vec![] } else { pairs(&[("content-type", content_type)]) };
        Self { method: "POST", query: "", headers, body: body.into(), event: None, path: vec![] }
    }

    pub(crate) fn to(&self, trigger: &WebhookTrigger) -> Result<Parsed, Refusal> {
        let request = Request {
            method: self.method,
            path_params: &self.path,
            query: self.query,
            headers: &self.headers.iter().map(|(name, value)| (name, value)).collect(),
            body: &self.body,
            event: self.event,
            address: "203.0.113.9",
            received_at: Timestamp(1_773_480_413_589),
            delivery: DeliveryId(1),
        };
        parse(trigger, &request)
    }

    pub(crate) fn webhook(&self, trigger: &WebhookTrigger) -> Value {
        self.to(trigger).unwrap_or_else(|refusal| panic!("{refusal}")).webhook
    }

    pub(crate) fn body(&self) -> Value {
        self.webhook(&WebhookTrigger::default()).get_attr("body").expect("a webhook has a body")
    }

    pub(crate) fn refusal(&self) -> Refusal {
        self.to(&WebhookTrigger::default()).expect_err("it is refused")
    }
}

pub(crate) fn plain(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).expect("it is plain data")
}
