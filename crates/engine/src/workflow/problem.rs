//! What is wrong with a document: a list, so that everything can be put right in one go.

use std::fmt;

use serde::Serialize;

/// How much a [`Problem`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The document cannot be published.
    Error,
    /// It can, but probably does not do what was meant.
    Warning,
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where: `steps[2].with.url`. Empty for the document as a whole.
    pub path: String,
    /// What kind of problem, stable over versions: `unknown_key`.
    pub code: &'static str,
    /// What is wrong and what would be right, in a sentence.
    pub message: String,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    /// Whether it stands in the way.
    pub severity: Severity,
}

impl Problem {
    /// Something that keeps the document from being published.
    pub fn error(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.into(), code, message: message.into(), suggestion: None, severity: Severity::Error }
    }

    /// Something that is allowed but looks wrong.
    pub fn warning(path: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, code, message) }
    }

    /// The same problem with what was probably meant.
    #[must_use]
    pub fn suggest(self, suggestion: Option<impl Into<String>>) -> Self {
        Self { suggestion: suggestion.map(Into::into), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, " (did you mean `{suggestion}`?)"),
            None => Ok(()),
        }
    }
}

/// Names longer than this are not compared: nobody mistypes them, and comparing costs their product.
const COMPARED_CHARS_MAX: usize = 64;

/// The candidate that was probably meant by `name`, if one is close enough.
pub(crate) fn closest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if name.is_empty() || name.len() > COMPARED_CHARS_MAX {
        return None;
    }
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= COMPARED_CHARS_MAX)
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count().min(name.chars().count()) / 3).max(1))
        .filter(|(distance, candidate)| *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Shortens what somebody wrote so that it can be quoted in a message.
pub(crate) fn quoted(text: &str) -> String {
    const QUOTED_CHARS_MAX: usize = 60;
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// Names as a readable list: "`a`, `b` or `c`".
pub(crate) fn listed<'n>(names: impl IntoIterator<Item = &'n str>, last: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((end, [])) => end.clone(),
        Some((end, start)) => format!("{} {last} {end}", start.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["description", "triggers", "if", "for_each", "use"];
        for (name, expected) in [
            ("descripton", Some("description")),
            ("trigers", Some("triggers")),
            ("Steps", None),
            ("FOR_EACH", Some("for_each")),
            ("foreach", Some("for_each")),
            ("fi", Some("if")),
            ("usee", Some("use")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(closest(name, names), expected, "{name}");
        }
        assert_eq!(closest(&"x".repeat(100_000), names), None);
    }

    #[test]
    fn a_problem_reads_as_a_sentence() {
        let problem = Problem::error("steps[0].us", "unknown_key", "`us` is not known here").suggest(Some("use"));
        assert_eq!(problem.to_string(), "steps[0].us: `us` is not known here (did you mean `use`?)");
    }

    #[test]
    fn quoting_never_cuts_a_character() {
        assert_eq!(quoted(&"é".repeat(61)), format!("`{}…`", "é".repeat(60)));
        assert_eq!(listed(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
