//! What the trigger's JSON Schema says against a body.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::problems::Problems;
use crate::workflow::BodySchema;

/// Characters of what is told about one place.
const MESSAGE_CHARS_MAX: usize = 300;

/// Tells everything that the schema says against the body.
pub(super) fn check(schema: &BodySchema, body: &Value, problems: &mut Problems) {
    if problems.is_full() {
        return;
    }
    // One more than can be told, so that it is known whether there are more.
    let findings = match schema.check(&plain(body), problems.room() + 1) {
        Ok(findings) => findings,
        Err(flaw) => {
            // Publishing refuses such a schema; a body that nobody can check is not let in.
            return problems.tell("body", "bad_schema", format!("the hook's JSON Schema cannot be used: {}", flaw.message));
        }
    };
    for finding in findings {
        let what: String = finding.message.chars().take(MESSAGE_CHARS_MAX).collect();
        if finding.path.is_empty() {
            problems.tell("body", "schema", format!("the body does not match the schema: {what}"));
        } else {
            let message = format!("`{}` does not match the schema: {what}", finding.path);
            problems.tell(&finding.path, "schema", message);
        }
    }
}

/// A body as the plain data that schemas are about. Integers beyond 64 bits become floats, as JSON readers have them.
pub(crate) fn plain(value: &Value) -> serde_json::Value {
    match value.kind() {
        ValueKind::Bool => value.is_true().into(),
        ValueKind::Number => value
            .as_i64()
            .filter(|_| value.is_integer())
            .map(serde_json::Value::from)
            .or_else(|| u64::try_from(value.clone()).ok().filter(|_| value.is_integer()).map(Into::into))
            .or_else(|| f64::try_from(value.clone()).ok().map(Into::into))
            .unwrap_or_default(),
        ValueKind::String => value.as_str().into(),
        ValueKind::Seq | ValueKind::Iterable => value.try_iter().into_iter().flatten().map(|item| plain(&item)).collect(),
        ValueKind::Map => {
            let pairs = value.as_object().and_then(|object| object.try_iter_pairs());
            let members = pairs.into_iter().flatten();
            members.filter_map(|(name, member)| Some((name.as_str()?.to_owned(), plain(&member)))).collect()
        }
        _ => serde_json::Value::Null,
    }
}
