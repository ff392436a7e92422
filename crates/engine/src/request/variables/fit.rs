//! What a value becomes: a text is converted to the declared type, any other value must have it; elements and members
//! are treated the same way.

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Serde, ValueKind};

use super::problems::Problems;
use crate::request::body::{Container, member};
use crate::request::json;
use crate::workflow::{Variable, VariableType, push_key};

/// A value where it is, as it is declared.
pub(super) enum Fitted {
    Value(Value),
    /// It was sent, as null.
    Null,
    /// It was not sent.
    Absent,
}

/// The fitting of one variable and of what is inside of it. `None` as a result always means that a problem was told.
pub(super) struct Fitting<'p> {
    /// Where it is: `order.items[2].sku`.
    path: String,
    problems: &'p mut Problems,
}

impl<'p> Fitting<'p> {
    pub(super) fn of(name: &str, problems: &'p mut Problems) -> Self {
        Self { path: name.to_owned(), problems }
    }

    /// A variable that the request does not have. `place` says where it could be.
    pub(super) fn absent(&mut self, variable: &Variable, place: impl FnOnce() -> String) -> Option<Fitted> {
        if let Some(default) = &variable.default {
            return Some(Fitted::Value(Value::from(Serde(default))));
        }
        if !variable.required {
            return Some(Fitted::Absent);
        }
        let message = format!("`{}` is missing: expected {} {}", self.path, article(variable.kind), place());
        let message = message.trim_end().to_owned();
        self.problems.tell(&self.path, "missing", message);
        None
    }

    /// A value that has a type of its own.
    pub(super) fn typed(&mut self, variable: &Variable, value: Value, place: impl FnOnce() -> String) -> Option<Fitted> {
        if value.is_none() {
            return self.absent(variable, place).map(|fitted| match fitted {
                Fitted::Absent => Fitted::Null,
                fitted => fitted,
            });
        }
        let value = self.checked(variable.kind, value)?;
        self.inside(variable, value, false).map(Fitted::Value)
    }

    /// A text that stands for something, or several, or nested ones, from a form. An empty text is a string, and
    /// nothing else.
    pub(super) fn spelled(&mut self, variable: &Variable, value: Value, place: impl FnOnce() -> String) -> Option<Fitted> {
        let Some(text) = value.as_str() else {
            // `a[b]=1` is an object and `a=1&a=2` an array already.
            let value = self.checked(variable.kind, value)?;
            return self.inside(variable, value, true).map(Fitted::Value);
        };
        let trimmed = text.trim();
        if variable.kind != VariableType::String && trimmed.is_empty() {
            return self.absent(variable, place);
        }
        let is_json = matches!(variable.kind, VariableType::Object | VariableType::Array);
        // A field that can be repeated was sent once.
        let was_repeatable = variable.kind == VariableType::Array && !trimmed.starts_with('[');
        let converted = match variable.kind {
            VariableType::String => Some(value.clone()),
            VariableType::Number => number(trimmed),
            VariableType::Boolean => boolean(trimmed),
            VariableType::Array if was_repeatable => Some(Value::from(vec![value.clone()])),
            VariableType::Array => json::value(trimmed).ok(),
            VariableType::Object => json::value(trimmed).ok().filter(|value| value.kind() == ValueKind::Map),
        };
        let Some(converted) = converted else {
            let form = if is_json { " as JSON text" } else { "" };
            self.mistyped(format!("must be {}{form}; found another text", article(variable.kind)));
            return None;
        };
        self.inside(variable, converted, was_repeatable).map(Fitted::Value)
    }

    /// Whether a container that nobody has looked into is what is declared.
    pub(super) fn fits(&mut self, kind: VariableType, container: Container) -> bool {
        let (fits, found) = match container {
            Container::Array => (kind == VariableType::Array, "an array"),
            Container::Object => (kind == VariableType::Object, "an object"),
        };
        if !fits {
            self.unfit(kind, found);
        }
        fits
    }

    fn checked(&mut self, kind: VariableType, value: Value) -> Option<Value> {
        let right = match kind {
            VariableType::String => value.kind() == ValueKind::String,
            VariableType::Number => value.is_number(),
            VariableType::Boolean => value.kind() == ValueKind::Bool,
            VariableType::Object => value.kind() == ValueKind::Map,
            VariableType::Array => value.kind() == ValueKind::Seq,
        };
        if !right {
            self.unfit(kind, found(&value));
        }
        right.then_some(value)
    }

    /// Elements and members of a value of the right type.
    fn inside(&mut self, variable: &Variable, value: Value, spelled: bool) -> Option<Value> {
        match (&variable.items, variable.kind) {
            (Some(items), VariableType::Array) => self.elements(items, &value, spelled),
            (_, VariableType::Object) if !variable.fields.is_empty() => self.members(variable, &value, spelled),
            _ => Some(value),
        }
    }

    fn elements(&mut self, items: &Variable, list: &Value, spelled: bool) -> Option<Value> {
        let mut fitted = Vec::with_capacity(list.len().unwrap_or_default());
        let mut all_fit = true;
        let end = self.path.len();
        for (index, element) in list.try_iter().ok()?.enumerate() {
            self.path.push_str(&format!("[{index}]"));
            let element = self.nested(items, Some(element), spelled);
            self.path.truncate(end);
            match element {
                Some(Fitted::Value(value)) if all_fit => fitted.push(value),
                Some(Fitted::Null | Fitted::Absent) if all_fit => fitted.push(Value::from(())),
                Some(_) => {}
                None => {
                    (all_fit, fitted) = (false, Vec::new());
                    if self.problems.overflowed() {
                        break;
                    }
                }
            }
        }
        all_fit.then(|| Value::from(fitted))
    }

    fn members(&mut self, variable: &Variable, object: &Value, spelled: bool) -> Option<Value> {
        let mut members: IndexMap<Value, Value> = object.as_object()?.try_iter_pairs()?.collect();
        let mut all_fit = true;
        let end = self.path.len();
        for (name, field) in &variable.fields {
            push_key(&mut self.path, name);
            let fitted = self.nested(field, member(object, name), spelled);
            self.path.truncate(end);
            match fitted {
                Some(Fitted::Value(value)) => {
                    members.insert(Value::from(name), value);
                }
                Some(Fitted::Null) => {}
                // An empty text of a form that stands for nothing else.
                Some(Fitted::Absent) => {
                    members.shift_remove(&Value::from(name));
                }
                None => all_fit = false,
            }
        }
        all_fit.then(|| Value::from_object(members))
    }

    fn nested(&mut self, variable: &Variable, value: Option<Value>, spelled: bool) -> Option<Fitted> {
        let place = String::new;
        match value {
            None => self.absent(variable, place),
            Some(value) if spelled => self.spelled(variable, value, place),
            Some(value) => self.typed(variable, value, place),
        }
    }

    fn unfit(&mut self, kind: VariableType, found: &str) {
        self.mistyped(format!("must be {}; found {found}", article(kind)));
    }

    fn mistyped(&mut self, what: String) {
        let message = format!("`{}` {what}", self.path);
        self.problems.tell(&self.path, "mistyped", message);
    }
}

fn number(text: &str) -> Option<Value> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(Value::from(number));
    }
    if let Ok(number) = text.parse::<i128>() {
        return Some(Value::from(number));
    }
    // Not what only programmers write: `inf`, `NaN`, `infinity`.
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let number = text.parse::<f64>().ok().filter(|number| plain && number.is_finite());
    number.map(Value::from)
}

fn boolean(text: &str) -> Option<Value> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(["true", "1", "yes", "on"]) {
        return Some(Value::from(true));
    }
    is(["false", "0", "no", "off"]).then(|| Value::from(false))
}

fn article(kind: VariableType) -> &'static str {
    match kind {
        VariableType::String => "a string",
        VariableType::Number => "a number",
        VariableType::Boolean => "a boolean",
        VariableType::Object => "an object",
        VariableType::Array => "an array",
    }
}

fn found(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a string",
        ValueKind::Seq | ValueKind::Iterable => "an array",
        ValueKind::Map => "an object",
        _ => "something else",
    }
}
