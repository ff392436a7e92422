//! Answers: of triggers and of `respond` steps.

use serde_json::{Map, Value};

use super::Checker;
use super::expressions::Allowed;
use super::names::Scope;
use crate::workflow::problem::{closest, quoted};
use crate::workflow::{Response, ResponseMode, Step, StepKind, Trigger, Workflow};

/// The statuses that an answer can have.
const STATUSES: std::ops::RangeInclusive<u16> = 200..=599;

/// Headers that an answer cannot set: they belong to the connection, or would act on the console's origin.
const DENIED_HEADERS: &[&str] = &[
    "clear-site-data",
    "connection",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "date",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "service-worker-allowed",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
];

/// The keys of a `respond` step.
const RESPOND_KEYS: &[&str] = &["status", "headers", "body"];

impl<'w> Checker<'w> {
    /// The answers of the triggers, which may refer to any step; and whether `respond` steps fit them.
    pub(super) fn answers(&mut self, workflow: &'w Workflow) {
        let mut scope = Scope::default();
        scope.steps.extend(self.steps.keys().map(|id| (*id, true)));
        for (index, Trigger::Webhook(webhook)) in workflow.triggers.iter().enumerate() {
            let Some(response) = &webhook.response else { continue };
            let mark = self.at.enter_path(&format!("triggers[{index}].webhook.response"));
            self.response(response, &scope);
            self.at.leave(mark);
        }
        self.respond_steps(workflow);
    }

    fn response(&mut self, response: &'w Response, scope: &Scope<'w>) {
        let later = response.mode != ResponseMode::Immediately;
        let allowed = if later { Allowed::answer_later(scope) } else { Allowed::answer_at_once() };
        if let Some(status) = response.status {
            self.status("status", status);
        }
        self.at_member("headers", |this| this.headers(&response.headers, &allowed));
        if let Some(body) = &response.body {
            self.at_member("body", |this| this.value(body, &allowed));
        }
        let fallbacks =
            [("on_failure", &response.on_failure), ("aborted", &response.aborted), ("on_deadline", &response.on_deadline)];
        let given = fallbacks.iter().map(|(key, answer)| (*key, answer.is_some()));
        for (key, given) in [("deadline", response.deadline.is_some())].into_iter().chain(given) {
            if given && !later {
                let message = format!("`{key}` does nothing as long as `mode` is `immediately`");
                self.at.member(key, |at| at.warn("unused_setting", message, None));
            }
        }
        for (key, answer) in fallbacks {
            let Some(answer) = answer else { continue };
            // When the deadline has passed the run goes on: there is no output and no error yet.
            let allowed = if key == "on_deadline" { Allowed::answer_at_once() } else { Allowed::answer_later(scope) };
            self.at_member(key, |this| {
                if let Some(status) = answer.status {
                    this.status("status", status);
                }
                if let Some(body) = &answer.body {
                    this.at_member("body", |this| this.value(body, &allowed));
                }
            });
        }
    }

    fn status(&mut self, key: &str, status: u16) {
        if !STATUSES.contains(&status) {
            let message = format!("a status is {} to {}, not {status}", STATUSES.start(), STATUSES.end());
            self.at.member(key, |at| at.problem("out_of_range", message));
        }
    }

    fn headers(&mut self, headers: &Map<String, Value>, allowed: &Allowed<'_, 'w>) {
        for (name, value) in headers {
            self.at_member(name, |this| {
                this.header_name(name);
                if DENIED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                    this.at.problem("denied_header", format!("the header `{name}` cannot be set by a workflow"));
                }
                match value {
                    Value::String(text) if text.contains(['\r', '\n', '\0']) => {
                        this.at.problem("bad_header", "the value of a header is one line");
                    }
                    Value::String(_) | Value::Number(_) | Value::Bool(_) => this.value(value, allowed),
                    _ => this.at.problem("wrong_type", "the value of a header is a text"),
                }
            });
        }
    }

    pub(super) fn header_name(&mut self, name: &str) {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || name.len() > 100 || !name.chars().all(token) {
            self.at.problem("bad_header", format!("{} is not the name of a header", quoted(name)));
        }
    }

    /// The keys of a `respond` step are free in the document, but not in meaning.
    pub(super) fn respond(&mut self, respond: &Map<String, Value>, allowed: &Allowed<'_, 'w>) {
        for (key, value) in respond {
            match (key.as_str(), value) {
                ("status", Value::Number(number)) => {
                    let status = number.as_u64().and_then(|status| u16::try_from(status).ok());
                    self.status("status", status.unwrap_or_default());
                }
                ("status", Value::String(text)) if !self.constant_expression(text) => {
                    self.at_member("status", |this| this.text(text, allowed));
                }
                ("status", _) => self.at.member("status", |at| at.problem("wrong_type", "a status is a number")),
                ("headers", Value::Object(headers)) => self.at_member("headers", |this| this.headers(headers, allowed)),
                ("headers", Value::String(text)) if !self.constant_expression(text) => {
                    self.at_member("headers", |this| this.text(text, allowed));
                }
                ("headers", _) => self.at.member("headers", |at| at.problem("wrong_type", "headers are a map")),
                ("body", value) => self.at_member("body", |this| this.value(value, allowed)),
                (unknown, _) => {
                    let message = format!("an answer has no {}", quoted(unknown));
                    let near = closest(unknown, RESPOND_KEYS.iter().copied());
                    self.at.member(unknown, |at| at.suggest("unknown_key", message, near));
                }
            }
        }
    }

    fn respond_steps(&mut self, workflow: &'w Workflow) {
        let mut first = None;
        let mut blocks = vec![workflow.steps.as_slice()];
        while let Some(block) = blocks.pop() {
            for step in block {
                if first.is_none() && matches!(step.kind, StepKind::Respond { .. }) {
                    first = Some(step);
                }
                blocks.extend(Step::blocks(step));
            }
        }
        let mode = |webhook: &crate::workflow::WebhookTrigger| webhook.response.as_ref().map(|response| response.mode);
        let awaited = self.webhooks.iter().any(|webhook| mode(webhook) == Some(ResponseMode::Respond));
        if let Some(step) = first
            && !awaited
        {
            let name = step.id.as_ref().map_or_else(String::new, |id| format!(" (`{id}`)"));
            let message = format!("the `respond` step{name} answers nobody: no trigger has `response: {{ mode: respond }}`");
            self.at.member("steps", |at| at.warn("nobody_waits", message, None));
        }
        if first.is_none() && awaited {
            let message = "a trigger waits for a `respond` step, but there is none: callers wait until the run ends";
            self.at.member("triggers", |at| at.warn("no_respond_step", message, None));
        }
    }
}
