//! Where a reading or a check of a document is, and what was found wrong so far.

use serde_json::Value;

use super::problem::{Problem, Severity};

/// More problems than this are counted, not told.
pub const PROBLEMS_MAX: usize = 500;

/// Where the reading is, and what was found wrong so far.
#[derive(Default)]
pub(super) struct Report {
    path: String,
    problems: Vec<Problem>,
    untold: usize,
}

/// A place to go back to.
#[must_use]
pub(super) struct Mark(usize);

impl Report {
    pub(super) fn problem(&mut self, code: &'static str, message: impl Into<String>) {
        self.suggest(code, message, None);
    }

    pub(super) fn suggest(&mut self, code: &'static str, message: impl Into<String>, suggestion: Option<&str>) {
        self.tell(Severity::Error, code, message.into(), suggestion);
    }

    pub(super) fn warn(&mut self, code: &'static str, message: impl Into<String>, suggestion: Option<&str>) {
        self.tell(Severity::Warning, code, message.into(), suggestion);
    }

    fn tell(&mut self, severity: Severity, code: &'static str, message: String, suggestion: Option<&str>) {
        if self.is_full() {
            self.untold += 1;
            return;
        }
        let suggestion = suggestion.map(str::to_owned);
        self.problems.push(Problem { path: self.path.clone(), code, message, suggestion, severity });
    }

    /// Whether more problems are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= PROBLEMS_MAX
    }

    /// The present place.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Goes to `.key`; the mark leads back.
    pub(super) fn enter_member(&mut self, key: &str) -> Mark {
        let mark = Mark(self.path.len());
        push_key(&mut self.path, key);
        mark
    }

    /// Goes to `[index]`.
    pub(super) fn enter_element(&mut self, index: usize) -> Mark {
        let mark = Mark(self.path.len());
        self.path.push_str(&format!("[{index}]"));
        mark
    }

    /// Goes to a place whose path is known to be well-formed: `auth.any`, `[2].webhook`.
    pub(super) fn enter_path(&mut self, path: &str) -> Mark {
        let mark = Mark(self.path.len());
        if !self.path.is_empty() && !path.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(path);
        mark
    }

    /// Goes back to where the mark was given.
    pub(super) fn leave(&mut self, mark: Mark) {
        self.path.truncate(mark.0);
    }

    /// Does something at `.key` of the present place.
    pub(super) fn member<T>(&mut self, key: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.enter_member(key);
        let value = act(self);
        self.leave(mark);
        value
    }

    /// Does something at `[index]` of the present place.
    pub(super) fn element<T>(&mut self, index: usize, act: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.enter_element(index);
        let value = act(self);
        self.leave(mark);
        value
    }

    pub(super) fn finish(mut self) -> Vec<Problem> {
        if self.untold > 0 {
            self.problems.push(Problem::error("", "too_many_problems", format!("and {} more problems", self.untold)));
        }
        self.problems
    }
}

/// Adds `.key` to a path, or `["key"]` when the key is not a plain name.
pub(crate) fn push_key(path: &mut String, key: &str) {
    const KEY_CHARS_MAX: usize = 80;
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let key: String = key.chars().take(KEY_CHARS_MAX).collect();
    if !plain {
        path.push_str(&format!("[{}]", Value::String(key)));
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(&key);
}
