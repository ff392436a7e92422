//! The presets a trigger can name, and what each of them asks the document for.
//!
//! How a provider signs and what a product answers is known elsewhere; here is only what makes sense in a document.

use crate::workflow::problem::closest;

/// What is known of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresetInfo {
    /// What it is called in the document.
    pub id: &'static str,
    /// Whether it is about a sender or about a receiver.
    pub kind: PresetKind,
    /// What it does with `secret`.
    pub secret: SecretUse,
    /// The keys of the trigger that only some presets have, and that this one needs.
    pub needs: &'static [&'static str],
    /// The same, that it can do without.
    pub may: &'static [&'static str],
    /// Whether its sender signs a time, so that a tolerance means something. Of `hmac` and `ed25519` the document says it.
    pub is_timed: bool,
    /// Whether it sends JSON and calls it text.
    pub calls_json_text: bool,
}

/// Whether a preset is about a sender or about a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresetKind {
    /// Somebody who sends webhooks.
    Provider,
    /// A product that receives them, for which the hook stands in; how many parts of its URL `ids` can set.
    Product {
        /// Whether the workspace has a part of its own beside the workflow's.
        has_workspace: bool,
    },
}

/// What a preset does with `secret`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretUse {
    /// Nothing can be checked without it.
    Needed,
    /// It is checked if it is given.
    Optional,
    /// There is nothing to check it with.
    Unused,
}

impl PresetInfo {
    /// Whether a key of the trigger that only some presets have belongs to this one.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.needs.contains(&key) || self.may.contains(&key)
    }

    /// Whether the hook stands in for a product.
    #[must_use]
    pub fn is_product(&self) -> bool {
        matches!(self.kind, PresetKind::Product { .. })
    }

    const fn provider(id: &'static str) -> Self {
        let (kind, secret) = (PresetKind::Provider, SecretUse::Needed);
        Self { id, kind, secret, needs: &[], may: &[], is_timed: false, calls_json_text: false }
    }

    const fn product(id: &'static str, secret: SecretUse, has_workspace: bool) -> Self {
        let kind = PresetKind::Product { has_workspace };
        Self { kind, secret, may: &["ids"], ..Self::provider(id) }
    }

    const fn secret(self, secret: SecretUse) -> Self {
        Self { secret, ..self }
    }

    const fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }

    const fn calls_json_text(self) -> Self {
        Self { calls_json_text: true, ..self }
    }

    const fn timed(self) -> Self {
        Self { is_timed: true, ..self }
    }

    const fn may(self, may: &'static [&'static str]) -> Self {
        Self { may, ..self }
    }
}

/// Every preset, in the order in which they are listed.
pub const PRESETS: &[PresetInfo] = &[
    PresetInfo::provider("github"),
    PresetInfo::provider("gitlab"),
    PresetInfo::provider("gitlab-signing").timed(),
    PresetInfo::provider("bitbucket"),
    PresetInfo::provider("stripe").timed(),
    PresetInfo::provider("slack").timed(),
    PresetInfo::provider("shopify"),
    PresetInfo::provider("standard-webhooks").timed(),
    PresetInfo::provider("standard-webhooks-v1a").timed(),
    PresetInfo::provider("svix").timed(),
    PresetInfo::provider("twilio").may(&["public_url"]),
    PresetInfo::provider("sendgrid").timed(),
    PresetInfo::provider("mailgun").timed(),
    PresetInfo::provider("paypal").timed().secret(SecretUse::Unused).needs(&["webhook_id"]).may(&["certificate"]),
    PresetInfo::provider("square").may(&["public_url"]),
    PresetInfo::provider("hubspot").timed().may(&["public_url"]),
    PresetInfo::provider("zoom").timed(),
    PresetInfo::provider("discord").timed(),
    PresetInfo::provider("meta").may(&["verify_token"]),
    PresetInfo::provider("dropbox"),
    PresetInfo::provider("microsoft-graph").secret(SecretUse::Unused).needs(&["client_state"]),
    PresetInfo::provider("azure-event-grid").secret(SecretUse::Unused),
    // `Content-Type: text/plain; charset=UTF-8`: https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html
    PresetInfo::provider("sns").secret(SecretUse::Unused).may(&["certificate"]).calls_json_text(),
    PresetInfo::provider("linear").timed(),
    PresetInfo::provider("typeform"),
    PresetInfo::provider("calendly").timed(),
    PresetInfo::provider("intercom"),
    PresetInfo::provider("paddle").timed(),
    PresetInfo::provider("telegram"),
    PresetInfo::provider("jira"),
    PresetInfo::provider("notion"),
    PresetInfo::provider("asana"),
    PresetInfo::provider("zendesk").timed(),
    PresetInfo::provider("line"),
    PresetInfo::provider("razorpay"),
    PresetInfo::provider("mux").timed(),
    PresetInfo::provider("sanity").timed(),
    PresetInfo::provider("woocommerce"),
    PresetInfo::provider("sentry"),
    PresetInfo::provider("lemonsqueezy"),
    PresetInfo::provider("workos").timed(),
    PresetInfo::provider("gitea"),
    PresetInfo::provider("x"),
    PresetInfo::provider("cloudevents").secret(SecretUse::Optional),
    PresetInfo::provider("websub").secret(SecretUse::Optional).may(&["verify_token"]),
    PresetInfo::provider("rfc9421").timed().may(&["public_url"]),
    PresetInfo::provider("hmac").needs(&["signature"]).may(&["public_url", "verify_token"]),
    PresetInfo::provider("ed25519").needs(&["signature"]).may(&["public_url", "verify_token"]),
    PresetInfo::product("smartflow", SecretUse::Optional, false),
    PresetInfo::product("smarttalk", SecretUse::Optional, false),
    PresetInfo::product("hap", SecretUse::Optional, false),
    PresetInfo::product("vectense", SecretUse::Needed, true),
    PresetInfo::product("smashsend", SecretUse::Unused, true),
];

/// The preset of this id.
#[must_use]
pub fn preset(id: &str) -> Option<&'static PresetInfo> {
    PRESETS.iter().find(|preset| preset.id == id)
}

/// The ids of all presets.
pub(in crate::workflow) fn ids() -> Vec<&'static str> {
    PRESETS.iter().map(|preset| preset.id).collect()
}

/// The ids of the presets that know a key.
pub(in crate::workflow) fn knowing(key: &str) -> impl Iterator<Item = &'static str> {
    PRESETS.iter().filter(move |preset| preset.knows(key)).map(|preset| preset.id)
}

/// The preset that was probably meant. People write `Standard Webhooks`, `standard_webhooks`, `Twitter`.
pub(in crate::workflow) fn meant(id: &str) -> Option<&'static str> {
    const OTHER_NAMES: &[(&str, &str)] = &[
        ("whatsapp", "meta"),
        ("facebook", "meta"),
        ("instagram", "meta"),
        ("twitter", "x"),
        ("forgejo", "gitea"),
        ("aws-sns", "sns"),
        ("event-grid", "azure-event-grid"),
        ("eventgrid", "azure-event-grid"),
        ("graph", "microsoft-graph"),
        ("mingdao", "hap"),
        ("nocoly", "hap"),
        ("aismarttalk", "smarttalk"),
        ("ai-smarttalk", "smarttalk"),
        ("chatmodel", "smartflow"),
        ("standardwebhooks", "standard-webhooks"),
        ("resend", "svix"),
        ("clerk", "svix"),
    ];
    let plain = id.trim().to_lowercase().replace(['_', ' '], "-");
    let other = OTHER_NAMES.iter().find(|(name, _)| *name == plain).map(|(_, id)| *id);
    other.or_else(|| closest(&plain, ids()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_meant_ones_exist() {
        let mut ids = ids();
        assert_eq!(ids.len(), 53);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 53, "an id stands twice");
        for (written, expected) in [
            ("Github", Some("github")),
            ("standard_webhooks", Some("standard-webhooks")),
            ("Twitter", Some("x")),
            ("gihtub", Some("github")),
            ("strip", Some("stripe")),
            ("nobody", None),
        ] {
            assert_eq!(meant(written), expected, "{written}");
        }
    }
}
