//! One text in a JSON body, found without building the body: what nearly every delivery is asked for its id and event type.

use std::borrow::Cow;

use serde_json::Number;

use crate::place::{Step, Steps};

/// The string or number at a path, as [`crate::place::find`] and [`crate::place::scalar`] would find it in the built body: of a
/// member that is there twice the last counts. Whether the rest is JSON is not looked at: whoever reads the body finds out, and
/// until then nothing comes of what was found.
pub(crate) fn seek(body: &[u8], path: &str) -> Option<String> {
    let span = Scanner { body, at: 0 }.find(Steps(path.strip_prefix('$')?)).ok()??;
    match span.first()? {
        b'"' => serde_json::from_slice(span).ok(),
        b'-' | b'0'..=b'9' => serde_json::from_slice::<Number>(span).ok().map(|number| number.to_string()),
        _ => None,
    }
}

/// It is no JSON.
struct Malformed;

type Found<'b> = Result<Option<&'b [u8]>, Malformed>;

/// Goes through a body once.
struct Scanner<'b> {
    body: &'b [u8],
    at: usize,
}

impl<'b> Scanner<'b> {
    /// What stands at the end of the path, from the value that begins here; this is at the value's end afterwards.
    fn find(&mut self, mut path: Steps<'_>) -> Found<'b> {
        match (path.next().transpose().map_err(|()| Malformed)?, self.next()?) {
            (None, _) => {
                let start = self.at;
                self.skip_value()?;
                Ok(Some(&self.body[start..self.at]))
            }
            (Some(Step::Member(name)), b'{') => self.find_member(name, &path),
            (Some(Step::Element(index)), b'[') => self.find_element(index, false, &path),
            (Some(Step::Only), b'[') => self.find_element(0, true, &path),
            (Some(_), _) => self.skip_value().map(|()| None),
        }
    }

    fn find_member(&mut self, wanted: &str, path: &Steps<'_>) -> Found<'b> {
        let mut found = None;
        self.at += 1;
        if self.ends(b'}')? {
            return Ok(None);
        }
        loop {
            if self.next()? != b'"' {
                return Err(Malformed);
            }
            let start = self.at;
            self.skip_string()?;
            let is_wanted = is_name(&self.body[start..self.at], wanted);
            if self.next()? != b':' {
                return Err(Malformed);
            }
            self.at += 1;
            if is_wanted {
                found = self.find(path.clone())?;
            } else {
                self.next()?;
                self.skip_value()?;
            }
            if !self.goes_on(b'}')? {
                return Ok(found);
            }
        }
    }

    fn find_element(&mut self, wanted: usize, is_only: bool, path: &Steps<'_>) -> Found<'b> {
        let mut found = None;
        self.at += 1;
        if self.ends(b']')? {
            return Ok(None);
        }
        for index in 0.. {
            if index == wanted {
                found = self.find(path.clone())?;
            } else {
                self.next()?;
                self.skip_value()?;
            }
            if !self.goes_on(b']')? {
                return Ok(found.filter(|_| !is_only || index == 0));
            }
        }
        Ok(found)
    }

    /// The next byte that is no space; this is at it afterwards.
    fn next(&mut self) -> Result<u8, Malformed> {
        while let Some(byte) = self.body.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(*byte);
            }
            self.at += 1;
        }
        Err(Malformed)
    }

    /// Whether a container is empty; then this is behind it.
    fn ends(&mut self, end: u8) -> Result<bool, Malformed> {
        let ends = self.next()? == end;
        self.at += usize::from(ends);
        Ok(ends)
    }

    /// Whether another item follows; this is behind the comma or the end.
    fn goes_on(&mut self, end: u8) -> Result<bool, Malformed> {
        let byte = self.next()?;
        self.at += 1;
        if byte == b',' || byte == end { Ok(byte == b',') } else { Err(Malformed) }
    }

    /// Goes behind the value that begins here.
    fn skip_value(&mut self) -> Result<(), Malformed> {
        match self.body.get(self.at) {
            Some(b'"') => self.skip_string(),
            Some(b'{' | b'[') => self.skip_container(),
            Some(_) => {
                let rest = &self.body[self.at..];
                let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
                self.at += rest.iter().position(is_end).unwrap_or(rest.len());
                Ok(())
            }
            None => Err(Malformed),
        }
    }

    fn skip_container(&mut self) -> Result<(), Malformed> {
        let mut depth = 0_usize;
        while let Some(byte) = self.body.get(self.at) {
            match byte {
                b'"' => {
                    self.skip_string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
        Err(Malformed)
    }

    fn skip_string(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        while let Some(byte) = self.body.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        Err(Malformed)
    }
}

/// Whether a string, with its quotes, is this name.
fn is_name(quoted: &[u8], wanted: &str) -> bool {
    if !quoted.contains(&b'\\') {
        return quoted[1..quoted.len() - 1] == *wanted.as_bytes();
    }
    serde_json::from_slice::<Cow<'_, str>>(quoted).is_ok_and(|name| name == wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::place::{find, scalar};

    const PATHS: &[&str] =
        &["$.a", "$.b", "$.a.b", "$.a.a.b", "$[0]", "$[1].a", "$[*]", "$[*].a", "$.a[*].b", "$.a[2]", "$.a[0][*]", "$.é"];

    fn in_the_built(body: &[u8], path: &str) -> Option<String> {
        let body: Value = serde_json::from_slice(body).ok()?;
        find(&body, path).and_then(scalar).map(std::borrow::Cow::into_owned)
    }

    /// What is no JSON may have anything, but says nothing that is read as JSON.
    fn agrees(body: &[u8], path: &str) -> bool {
        let found = seek(body, path);
        serde_json::from_slice::<Value>(body).is_err() || found == in_the_built(body, path)
    }

    #[test]
    fn hostile_bodies_have_what_the_built_body_has() {
        let bodies: &[&[u8]] = &[
            br#"{"a":"x","a":{"b":1}}"#,
            br#"{"a":{"b":1},"a":{}}"#,
            br#"{"\u0061":"escaped"}"#,
            br#"{"a":"x"} "#,
            br#"{"a":"x"}, 1"#,
            br#"{"a":"x""#,
            br#"{"a":"x","b":}"#,
            b"{\"a\":\"\xff\"}",
            br#"{"a":"\ud800"}"#,
            br#"{"a":1e400}"#,
            br#"{"a":1.0,"b":-0}"#,
            br#"{"a":123456789012345678901234567890}"#,
            br#"{"a":null,"b":true}"#,
            br#"[1,{"a":2}]"#,
            br#"[{"a":2}]"#,
            br#"[]"#,
            b"",
            b"[",
            b"{",
            br#"{"a"#,
            br#"{"a\"#,
            br#"{"a":"#,
            br#"{"a":["#,
            br#"{"a":]}"#,
            br#" { "a" : [ { "b" : "x" } ] , "b" : "}" } "#,
            br#"{"x":"\"a\":1","a":"]"}"#,
        ];
        for body in bodies {
            for path in PATHS {
                assert!(agrees(body, path), "{} {path}", String::from_utf8_lossy(body));
            }
        }
        assert_eq!(seek(br#"{"a":"x","a":"y"}"#, "$.a").as_deref(), Some("y"), "the last counts");
        assert_eq!(seek(br#"{"a":1}"#, "a"), None, "no path");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let name = prop_oneof![Just("a"), Just("b"), Just("é")];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            ".{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_the_built_body_has_is_found(body in any_json()) {
            let text = body.to_string();
            for path in PATHS {
                prop_assert_eq!(seek(text.as_bytes(), path), in_the_built(text.as_bytes(), path), "{} {}", text, path);
            }
        }

        #[test]
        fn whatever_is_cut_out_or_put_in_nothing_panics(body in any_json(), at in 0..200_usize, byte in any::<u8>()) {
            let mut text = body.to_string().into_bytes();
            let at = at.min(text.len());
            if byte % 2 == 0 { text.truncate(at) } else { text.insert(at, byte) }
            for path in PATHS {
                prop_assert!(agrees(&text, path), "{} {}", String::from_utf8_lossy(&text), path);
            }
        }
    }
}
