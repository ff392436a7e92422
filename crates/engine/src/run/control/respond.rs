//! `respond`: the answer to the waiting caller, at most once.

use super::super::RunState;
use super::super::fiber::Occurrence;
use super::super::machine::Turn;
use super::super::{Answer, Change, Failure, code};
use super::eval;
use crate::expression::{Template, Value, to_json};

/// The most headers of an answer.
const HEADERS_MAX: usize = 100;

impl RunState {
    pub(super) fn respond(&mut self, step: &Occurrence, template: &Template, turn: &mut Turn) -> Result<Value, Failure> {
        if self.answer.is_some() {
            return Err(Failure::new(code::ALREADY_RESPONDED, "the caller has been answered by an earlier `respond` step"));
        }
        let said = eval(template, &self.step_scope(step, turn))?;
        let answer = answer(&said)?;
        self.answer = Some(answer.clone());
        turn.changes.push(Change::Respond(answer));
        Ok(said)
    }
}

fn answer(said: &Value) -> Result<Answer, Failure> {
    let bad = |message: String| Failure::new(code::BAD_ANSWER, message);
    let part = |name: &str| said.get_attr(name).ok().filter(|value| !value.is_undefined() && !value.is_none());
    let status = match part("status") {
        None => 200,
        Some(status) => {
            let number = status.as_i64().or_else(|| status.as_str().and_then(|text| text.trim().parse().ok()));
            number
                .and_then(|number| u16::try_from(number).ok())
                .filter(|number| (200..=599).contains(number))
                .ok_or_else(|| bad(format!("`{status}` is not a status from 200 to 599")))?
        }
    };
    let mut headers = Vec::new();
    if let Some(written) = part("headers") {
        let names = written.try_iter().map_err(|_| bad("`headers` is not an object".to_owned()))?;
        for name in names.take(HEADERS_MAX + 1) {
            let value = written.get_item(&name).unwrap_or_default();
            headers.push(header(&name, &value)?);
        }
    }
    if headers.len() > HEADERS_MAX {
        return Err(bad(format!("an answer has at most {HEADERS_MAX} headers")));
    }
    let body = part("body").map_or(serde_json::Value::Null, |body| to_json(&body));
    Ok(Answer { status, headers, body })
}

fn header(name: &Value, value: &Value) -> Result<(String, String), Failure> {
    let bad = |what: &str| Failure::new(code::BAD_ANSWER, format!("`{name}` cannot be a header: {what}"));
    let text = name.as_str().unwrap_or_default();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if text.is_empty() || !text.chars().all(is_token) {
        return Err(bad("the name holds something else than letters, digits and hyphens"));
    }
    let value = value.as_str().map_or_else(|| to_json(value).to_string(), str::to_owned);
    if value.chars().any(char::is_control) {
        return Err(bad("the value holds a line break or another control character"));
    }
    Ok((text.to_owned(), value))
}
