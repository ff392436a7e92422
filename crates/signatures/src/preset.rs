//! A sender as one entry: how it proves itself, what its deliveries and events are called, its handshake.

use std::borrow::Cow;
use std::time::Duration;

use crate::failure::{Code, Failure, Genuine};
use crate::handshake::{Handshake, Reply};
use crate::place::Place;
use crate::scheme::{KeyForm, Scheme};
use crate::sent::{Reading, Sent};
use crate::settings::Settings;
use crate::{credentials, handshake, message, place, sns, verify};

mod source;

pub use source::CertificateSource;

/// A sender that Hookmill knows. Built in: see [`crate::presets()`].
#[derive(Debug)]
pub struct Preset {
    /// As written in the document: `github`.
    pub id: &'static str,
    /// As people call it: `GitHub`.
    pub name: &'static str,
    /// The page that documents what this entry says.
    pub source: &'static str,
    /// How requests are proven.
    pub proof: Proof,
    /// The schemes of [`Proof::Signature`]: the first whose signature a request carries is the one that counts.
    pub schemes: &'static [Scheme],
    /// Whether a hook needs a stored secret.
    pub secret: Need,
    /// The preset-specific members of the trigger that have a meaning here.
    pub settings: &'static [Setting],
    /// Where the id stands that stays the same when a delivery is sent again. Alternatives, each of joined places.
    pub ids: &'static [&'static [Place]],
    /// Where the event type stands. Alternatives.
    pub events: &'static [Place],
    /// The path, within one element of a batch, of that element's id, for hooks that split.
    pub element_id: Option<&'static str>,
    /// What the sender calls a success, and when it sends a delivery again that was none, as it documents it: for the owner, who
    /// chooses answers and remembers ids by it.
    pub retries: Option<&'static str>,
    /// The statuses that the sender takes for a success, the usual one first. Empty: any from 200 to 299.
    pub success: &'static [u16],
    /// How long the sender waits for an answer.
    pub answer_within: Option<Duration>,
    /// For how long it sends a delivery again that was no success, as far as its page says so.
    pub tries_for: Option<Duration>,
    /// Whether only JSON objects are ever signed. Where a handshake signs what a stranger asks for, nothing else may be taken.
    pub signs_objects: bool,
    /// The sender's question before it sends anything.
    pub(crate) handshake: Handshake,
}

/// How a request is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// By one of the preset's schemes.
    Signature,
    /// By the scheme of the settings (hmac, ed25519).
    Configured,
    /// By the secret itself, in any of these places.
    Token(&'static [Place]),
    /// By the client state in every notification (Microsoft Graph).
    ClientState,
    /// By Amazon SNS's canonical text and certificate.
    Sns,
    /// By an HTTP message signature (RFC 9421).
    MessageSignature,
    /// Not at all: combine with credentials of the hook.
    Unproven,
}

/// Whether a hook with this preset needs something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Without it nothing can be proven.
    Required,
    /// With it requests must be proven, without it anyone may call.
    Optional,
    /// It has no meaning.
    Unused,
}

/// A preset-specific member of the trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// `public_url`
    PublicUrl,
    /// `verify_token`
    VerifyToken,
    /// `certificate`
    Certificate,
    /// `webhook_id`
    WebhookId,
    /// `client_state`
    ClientState,
    /// `signature`
    Signature,
}

impl Setting {
    /// As written in the document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PublicUrl => "public_url",
            Self::VerifyToken => "verify_token",
            Self::Certificate => "certificate",
            Self::WebhookId => "webhook_id",
            Self::ClientState => "client_state",
            Self::Signature => "signature",
        }
    }
}

impl Preset {
    /// Whether the holder of one of the live secrets sent this request, unchanged and in time.
    ///
    /// # Errors
    ///
    /// With the reason, once for the sender and once for the owner.
    pub fn verify(&self, settings: &Settings, secrets: &[&[u8]], sent: &Sent<'_>) -> Result<Genuine, Failure> {
        self.judge(settings, secrets, &Reading::new(sent))
    }

    /// [`Preset::verify`] for who asks more than one question about a request.
    ///
    /// # Errors
    ///
    /// With the reason, once for the sender and once for the owner.
    pub fn judge(&self, settings: &Settings, secrets: &[&[u8]], reading: &Reading<'_>) -> Result<Genuine, Failure> {
        if self.secret == Need::Optional && secrets.is_empty() {
            return Ok(Genuine { secret: None, signed_at_ms: None });
        }
        let signs_objects = self.signs_objects || self.handshake_of(settings) == Handshake::X;
        if signs_objects && !reading.json().is_some_and(serde_json::Value::is_object) {
            return Err(Failure::plain(Code::PartMissing, "The body is not a JSON object, as this sender's always is."));
        }
        match self.proof {
            Proof::Signature => verify::by_schemes(self.schemes, settings, secrets, reading),
            Proof::Configured => verify::by_schemes(settings.scheme.as_slice(), settings, secrets, reading),
            Proof::Token(places) => verify::by_token(places, secrets, reading),
            Proof::ClientState => client_state(settings, secrets, reading),
            Proof::Sns => sns::verify(settings, reading),
            Proof::MessageSignature => message::verify(settings, secrets, reading),
            Proof::Unproven => Ok(Genuine { secret: None, signed_at_ms: None }),
        }
    }

    /// The answer to the sender's handshake, if this request is one.
    ///
    /// Ask before verifying, or after it where [`Preset::signs_handshake`]. A reply with [`Reply::after_verification`] may only
    /// be sent once [`Preset::verify`] succeeded. A handshake never starts a run.
    #[must_use]
    pub fn handshake(&self, settings: &Settings, secrets: &[&[u8]], sent: &Sent<'_>) -> Option<Reply> {
        self.greet(settings, secrets, &Reading::new(sent))
    }

    /// [`Preset::handshake`] for who asks more than one question about a request.
    #[must_use]
    pub fn greet(&self, settings: &Settings, secrets: &[&[u8]], reading: &Reading<'_>) -> Option<Reply> {
        if settings.handshake == Some(false) {
            return None;
        }
        self.handshake_of(settings).reply(self, settings, secrets, reading)
    }

    /// The member of the body in which its handshake hands over a secret, if it does so there (Notion).
    #[must_use]
    pub fn secret_member(&self, settings: &Settings) -> Option<&'static str> {
        (self.handshake_of(settings) == Handshake::Notion).then_some(handshake::TOKEN_MEMBER)
    }

    /// Whether its handshake is signed: then nothing needs to be looked for in a request before it is proven.
    #[must_use]
    pub fn signs_handshake(&self, settings: &Settings) -> bool {
        self.handshake_of(settings).is_signed()
    }

    /// The handshake; that of another sender where the document describes the signature and names one.
    fn handshake_of(&self, settings: &Settings) -> Handshake {
        let other = settings.handshake_of.filter(|_| self.proof == Proof::Configured);
        other.map_or(self.handshake, |preset| preset.handshake)
    }

    /// The id that stays the same when the sender sends a delivery again; scoped by hook, and only to be used once the request
    /// is proven. `None` for a batch of several.
    #[must_use]
    pub fn delivery_id(&self, settings: &Settings, sent: &Sent<'_>) -> Option<String> {
        self.delivery_id_of(settings, &Reading::new(sent))
    }

    /// The provider's event type: `push`, `invoice.paid`.
    #[must_use]
    pub fn event(&self, settings: &Settings, sent: &Sent<'_>) -> Option<String> {
        self.event_of(settings, &Reading::new(sent))
    }

    /// Delivery id and event type, of one look at the body.
    #[must_use]
    pub fn names(&self, settings: &Settings, reading: &Reading<'_>) -> (Option<String>, Option<String>) {
        (self.delivery_id_of(settings, reading), self.event_of(settings, reading))
    }

    fn delivery_id_of(&self, settings: &Settings, reading: &Reading<'_>) -> Option<String> {
        let joined = |places: &[Place]| {
            let texts = places.iter().map(|place| place.text(reading)).collect::<Option<Vec<Cow<'_, str>>>>()?;
            Some(texts.join(" "))
        };
        let configured = settings.scheme.as_ref().and_then(|scheme| scheme.id.as_ref());
        let configured = configured.and_then(|place| place.text(reading)).map(Cow::into_owned);
        configured.or_else(|| self.ids.iter().find_map(|places| joined(places)))
    }

    fn event_of(&self, settings: &Settings, reading: &Reading<'_>) -> Option<String> {
        let configured = settings.scheme.as_ref().and_then(|scheme| scheme.event.as_ref());
        configured.into_iter().chain(self.events).find_map(|place| place.text(reading)).map(Cow::into_owned)
    }

    /// Where the certificate is to be fetched from that this request was signed with, if the sender names one and the hook has
    /// none pinned. Fetch it without following redirects, check it ([`CertificateSource::check`]), keep it, and pass it as
    /// [`Settings::certificate`].
    ///
    /// # Errors
    ///
    /// If the address is not one of the provider's own.
    pub fn certificate_source(&self, settings: &Settings, reading: &Reading<'_>) -> Result<Option<CertificateSource>, Failure> {
        if settings.certificate.is_some() {
            return Ok(None);
        }
        let by_certificate = self.schemes.iter().any(|scheme| scheme.key == KeyForm::Certificate);
        let is_sns = self.proof == Proof::Sns;
        let place = match (is_sns, by_certificate) {
            (true, _) => Place::Body("$.SigningCertURL".into()),
            (_, true) => Place::Header("paypal-cert-url".into()),
            (false, false) => return Ok(None),
        };
        let Some(url) = place.text(reading).map(Cow::into_owned) else {
            let missing = "The request does not name the certificate that it was signed with.";
            return Err(Failure::plain(Code::SignatureMissing, missing));
        };
        let found = if is_sns { CertificateSource::of_sns(url) } else { CertificateSource::of_paypal(url) };
        found.map(Some).ok_or_else(|| {
            Failure::plain(
                Code::CertificateNotAllowed,
                "The request names a certificate at an address that is not the provider's.",
            )
        })
    }
}

/// Every notification must repeat the client state
/// (<https://learn.microsoft.com/graph/change-notifications-delivery-webhooks>).
fn client_state(settings: &Settings, secrets: &[&[u8]], reading: &Reading<'_>) -> Result<Genuine, Failure> {
    let expected: Vec<&[u8]> = settings.client_state.iter().map(String::as_bytes).chain(secrets.iter().copied()).collect();
    if expected.is_empty() {
        return Err(Failure::owners(
            Code::SettingMissing,
            "Set `client_state` to the secret that holds the subscription's clientState.",
        ));
    }
    let notifications = reading.json().and_then(|body| place::find(body, "$.value")).and_then(serde_json::Value::as_array);
    let Some(notifications) = notifications.filter(|notifications| !notifications.is_empty()) else {
        return Err(Failure::plain(Code::SignatureMissing, "The body holds no notifications in $.value."));
    };
    let states = notifications.iter().map(|notification| notification.get("clientState").and_then(serde_json::Value::as_str));
    let mut right = true;
    for state in states {
        let Some(state) = state else {
            return Err(Failure::plain(Code::SignatureMissing, "A notification has no clientState."));
        };
        right &= expected.iter().fold(false, |fits, expected| fits | credentials::matches(state.as_bytes(), expected));
    }
    if right {
        return Ok(Genuine { secret: None, signed_at_ms: None });
    }
    Err(Failure::plain(Code::SignatureWrong, "The clientState of a notification is not that of this hook."))
}
