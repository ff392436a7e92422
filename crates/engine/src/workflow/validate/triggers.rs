//! Triggers: labels, paths, credentials, declared variables.

use std::collections::HashMap;

use serde_json::Value;

use super::Checker;
use super::limits::{DESCRIPTION_CHARS_MAX, ID_CHARS_MAX, VARIABLES_MAX};
use super::names::is_name;
use crate::request::WEBHOOK_MEMBERS;
use crate::workflow::problem::quoted;
use crate::workflow::{Credential, Memory, Source, Trigger, Variable, VariableType, WebhookTrigger};

/// Segments of a hook's own path.
const PATH_SEGMENTS_MAX: usize = 16;
/// Characters of a hook's own path.
const PATH_CHARS_MAX: usize = 200;
/// First segments that mean something else.
const RESERVED_SEGMENTS: &[&str] = &["test"];

impl<'w> Checker<'w> {
    pub(super) fn triggers(&mut self, triggers: &'w [Trigger]) {
        let mut labels = HashMap::new();
        let mut paths = HashMap::new();
        for (index, Trigger::Webhook(webhook)) in triggers.iter().enumerate() {
            let mark = self.at.enter_path(&format!("[{index}].webhook"));
            let label = webhook.label.as_deref().unwrap_or("webhook");
            if let Some(first) = labels.insert(label, index) {
                let message =
                    format!("the trigger at triggers[{first}] has the label {} too: labels tell hooks apart", quoted(label));
                self.at.member("label", |at| at.problem("duplicate_label", message));
            }
            if let Some(path) = &webhook.path {
                self.at_member("path", |this| {
                    this.path(path);
                    // Parameters of different names stand for the same URLs.
                    let shape: Vec<&str> = path.split('/').map(|part| if part.starts_with(':') { ":" } else { part }).collect();
                    if let Some(first) = paths.insert(shape, index) {
                        this.at.problem("duplicate_path", format!("the trigger at triggers[{first}] answers at the same path"));
                    }
                });
            }
            self.webhook(webhook);
            self.at.leave(mark);
        }
    }

    fn webhook(&mut self, webhook: &'w WebhookTrigger) {
        if let Some(label) = &webhook.label {
            self.label("label", label);
        }
        if let Some(description) = &webhook.description {
            self.length("description", description, DESCRIPTION_CHARS_MAX);
        }
        for (index, method) in webhook.methods.iter().enumerate() {
            if webhook.methods[..index].contains(method) {
                self.at.member("methods", |at| at.element(index, |at| at.warn("duplicate_method", "stands here twice", None)));
            }
        }
        if let Some(auth) = &webhook.auth {
            let mark = self.at.enter_path("auth.any");
            if auth.any.is_empty() {
                self.at.warn("no_credentials", "no credential is asked for: everyone who knows the URL may call", None);
            }
            for (index, credential) in auth.any.iter().enumerate() {
                self.at_element(index, |this| this.credential(credential));
            }
            self.at.leave(mark);
        }
        if webhook.body_bytes_max == Some(0) {
            self.at.member("body_bytes_max", |at| at.problem("out_of_range", "no body would be small enough"));
        }
        self.at_member("variables", |this| this.variables(webhook));
        if let Some(memory) = &webhook.memory {
            self.at_member("memory", |this| this.memory(memory));
        }
    }

    fn credential(&mut self, credential: &Credential) {
        let (key, secret) = match credential {
            Credential::SharedKey(secret) => ("shared_key", secret),
            Credential::Bearer(secret) => ("bearer", secret),
            Credential::Header { name, secret } => {
                let mark = self.at.enter_path("header.name");
                self.header_name(name);
                self.at.leave(mark);
                ("header.secret", secret)
            }
        };
        let mark = self.at.enter_path(key);
        self.secret(secret);
        self.at.leave(mark);
    }

    fn path(&mut self, path: &str) {
        if path.len() > PATH_CHARS_MAX || path.split('/').count() > PATH_SEGMENTS_MAX {
            let message = format!("at most {PATH_CHARS_MAX} characters and {PATH_SEGMENTS_MAX} segments");
            return self.at.problem("bad_path", message);
        }
        if path.starts_with('/') || path.ends_with('/') {
            let trimmed = path.trim_matches('/');
            self.at.suggest("bad_path", "a path neither starts nor ends with `/`", Some(trimmed));
            return;
        }
        let mut parameters = Vec::new();
        for segment in path.split('/') {
            if let Some(parameter) = segment.strip_prefix(':') {
                if !is_name(parameter) {
                    let message = format!("{} is not a name for a parameter: letters, digits and `_`", quoted(parameter));
                    self.at.problem("bad_path", message);
                } else if parameters.contains(&parameter) {
                    self.at.problem("bad_path", format!("the parameter `:{parameter}` stands here twice"));
                }
                parameters.push(parameter);
            } else if segment.is_empty() || segment == "." || segment == ".." {
                self.at.problem("bad_path", "a segment of a path must not be empty, `.` or `..`");
            } else if !segment.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c)) {
                let message =
                    format!("the segment {} has characters other than letters, digits, `-`, `.`, `_`, `~`", quoted(segment));
                self.at.problem("bad_path", message);
            }
        }
        if let Some(first) = path.split('/').next().filter(|first| RESERVED_SEGMENTS.contains(first)) {
            self.at.problem("reserved_path", format!("a path cannot start with `{first}`: drafts are tested there"));
        }
    }

    fn variables(&mut self, webhook: &'w WebhookTrigger) {
        if webhook.variables.len() > VARIABLES_MAX {
            let message = format!("{} variables; the limit is {VARIABLES_MAX}", webhook.variables.len());
            self.at.problem("too_many", message);
        }
        for (name, variable) in &webhook.variables {
            self.at_member(name, |this| {
                if name.is_empty() || name.chars().count() > ID_CHARS_MAX || name.chars().any(char::is_control) {
                    let message = format!("the name of a variable is one line of 1 to {ID_CHARS_MAX} characters");
                    this.at.problem("bad_name", message);
                } else if WEBHOOK_MEMBERS.contains(&name.as_str()) {
                    let message = format!(
                        "`webhook.{name}` always is the request's own; give the variable another name and say \
                         `from: {{ body: {name} }}`"
                    );
                    this.at.problem("reserved_name", message);
                }
                this.declared(variable, webhook);
            });
        }
    }

    fn declared(&mut self, variable: &Variable, webhook: &WebhookTrigger) {
        if let Some(description) = &variable.description {
            self.length("description", description, DESCRIPTION_CHARS_MAX);
        }
        if variable.required && variable.default.is_some() {
            let message = "a request without a required variable is refused, so the default is never used";
            self.at.member("default", |at| at.warn("unused_setting", message, None));
        }
        for (key, value) in [("default", &variable.default), ("example", &variable.example)] {
            if let Some(value) = value
                && !has_type(value, variable.kind)
            {
                let kind = serde_json::to_value(variable.kind).unwrap_or_default();
                let message = format!("this is not of the declared type {}", kind.as_str().unwrap_or_default());
                self.at.member(key, |at| at.problem("wrong_type", message));
            }
        }
        let Some(source) = &variable.source else { return };
        self.at_member("from", |this| match source {
            Source::Body(path) => {
                if path.split('.').any(str::is_empty) {
                    this.at.member("body", |at| at.problem("bad_source", "a path into the body is names with dots between"));
                }
            }
            Source::Query(name) => {
                if name.is_empty() {
                    this.at.member("query", |at| at.problem("empty", "the name of a query parameter must not be empty"));
                }
            }
            Source::Header(name) => this.at_member("header", |this| this.header_name(name)),
            Source::Path(name) => {
                let parameters = webhook.path.iter().flat_map(|path| path.split('/')).filter_map(|part| part.strip_prefix(':'));
                if !parameters.clone().any(|parameter| parameter == name) {
                    let near = crate::workflow::problem::closest(name, parameters);
                    let message = format!("the path of the trigger has no parameter `:{name}`");
                    this.at.member("path", |at| at.suggest("unknown_parameter", message, near));
                }
            }
        });
    }

    fn memory(&mut self, memory: &Memory) {
        for (key, name) in [("headers", &memory.headers), ("body", &memory.body)] {
            if let Some(name) = name {
                self.at_member(key, |this| this.variable_name(name));
            }
        }
        if memory.headers.is_some() && memory.headers == memory.body {
            self.at.problem("duplicate_name", "headers and body need two names");
        }
    }
}

/// Whether a constant has a type. Nothing (`null`) has every type.
fn has_type(value: &Value, kind: VariableType) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => kind == VariableType::Boolean,
        Value::Number(_) => kind == VariableType::Number,
        Value::String(_) => kind == VariableType::String,
        Value::Array(_) => kind == VariableType::Array,
        Value::Object(_) => kind == VariableType::Object,
    }
}
