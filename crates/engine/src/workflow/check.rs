//! Everything that is wrong with a text in one list: problems of shape, and of meaning in what could be read all the same.
//!
//! What has the wrong shape is left out of the document that is checked for meaning. So only such problems are told that
//! do not depend on what was left out: those of a step or an expression in itself, and names that nothing left out could
//! have made.

use super::read::shape;
use super::{Catalog, Problem, Severity, Workflow, validate};

/// Problems that a part of a document has in itself, whatever stands around it.
const OF_THE_PART: &[&str] = &[
    "bad_algorithm",
    "bad_duration",
    "bad_expression",
    "bad_header",
    "bad_id",
    "bad_jwks",
    "bad_name",
    "bad_origin",
    "bad_path",
    "bad_pem",
    "bad_schema",
    "bad_time",
    "bad_url",
    "bad_value",
    "constant_condition",
    "denied_header",
    "duplicate_id",
    "missing_field",
    "mistyped_field",
    "out_of_range",
    "private_key",
    "reserved_id",
    "reserved_name",
    "reserved_path",
    "secret_not_allowed",
    "too_long",
    "unknown_action",
    "unknown_field",
    "unknown_preset",
];
/// Problems that something left out could solve.
const OF_NAMES: &[&str] = &["unknown_name", "unknown_step"];
/// What stands under these keys makes no names, and nothing else is left out with it.
const NAMELESS: &[&str] = &[
    "backoff",
    "concurrency",
    "delay",
    "description",
    "level",
    "max",
    "max_delay",
    "name",
    "on",
    "on_unknown",
    "retry",
    "timeout",
    "title",
    "wait",
];

/// Reads and checks a text. The document, if it is one and can be published; and everything that was found, warnings too.
#[must_use]
pub fn check(text: &str, catalog: &dyn Catalog) -> (Option<Workflow>, Vec<Problem>) {
    let (workflow, mut problems) = shape(text);
    let Some(workflow) = workflow else { return (None, problems) };
    let meaning = validate(&workflow, catalog);
    if problems.is_empty() {
        let is_fine = meaning.iter().all(|problem| problem.severity == Severity::Warning);
        return (Some(workflow).filter(|_| is_fine), meaning);
    }
    let names_are_complete = problems.iter().all(makes_no_names);
    let told: Vec<Problem> = meaning
        .into_iter()
        .filter(|problem| OF_THE_PART.contains(&problem.code) || names_are_complete && OF_NAMES.contains(&problem.code))
        .filter(|problem| !problems.iter().any(|shape| is_within(&problem.path, &shape.path)))
        .collect();
    problems.extend(told);
    (None, problems)
}

/// Whether nothing that may have made names was left out because of a problem of shape.
fn makes_no_names(problem: &Problem) -> bool {
    let keys: Vec<&str> = problem.path.split('.').map(|key| key.split('[').next().unwrap_or_default()).collect();
    let is_nameless = |key: &str| NAMELESS.contains(&key);
    match problem.code {
        // A key that is not known is left out alone, unless it was meant to be one that makes names.
        "unknown_key" => problem.suggestion.as_deref().is_none_or(is_nameless),
        _ => keys.first() != Some(&"triggers") && keys.iter().any(|key| is_nameless(key)),
    }
}

/// Whether a path is that of a part, or of something inside of it. The document as a whole is no such part.
fn is_within(path: &str, part: &str) -> bool {
    !part.is_empty() && path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
