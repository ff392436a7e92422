//! Triggers: labels and paths, and what is asked elsewhere.

use std::collections::HashMap;

use super::Checker;
use super::limits::DESCRIPTION_CHARS_MAX;
use super::names::is_name;
use crate::workflow::problem::quoted;
use crate::workflow::{Memory, Trigger, WebhookTrigger};

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
        self.preset(webhook);
        self.callers(webhook);
        self.arrivals(webhook);
        if webhook.body_bytes_max == Some(0) {
            self.at.member("body_bytes_max", |at| at.problem("out_of_range", "no body would be small enough"));
        }
        self.at_member("variables", |this| this.variables(webhook));
        self.whole_body(webhook);
        if let Some(memory) = &webhook.memory {
            self.at_member("memory", |this| this.memory(memory));
        }
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
