//! The question a sender asks before it sends anything: is this really the receiver, and does it want this?
//!
//! Each answer follows the provider's own page, named by the preset's entry. Answers to unsigned questions repeat something the
//! caller chose, so they are plain text that no browser sniffs.

use std::borrow::Cow;

use ring::hmac;
use serde_json::{Value, json};

use crate::credentials;
use crate::failure::Genuine;
use crate::place::{self, Place};
use crate::preset::Preset;
use crate::scheme::Encoding;
use crate::sent::Reading;
use crate::settings::Settings;
use crate::url::is_sns_confirmation;

/// How long a challenge may be that is repeated to the sender.
pub(crate) const CHALLENGE_BYTES_MAX: usize = 4096;

/// How long a token of X may be. Its own have some forty characters.
const CRC_TOKEN_BYTES_MAX: usize = 128;

/// The member in which Notion hands over the key of its signatures.
pub(crate) const TOKEN_MEMBER: &str = "verification_token";

const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const NOSNIFF: (&str, &str) = ("x-content-type-options", "nosniff");

/// The answer to a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case; the content type is told apart.
    pub headers: Vec<(&'static str, String)>,
    /// `None` if there is no body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the question is signed: then this may only be sent once the request is proven.
    pub after_verification: bool,
    /// A secret that the sender hands over for its later signatures (Notion, Asana). Anyone could have sent it: show it to the
    /// owner, and never let it replace a stored secret by itself.
    pub learned_secret: Option<String>,
    /// A URL of the sender's own to be called to confirm (SNS). Already checked to be one.
    pub confirm_url: Option<String>,
}

/// The kinds of handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshake {
    None,
    /// POST `{"type":"url_verification","challenge"}`, signed.
    Slack,
    /// POST `{"event":"endpoint.url_validation","payload":{"plainToken"}}`, signed.
    Zoom,
    /// POST `{"type":1}` of interactions or `{"type":0}` of webhook events, signed.
    Discord,
    /// GET `hub.mode=subscribe&hub.challenge&hub.verify_token`.
    Meta,
    /// GET `hub.mode&hub.topic&hub.challenge`.
    WebSub,
    /// GET `challenge`.
    Dropbox,
    /// POST `validationToken` in the query.
    Graph,
    /// POST of a validation event, or the handshake of CloudEvents.
    EventGrid,
    /// OPTIONS `WebHook-Request-Origin`.
    CloudEvents,
    /// POST with `X-Hook-Secret`.
    Asana,
    /// POST `{"verification_token"}`.
    Notion,
    /// GET `crc_token`.
    X,
    /// POST `Type: SubscriptionConfirmation`, signed.
    Sns,
}

impl Reply {
    fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: None,
            body: Vec::new(),
            after_verification: false,
            learned_secret: None,
            confirm_url: None,
        }
    }

    fn json(value: &Value) -> Self {
        let body = value.to_string().into_bytes();
        Self { content_type: Some(JSON), headers: vec![(NOSNIFF.0, NOSNIFF.1.into())], body, ..Self::status(200) }
    }

    fn plain(status: u16, text: impl Into<Vec<u8>>) -> Self {
        let headers = vec![(NOSNIFF.0, NOSNIFF.1.into())];
        Self { content_type: Some(PLAIN), headers, body: text.into(), ..Self::status(status) }
    }

    /// Repeats what the sender sent, if it is of a sane length.
    fn echo(challenge: &[u8]) -> Self {
        if challenge.len() > CHALLENGE_BYTES_MAX {
            return Self::plain(400, format!("The challenge is longer than {CHALLENGE_BYTES_MAX} bytes."));
        }
        Self::plain(200, challenge)
    }

    fn signed(self) -> Self {
        Self { after_verification: true, ..self }
    }
}

impl Handshake {
    /// Whether the question is signed like every other request, so that only a proven one is answered.
    pub(crate) fn is_signed(self) -> bool {
        matches!(self, Self::Slack | Self::Zoom | Self::Discord | Self::Sns)
    }

    pub(crate) fn reply(self, preset: &Preset, settings: &Settings, secrets: &[&[u8]], reading: &Reading<'_>) -> Option<Reply> {
        let sent = &reading.sent;
        let method = sent.method;
        let post = method == "POST";
        let get = method == "GET";
        match self {
            Self::None => None,
            Self::Slack if post => {
                reading.text_at("$.type").filter(|kind| kind == "url_verification")?;
                Some(Reply::echo(reading.json()?["challenge"].as_str()?.as_bytes()).signed())
            }
            Self::Zoom if post => zoom(preset, settings, secrets, reading),
            Self::Discord if post => discord(reading),
            Self::Meta if get => meta(settings, reading),
            Self::WebSub if get => websub(settings, reading),
            Self::Dropbox if get => Some(Reply::echo(&query(reading, "challenge")?)),
            Self::Graph if post => Some(Reply::echo(&query(reading, "validationToken")?)),
            Self::EventGrid if post => event_grid(reading),
            Self::EventGrid | Self::CloudEvents if method == "OPTIONS" => cloud_events(reading),
            Self::Asana if post => asana(reading),
            Self::Notion if post => {
                reading.text_at("$.verification_token")?;
                let token = reading.json()?.get(TOKEN_MEMBER)?.as_str()?.to_owned();
                is_secret(&token).then(|| Reply { learned_secret: Some(token), ..Reply::status(200) })
            }
            Self::X if get => x(secrets, reading),
            Self::Sns if post => sns(reading),
            Self::Slack
            | Self::Zoom
            | Self::Discord
            | Self::Meta
            | Self::WebSub
            | Self::Dropbox
            | Self::Graph
            | Self::EventGrid
            | Self::CloudEvents
            | Self::Asana
            | Self::Notion
            | Self::X
            | Self::Sns => None,
        }
    }
}

fn query<'r>(reading: &'r Reading<'_>, name: &str) -> Option<Cow<'r, [u8]>> {
    reading.sent.query_values(name).into_iter().next()
}

/// Interactions ping with type 1. Webhook events ping with type 0, and there type 1 is an event
/// (<https://docs.discord.com/developers/events/webhook-events>).
fn discord(reading: &Reading<'_>) -> Option<Reply> {
    reading.text_at("$.type").filter(|kind| matches!(kind.as_str(), "0" | "1"))?;
    let body = reading.json()?;
    match body.get("type")?.as_u64()? {
        1 if body.get("event").is_none() => Some(Reply::json(&json!({"type": 1})).signed()),
        0 => Some(Reply::status(204).signed()),
        _ => None,
    }
}

/// The answer proves that we hold the secret, so it is made with the one that the question was signed with.
fn zoom(preset: &Preset, settings: &Settings, secrets: &[&[u8]], reading: &Reading<'_>) -> Option<Reply> {
    reading.text_at("$.event").filter(|event| event == "endpoint.url_validation")?;
    let body = reading.json()?;
    let plain = body["payload"]["plainToken"].as_str().filter(|token| token.len() <= CHALLENGE_BYTES_MAX)?;
    let Ok(Genuine { secret: Some(secret), .. }) = preset.judge(settings, secrets, reading) else {
        return Some(Reply::status(401).signed());
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secrets.get(secret)?);
    let encrypted = hex::encode(hmac::sign(&key, plain.as_bytes()));
    Some(Reply::json(&json!({"plainToken": plain, "encryptedToken": encrypted})).signed())
}

fn meta(settings: &Settings, reading: &Reading<'_>) -> Option<Reply> {
    query(reading, "hub.mode").filter(|mode| **mode == *b"subscribe")?;
    let challenge = query(reading, "hub.challenge")?;
    let token = query(reading, "hub.verify_token").unwrap_or_default();
    let right = settings.verify_token.as_ref().is_some_and(|expected| credentials::matches(&token, expected.as_bytes()));
    Some(if right { Reply::echo(&challenge) } else { Reply::plain(403, "The verify token is not the one of this hook.") })
}

fn websub(settings: &Settings, reading: &Reading<'_>) -> Option<Reply> {
    match &*query(reading, "hub.mode")? {
        b"subscribe" | b"unsubscribe" => {}
        b"denied" => return Some(Reply::status(200)),
        _ => return None,
    }
    query(reading, "hub.topic")?;
    let challenge = query(reading, "hub.challenge")?;
    let token = query(reading, "hub.verify_token").unwrap_or_default();
    let right = settings.verify_token.as_ref().is_none_or(|expected| credentials::matches(&token, expected.as_bytes()));
    Some(if right { Reply::echo(&challenge) } else { Reply::plain(404, "This hook wants no such subscription.") })
}

fn event_grid(reading: &Reading<'_>) -> Option<Reply> {
    let kind = reading.sent.header("aeg-event-type")?;
    if !kind.eq_ignore_ascii_case(b"SubscriptionValidation") {
        return None;
    }
    let code = reading.json().and_then(|body| place::find(body, "$[0].data.validationCode"))?.as_str()?;
    (code.len() <= CHALLENGE_BYTES_MAX).then(|| Reply::json(&json!({"validationResponse": code})))
}

/// <https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md>, section 4. `WebHook-Request-Callback` is not
/// called: it is an address that anyone could have chosen.
fn cloud_events(reading: &Reading<'_>) -> Option<Reply> {
    let origin = Place::Header("webhook-request-origin".into()).text(reading)?;
    if origin.len() > CHALLENGE_BYTES_MAX || !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(Reply::plain(400, "WebHook-Request-Origin is not an origin."));
    }
    let mut headers = vec![("webhook-allowed-origin", origin.into_owned()), ("allow", "POST".into())];
    if reading.sent.header("webhook-request-rate").is_some() {
        headers.push(("webhook-allowed-rate", "*".into()));
    }
    Some(Reply { headers, ..Reply::status(200) })
}

/// Whether this can be the key of signatures: an empty one would be everybody's.
fn is_secret(text: &str) -> bool {
    (1..=CHALLENGE_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn asana(reading: &Reading<'_>) -> Option<Reply> {
    let secret = Place::Header("x-hook-secret".into()).text(reading)?.into_owned();
    if !is_secret(&secret) {
        return Some(Reply::plain(400, "X-Hook-Secret is not a secret."));
    }
    let headers = vec![("x-hook-secret", secret.clone())];
    Some(Reply { headers, learned_secret: Some(secret), ..Reply::status(200) })
}

/// Anyone may ask, and the answer is what would sign a body of these bytes. So only what can be no body of a delivery is signed:
/// [`Preset::signs_objects`] refuses everything that is not a JSON object, and no object is written in these characters.
fn x(secrets: &[&[u8]], reading: &Reading<'_>) -> Option<Reply> {
    let token = query(reading, "crc_token")?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    if token.is_empty() || token.len() > CRC_TOKEN_BYTES_MAX || !token.iter().all(is_token) {
        return Some(Reply::plain(400, "crc_token is not a token."));
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secrets.first().filter(|secret| !secret.is_empty())?);
    let response = format!("sha256={}", Encoding::Base64.encode(hmac::sign(&key, &token).as_ref()));
    Some(Reply::json(&json!({"response_token": response})))
}

fn sns(reading: &Reading<'_>) -> Option<Reply> {
    reading.text_at("$.Type").filter(|kind| kind.ends_with("Confirmation"))?;
    let body = reading.json()?;
    match body["Type"].as_str()? {
        "SubscriptionConfirmation" => {
            let url = body["SubscribeURL"].as_str().filter(|url| is_sns_confirmation(url));
            Some(Reply { confirm_url: url.map(str::to_owned), ..Reply::status(200) }.signed())
        }
        "UnsubscribeConfirmation" => Some(Reply::status(200).signed()),
        _ => None,
    }
}
