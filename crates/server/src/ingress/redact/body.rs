//! Takes credentials out of bodies: what a handshake hands over, and AppKey and Sign where they are looked for.
//!
//! Bodies that start something are never touched: their runs, and whoever runs them again, get them byte for byte. Of all
//! others only the values of credentials are replaced, so that one that is accepted after all says what else it said.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use hookmill_engine::request::multipart_fields;
use hookmill_engine::workflow::{Auth, Credential, WebhookTrigger};
use percent_encoding::percent_decode;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Deserializer;

use super::super::credentials::{APP_KEY_NAMES, SIGN_NAMES};
use super::super::hook::preset_credential;
use super::super::proof::secret_member;
use super::super::reading;
use super::REDACTED;

/// What is taken out of the bodies of one hook's requests.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ingress) struct InBodies {
    /// The member of a JSON object in which a handshake hands over a secret.
    handed_over: Option<&'static str>,
    /// Whether AppKey and Sign may stand there.
    app_key: bool,
}

impl InBodies {
    /// What the callers of a trigger may put there.
    pub(super) fn of(trigger: &WebhookTrigger) -> Self {
        Self { handed_over: secret_member(trigger), ..Self::credentials_of(trigger) }
    }

    /// The same without what handshakes hand over.
    pub(in crate::ingress) fn credentials_of(trigger: &WebhookTrigger) -> Self {
        let declared = trigger.auth.iter().flat_map(Auth::credentials);
        Self { handed_over: None, app_key: declared.chain(&preset_credential(trigger)).any(is_app_key) }
    }

    /// Where the trigger is not known.
    pub(super) fn of_unknown() -> Self {
        Self { handed_over: None, app_key: true }
    }

    /// Whether no credential can be there.
    pub(in crate::ingress) fn are_none(self) -> bool {
        self.handed_over.is_none() && !self.app_key
    }

    /// A body without its credentials; none if it has none.
    pub(in crate::ingress) fn taken_out_of(self, content_type: &str, body: &[u8]) -> Option<Bytes> {
        if self.are_none() {
            return None;
        }
        reading::beside(body.len(), || {
            let (places, stars) = self.places(content_type, body);
            if places.is_empty() {
                return None;
            }
            let mut kept = Vec::with_capacity(body.len());
            let mut end = 0;
            for place in places {
                kept.extend_from_slice(&body[end..place.start]);
                kept.extend_from_slice(stars.as_bytes());
                end = place.end;
            }
            kept.extend_from_slice(&body[end..]);
            Some(kept.into())
        })
    }

    /// Where the values of credentials stand, in their order, and what is put there.
    fn places(self, content_type: &str, body: &[u8]) -> (Vec<Range<usize>>, Cow<'static, str>) {
        let fields = if self.app_key { multipart_fields(content_type, body) } else { Vec::new() };
        if !fields.is_empty() {
            return (self.hidden(fields), Cow::Borrowed(REDACTED));
        }
        match Members::of(body) {
            Some(members) => (self.hidden(members), Cow::Owned(format!("\"{REDACTED}\""))),
            None if self.app_key => (self.hidden(form_fields(body)), Cow::Borrowed(REDACTED)),
            None => (Vec::new(), Cow::Borrowed(REDACTED)),
        }
    }

    fn hidden<N: AsRef<str>>(self, named: impl IntoIterator<Item = (N, Range<usize>)>) -> Vec<Range<usize>> {
        named.into_iter().filter(|(name, _)| self.hides(name.as_ref())).map(|(_, place)| place).collect()
    }

    fn hides(self, name: &str) -> bool {
        let is_app_key = || APP_KEY_NAMES.iter().chain(&SIGN_NAMES).any(|known| name.eq_ignore_ascii_case(known));
        self.handed_over == Some(name) || (self.app_key && is_app_key())
    }
}

fn is_app_key(credential: &Credential) -> bool {
    match credential {
        Credential::AppKey(_) => true,
        Credential::Any(inner) | Credential::All(inner) => inner.iter().any(is_app_key),
        Credential::SharedKey(_)
        | Credential::Bearer(_)
        | Credential::ApiKey(_)
        | Credential::Header { .. }
        | Credential::Basic { .. }
        | Credential::Signature(_)
        | Credential::Jwt(_) => false,
    }
}

/// The members of a JSON object and where their values stand, up to where it can be read.
struct Members<'b> {
    body: &'b [u8],
    at: usize,
}

impl<'b> Members<'b> {
    /// None: the body is no object.
    fn of(body: &'b [u8]) -> Option<Self> {
        let mut members = Self { body, at: 0 };
        members.sign(b'{').then_some(members)
    }

    /// Whether this comes next; then it is passed.
    fn sign(&mut self, sign: u8) -> bool {
        self.pass_space();
        let is_next = self.body.get(self.at) == Some(&sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn pass_space(&mut self) {
        let rest = &self.body[self.at..];
        self.at += rest.len() - rest.trim_ascii_start().len();
    }

    /// Passes the value that comes next.
    fn value<T: DeserializeOwned>(&mut self) -> Option<(T, Range<usize>)> {
        self.pass_space();
        let start = self.at;
        let mut values = Deserializer::from_slice(&self.body[start..]).into_iter::<T>();
        let value = values.next()?.ok()?;
        self.at += values.byte_offset();
        Some((value, start..self.at))
    }
}

impl Iterator for Members<'_> {
    type Item = (String, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, _) = self.value()?;
        if !self.sign(b':') {
            return None;
        }
        let (IgnoredAny, place) = self.value()?;
        if !self.sign(b',') {
            self.at = self.body.len();
        }
        Some((name, place))
    }
}

/// The fields of a form and where their values stand.
fn form_fields(body: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Range<usize>)> {
    let mut next = 0;
    body.split(|byte| *byte == b'&').filter_map(move |pair| {
        let start = next;
        next += pair.len() + 1;
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        Some((percent_decode(&pair[..equals]).decode_utf8_lossy(), start + equals + 1..start + pair.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    const MULTIPART: &str = "multipart/form-data; boundary=x";
    const APP_KEY: InBodies = InBodies { handed_over: None, app_key: true };

    fn kept(bodies: InBodies, content_type: &str, body: &str) -> String {
        let kept = bodies.taken_out_of(content_type, body.as_bytes());
        kept.map_or_else(|| body.to_owned(), |kept| String::from_utf8(kept.to_vec()).unwrap())
    }

    #[test]
    fn app_key_and_sign_become_stars_in_json_and_every_other_byte_stays() {
        for (body, expected) in [
            (
                r#" { "appKey" : "k1", "n" : 1.10, "big":12345678901234567890123, "Sign":"s1","a":{"sign":"mine"} } "#,
                r#" { "appKey" : "***", "n" : 1.10, "big":12345678901234567890123, "Sign":"***","a":{"sign":"mine"} } "#,
            ),
            (
                r#"{"HAP-Appkey":"k1","hap-sign":["s1"],"s\u0069gn":7}"#,
                r#"{"HAP-Appkey":"***","hap-sign":"***","s\u0069gn":"***"}"#,
            ),
            (r#"{"sign":"s1","sign":"s\"1"}"#, r#"{"sign":"***","sign":"***"}"#),
            (r#"{"sign":"s1","url":"/?a=1&sign=s2""#, r#"{"sign":"***","url":"/?a=1&sign=s2""#),
            (r#"{"sign":-0.5e3"#, r#"{"sign":"***""#),
            (r#"{"a":1 "sign":"s1"}"#, r#"{"a":1 "sign":"s1"}"#),
            (r#"{"design":"s1","signs":"s1"}"#, r#"{"design":"s1","signs":"s1"}"#),
            ("{}", "{}"),
            ("{", "{"),
            ("", ""),
            (r#"[{"sign":"s1"}]"#, r#"[{"sign":"s1"}]"#),
        ] {
            assert_eq!(kept(APP_KEY, JSON, body), expected);
            assert_eq!(kept(APP_KEY, JSON, expected), expected, "twice is once");
            assert_eq!(kept(InBodies::default(), JSON, body), body, "of a hook that asks for nothing");
        }
    }

    #[test]
    fn app_key_and_sign_become_stars_in_forms_and_every_other_byte_stays() {
        for (body, expected) in [
            ("a=%20&appKey=k1&sign=s1", "a=%20&appKey=***&sign=***"),
            ("HAP-Appkey=k=1&&sign&%73ign=&b=+", "HAP-Appkey=***&&sign&%73ign=***&b=+"),
            ("design=s1", "design=s1"),
        ] {
            assert_eq!(kept(APP_KEY, FORM, body), expected);
            assert_eq!(kept(APP_KEY, "", body), expected, "they are looked for whatever the content type says");
            assert_eq!(kept(APP_KEY, FORM, expected), expected, "twice is once");
        }
        let latin = APP_KEY.taken_out_of(FORM, b"name=M\xfcller&sign=s1");
        assert_eq!(latin.as_deref(), Some(&b"name=M\xfcller&sign=***"[..]));
    }

    #[test]
    fn app_key_and_sign_become_stars_in_multipart_forms_and_every_other_byte_stays() {
        let part = |about: &str, content: &str| format!("--x\r\nContent-Disposition: form-data; {about}\r\n\r\n{content}\r\n");
        let form = |key: &str, sign: &str| {
            let file = part("name=\"sign\"; filename=\"sign.png\"", "\0mine");
            [part("name=\"appKey\"", key), file, part("name=\"SIGN\"", sign), "--x--\r\n".to_owned()].concat()
        };
        assert_eq!(kept(APP_KEY, MULTIPART, &form("k1", "s\r\n1")), form("***", "***"));
        let cut = form("k1", "s1").replace("--x--\r\n", "");
        assert_eq!(kept(APP_KEY, MULTIPART, &cut), cut.replace("k1", "***"), "as far as it can be read");
    }

    #[test]
    fn the_secret_of_a_handshake_stands_in_json_alone() {
        let notion = InBodies { handed_over: Some("verification_token"), app_key: false };
        assert_eq!(kept(notion, JSON, r#"{"verification_token": "s"}"#), r#"{"verification_token": "***"}"#);
        for other in ["verification_token=s&sign=s", r#"{"sign":"s","VERIFICATION_TOKEN":"s"}"#] {
            assert_eq!(kept(notion, FORM, other), other);
        }
    }
}
