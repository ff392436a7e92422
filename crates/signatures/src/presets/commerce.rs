//! Shops, payments and subscriptions.

use std::borrow::Cow;

use super::shapes::{
    FIVE_MINUTES, HMAC_SHA256, TIME_DOT_BODY, bare, body, entry, header, hours, listed, literal, seconds, stamp,
};
use crate::preset::{Need, Preset, Setting};
use crate::scheme::{Algorithm, Encoding, Grammar, Hash, KeyForm, Part, Scheme, Unit, UrlForm, Window};

/// `transmission id | time | webhook id | CRC-32 of the body`.
const PAYPAL_SIGNED: &[Part] =
    &[Part::Id, literal("|"), Part::Timestamp, literal("|"), Part::WebhookId, literal("|"), Part::BodyCrc32];

/// `time:body`.
const PADDLE_SIGNED: &[Part] = &[Part::Timestamp, literal(":"), Part::Body];

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        // The whole secret is the key, its `whsec_` included.
        schemes: &[listed("stripe-signature", ',', ("t", "v1"), Encoding::Hex, TIME_DOT_BODY, (Unit::Seconds, FIVE_MINUTES))],
        ids: &[&[body("$.id")]],
        events: &[body("$.type")],
        retries: Some(
            "For up to 3 days, slower each time; in a sandbox 3 times within hours. Each has a new time and signature.",
        ),
        tries_for: hours(3 * 24),
        ..entry("stripe", "Stripe", "https://docs.stripe.com/webhooks/signature")
    },
    Preset {
        schemes: &[
            bare("x-shopify-hmac-sha256", HMAC_SHA256, Encoding::Base64),
            bare("shopify-hmac-sha256", HMAC_SHA256, Encoding::Base64),
        ],
        ids: &[&[header("x-shopify-webhook-id")], &[header("shopify-webhook-id")]],
        events: &[header("x-shopify-topic"), header("shopify-topic")],
        retries: Some("200 within 5 s. 8 times in 4 hours; after 8 failures in a row a subscription made by API is deleted."),
        success: &[200],
        answer_within: seconds(5),
        tries_for: hours(4),
        ..entry("shopify", "Shopify", "https://shopify.dev/docs/apps/build/webhooks/verify-deliveries")
    },
    Preset {
        schemes: &[Scheme {
            signature: header("paypal-transmission-sig"),
            grammar: Grammar::Bare,
            algorithm: Algorithm::Rsa(Hash::Sha256),
            encoding: Encoding::Base64,
            key: KeyForm::Certificate,
            signed: Cow::Borrowed(PAYPAL_SIGNED),
            timestamp: Some(stamp("paypal-transmission-time", Unit::Rfc3339, None)),
            id: Some(header("paypal-transmission-id")),
            event: None,
            body_hash: None,
        }],
        secret: Need::Unused,
        settings: &[Setting::WebhookId, Setting::Certificate],
        ids: &[&[body("$.id")], &[header("paypal-transmission-id")]],
        events: &[body("$.event_type")],
        ..entry("paypal", "PayPal", "https://developer.paypal.com/api/rest/webhooks/rest/")
    },
    Preset {
        schemes: &[Scheme::of(
            header("x-square-hmacsha256-signature"),
            Grammar::Bare,
            HMAC_SHA256,
            Encoding::Base64,
            &[Part::Url(UrlForm::Exact), Part::Body],
            None,
        )],
        settings: &[Setting::PublicUrl],
        ids: &[&[body("$.event_id")]],
        events: &[body("$.type")],
        retries: Some("2xx within 10 s. For up to 24 hours."),
        answer_within: seconds(10),
        tries_for: hours(24),
        ..entry("square", "Square", "https://developer.squareup.com/docs/webhooks/step3validate")
    },
    Preset {
        // Old by more than five seconds is refused, as Paddle's library does; `tolerance` allows more. That library does not
        // mind the future, so clocks may differ as elsewhere.
        schemes: &[listed(
            "paddle-signature",
            ';',
            ("ts", "h1"),
            Encoding::Hex,
            PADDLE_SIGNED,
            (Unit::Seconds, Window { past_ms: 5_000, future_ms: Some(300_000) }),
        )],
        ids: &[&[body("$.event_id")]],
        events: &[body("$.event_type")],
        retries: Some("2xx within 5 s. 60 times in 3 days; in the sandbox 3 times in 15 min."),
        answer_within: seconds(5),
        tries_for: hours(3 * 24),
        ..entry("paddle", "Paddle", "https://developer.paddle.com/webhooks/about/signature-verification")
    },
    Preset {
        schemes: &[bare("x-razorpay-signature", HMAC_SHA256, Encoding::Hex)],
        ids: &[&[header("x-razorpay-event-id")]],
        events: &[body("$.event")],
        ..entry("razorpay", "Razorpay", "https://razorpay.com/docs/webhooks/validate-test/")
    },
    Preset {
        schemes: &[bare("x-wc-webhook-signature", HMAC_SHA256, Encoding::Base64)],
        ids: &[&[header("x-wc-webhook-delivery-id")]],
        events: &[header("x-wc-webhook-topic")],
        ..entry("woocommerce", "WooCommerce", "https://woocommerce.com/document/webhooks/")
    },
    Preset {
        schemes: &[bare("x-signature", HMAC_SHA256, Encoding::Hex)],
        events: &[header("x-event-name"), body("$.meta.event_name")],
        ..entry("lemonsqueezy", "Lemon Squeezy", "https://docs.lemonsqueezy.com/help/webhooks/signing-requests")
    },
];
