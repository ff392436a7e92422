//! The sender's side: signs a request as a preset asks for it, so that a hook can be tried without its provider.
//!
//! The inverse of judging. It reads the same entries, and what is signed is put together by the same code, from the request as
//! it will be received.

mod private_key;

use std::fmt;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::key::Key;
use crate::place::{self, Place};
use crate::preset::{Need, Preset, Proof};
use crate::scheme::{Algorithm, Grammar, KeyForm, Part, Scheme, Timestamp, Unit};
use crate::sent::{Reading, Sent};
use crate::settings::Settings;
use crate::signed_text::{self, Text};
use crate::{message, sns};

pub(crate) use private_key::{PrivateKey, Way, is_private_pem, message_way};

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// A request before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// `POST`.
    pub method: String,
    /// The whole URL that is called, with its query.
    pub url: String,
    /// Names in lower case. What is there already is left as it is, a signature too.
    pub headers: Vec<(String, String)>,
    /// The content as it is sent.
    pub body: Vec<u8>,
}

/// What a sender brings beside the request.
#[derive(Clone, Copy)]
pub struct Sender<'a> {
    /// The secret that it shares with the hook, as the owner stores it; its private key where it has one. Empty where presets do
    /// without.
    pub secret: &'a [u8],
    /// The delivery's id, for senders that tell one in a header or sign it.
    pub id: &'a str,
    /// The event type, to be told where this sender tells it.
    pub event: Option<&'a str>,
    /// Now, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Why a request cannot be signed, as a sentence, by what has to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsignable {
    /// Another secret, or a private key. Never repeats it.
    Secret(String),
    /// Another body.
    Body(String),
    /// A setting of the hook.
    Setting(String),
}

impl fmt::Display for Unsignable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Secret(text) | Self::Body(text) | Self::Setting(text)) = self;
        formatter.write_str(text)
    }
}

impl std::error::Error for Unsignable {}

impl Outgoing {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(header, _)| header == name)
    }

    /// Adds a header unless there is one.
    pub(crate) fn tell(&mut self, name: &str, value: impl Into<String>) {
        if !self.has(name) {
            self.headers.push((name.to_owned(), value.into()));
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    fn add_to_query(&mut self, name: &str, value: &str) {
        let pair = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(&pair);
    }

    /// Writes a member of the JSON body.
    fn put(&mut self, path: &str, value: Value) -> Result<(), Unsignable> {
        let written = serde_json::from_slice::<Value>(&self.body).ok().and_then(|mut body| {
            place::put(&mut body, path, value)?;
            Some(body.to_string().into_bytes())
        });
        self.body = written.ok_or_else(|| {
            Unsignable::Body(format!("The body must be JSON in which {path} can stand: this sender writes there."))
        })?;
        Ok(())
    }

    /// The request as its receiver sees it.
    pub(crate) fn received<T>(&self, at_ms: i64, read: impl FnOnce(&Reading<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let after_host = self.url.split_once("://").and_then(|(_, rest)| rest.find(['/', '?']).map(|at| &rest[at..]));
        let path_and_query = after_host.unwrap_or("/");
        read(&Reading::new(&Sent {
            method: &self.method,
            url: Some(&self.url),
            path_and_query,
            headers: &headers,
            query: path_and_query.split_once('?').map_or("", |(_, query)| query),
            body: &self.body,
            now_ms: at_ms,
        }))
    }
}

impl Preset {
    /// Makes a request one of this sender's: its names, its time, its signature.
    ///
    /// # Errors
    ///
    /// If something is missing to sign with: most often the private key, which providers keep to themselves.
    pub fn sign(&self, settings: &Settings, sender: &Sender<'_>, request: &mut Outgoing) -> Result<(), Unsignable> {
        self.name_delivery(settings, sender, request)?;
        let unsigned = self.secret == Need::Optional && sender.secret.is_empty();
        if unsigned || self.proof == Proof::Unproven {
            return Ok(());
        }
        let is_object = || serde_json::from_slice::<Value>(&request.body).is_ok_and(|body| body.is_object());
        if self.signs_objects && !is_object() {
            return Err(Unsignable::Body(format!("The body must be a JSON object, as {}'s always is.", self.name)));
        }
        match self.proof {
            Proof::Signature => {
                let is_form = |scheme: &Scheme| scheme.signed.contains(&Part::SortedForm);
                let sends_form = request.header("content-type").is_some_and(|media| media.starts_with(FORM));
                let fitting = self.schemes.iter().find(|scheme| is_form(scheme) == sends_form).or(self.schemes.first());
                self.by_scheme(fitting.expect("a preset that is proven by schemes has one"), settings, sender, request)
            }
            Proof::Configured => match &settings.scheme {
                Some(scheme) => self.by_scheme(scheme, settings, sender, request),
                None => Err(Unsignable::Setting("The document does not say how requests are signed.".into())),
            },
            Proof::Token(places) => {
                let token = text(sender.secret)?;
                write(places.first().expect("a token has a place"), token, request)
            }
            Proof::ClientState => client_state(settings, sender, request),
            Proof::Sns => sns::sign(sender, request),
            Proof::MessageSignature => message::sign(settings, sender, request),
            Proof::Unproven => Ok(()),
        }
    }

    /// Tells the delivery's id where a header is meant for it, and the event type where this sender tells it.
    fn name_delivery(&self, settings: &Settings, sender: &Sender<'_>, request: &mut Outgoing) -> Result<(), Unsignable> {
        if let Some([Place::Header(name)]) = self.ids.first() {
            request.tell(name, sender.id);
        }
        let Some(event) = sender.event else { return Ok(()) };
        let configured = settings.scheme.as_ref().and_then(|scheme| scheme.event.as_ref());
        match configured.or(self.events.first()) {
            Some(place) => write(place, event, request),
            None => Err(Unsignable::Setting(format!("{} tells no event type.", self.name))),
        }
    }

    fn by_scheme(
        &self,
        scheme: &Scheme,
        settings: &Settings,
        sender: &Sender<'_>,
        request: &mut Outgoing,
    ) -> Result<(), Unsignable> {
        let key = SigningKey::new(self, scheme, sender.secret)?;
        let time = date(scheme, sender, request)?;
        if let Some(place) = &scheme.id {
            fill(place, sender.id, request)?;
        }
        for part in scheme.signed.iter() {
            // A signed member is the sender's own where it is also the delivery's id; any other is the body's business.
            if let Part::Member(path) = part
                && self.ids.iter().any(|places| *places == [Place::Body(path.clone())])
            {
                request.put(path, json!(sender.id))?;
            }
        }
        if let Some(name) = &scheme.body_hash {
            let hash = hex::encode(digest(&SHA256, &request.body));
            fill(&Place::Query(name.clone()), &hash, request)?;
        }
        let signature = request.received(sender.at_ms, |reading| {
            let texts = signed_text::texts(scheme, settings, reading, time.as_deref());
            let texts = texts.map_err(|failure| Unsignable::Setting(failure.for_owner))?;
            key.sign(texts.first().expect("there is a text where there was no failure"))
        })?;
        let value = in_grammar(scheme, &scheme.encoding.encode(&signature), time.as_deref());
        write(&scheme.signature, &value, request)
    }
}

/// What makes signatures.
enum SigningKey {
    Shared(Key),
    Private(PrivateKey),
}

impl SigningKey {
    fn new(preset: &Preset, scheme: &Scheme, secret: &[u8]) -> Result<Self, Unsignable> {
        let way = match scheme.algorithm {
            Algorithm::Hmac(_) | Algorithm::SecretThenTextSha256 => {
                let key = Key::new(scheme.algorithm, &scheme.key, secret);
                let unfit = |why| Unsignable::Secret(format!("The secret cannot be used: {why}."));
                return key.map(Self::Shared).map_err(unfit);
            }
            Algorithm::Ed25519 => Way::Ed25519,
            Algorithm::EcdsaP256 => Way::EcdsaP256,
            Algorithm::Rsa(hash) => Way::Rsa(hash),
        };
        PrivateKey::new(way, secret)
            .map(Self::Private)
            .map_err(|why| own_pair(preset.name, scheme.key == KeyForm::Certificate, why))
    }

    fn sign(&self, text: &Text<'_>) -> Result<Vec<u8>, Unsignable> {
        match self {
            Self::Shared(key) => Ok(key.tag(text).expect("a shared secret makes tags")),
            Self::Private(key) => key.sign(&text.joined()),
        }
    }
}

/// Why a sender with a private key cannot be stood in for without a pair of keys of one's own.
pub(crate) fn own_pair(name: &str, by_certificate: bool, why: Unsignable) -> Unsignable {
    let Unsignable::Secret(why) = why else { return why };
    let half = if by_certificate { "pin its certificate at the hook" } else { "store its public half as the hook's secret" };
    Unsignable::Secret(format!(
        "{name} signs with a private key that nobody else has. To stand in for it, make a key of your own, {half}, and give the \
         private key here. {why}"
    ))
}

/// Tells when the request is signed; the time as its receiver reads it.
fn date(scheme: &Scheme, sender: &Sender<'_>, request: &mut Outgoing) -> Result<Option<String>, Unsignable> {
    let Some(Timestamp { place, unit, .. }) = &scheme.timestamp else { return Ok(None) };
    let text = match unit {
        Unit::Seconds => (sender.at_ms / 1000).to_string(),
        Unit::Millis => sender.at_ms.to_string(),
        Unit::Rfc3339 => rfc3339(sender.at_ms),
    };
    match place {
        Place::Pair(_) => return Ok(Some(text)),
        // A body is an example of what is sent, with the time of its own making. Milliseconds are written as a number.
        Place::Body(path) if *unit == Unit::Millis => request.put(path, json!(sender.at_ms))?,
        Place::Body(path) => request.put(path, json!(text))?,
        _ => fill(place, &text, request)?,
    }
    Ok(current(place, request))
}

pub(crate) fn rfc3339(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string()
}

/// The signature as it stands in its place.
fn in_grammar(scheme: &Scheme, signature: &str, time: Option<&str>) -> String {
    match &scheme.grammar {
        Grammar::Bare => signature.to_owned(),
        Grammar::Prefix(prefix) => format!("{prefix}{signature}"),
        Grammar::Versions(version) => format!("{version},{signature}"),
        Grammar::Pairs { separator, key } => match (scheme.timestamp.as_ref().map(|timestamp| &timestamp.place), time) {
            (Some(Place::Pair(time_key)), Some(time)) => format!("{time_key}={time}{separator}{key}={signature}"),
            _ => format!("{key}={signature}"),
        },
    }
}

/// What stands in a place.
fn current(place: &Place, request: &Outgoing) -> Option<String> {
    request.received(0, |reading| place.text(reading).map(std::borrow::Cow::into_owned))
}

/// Writes into a place where nothing stands yet.
fn fill(place: &Place, value: &str, request: &mut Outgoing) -> Result<(), Unsignable> {
    if current(place, request).is_some() { Ok(()) } else { write(place, value, request) }
}

fn write(place: &Place, value: &str, request: &mut Outgoing) -> Result<(), Unsignable> {
    match place {
        Place::Header(name) => request.tell(name, value),
        Place::Numbered(prefix) => request.tell(&format!("{prefix}1"), value),
        Place::Bearer => request.tell("authorization", format!("Bearer {value}")),
        Place::Query(name) => request.add_to_query(name, value),
        Place::Body(path) => request.put(path, json!(value))?,
        Place::Pair(_) => return Err(Unsignable::Setting(format!("Nothing but a time can stand in {place}."))),
    }
    Ok(())
}

/// Every notification repeats the client state of its subscription.
fn client_state(settings: &Settings, sender: &Sender<'_>, request: &mut Outgoing) -> Result<(), Unsignable> {
    let state =
        if sender.secret.is_empty() { settings.client_state.as_deref().unwrap_or_default() } else { text(sender.secret)? };
    let wrong = || Unsignable::Body("The body must hold notifications in $.value.".into());
    let mut body: Value = serde_json::from_slice(&request.body).map_err(|_| wrong())?;
    let notifications = body.get_mut("value").and_then(Value::as_array_mut);
    let notifications = notifications.filter(|notifications| !notifications.is_empty());
    for notification in notifications.ok_or_else(wrong)? {
        notification.as_object_mut().ok_or_else(wrong)?.insert("clientState".into(), state.into());
    }
    request.body = body.to_string().into_bytes();
    Ok(())
}

/// A secret that is sent itself.
fn text(secret: &[u8]) -> Result<&str, Unsignable> {
    let text = std::str::from_utf8(secret).ok().filter(|text| !text.is_empty());
    text.ok_or_else(|| Unsignable::Secret("The secret itself is sent, so it must be text, and not empty.".into()))
}
