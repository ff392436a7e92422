//! Customers: marketing, support, forms, calendars.

use super::shapes::{
    FIVE_MINUTES, HMAC_SHA1, HMAC_SHA256, TIME_DOT_BODY, body, entry, hours, listed, prefixed, seconds, stamp, timed,
};
use crate::preset::{Preset, Setting};
use crate::scheme::{Encoding, Grammar, Part, Scheme, Unit, UrlForm, Window};

/// Version 3. HubSpot sends versions 1 and 2 beside it to this day; they have no time and hash the secret before the text, so
/// whoever took version 3 off a request could repeat and prolong it. Where only they are sent, `hmac` can be told of them.
const HUBSPOT_V3: Scheme = timed(
    "x-hubspot-signature-v3",
    Grammar::Bare,
    (HMAC_SHA256, Encoding::Base64),
    &[Part::Method, Part::Url(UrlForm::Decoded), Part::Body, Part::Timestamp],
    stamp("x-hubspot-request-timestamp", Unit::Millis, Some(FIVE_MINUTES)),
);

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        schemes: &[HUBSPOT_V3],
        settings: &[Setting::PublicUrl],
        // `eventId` is not unique, so there is nothing to tell a second copy by but the body.
        events: &[body("$[*].subscriptionType")],
        ..entry(
            "hubspot",
            "HubSpot",
            "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
        )
    },
    Preset {
        schemes: &[prefixed("typeform-signature", "sha256=", HMAC_SHA256, Encoding::Base64)],
        ids: &[&[body("$.event_id")]],
        events: &[body("$.event_type")],
        ..entry("typeform", "Typeform", "https://www.typeform.com/developers/webhooks/secure-your-webhooks/")
    },
    Preset {
        schemes: &[listed(
            "calendly-webhook-signature",
            ',',
            ("t", "v1"),
            Encoding::Hex,
            TIME_DOT_BODY,
            (Unit::Seconds, Window::both(180_000)),
        )],
        events: &[body("$.event")],
        retries: Some("2xx within 15 s. For 24 hours, slower each time; then switched off."),
        answer_within: seconds(15),
        tries_for: hours(24),
        ..entry("calendly", "Calendly", "https://developer.calendly.com/api-docs")
    },
    Preset {
        schemes: &[prefixed("x-hub-signature", "sha1=", HMAC_SHA1, Encoding::Hex)],
        ids: &[&[body("$.id")]],
        events: &[body("$.topic")],
        retries: Some(
            "2xx within 5 s. Paused after 1000 errors in a row within 15 min, suspended after 7 days; 429 slows it down.",
        ),
        answer_within: seconds(5),
        ..entry("intercom", "Intercom", "https://developers.intercom.com/docs/webhooks/webhook-notifications")
    },
    Preset {
        schemes: &[timed(
            "x-zendesk-webhook-signature",
            Grammar::Bare,
            (HMAC_SHA256, Encoding::Base64),
            &[Part::Timestamp, Part::Body],
            stamp("x-zendesk-webhook-signature-timestamp", Unit::Rfc3339, None),
        )],
        ids: &[&[body("$.id")]],
        events: &[body("$.type")],
        ..entry("zendesk", "Zendesk", "https://developer.zendesk.com/documentation/webhooks/verifying/")
    },
];
