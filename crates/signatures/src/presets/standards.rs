//! Standards, and the schemes that a document describes itself.

use std::borrow::Cow;

use super::shapes::{HMAC_SHA256, SVIX_HEADERS, WEBHOOK_HEADERS, body, entry, header, hours, prefixed, seconds, standard};
use crate::handshake::Handshake;
use crate::place::Place;
use crate::preset::{Need, Preset, Proof, Setting};
use crate::scheme::{Algorithm, Encoding, Hash, Scheme};

const fn hub(prefix: &'static str, hash: Hash) -> Scheme {
    prefixed("x-hub-signature", prefix, Algorithm::Hmac(hash), Encoding::Hex)
}

const STANDARD_PAGE: &str = "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md";

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        schemes: &[
            standard(WEBHOOK_HEADERS, "v1", HMAC_SHA256, "whsec_"),
            // Render, Resend, OpenAI and others sign so under Svix's names.
            standard(SVIX_HEADERS, "v1", HMAC_SHA256, "whsec_"),
        ],
        ids: &[&[header("webhook-id")], &[header("svix-id")]],
        events: &[body("$.type")],
        retries: Some("2xx within 15 to 30 s. About ten times in 3 days; 410 ends it, `Retry-After` counts."),
        answer_within: seconds(15),
        tries_for: hours(3 * 24),
        ..entry("standard-webhooks", "Standard Webhooks", STANDARD_PAGE)
    },
    Preset {
        schemes: &[
            standard(WEBHOOK_HEADERS, "v1a", Algorithm::Ed25519, "whpk_"),
            standard(SVIX_HEADERS, "v1a", Algorithm::Ed25519, "whpk_"),
        ],
        ids: &[&[header("webhook-id")], &[header("svix-id")]],
        events: &[body("$.type")],
        retries: Some("2xx within 15 to 30 s. About ten times in 3 days; 410 ends it, `Retry-After` counts."),
        answer_within: seconds(15),
        tries_for: hours(3 * 24),
        ..entry("standard-webhooks-v1a", "Standard Webhooks (Ed25519)", STANDARD_PAGE)
    },
    Preset {
        schemes: &[standard(SVIX_HEADERS, "v1", HMAC_SHA256, "whsec_"), standard(WEBHOOK_HEADERS, "v1", HMAC_SHA256, "whsec_")],
        ids: &[&[header("svix-id")], &[header("webhook-id")]],
        events: &[body("$.type"), body("$.event_type")],
        ..entry("svix", "Svix", "https://docs.svix.com/receiving/verifying-payloads/how-manual")
    },
    Preset {
        proof: Proof::Token(&[Place::Bearer, Place::Query(Cow::Borrowed("access_token"))]),
        secret: Need::Optional,
        ids: &[
            &[header("ce-source"), header("ce-id")],
            &[body("$.source"), body("$.id")],
            &[body("$[*].source"), body("$[*].id")],
        ],
        events: &[header("ce-type"), body("$.type"), body("$[*].type")],
        handshake: Handshake::CloudEvents,
        retries: Some("200, 201, 202 or 204. As the sender likes; 410 ends it, 429 slows it down."),
        success: &[200, 201, 202, 204],
        ..entry("cloudevents", "CloudEvents", "https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md")
    },
    Preset {
        // The hub chooses among the four (W3C WebSub, section 8); each is keyed with the same `hub.secret`.
        schemes: &[
            hub("sha256=", Hash::Sha256),
            hub("sha512=", Hash::Sha512),
            hub("sha384=", Hash::Sha384),
            hub("sha1=", Hash::Sha1),
        ],
        secret: Need::Optional,
        settings: &[Setting::VerifyToken],
        handshake: Handshake::WebSub,
        retries: Some("2xx. As the hub likes; 410 may end it."),
        ..entry("websub", "WebSub", "https://www.w3.org/TR/websub/#signature-validation")
    },
    Preset {
        proof: Proof::MessageSignature,
        settings: &[Setting::PublicUrl],
        ..entry("rfc9421", "HTTP message signatures", "https://www.rfc-editor.org/rfc/rfc9421")
    },
    Preset {
        proof: Proof::Configured,
        settings: &[Setting::Signature, Setting::PublicUrl],
        ..entry("hmac", "HMAC", "https://www.rfc-editor.org/rfc/rfc2104")
    },
    Preset {
        proof: Proof::Configured,
        settings: &[Setting::Signature, Setting::PublicUrl],
        ..entry("ed25519", "Ed25519", "https://www.rfc-editor.org/rfc/rfc8032")
    },
];
