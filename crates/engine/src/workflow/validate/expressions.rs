//! Expressions in a document: their syntax, and the names that they use.

use serde_json::Value;

use super::Checker;
use super::names::Scope;
use crate::expression::{NameUse, Template};
use crate::request::{OFFERED_MEMBERS, WEBHOOK_MEMBERS};
use crate::workflow::problem::{closest, quoted};

/// The members of `run`.
const RUN_MEMBERS: &[&str] = &["id", "workflow", "revision", "attempt", "started_at", "error", "output", "state"];

/// What an expression may refer to at its place.
pub(super) struct Allowed<'s, 'w> {
    /// What the steps before it left; `None` where no step has run yet.
    scope: Option<&'s Scope<'w>>,
    /// Names of this place alone.
    extra: &'static [&'static str],
    secrets: bool,
}

impl<'s, 'w> Allowed<'s, 'w> {
    /// Inside of a step.
    pub(super) fn step(scope: &'s Scope<'w>) -> Self {
        Self { scope: Some(scope), extra: &["run"], secrets: false }
    }

    /// Inside of an action's input.
    pub(super) fn input(scope: &'s Scope<'w>) -> Self {
        Self { secrets: true, ..Self::step(scope) }
    }

    /// In an answer that is given at once.
    pub(super) fn answer_at_once() -> Self {
        Self { scope: None, extra: &["run", "delivery"], secrets: false }
    }

    /// In an answer that waits for the run.
    pub(super) fn answer_later(scope: &'s Scope<'w>) -> Self {
        Self { scope: Some(scope), extra: &["run", "delivery", "output", "error"], secrets: false }
    }

    /// Before there is a run: in its lane, and in what decides whether it starts.
    pub(super) fn arrival() -> Self {
        Self { scope: None, extra: &[], secrets: false }
    }
}

impl<'w> Checker<'w> {
    /// Checks every text inside of a value.
    pub(super) fn value(&mut self, value: &Value, allowed: &Allowed<'_, 'w>) {
        match value {
            Value::String(text) => self.text(text, allowed),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.at_element(index, |this| this.value(item, allowed));
                }
            }
            Value::Object(members) => {
                for (key, member) in members {
                    self.at_member(key, |this| this.value(member, allowed));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Checks one text.
    pub(super) fn text(&mut self, text: &str, allowed: &Allowed<'_, 'w>) {
        match Template::compile(&Value::from(text)) {
            Ok(template) => {
                for name in template.names() {
                    self.name(&name, allowed);
                }
            }
            Err(error) => {
                let place = match (error.line, error.column) {
                    (0, _) => String::new(),
                    (line, column) => format!(" (line {line}, column {column} of the text)"),
                };
                self.at.problem("bad_expression", format!("{}{place}", error.message));
            }
        }
    }

    /// A condition, list or other value that must be computed: a plain text there was surely meant to be an expression.
    pub(super) fn computed(&mut self, key: &str, value: &Value, allowed: &Allowed<'_, 'w>) {
        self.at_member(key, |this| {
            if let Value::String(text) = value
                && this.constant_expression(text)
            {
                let message = format!("{} is a constant text: expressions stand in {{{{ }}}}", quoted(text));
                let suggestion = format!("{{{{ {} }}}}", text.trim());
                this.at.suggest("constant_condition", message, (text.len() < 200).then_some(suggestion.as_str()));
            }
            this.value(value, allowed);
        });
    }

    pub(super) fn constant_expression(&self, text: &str) -> bool {
        !text.contains("{{") && !text.contains("{%")
    }

    fn name(&mut self, name: &NameUse, allowed: &Allowed<'_, 'w>) {
        let Some(first) = name.path.first() else { return };
        let context = format!("in `{}`: ", name.text());
        let second = name.path.get(1).map(String::as_str);
        match (first.as_str(), second) {
            ("webhook", Some(member)) => self.webhook_member(member),
            ("webhook", None) => {}
            ("secrets", _) if !allowed.secrets => {
                let message = "secrets can only be used in the `with` of an action, so that they stay out of the journal";
                self.at.problem("secret_not_allowed", format!("{context}{message}"));
            }
            ("secrets", Some(secret)) => self.secret(secret),
            ("secrets", None) => {
                self.at.problem("secret_not_allowed", "name the secret: `secrets.NAME`; all of them at once are not available");
            }
            ("steps", Some(id)) if allowed.scope.is_some() => self.step_name(id, name, allowed),
            ("steps", None) if allowed.scope.is_some() => {}
            ("run", Some(member)) if allowed.extra.contains(&"run") && !RUN_MEMBERS.contains(&member) => {
                let message = format!("{context}`run` has no member {}", quoted(member));
                self.at.suggest("unknown_name", message, closest(member, RUN_MEMBERS.iter().copied()));
            }
            ("error", _) if allowed.scope.is_some_and(|scope| scope.error) => {}
            (known, _) if allowed.extra.contains(&known) => {}
            ("error", _) => {
                let message = "`error` exists only in `catch` and in the steps of `on_error`";
                self.at.problem("error_not_here", message);
            }
            (variable, _) => self.variable(variable, name, allowed),
        }
    }

    /// Undeclared members may well be in the body; but a near miss of a declared one is probably a slip.
    fn webhook_member(&mut self, member: &str) {
        let declared = || self.webhooks.iter().flat_map(|webhook| webhook.variables.keys().map(String::as_str));
        if WEBHOOK_MEMBERS.contains(&member) || OFFERED_MEMBERS.contains(&member) || declared().any(|name| name == member) {
            return;
        }
        if let Some(near) = closest(member, declared()) {
            let message = format!("`webhook.{member}` is not declared, but `{near}` is");
            let suggestion = format!("webhook.{near}");
            self.at.warn("undeclared_variable", message, Some(&suggestion));
        }
    }

    fn step_name(&mut self, id: &str, name: &NameUse, allowed: &Allowed<'_, 'w>) {
        let Some(scope) = allowed.scope else { return };
        match scope.steps.get(id) {
            Some(true) => self.output_member(id, name),
            Some(false) if name.guarded => {}
            Some(false) => {
                let message = format!("step `{id}` may not have run; give a `default` or ask `is defined`");
                self.at.warn("step_maybe_skipped", message, None);
            }
            None => {
                let context = format!("in `{}`: ", name.text());
                self.unknown_step(id, scope, &context);
            }
        }
    }

    /// A member that the action's output does not have, though one of nearly the same name.
    fn output_member(&mut self, id: &str, name: &NameUse) {
        let Some(member) = name.path.get(2) else { return };
        let Some(action) = self.actions.get(id).and_then(|action| self.catalog.action(action)) else { return };
        let Some(properties) = action.output_schema.get("properties").and_then(Value::as_object) else { return };
        // With `on_error: continue` the output can also be `{ error }`.
        if member == "error" || properties.contains_key(member) {
            return;
        }
        if let Some(near) = closest(member, properties.keys().map(String::as_str)) {
            let suggestion = format!("steps.{id}.{near}");
            self.at.warn("unknown_member", format!("the output of `{id}` has no `{member}`"), Some(&suggestion));
        }
    }

    fn variable(&mut self, variable: &str, name: &NameUse, allowed: &Allowed<'_, 'w>) {
        let none = Default::default();
        let variables = allowed.scope.map_or(&none, |scope| &scope.variables);
        match variables.get(variable) {
            Some(true) => {}
            _ if name.guarded => {}
            Some(false) => {
                let message = format!("the variable `{variable}` may not have been set; give a `default` or ask `is defined`");
                self.at.warn("variable_maybe_unset", message, None);
            }
            None => {
                let context = if name.path.len() > 1 { format!("in `{}`: ", name.text()) } else { String::new() };
                let declared = self.webhooks.iter().any(|webhook| webhook.variables.contains_key(variable));
                let steps = allowed.scope.map(|scope| &scope.steps);
                let suggestion = if declared {
                    Some(format!("webhook.{variable}"))
                } else if steps.is_some_and(|steps| steps.contains_key(variable)) {
                    Some(format!("steps.{variable}"))
                } else {
                    let always = ["webhook"].into_iter().chain(steps.map(|_| "steps")).chain(allowed.extra.iter().copied());
                    closest(variable, variables.keys().copied().chain(always)).map(str::to_owned)
                };
                let message = format!("{context}the name {} does not exist here", quoted(variable));
                self.at.suggest("unknown_name", message, suggestion.as_deref());
            }
        }
    }
}
