//! Work: tasks, documents, files, media, identities.

use super::shapes::{
    FIVE_MINUTES, HMAC_SHA256, TIME_DOT_BODY, bare, body, entry, header, hours, listed, prefixed, seconds, timed,
};
use crate::handshake::Handshake;
use crate::preset::{Need, Preset, Proof, Setting};
use crate::scheme::{Encoding, Grammar, Part, Scheme, Timestamp, Unit, Window};

/// The timestamp that is signed stands in the body; the header's copy is not covered.
const LINEAR: Scheme = timed(
    "linear-signature",
    Grammar::Bare,
    (HMAC_SHA256, Encoding::Hex),
    &[Part::Body],
    Timestamp { place: body("$.webhookTimestamp"), unit: Unit::Millis, window: Some(Window::both(60_000)) },
);

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        schemes: &[LINEAR],
        ids: &[&[header("linear-delivery")]],
        events: &[header("linear-event"), body("$.type")],
        retries: Some("200 within 5 s. After 1 min, 1 h, 6 h; then it may be switched off."),
        success: &[200],
        answer_within: seconds(5),
        tries_for: hours(7),
        ..entry("linear", "Linear", "https://linear.app/developers/webhooks")
    },
    Preset {
        schemes: &[prefixed("x-hub-signature", "sha256=", HMAC_SHA256, Encoding::Hex)],
        ids: &[&[header("x-atlassian-webhook-identifier")]],
        events: &[body("$.webhookEvent")],
        retries: Some("2xx. Up to 5 times, 5 to 15 min apart, after 408, 409, 425, 429, 5xx and timeouts."),
        tries_for: seconds(75 * 60),
        ..entry("jira", "Jira", "https://developer.atlassian.com/cloud/jira/platform/webhooks/")
    },
    Preset {
        schemes: &[prefixed("x-notion-signature", "sha256=", HMAC_SHA256, Encoding::Hex)],
        ids: &[&[body("$.id")]],
        events: &[body("$.type")],
        handshake: Handshake::Notion,
        retries: Some("2xx. Up to 8 times in 24 hours."),
        tries_for: hours(24),
        ..entry("notion", "Notion", "https://developers.notion.com/reference/webhooks")
    },
    Preset {
        schemes: &[bare("x-hook-signature", HMAC_SHA256, Encoding::Hex)],
        handshake: Handshake::Asana,
        retries: Some("200 or 204 within 10 s. For 24 hours; then the webhook is deleted."),
        success: &[200, 204],
        answer_within: seconds(10),
        tries_for: hours(24),
        ..entry("asana", "Asana", "https://developers.asana.com/docs/webhooks-guide")
    },
    Preset {
        schemes: &[bare("x-dropbox-signature", HMAC_SHA256, Encoding::Hex)],
        handshake: Handshake::Dropbox,
        retries: Some("2xx within 10 s. Slower each time; may be switched off."),
        answer_within: seconds(10),
        ..entry("dropbox", "Dropbox", "https://www.dropbox.com/developers/reference/webhooks")
    },
    Preset {
        proof: Proof::ClientState,
        secret: Need::Unused,
        settings: &[Setting::ClientState],
        ids: &[&[body("$.value[*].id")]],
        events: &[body("$.value[*].changeType"), body("$.value[*].lifecycleEvent")],
        element_id: Some("$.id"),
        handshake: Handshake::Graph,
        retries: Some("200 or 202 within 3 s. For up to 4 hours, slower each time; who is often late misses notifications."),
        success: &[202, 200],
        answer_within: seconds(3),
        tries_for: hours(4),
        ..entry("microsoft-graph", "Microsoft Graph", "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks")
    },
    Preset {
        schemes: &[listed("mux-signature", ',', ("t", "v1"), Encoding::Hex, TIME_DOT_BODY, (Unit::Seconds, FIVE_MINUTES))],
        ids: &[&[body("$.id")]],
        events: &[body("$.type")],
        ..entry("mux", "Mux", "https://docs.mux.com/core/verify-webhook-signatures")
    },
    Preset {
        schemes: &[listed(
            "sanity-webhook-signature",
            ',',
            ("t", "v1"),
            Encoding::Base64Url,
            TIME_DOT_BODY,
            (Unit::Millis, FIVE_MINUTES),
        )],
        ids: &[&[header("idempotency-key")]],
        events: &[header("sanity-operation")],
        retries: Some("2 times, 30 s apart."),
        tries_for: seconds(60),
        ..entry("sanity", "Sanity", "https://www.sanity.io/docs/webhooks")
    },
    Preset {
        schemes: &[listed("workos-signature", ',', ("t", "v1"), Encoding::Hex, TIME_DOT_BODY, (Unit::Millis, FIVE_MINUTES))],
        ids: &[&[body("$.id")]],
        events: &[body("$.event")],
        ..entry("workos", "WorkOS", "https://workos.com/docs/events/data-syncing/webhooks")
    },
];
