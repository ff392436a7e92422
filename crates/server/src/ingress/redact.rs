//! Takes credentials out of what is stored, shown and given to workflows: headers by their names, the query by its keys, and
//! bodies that start nothing by their members and fields.
//!
//! Some names mean a credential at every hook; others, such as `key`, only where the hook asks for one there.

mod body;

use std::borrow::Cow;

use bytes::Bytes;
use hookmill_engine::request::Headers;
use hookmill_engine::workflow::{Auth, Credential, Place as SignaturePlace, SecretNames, WebhookTrigger};
use http::HeaderMap;
use http::header::HeaderValue;

pub(super) use self::body::InBodies;
use super::credentials::{APP_KEY_NAMES, SIGN_NAMES};
use super::product::Product;

/// What stands where a credential was.
pub const REDACTED: &str = "***";

/// Headers that hold credentials by their whole name.
const HEADERS: [&str; 6] = ["authorization", "proxy-authorization", "cookie", "set-cookie", "x-appkey", "hap-sign"];
/// Parts of the names of other headers that hold credentials.
const HEADER_PARTS: [&str; 7] = ["token", "secret", "signature", "api-key", "apikey", "password", "auth-key"];
/// Headers that nearly every request has; they need no further look.
const HARMLESS: [&str; 9] = [
    "host",
    "accept",
    "user-agent",
    "content-type",
    "content-length",
    "accept-encoding",
    "connection",
    "x-forwarded-for",
    "x-request-id",
];
/// Headers that hold nothing but the form of a message; with those above, all that is kept when nothing is known of a hook.
const FRAMING: [&str; 8] =
    ["content-encoding", "transfer-encoding", "date", "accept-language", "cache-control", "origin", "traceparent", "ce-type"];
/// Query parameters that hold credentials at every hook: tokens of OAuth (RFC 6750) and of subscriptions (WebSub, Meta).
const QUERY_KEYS: [&str; 2] = ["access_token", "hub.verify_token"];
/// The query parameter of a shared key.
const SHARED_KEY: &str = "key";

/// What is taken out of the requests of one hook, beside what is a credential everywhere.
#[derive(Debug, Default)]
pub(super) struct Redaction {
    /// Lower-case names of headers.
    headers: Vec<Box<str>>,
    /// Names of query parameters, matched without case.
    query: Vec<Box<str>>,
    bodies: InBodies,
    /// Whether every header goes that is not known to be harmless.
    strict: bool,
}

impl Redaction {
    /// Of what a trigger declares as credentials, whether or not this version can check them.
    pub(super) fn of(trigger: &WebhookTrigger, product: Option<Product>) -> Self {
        let mut redaction = Self { bodies: InBodies::of(trigger), ..Self::default() };
        for credential in trigger.auth.iter().flat_map(Auth::credentials) {
            redaction.add(credential);
        }
        if let Some(credential) = product.and_then(|product| product.credential(SecretNames::default())) {
            redaction.add(&credential);
        }
        match trigger.signature.as_ref().map(|signature| &signature.place) {
            Some(SignaturePlace::Header(name)) => redaction.headers.push(name.to_ascii_lowercase().into()),
            Some(SignaturePlace::Query(name)) => redaction.query.push(name.as_str().into()),
            Some(SignaturePlace::Body(_)) | None => {}
        }
        redaction
    }

    /// Where the trigger is not known.
    pub(super) fn of_unknown() -> Self {
        let mut redaction = Self { bodies: InBodies::of_unknown(), strict: true, ..Self::default() };
        redaction.add(&Credential::SharedKey(SecretNames::default()));
        redaction.add(&Credential::AppKey(SecretNames::default()));
        redaction
    }

    fn add(&mut self, credential: &Credential) {
        match credential {
            Credential::SharedKey(_) => self.query.push(SHARED_KEY.into()),
            Credential::Header { name, .. } => self.headers.push(name.to_ascii_lowercase().into()),
            Credential::AppKey(_) => {
                let names = || APP_KEY_NAMES.iter().chain(&SIGN_NAMES).map(|name| (*name).into());
                self.headers.extend(names());
                self.query.extend(names());
            }
            Credential::Jwt(jwt) => self.headers.extend(jwt.header.iter().map(|name| name.to_ascii_lowercase().into())),
            Credential::Any(inner) | Credential::All(inner) => inner.iter().for_each(|credential| self.add(credential)),
            // They stand in `Authorization`, which is never kept, or are over the body.
            Credential::Bearer(_) | Credential::ApiKey(_) | Credential::Basic { .. } | Credential::Signature(_) => {}
        }
    }

    /// The headers in the order sent, values in the clear only where they are no credentials.
    pub(super) fn headers(&self, headers: &HeaderMap) -> Headers {
        let shown = |name, value| if self.hides(name) { Cow::Borrowed(REDACTED) } else { text(value) };
        headers.iter().map(|(name, value)| (name.as_str(), shown(name.as_str(), value))).collect()
    }

    fn hides(&self, name: &str) -> bool {
        if self.headers.iter().any(|declared| **declared == *name) {
            return true;
        }
        if HARMLESS.contains(&name) {
            return false;
        }
        if self.strict {
            return !FRAMING.contains(&name);
        }
        HEADERS.contains(&name) || (0..name.len()).any(|at| has_part(&name.as_bytes()[at..]))
    }

    /// The query with the values of credentials replaced. Everything else stays byte for byte.
    pub(super) fn query<'q>(&self, query: &'q str) -> Cow<'q, str> {
        if !query.split('&').any(|pair| self.hides_parameter(pair)) {
            return Cow::Borrowed(query);
        }
        let mut kept = String::with_capacity(query.len());
        for (position, pair) in query.split('&').enumerate() {
            if position > 0 {
                kept.push('&');
            }
            match pair.split_once('=') {
                Some((name, _)) if self.hides_parameter(pair) => {
                    kept.push_str(name);
                    kept.push('=');
                    kept.push_str(REDACTED);
                }
                _ => kept.push_str(pair),
            }
        }
        Cow::Owned(kept)
    }

    /// A body that starts nothing, without its credentials. Everything else stays byte for byte. `headers`: of the same request.
    pub(super) fn body(&self, headers: &Headers, body: Bytes) -> Bytes {
        if self.bodies.are_none() {
            return body;
        }
        let content_type = headers.get("content-type").unwrap_or_default();
        self.bodies.taken_out_of(content_type, &body).unwrap_or(body)
    }

    fn hides_parameter(&self, pair: &str) -> bool {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        let hidden = |name: &str| {
            let declared = self.query.iter().map(AsRef::as_ref);
            QUERY_KEYS.into_iter().chain(declared).any(|key| name.eq_ignore_ascii_case(key))
        };
        if name.contains(['%', '+']) {
            let spaced = name.replace('+', " ");
            hidden(&percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy())
        } else {
            hidden(name)
        }
    }
}

/// Whether one of [`HEADER_PARTS`] stands here. For seven texts as short as these a search each would cost more.
fn has_part(name: &[u8]) -> bool {
    HEADER_PARTS.iter().any(|part| part.as_bytes()[0] == name[0] && name.starts_with(part.as_bytes()))
}

/// A header's value as text. Bytes that are no UTF-8 are read as Latin-1, as HTTP once said: nothing is lost.
pub(super) fn text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().map(|byte| char::from(*byte)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use hookmill_engine::workflow::{self, Trigger};

    use super::*;

    #[test]
    fn credentials_in_headers_become_stars_and_the_order_stays() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("host", "x"),
            ("authorization", "Bearer s3cret"),
            ("x-gitlab-token", "s3cret"),
            ("x-shop", "s3cret"),
            ("x-hub-signature-256", "sha256=aa"),
            ("cookie", "a=b"),
            ("accept", "a"),
        ] {
            map.append(name, HeaderValue::from_static(value));
        }
        map.append("accept", HeaderValue::from_static("b"));
        map.append("x-latin", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        let kept = redaction("auth: { any: [ { header: { name: X-Shop, secret: s } } ] }").headers(&map);
        let stored = serde_json::to_string(&kept).unwrap();
        assert!(!stored.contains("s3cret") && !stored.contains("aa") && !stored.contains("a=b"), "{stored}");
        let accepts: Vec<_> = kept.iter().filter(|(name, _)| *name == "accept").map(|(_, value)| value).collect();
        assert_eq!(accepts, ["a", "b"]);
        assert_eq!((kept.get("x-latin"), kept.get("host")), (Some("caf\u{e9}"), Some("x")));
    }

    #[test]
    fn credentials_in_the_query_become_stars_and_the_rest_stays() {
        let keyed = redaction("auth: { all: [ { any: [ { shared_key: s } ] } ] }");
        let (paired, signed) = (redaction("preset: hap"), redaction("preset: hmac, secret: s, signature: { query: Hash }"));
        let open = Redaction::default();
        for (redaction, given, kept) in [
            (&keyed, "", ""),
            (&keyed, "a=b&c", "a=b&c"),
            (&keyed, "key=s3cret", "key=***"),
            (&keyed, "a=1&KEY=s3cret&b=%20&access_token=x=y", "a=1&KEY=***&b=%20&access_token=***"),
            (&keyed, "%6Bey=s3cret&monkey=1", "%6Bey=***&monkey=1"),
            (&keyed, "key", "key"),
            (&keyed, "sign=aries", "sign=aries"),
            (&paired, "appKey=a&sign=s3cret&key=3&hap-sign=s3cret", "appKey=***&sign=***&key=3&hap-sign=***"),
            (&signed, "hash=ab&key=3", "hash=***&key=3"),
            (&open, "key=3&sign=aries&hash=ab", "key=3&sign=aries&hash=ab"),
            (
                &open,
                "hub.verify_token=t&hub%2Everify_token=t&access_token=t",
                "hub.verify_token=***&hub%2Everify_token=***&access_token=***",
            ),
            (&Redaction::of_unknown(), "key=s3cret&sign=s3cret&page=2", "key=***&sign=***&page=2"),
        ] {
            assert_eq!(redaction.query(given), kept, "{given} {redaction:?}");
        }
    }

    #[test]
    fn of_a_hook_that_is_not_known_only_harmless_headers_are_kept() {
        let mut map = HeaderMap::new();
        for (name, value) in
            [("content-type", "text/plain"), ("date", "today"), ("x-shop", "s3cret"), ("authorization", "s3cret")]
        {
            map.append(name, HeaderValue::from_static(value));
        }
        let kept = Redaction::of_unknown().headers(&map);
        let kept: Vec<_> = kept.iter().collect();
        assert_eq!(kept, [("content-type", "text/plain"), ("date", "today"), ("x-shop", "***"), ("authorization", "***")]);
    }

    #[test]
    fn what_a_handshake_hands_over_in_its_body_becomes_stars() {
        let notion = redaction("preset: notion, secret: s");
        let axes = "secret: s, signature: { header: X, handshake: notion }";
        let described = redaction(&format!("preset: hmac, {axes}"));
        let twice = r#"{"verification_token":"s3cret","a":1,"verification\u005ftoken":"s3cret"}"#;
        for redaction in [&notion, &described] {
            assert_eq!(kept(redaction, twice), r#"{"verification_token":"***","a":1,"verification\u005ftoken":"***"}"#);
            for other in ["", "[]", r#"{ "a": 1 }"#, "{", "verification_token"] {
                assert_eq!(kept(redaction, other), other);
            }
        }
        assert_eq!(kept(&redaction("preset: github, secret: s"), twice), twice);
    }

    #[test]
    fn app_key_and_sign_are_taken_out_of_bodies_where_the_hook_asks_for_them() {
        let body = r#"{"appKey":"k1","sign":"s1","key":"k"}"#;
        for asks in ["preset: hap, secret: app", "auth: { all: [ { any: [ { bearer: b }, { app_key: app } ] } ] }"] {
            assert_eq!(kept(&redaction(asks), body), r#"{"appKey":"***","sign":"***","key":"k"}"#, "{asks}");
        }
        assert_ne!(kept(&Redaction::of_unknown(), body), body);
        for other in ["preset: hap", "preset: vectense, secret: s", "auth: { any: [ { bearer: b } ] }"] {
            assert_eq!(kept(&redaction(other), body), body, "{other}");
        }
    }

    fn kept(redaction: &Redaction, body: &'static str) -> Bytes {
        redaction.body(&Headers::default(), Bytes::from_static(body.as_bytes()))
    }

    /// Of a hook with these members.
    fn redaction(webhook: &str) -> Redaction {
        let text = format!("hookmill: 1\nname: R\ntriggers:\n  - webhook: {{ {webhook} }}\nsteps: []\n");
        let document = workflow::read(&text).unwrap();
        let Trigger::Webhook(trigger) = &document.triggers[0];
        Redaction::of(trigger, trigger.preset.as_deref().and_then(Product::of))
    }
}
