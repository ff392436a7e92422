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
        if self.problems.len() >= PROBLEMS_MAX {
            self.untold += 1;
            return;
        }
        let suggestion = suggestion.map(str::to_owned);
        self.problems.push(Problem { path: self.path.clone(), code, message, suggestion, severity });
    }

    /// The present place.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Reads something at `.key` of the present place.
    pub(super) fn member<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        push_key(&mut self.path, key);
        let value = read(self);
        self.path.truncate(length);
        value
    }

    /// Reads something at `[index]` of the present place.
    pub(super) fn element<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        let value = read(self);
        self.path.truncate(length);
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
pub(super) fn push_key(path: &mut String, key: &str) {
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
