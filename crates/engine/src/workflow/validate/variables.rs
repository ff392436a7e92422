//! Declared variables, their elements and members; the body as a whole.

use serde_json::Value;

use super::Checker;
use super::limits::{DESCRIPTION_CHARS_MAX, ID_CHARS_MAX, NESTED_VARIABLES_MAX, VARIABLE_DEPTH_MAX, VARIABLES_MAX};
use crate::request::WEBHOOK_MEMBERS;
use crate::workflow::problem::closest;
use crate::workflow::{Source, Variable, VariableType, WebhookTrigger};

impl<'w> Checker<'w> {
    pub(super) fn variables(&mut self, webhook: &'w WebhookTrigger) {
        if webhook.variables.len() > VARIABLES_MAX {
            let message = format!("{} variables; the limit is {VARIABLES_MAX}", webhook.variables.len());
            self.at.problem("too_many", message);
        }
        let (count, depth) = measure(webhook);
        for (count, max, what) in
            [(count, NESTED_VARIABLES_MAX, "declared members and elements"), (depth, VARIABLE_DEPTH_MAX, "levels of nesting")]
        {
            if count > max {
                self.at.problem("too_many", format!("{count} {what}; the limit is {max}"));
            }
        }
        for (name, variable) in &webhook.variables {
            self.at_member(name, |this| {
                this.name_of_variable(name, Some(format!("from: {{ body: {name} }}")));
                this.declared(variable);
                if let Some(source) = &variable.source {
                    this.at_member("from", |this| this.source(source, webhook));
                }
            });
        }
    }

    /// `way_out` is how to get at what a reserved name stands for all the same.
    fn name_of_variable(&mut self, name: &str, way_out: Option<String>) {
        if name.is_empty() || name.chars().count() > ID_CHARS_MAX || name.chars().any(char::is_control) {
            let message = format!("the name of a variable is one line of 1 to {ID_CHARS_MAX} characters");
            self.at.problem("bad_name", message);
        } else if WEBHOOK_MEMBERS.contains(&name) {
            let say = way_out.map(|way_out| format!(" and say `{way_out}`")).unwrap_or_default();
            let message = format!("`webhook.{name}` always is the request's own; give the variable another name{say}");
            self.at.problem("reserved_name", message);
        }
    }

    fn declared(&mut self, variable: &Variable) {
        if let Some(description) = &variable.description {
            self.length("description", description, DESCRIPTION_CHARS_MAX);
        }
        if variable.required && variable.default.is_some() {
            let message = "a request without a required variable is refused, so the default is never used";
            self.at.member("default", |at| at.warn("unused_setting", message, None));
        }
        for (key, value) in [("default", &variable.default), ("example", &variable.example)] {
            if let Some(value) = value {
                self.at_member(key, |this| this.constant(value, variable));
            }
        }
        for (key, is_there, kind) in [
            ("items", variable.items.is_some(), VariableType::Array),
            ("fields", !variable.fields.is_empty(), VariableType::Object),
        ] {
            if is_there && variable.kind != kind {
                let message = format!("only a variable of `type: {}` has `{key}`", kind.name());
                self.at.member("type", |at| at.suggest("wrong_type", message, Some(kind.name())));
            }
        }
        if let Some(items) = &variable.items {
            self.at_member("items", |this| this.nested(items));
        }
        self.at_member("fields", |this| {
            for (name, field) in &variable.fields {
                this.at_member(name, |this| this.nested(field));
            }
        });
    }

    fn nested(&mut self, variable: &Variable) {
        if variable.source.is_some() {
            let message = "only a variable of the trigger itself has `from`: this one is part of another";
            self.at.member("from", |at| at.problem("misplaced_key", message));
        }
        self.declared(variable);
    }

    /// Whether a constant is what is declared. Nothing (`null`) is of every type.
    fn constant(&mut self, value: &Value, variable: &Variable) {
        if !has_type(value, variable.kind) {
            let message = format!("this is not of the declared type {}", variable.kind.name());
            return self.at.problem("wrong_type", message);
        }
        match value {
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    if let Some(items) = &variable.items {
                        self.at_element(index, |this| this.constant(element, items));
                    }
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    if let Some(field) = variable.fields.get(name) {
                        self.at_member(name, |this| this.constant(member, field));
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn source(&mut self, source: &Source, webhook: &WebhookTrigger) {
        match source {
            Source::Body(path) => {
                if path.split('.').any(str::is_empty) {
                    self.at.member("body", |at| at.problem("bad_source", "a path into the body is names with dots between"));
                }
            }
            Source::Query(name) => {
                if name.is_empty() {
                    self.at.member("query", |at| at.problem("empty", "the name of a query parameter must not be empty"));
                }
            }
            Source::Header(name) => self.at_member("header", |this| this.header_name(name)),
            Source::Path(name) => {
                let parameters = webhook.path.iter().flat_map(|path| path.split('/')).filter_map(|part| part.strip_prefix(':'));
                if !parameters.clone().any(|parameter| parameter == name) {
                    let near = closest(name, parameters);
                    let message = format!("the path of the trigger has no parameter `:{name}`");
                    self.at.member("path", |at| at.suggest("unknown_parameter", message, near));
                }
            }
        }
    }

    /// What is asked of the body as a whole.
    pub(super) fn whole_body(&mut self, webhook: &'w WebhookTrigger) {
        if let Some(schema) = &webhook.schema
            && let Some(flaw) = schema.flaw()
        {
            let mark = self.at.enter_member("schema");
            let inner = (!flaw.path.is_empty()).then(|| self.at.enter_path(&flaw.path));
            self.at.problem("bad_schema", format!("not a JSON Schema: {}", flaw.message));
            if let Some(inner) = inner {
                self.at.leave(inner);
            }
            self.at.leave(mark);
        }
        if let Some(name) = &webhook.full_body {
            self.at_member("full_body", |this| {
                this.name_of_variable(name, None);
                if webhook.variables.contains_key(name) {
                    this.at.problem("duplicate_name", format!("`{name}` is a declared variable already"));
                }
            });
        }
    }
}

impl VariableType {
    fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Array => "array",
        }
    }
}

/// How many members and elements are declared, and how deep they nest.
fn measure(webhook: &WebhookTrigger) -> (usize, usize) {
    let (mut count, mut depth) = (0, 0);
    let mut open: Vec<(&Variable, usize)> = webhook.variables.values().map(|variable| (variable, 0)).collect();
    while let Some((variable, level)) = open.pop() {
        count += usize::from(level > 0);
        depth = depth.max(level);
        let inner = variable.items.as_deref().into_iter().chain(variable.fields.values());
        open.extend(inner.map(|inner| (inner, level + 1)));
    }
    (count, depth)
}

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
