//! Which names exist where: a step sees what certainly, or possibly, happened before it.

use std::collections::BTreeMap;

use super::Checker;
use super::limits::ID_CHARS_MAX;
use crate::workflow::problem::{closest, quoted};

/// Names that mean something in every expression, so that nothing else can be called so.
pub(super) const RESERVED_NAMES: &[&str] = &[
    "webhook",
    "steps",
    "run",
    "secrets",
    "error",
    "loop",
    "self",
    "super",
    "varargs",
    "kwargs",
    "now",
    "uuid",
    "range",
    "dict",
    "namespace",
    "debug",
    "cycler",
    "joiner",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "null",
    "not",
    "and",
    "or",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "for",
    "with",
    "set",
    "filter",
];

/// What a block of steps can refer to. `true`: certainly there; `false`: perhaps.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'w> {
    pub(super) steps: BTreeMap<&'w str, bool>,
    pub(super) variables: BTreeMap<&'w str, bool>,
    /// Whether `error` holds a failure.
    pub(super) error: bool,
    /// Whether the end of the block cannot be reached, because it stops the run.
    pub(super) ended: bool,
}

impl<'w> Scope<'w> {
    pub(super) fn add_step(&mut self, id: &'w str) {
        self.steps.insert(id, true);
    }

    pub(super) fn set_variable(&mut self, name: &'w str, sure: bool) {
        let known = self.variables.entry(name).or_insert(sure);
        *known |= sure;
    }

    /// What holds after exactly one of several blocks ran. Each of them began as a copy of this scope.
    pub(super) fn after_one_of(&mut self, outcomes: Vec<Self>) {
        let reached: Vec<Self> = outcomes.into_iter().filter(|outcome| !outcome.ended).collect();
        if reached.is_empty() {
            self.ended = true;
            return;
        }
        let merge = |part: fn(&Self) -> &BTreeMap<&'w str, bool>| {
            let names = reached.iter().flat_map(|outcome| part(outcome).keys().copied());
            names
                .map(|name| (name, reached.iter().all(|outcome| part(outcome).get(name) == Some(&true))))
                .collect::<BTreeMap<_, _>>()
        };
        (self.steps, self.variables) = (merge(|scope| &scope.steps), merge(|scope| &scope.variables));
    }

    /// What holds after all of several blocks ran side by side.
    pub(super) fn after_all_of(&mut self, outcomes: Vec<Self>) {
        for outcome in outcomes {
            self.ended |= outcome.ended;
            for (name, sure) in outcome.variables {
                self.set_variable(name, sure);
            }
            self.steps.extend(outcome.steps.into_iter().filter(|(_, sure)| *sure));
        }
    }

    /// Takes over, as perhaps there, what a block may have done before it failed.
    pub(super) fn perhaps(&mut self, outcome: &Self) {
        for name in outcome.steps.keys() {
            self.steps.entry(name).or_insert(false);
        }
        for name in outcome.variables.keys() {
            self.variables.entry(name).or_insert(false);
        }
    }
}

/// Whether a text can be a name in an expression.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_') && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl<'w> Checker<'w> {
    /// A name for a run variable.
    pub(super) fn variable_name(&mut self, name: &str) {
        if !is_name(name) || name.len() > ID_CHARS_MAX {
            let message = format!(
                "{} is not a name: letters, digits and `_`, not starting with a digit, at most {ID_CHARS_MAX}",
                quoted(name)
            );
            self.at.problem("bad_name", message);
        } else if RESERVED_NAMES.contains(&name) {
            self.at.problem("reserved_name", format!("`{name}` means something else in expressions"));
        }
    }

    /// Why a step cannot be referred to here.
    pub(super) fn unknown_step(&mut self, id: &str, scope: &Scope<'w>, context: &str) {
        match self.steps.get(id) {
            Some(path) => {
                let message = format!(
                    "{context}step `{id}` (at {path}) has not run when this is evaluated: it comes later, or is inside \
                     another branch or loop"
                );
                self.at.problem("step_not_reached", message);
            }
            None => {
                let suggestion = closest(id, scope.steps.keys().copied()).map(|id| format!("steps.{id}"));
                let message = format!("{context}there is no step with the id {}", quoted(id));
                self.at.suggest("unknown_step", message, suggestion.as_deref());
            }
        }
    }
}
