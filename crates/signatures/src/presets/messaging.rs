//! Messages: chat, telephony, mail, social networks.

use std::borrow::Cow;
use std::time::Duration;

use super::shapes::{
    FIVE_MINUTES, HMAC_SHA1, HMAC_SHA256, V0_TIME_BODY, bare, body, entry, header, hours, prefixed, seconds, stamp, timed,
};
use crate::handshake::Handshake;
use crate::preset::{Preset, Proof, Setting};
use crate::scheme::{Algorithm, Encoding, Grammar, KeyForm, Part, Scheme, Timestamp, Unit, UrlForm, Window};

/// The query names the body's hash, so the URL covers the body.
const TWILIO_JSON: Scheme = Scheme {
    signature: header("x-twilio-signature"),
    grammar: Grammar::Bare,
    algorithm: HMAC_SHA1,
    encoding: Encoding::Base64,
    key: KeyForm::Text,
    signed: Cow::Borrowed(&[Part::Url(UrlForm::EitherPort)]),
    timestamp: None,
    id: None,
    event: None,
    body_hash: Some(Cow::Borrowed("bodySHA256")),
};

/// The body is read as a form whatever its content type says, so that none is left uncovered.
const TWILIO_FORM: Scheme = Scheme::of(
    header("x-twilio-signature"),
    Grammar::Bare,
    HMAC_SHA1,
    Encoding::Base64,
    &[Part::Url(UrlForm::EitherPort), Part::SortedForm],
    None,
);

const SENDGRID: Scheme = Scheme {
    signature: header("x-twilio-email-event-webhook-signature"),
    grammar: Grammar::Bare,
    algorithm: Algorithm::EcdsaP256,
    encoding: Encoding::Base64,
    key: KeyForm::Spki,
    signed: Cow::Borrowed(&[Part::Timestamp, Part::Body]),
    timestamp: Some(stamp("x-twilio-email-event-webhook-timestamp", Unit::Seconds, None)),
    id: None,
    event: None,
    body_hash: None,
};

/// Only `timestamp` and `token` are signed: the event is not, so who has seen one request can attach any event to its signature.
/// Therefore the token is the delivery's id, which is taken once, and old times are refused: the window is longer than Mailgun's
/// last try (8 hours), and shorter than ids are remembered unless the hook says otherwise.
const MAILGUN: Scheme = Scheme::of(
    body("$.signature.signature"),
    Grammar::Bare,
    HMAC_SHA256,
    Encoding::Hex,
    &[Part::Timestamp, Part::Member(Cow::Borrowed("$.signature.token"))],
    Some(Timestamp {
        place: body("$.signature.timestamp"),
        unit: Unit::Seconds,
        window: Some(Window { past_ms: 12 * 60 * 60 * 1000, future_ms: Some(300_000) }),
    }),
);

const DISCORD: Scheme = Scheme {
    signature: header("x-signature-ed25519"),
    grammar: Grammar::Bare,
    algorithm: Algorithm::Ed25519,
    encoding: Encoding::Hex,
    key: KeyForm::Encoded(Encoding::Hex, Cow::Borrowed("")),
    signed: Cow::Borrowed(&[Part::Timestamp, Part::Body]),
    timestamp: Some(stamp("x-signature-timestamp", Unit::Seconds, None)),
    id: None,
    event: None,
    body_hash: None,
};

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        schemes: &[timed(
            "x-slack-signature",
            Grammar::Prefix(Cow::Borrowed("v0=")),
            (HMAC_SHA256, Encoding::Hex),
            V0_TIME_BODY,
            stamp("x-slack-request-timestamp", Unit::Seconds, Some(FIVE_MINUTES)),
        )],
        ids: &[&[body("$.event_id")]],
        events: &[body("$.event.type"), body("$.type")],
        handshake: Handshake::Slack,
        retries: Some("2xx within 3 s. 3 times: at once, after 1 min, after 5 min."),
        answer_within: seconds(3),
        tries_for: seconds(6 * 60),
        ..entry("slack", "Slack", "https://docs.slack.dev/authentication/verifying-requests-from-slack")
    },
    Preset {
        schemes: &[TWILIO_JSON, TWILIO_FORM],
        settings: &[Setting::PublicUrl],
        ids: &[&[header("i-twilio-idempotency-token")]],
        retries: Some("2xx within 15 s. As the fragment of the URL asks (`#rc=…`)."),
        answer_within: seconds(15),
        ..entry("twilio", "Twilio", "https://www.twilio.com/docs/usage/webhooks/webhooks-security")
    },
    Preset {
        schemes: &[SENDGRID],
        ids: &[&[body("$[*].sg_event_id")]],
        events: &[body("$[*].event")],
        element_id: Some("$.sg_event_id"),
        ..entry(
            "sendgrid",
            "SendGrid",
            "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
        )
    },
    Preset {
        schemes: &[MAILGUN],
        ids: &[&[body("$.signature.token")]],
        events: &[body("$.event-data.event")],
        retries: Some("200. After 5, 10, 15 min, 1, 2, 4 h; 406 ends it."),
        success: &[200],
        tries_for: hours(8),
        ..entry("mailgun", "Mailgun", "https://documentation.mailgun.com/docs/mailgun/user-manual/events/webhooks")
    },
    Preset {
        schemes: &[timed(
            "x-zm-signature",
            Grammar::Prefix(Cow::Borrowed("v0=")),
            (HMAC_SHA256, Encoding::Hex),
            V0_TIME_BODY,
            stamp("x-zm-request-timestamp", Unit::Seconds, Some(FIVE_MINUTES)),
        )],
        events: &[body("$.event")],
        handshake: Handshake::Zoom,
        retries: Some("200 or 204 within 3 s. 3 times: after 5, then 20, then 60 min."),
        success: &[200, 204],
        answer_within: seconds(3),
        tries_for: seconds(85 * 60),
        ..entry("zoom", "Zoom", "https://developers.zoom.us/docs/api/webhooks/")
    },
    Preset {
        schemes: &[DISCORD],
        ids: &[&[body("$.id")]],
        events: &[body("$.event.type"), body("$.type")],
        handshake: Handshake::Discord,
        retries: Some("Within 3 s. None."),
        answer_within: seconds(3),
        ..entry("discord", "Discord", "https://docs.discord.com/developers/interactions/receiving-and-responding")
    },
    Preset {
        schemes: &[prefixed("x-hub-signature-256", "sha256=", HMAC_SHA256, Encoding::Hex)],
        settings: &[Setting::VerifyToken],
        ids: &[&[body("$.entry[*].changes[*].value.messages[*].id")]],
        events: &[body("$.entry[*].changes[*].field"), body("$.object")],
        handshake: Handshake::Meta,
        retries: Some("200, best within 250 ms. For 36 hours; WhatsApp for up to 7 days."),
        success: &[200],
        answer_within: Some(Duration::from_millis(250)),
        tries_for: hours(7 * 24),
        ..entry("meta", "Meta, WhatsApp", "https://developers.facebook.com/docs/graph-api/webhooks/getting-started")
    },
    Preset {
        proof: Proof::Token(&[header("x-telegram-bot-api-secret-token")]),
        ids: &[&[body("$.update_id")]],
        retries: Some("2xx. A reasonable number of times, in its own words."),
        ..entry("telegram", "Telegram", "https://core.telegram.org/bots/api#setwebhook")
    },
    Preset {
        schemes: &[bare("x-line-signature", HMAC_SHA256, Encoding::Base64)],
        ids: &[&[body("$.events[*].webhookEventId")]],
        events: &[body("$.events[*].type")],
        element_id: Some("$.webhookEventId"),
        ..entry("line", "LINE", "https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/")
    },
    Preset {
        schemes: &[prefixed("x-twitter-webhooks-signature", "sha256=", HMAC_SHA256, Encoding::Base64)],
        signs_objects: true,
        handshake: Handshake::X,
        ..entry("x", "X", "https://docs.x.com/x-api/webhooks/introduction")
    },
];
