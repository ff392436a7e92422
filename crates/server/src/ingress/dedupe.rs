//! Whether a request repeats an earlier one, and what makes two requests the same.
//!
//! A key is remembered together with the delivery that had it, in one batch, so that of two copies at the same instant one
//! is accepted and the other learns which. Draft `httpapi-idempotency-key-header` -07: the same key with another body
//! is a mistake of the client. It only holds where the client made the key for one request: the ids of providers stay
//! the same when a body counts its attempts.

use bytes::Bytes;
use hookmill_engine::expression::{Scope, Template, Value};
use hookmill_engine::time::{Span, Timestamp};
use hookmill_engine::workflow::{BodyPath, Dedupe, DedupeKey, WebhookTrigger};
use hookmill_store::db::Hash;
use hookmill_store::deliveries::Delivery;
use hookmill_store::idempotency::Key;
use hookmill_worker::OwnKeys;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::proof::names_of;
use super::redact::{self, InBodies};

/// The header of the draft.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longer keys are refused: nobody needs them, and they are hashed for each request.
pub const KEY_BYTES_MAX: usize = 1024;
/// What keeps the keys of tests apart from all others.
const TESTED: u8 = 0x80;
/// The longest time that a key is remembered.
pub const WINDOW_MAX: Span = Span(90 * 24 * 60 * 60 * 1_000);

/// What tells the deliveries of a hook apart.
#[derive(Debug)]
pub(super) struct Deduper {
    source: Option<Source>,
    window: Span,
    /// The draft that is tested, as the revision that it was stored as.
    tested: Option<u32>,
    /// What bodies are compared without: a refused one, which is kept without it, is still the same as its copy.
    credentials: InBodies,
}

#[derive(Debug)]
enum Source {
    /// The provider's delivery id if it is known, else the header `Idempotency-Key`.
    Default,
    Header(HeaderName),
    Path(BodyPath),
    Expression(Template),
    Body,
}

/// The key of one request.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) key: Key,
    /// Whether another body under the same key is a mistake.
    pub(super) strict: bool,
}

/// What a key can be made of.
pub(super) struct Material<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
    pub(super) webhook: &'a Value,
    /// The provider's id of the delivery.
    pub(super) delivery_id: Option<String>,
    pub(super) now: Timestamp,
    pub(super) seed: u64,
}

impl Deduper {
    /// What the trigger wants. `tested`: the draft that a test URL leads to, by the number of its revision. Its keys are its
    /// own, so that a test never answers for a real request, and the same request can be sent again to the next draft.
    ///
    /// # Errors
    /// A sentence for the owner: the header or the expression cannot be read.
    pub(super) fn of(trigger: &WebhookTrigger, tested: Option<u32>) -> Result<Self, String> {
        let deduper = Self::new(trigger.dedupe.as_ref(), tested)?;
        Ok(Self { credentials: InBodies::credentials_of(trigger), ..deduper })
    }

    fn new(wanted: Option<&Dedupe>, tested: Option<u32>) -> Result<Self, String> {
        let (key, window) = match wanted {
            Some(Dedupe::Off) => {
                return Ok(Self { source: None, window: Dedupe::WINDOW, tested, credentials: InBodies::default() });
            }
            Some(Dedupe::On { key, window }) => (key.as_ref(), *window),
            None => (None, None),
        };
        let source = match key {
            None => Source::Default,
            Some(DedupeKey::Header(name)) => {
                Source::Header(name.parse().map_err(|_| format!("`{name}` cannot be the name of a header."))?)
            }
            Some(DedupeKey::Path(path)) => Source::Path(path.clone()),
            Some(DedupeKey::Expression(text)) => {
                let template = Template::compile_text(text);
                Source::Expression(template.map_err(|error| format!("The expression of `dedupe` cannot be read: {error}."))?)
            }
            Some(DedupeKey::Body) => Source::Body,
        };
        let window = Span(window.unwrap_or(Dedupe::WINDOW).0.min(WINDOW_MAX.0));
        Ok(Self { source: Some(source), window, tested, credentials: InBodies::default() })
    }

    /// Whether keys come from what a request says, so that each element of one that is split has its own.
    pub(super) fn is_of_elements(&self) -> bool {
        matches!(self.source, Some(Source::Path(_) | Source::Expression(_)))
    }

    /// The key of a request; none if it has none, then it is like no other.
    ///
    /// # Errors
    /// A sentence for the sender: the key cannot be used.
    pub(super) fn claim(&self, material: &Material<'_>) -> Result<Option<Claim>, String> {
        let Some(source) = &self.source else { return Ok(None) };
        let (kind, text, strict) = match source {
            Source::Default => match &material.delivery_id {
                Some(id) => (0, Some(id.clone()), false),
                None => (1, header(material.headers, &IDEMPOTENCY_KEY)?, true),
            },
            Source::Header(name) => (1, header(material.headers, name)?, true),
            Source::Path(path) => {
                let body = material.webhook.get_attr("body").unwrap_or_default();
                (2, path.find(&body).and_then(|value| written(&value)), false)
            }
            Source::Expression(template) => {
                let scope = Scope::of(vec![("webhook".to_owned(), material.webhook.clone())], material.now, material.seed);
                let value = template.eval(&scope).map_err(|error| format!("the key of the request cannot be told: {error}"))?;
                (2, written(&value), false)
            }
            Source::Body => (3, Some(String::new()), true),
        };
        let Some(text) = text else { return Ok(None) };
        if text.len() > KEY_BYTES_MAX {
            return Err(format!("the key has {} bytes; the limit is {KEY_BYTES_MAX}", text.len()));
        }
        let without = self.without_credentials(material);
        let body = without.as_ref().unwrap_or(material.body);
        let body_hash = hash(&[body]);
        let revision = self.tested.map(u32::to_be_bytes);
        let (kinds, apart): ([u8; 1], &[u8]) = match &revision {
            None => ([kind], &[]),
            Some(revision) => ([kind | TESTED], revision),
        };
        let key_hash = hash(&[&kinds, apart, if kind == 3 { body } else { text.as_bytes() }]);
        let expires_at = Timestamp(material.now.0.saturating_add_unsigned(self.window.0));
        Ok(Some(Claim { key: Key { key_hash, body_hash, expires_at }, strict }))
    }

    /// The body, if it has credentials that it is compared without.
    fn without_credentials(&self, material: &Material<'_>) -> Option<Bytes> {
        if self.credentials.are_none() {
            return None;
        }
        let content_type = material.headers.get(CONTENT_TYPE).map(redact::text).unwrap_or_default();
        self.credentials.taken_out_of(&content_type, material.body)
    }
}

/// The keys of a stored delivery, claimed at `now`, as a test of the draft with this revision if there is one (`said` is
/// `webhook` as a whole, or that of each element if it is split). One that cannot be used is none: whoever accepts the
/// delivery all the same wants it for itself.
pub(super) fn keys_of(
    trigger: &WebhookTrigger,
    tested: Option<u32>,
    delivery: &Delivery,
    body: &Bytes,
    said: &[&Value],
    now: Timestamp,
) -> OwnKeys {
    let Ok(deduper) = Deduper::of(trigger, tested) else { return OwnKeys::None };
    let mut headers = HeaderMap::new();
    for (name, value) in delivery.headers.iter() {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    let claim = |webhook: &Value, delivery_id: Option<String>| {
        deduper.claim(&Material { headers: &headers, body, webhook, delivery_id, now, seed: 0 }).ok().flatten()
    };
    if trigger.split.is_some() && deduper.is_of_elements() {
        return OwnKeys::OfElements(said.iter().map(|webhook| claim(webhook, None).map(|claim| claim.key)).collect());
    }
    let (delivery_id, _) = names_of(trigger, delivery, body);
    let whole = said.first().filter(|_| trigger.split.is_none()).copied().unwrap_or(&Value::UNDEFINED);
    match claim(whole, delivery_id) {
        None => OwnKeys::None,
        Some(Claim { key, strict }) => OwnKeys::Whole { key, strict },
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let whole: [u8; 32] = hash.finalize().into();
    *whole.first_chunk().expect("it is longer than what is kept of it")
}

/// A key from a header: a structured-field string in quotes (RFC 9651), or bare as many clients send it.
fn header(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, String> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(format!("the header {name} was sent more than once"));
    }
    let text = redact::text(value);
    let text = text.trim();
    let bare = match text.strip_prefix('"') {
        None => text.to_owned(),
        Some(rest) => unquoted(rest).ok_or_else(|| format!("the value of the header {name} is not a quoted string"))?,
    };
    if bare.is_empty() {
        return Err(format!("the header {name} is empty"));
    }
    Ok(Some(bare))
}

/// What stands before the closing quote, which must be the end.
fn unquoted(rest: &str) -> Option<String> {
    let mut text = String::with_capacity(rest.len());
    let mut letters = rest.chars();
    loop {
        match letters.next()? {
            '"' => return letters.next().is_none().then_some(text),
            '\\' => text.push(letters.next().filter(|letter| matches!(letter, '"' | '\\'))?),
            letter => text.push(letter),
        }
    }
}

/// A value as a key; none if it is missing or empty.
fn written(value: &Value) -> Option<String> {
    if value.is_undefined() || value.is_none() {
        return None;
    }
    Some(value.to_string()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(deduper: &Deduper, key: Option<&'static str>, body: &'static str) -> Result<Option<Claim>, String> {
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static(key));
        }
        let json: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let webhook = hookmill_engine::expression::from_json(&serde_json::json!({ "body": json }));
        let body = Bytes::from_static(body.as_bytes());
        let material =
            Material { headers: &headers, body: &body, webhook: &webhook, delivery_id: None, now: Timestamp(1_000), seed: 1 };
        deduper.claim(&material)
    }

    #[test]
    fn quoted_and_bare_keys_are_the_same_and_odd_ones_are_refused() {
        let deduper = Deduper::new(None, None).unwrap();
        let key = |text| claim(&deduper, Some(text), "{}").unwrap().unwrap().key.key_hash;
        assert_eq!(key("8e03"), key("\"8e03\""));
        assert_eq!(key(" \"a\\\"b\" "), key("a\"b"));
        assert_ne!(key("a"), key("b"));
        assert!(claim(&deduper, None, "{}").unwrap().is_none());
        for odd in ["", "\"", "\"a", "\"a\"b", "\"\\a\""] {
            assert!(claim(&deduper, Some(odd), "{}").is_err(), "{odd}");
        }
    }

    #[test]
    fn keys_come_from_the_body_as_asked_and_are_remembered_as_long_as_asked() {
        let on = |key, window| Deduper::new(Some(&Dedupe::On { key: Some(key), window }), None).unwrap();
        let path = on(DedupeKey::Path("$.id".parse().unwrap()), Some(Span(500)));
        let first = claim(&path, None, r#"{"id": 7}"#).unwrap().unwrap();
        let second = claim(&path, None, r#"{"id": 7, "attempt": 2}"#).unwrap().unwrap();
        assert_eq!((first.key.key_hash, first.key.expires_at, first.strict), (second.key.key_hash, Timestamp(1_500), false));
        assert!(claim(&path, None, r#"{"id": null}"#).unwrap().is_none());
        let expression = on(DedupeKey::Expression("{{ webhook.body.a }}-{{ webhook.body.b }}".into()), None);
        assert_eq!(
            claim(&expression, None, r#"{"a": 1, "b": 2}"#).unwrap().unwrap().key.key_hash,
            claim(&expression, None, r#"{"b": 2, "a": 1}"#).unwrap().unwrap().key.key_hash
        );
        let body = on(DedupeKey::Body, None);
        assert_ne!(
            claim(&body, None, r#"{"a":1}"#).unwrap().unwrap().key.key_hash,
            claim(&body, None, r#"{"a": 1}"#).unwrap().unwrap().key.key_hash
        );
        assert!(claim(&Deduper::new(Some(&Dedupe::Off), None).unwrap(), Some("k"), "{}").unwrap().is_none());
    }

    #[test]
    fn tests_of_each_revision_have_keys_of_their_own() {
        for wanted in [None, Some(Dedupe::On { key: Some(DedupeKey::Body), window: None })] {
            let key = |tested| {
                let deduper = Deduper::new(wanted.as_ref(), tested).unwrap();
                claim(&deduper, Some("k"), "{}").unwrap().unwrap().key.key_hash
            };
            let keys: std::collections::HashSet<_> = [None, Some(1), Some(2)].into_iter().map(key).collect();
            assert_eq!(keys.len(), 3);
            assert_eq!(key(Some(1)), key(Some(1)));
        }
    }
}
