//! Strikes live secret values out of texts: as they are, and in the spellings in which they usually travel.

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What stands where a secret was.
const STARS: &str = "***";
/// Shorter values are not looked for: they would strike out ordinary words.
const VALUE_BYTES_MIN: usize = 4;

/// Finds all spellings of all values in one pass over a text.
pub(super) struct Redactor {
    finder: Option<AhoCorasick>,
}

impl Redactor {
    pub(super) fn new<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut patterns: Vec<String> = values.filter(|value| value.len() >= VALUE_BYTES_MIN).flat_map(spellings).collect();
        patterns.sort_unstable();
        patterns.dedup();
        if patterns.is_empty() {
            return Self { finder: None };
        }
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns)
            .expect("the number and the length of secrets are bounded");
        Self { finder: Some(finder) }
    }

    /// Every text inside the value, names of members included.
    pub(super) fn redact(&self, value: &mut Value) {
        if self.finder.is_none() {
            return;
        }
        match value {
            Value::String(text) => self.redact_text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact(item)),
            Value::Object(members) => {
                if members.keys().any(|name| self.finds(name)) {
                    *members = std::mem::take(members)
                        .into_iter()
                        .map(|(mut name, member)| {
                            self.redact_text(&mut name);
                            (name, member)
                        })
                        .collect();
                }
                members.values_mut().for_each(|member| self.redact(member));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    pub(super) fn redact_text(&self, text: &mut String) {
        if let Some(finder) = &self.finder
            && finder.is_match(text.as_str())
        {
            let mut redacted = String::with_capacity(text.len());
            finder.replace_all_with(text, &mut redacted, |_, _, out| {
                out.push_str(STARS);
                true
            });
            *text = redacted;
        }
    }

    fn finds(&self, text: &str) -> bool {
        self.finder.as_ref().is_some_and(|finder| finder.is_match(text))
    }
}

fn spellings(value: &str) -> Vec<String> {
    let mut all = vec![
        value.to_owned(),
        STANDARD.encode(value),
        STANDARD_NO_PAD.encode(value),
        URL_SAFE.encode(value),
        URL_SAFE_NO_PAD.encode(value),
        utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
    ];
    all.extend(url::form_urlencoded::byte_serialize(value.as_bytes()).map(str::to_owned).reduce(|all, part| all + &part));
    let escaped = Value::from(value).to_string();
    all.push(escaped[1..escaped.len() - 1].to_owned());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_spelling_is_struck_out_wherever_it_stands() {
        let secret = "p@ss word/ä\"1";
        let redactor = Redactor::new([secret, "longer than p@ss word/ä\"1"].into_iter());
        for spelling in spellings(secret) {
            let mut value = json!({ "a": [format!("Bearer {spelling}."), 1, null], (spelling.as_str()): { "b": spelling } });
            redactor.redact(&mut value);
            assert_eq!(value, json!({ "a": ["Bearer ***.", 1, null], "***": { "b": "***" } }), "{spelling}");
        }
        let mut text = "longer than p@ss word/ä\"1".to_owned();
        redactor.redact_text(&mut text);
        assert_eq!(text, STARS, "the longest secret wins");
    }

    #[test]
    fn without_secrets_and_with_tiny_ones_nothing_changes() {
        for values in [vec![], vec!["", "abc"]] {
            let mut value = json!({ "abc": "abc" });
            Redactor::new(values.into_iter()).redact(&mut value);
            assert_eq!(value, json!({ "abc": "abc" }));
        }
    }
}
