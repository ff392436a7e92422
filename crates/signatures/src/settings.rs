//! What a hook tells a preset beside its secrets.

use std::fmt;

use crate::preset::Preset;
use crate::scheme::Scheme;

/// The preset-specific part of a webhook trigger, with the values of secrets filled in.
#[derive(Clone, Default)]
pub struct Settings {
    /// The URL that the sender calls: complete, or only scheme and host. Without one, [`crate::Sent::url`] counts.
    pub public_url: Option<String>,
    /// The value that the sender repeats in its handshake (meta, websub).
    pub verify_token: Option<String>,
    /// A certificate as PEM: pinned in the document, or fetched from [`crate::Preset::certificate_source`] (sns, paypal).
    pub certificate: Option<String>,
    /// The id of the webhook at the sender (paypal).
    pub webhook_id: Option<String>,
    /// The value that the sender repeats in each notification (microsoft-graph).
    pub client_state: Option<String>,
    /// Replaces the window of the preset, both ways.
    pub tolerance_ms: Option<u64>,
    /// `Some(false)` switches the preset's handshake off.
    pub handshake: Option<bool>,
    /// For the generic presets: the preset whose handshake their sender has.
    pub handshake_of: Option<&'static Preset>,
    /// The axes of the generic presets (hmac, ed25519).
    pub scheme: Option<Scheme>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("public_url", &self.public_url)
            .field("verify_token", &self.verify_token.as_ref().map(|_| "***"))
            .field("certificate", &self.certificate.is_some())
            .field("webhook_id", &self.webhook_id)
            .field("client_state", &self.client_state.as_ref().map(|_| "***"))
            .field("tolerance_ms", &self.tolerance_ms)
            .field("handshake", &self.handshake)
            .field("handshake_of", &self.handshake_of.map(|preset| preset.id))
            .field("scheme", &self.scheme)
            .finish()
    }
}
