//! Where code lives: forges, their tickets and their alarms.

use super::shapes::{HMAC_SHA256, WEBHOOK_HEADERS, bare, body, entry, header, prefixed, seconds, standard};
use crate::handshake::Handshake;
use crate::preset::{Need, Preset, Proof, Setting};
use crate::scheme::Encoding;

pub(super) const PRESETS: &[Preset] = &[
    Preset {
        schemes: &[prefixed("x-hub-signature-256", "sha256=", HMAC_SHA256, Encoding::Hex)],
        ids: &[&[header("x-github-delivery")]],
        events: &[header("x-github-event")],
        retries: Some("2xx within 10 s. None by itself; one sent again by hand keeps its id."),
        answer_within: seconds(10),
        ..entry("github", "GitHub", "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries")
    },
    Preset {
        proof: Proof::Token(&[header("x-gitlab-token")]),
        // `X-Gitlab-Event-UUID` is shared by the events that one event sets off, so it is no delivery id.
        ids: &[&[header("idempotency-key")], &[header("webhook-id")]],
        events: &[header("x-gitlab-event")],
        retries: Some("Slower after failures, then switched off."),
        ..entry("gitlab", "GitLab", "https://docs.gitlab.com/user/project/integrations/webhooks/")
    },
    Preset {
        schemes: &[standard(WEBHOOK_HEADERS, "v1", HMAC_SHA256, "whsec_")],
        ids: &[&[header("webhook-id")], &[header("idempotency-key")]],
        events: &[header("x-gitlab-event")],
        retries: Some("Slower after failures, then switched off."),
        ..entry("gitlab-signing", "GitLab (signing token)", "https://docs.gitlab.com/user/project/integrations/webhooks/")
    },
    Preset {
        schemes: &[prefixed("x-hub-signature", "sha256=", HMAC_SHA256, Encoding::Hex)],
        ids: &[&[header("x-request-uuid")], &[header("x-request-id")]],
        events: &[header("x-event-key")],
        retries: Some("2xx within 10 s."),
        answer_within: seconds(10),
        ..entry("bitbucket", "Bitbucket", "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/")
    },
    Preset {
        schemes: &[
            bare("x-gitea-signature", HMAC_SHA256, Encoding::Hex),
            bare("x-forgejo-signature", HMAC_SHA256, Encoding::Hex),
            prefixed("x-hub-signature-256", "sha256=", HMAC_SHA256, Encoding::Hex),
        ],
        ids: &[&[header("x-gitea-delivery")], &[header("x-forgejo-delivery")], &[header("x-github-delivery")]],
        events: &[header("x-gitea-event"), header("x-forgejo-event"), header("x-github-event")],
        ..entry("gitea", "Gitea, Forgejo", "https://docs.gitea.com/usage/webhooks")
    },
    Preset {
        schemes: &[bare("sentry-hook-signature", HMAC_SHA256, Encoding::Hex)],
        ids: &[&[header("request-id")]],
        events: &[header("sentry-hook-resource")],
        ..entry("sentry", "Sentry", "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/")
    },
    Preset {
        proof: Proof::Sns,
        secret: Need::Unused,
        settings: &[Setting::Certificate],
        ids: &[&[body("$.MessageId")], &[header("x-amz-sns-message-id")]],
        events: &[body("$.Type"), header("x-amz-sns-message-type")],
        handshake: Handshake::Sns,
        retries: Some("2xx within 15 s. 3 times, 20 s apart, unless the delivery policy says otherwise."),
        answer_within: seconds(15),
        tries_for: seconds(60),
        ..entry("sns", "Amazon SNS", "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html")
    },
    Preset {
        proof: Proof::Unproven,
        secret: Need::Unused,
        ids: &[&[body("$[*].id")], &[body("$.id")]],
        events: &[body("$[*].eventType"), body("$.type")],
        element_id: Some("$.id"),
        handshake: Handshake::EventGrid,
        ..entry(
            "azure-event-grid",
            "Azure Event Grid",
            "https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema",
        )
    },
];
