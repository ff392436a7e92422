//! Presets, and the keys that only some of them have.

use super::Checker;
use super::limits::{NAME_CHARS_MAX, PEM_CHARS_MAX};
use crate::time::Span;
use crate::workflow::problem::{listed, quoted};
use crate::workflow::trigger::{preset_meant, presets_knowing};
use crate::workflow::{HandshakeKind, PresetInfo, PresetKind, SecretNames, SecretUse, WebhookTrigger};

/// How old a signed request may be at most.
pub(super) const TOLERANCE_MAX: Span = Span(24 * 60 * 60 * 1_000);
/// Characters of a public URL.
const URL_CHARS_MAX: usize = 2_000;

impl<'w> Checker<'w> {
    /// The preset, and everything that stands or falls with it.
    pub(super) fn preset(&mut self, webhook: &'w WebhookTrigger) {
        let known = webhook.preset_info();
        if let (Some(id), None) = (&webhook.preset, known) {
            let message = format!("there is no preset {}", quoted(id));
            self.at.member("preset", |at| at.suggest("unknown_preset", message, preset_meant(id)));
        }
        // What the key of an unknown preset should be nobody can tell.
        if known.is_some() || webhook.preset.is_none() {
            self.fitting_keys(webhook, known);
        }
        self.preset_values(webhook);
        if let Some(signature) = &webhook.signature {
            self.at_member("signature", |this| this.signature(signature, webhook.preset.as_deref()));
        }
    }

    fn fitting_keys(&mut self, webhook: &WebhookTrigger, preset: Option<&PresetInfo>) {
        for (key, given) in [
            ("ids", webhook.ids.is_some()),
            ("public_url", webhook.public_url.is_some()),
            ("verify_token", webhook.verify_token.is_some()),
            ("certificate", webhook.certificate.is_some()),
            ("webhook_id", webhook.webhook_id.is_some()),
            ("client_state", webhook.client_state.is_some()),
            ("signature", webhook.signature.is_some()),
        ] {
            match preset {
                Some(preset) if !given && preset.needs.contains(&key) => {
                    self.at.problem("missing_key", format!("`{key}` is missing: the preset `{}` needs it", preset.id));
                }
                preset if given && !preset.is_some_and(|preset| preset.knows(key)) => {
                    let message = format!("`{key}` belongs to {} {}", presets_word(key), listed(presets_knowing(key), "and"));
                    self.at.member(key, |at| at.problem("misplaced_key", message));
                }
                _ => {}
            }
        }
        let is_provider = preset.is_some_and(|preset| preset.kind == PresetKind::Provider);
        for (key, given) in [("tolerance", webhook.tolerance.is_some()), ("handshake", webhook.handshake.is_some())] {
            if given && !is_provider {
                let message = format!("`{key}` is about the preset of a provider, and there is none");
                self.at.member(key, |at| at.problem("misplaced_key", message));
            }
        }
        let described_time = webhook.signature.as_ref().is_some_and(|signature| signature.has_timestamp());
        if webhook.tolerance.is_some() && preset.is_some_and(|preset| is_provider && !preset.is_timed && !described_time) {
            let message = "the sender signs no time, so that this changes nothing: repetitions are told by `dedupe` alone";
            self.at.member("tolerance", |at| at.warn("useless_tolerance", message, None));
        }
        match (preset, &webhook.secret) {
            (Some(preset), None) if preset.secret == SecretUse::Needed => {
                let message = format!("`secret` is missing: without it the preset `{}` cannot tell who sends", preset.id);
                self.at.problem("missing_key", message);
            }
            (Some(preset), Some(_)) if preset.secret == SecretUse::Unused => {
                let message = format!("the preset `{}` has nothing to check a secret with{}", preset.id, instead(preset));
                self.at.member("secret", |at| at.problem("misplaced_key", message));
            }
            (None, Some(_)) => {
                let message = "`secret` is the secret of a `preset`, and there is none; other credentials stand in `auth`";
                self.at.member("secret", |at| at.problem("misplaced_key", message));
            }
            _ => {}
        }
    }

    fn preset_values(&mut self, webhook: &WebhookTrigger) {
        if let Some(secret) = &webhook.secret {
            self.at_member("secret", |this| this.secrets(secret));
        }
        for (key, name) in [("verify_token", &webhook.verify_token), ("client_state", &webhook.client_state)] {
            if let Some(name) = name {
                self.at_member(key, |this| this.secret(name));
            }
        }
        if let Some(url) = &webhook.public_url
            && !is_absolute_url(url)
        {
            let message = "the public URL is the whole URL as the provider has it, such as https://hooks.example/hooks/main/sms";
            self.at.member("public_url", |at| at.problem("bad_url", message));
        }
        if let Some(certificate) = &webhook.certificate {
            self.at_member("certificate", |this| this.pem(certificate, "CERTIFICATE"));
        }
        if let Some(id) = &webhook.webhook_id {
            self.label("webhook_id", id);
        }
        if let Some(tolerance) = webhook.tolerance {
            self.span("tolerance", tolerance, TOLERANCE_MAX);
        }
        self.ids(webhook);
        let described = webhook.signature.as_ref().map(|signature| signature.handshake);
        let is_asked = match described {
            Some(handshake) => handshake.is_some_and(HandshakeKind::has_verify_token),
            // Of those that describe their signature nothing is known without one.
            None => webhook.preset_info().is_some_and(|preset| preset.knows("verify_token") && !preset.knows("signature")),
        };
        if webhook.verify_token.is_some() && described.is_some() && !is_asked {
            let message = "only the handshakes `meta` and `websub` repeat a token; `signature.handshake` is none of them";
            self.at.member("verify_token", |at| at.problem("misplaced_key", message));
        }
        if webhook.verify_token.is_none() && webhook.handshake != Some(false) && is_asked {
            let message = "without `verify_token` the provider cannot be told that this hook is yours: registering it will fail";
            self.at.member("preset", |at| at.warn("no_verify_token", message, None));
        }
    }

    /// The parts of a product's URL.
    fn ids(&mut self, webhook: &WebhookTrigger) {
        let Some(ids) = &webhook.ids else { return };
        let parts = [("workspace", &ids.workspace), ("workflow", &ids.workflow)];
        self.at_member("ids", |this| {
            for (key, part) in parts {
                let Some(part) = part else { continue };
                // One segment of a URL; Base64 has its own characters.
                let fits = |c: char| c.is_ascii_alphanumeric() || "-._~=".contains(c);
                let is_dots = part.chars().all(|c| c == '.');
                if is_dots || part.len() > NAME_CHARS_MAX || !part.chars().all(fits) {
                    let message = format!(
                        "{} is not a part of a URL: 1 to {NAME_CHARS_MAX} letters, digits, `-`, `.`, `_`, `~`, `=`",
                        quoted(part)
                    );
                    this.at.member(key, |at| at.problem("bad_path", message));
                }
            }
            let Some(PresetKind::Product { has_workspace }) = webhook.preset_info().map(|preset| preset.kind) else { return };
            if ids.workflow.is_none() {
                this.at.problem("missing_key", "`workflow` is missing: without it there is no URL");
            }
            match (&ids.workspace, has_workspace) {
                (None, true) => this.at.problem("missing_key", "`workspace` is missing: it is a part of the product's URL"),
                (Some(_), false) => {
                    let message = "the product's URL has no part for the workspace";
                    this.at.member("workspace", |at| at.problem("misplaced_key", message));
                }
                _ => {}
            }
        });
    }

    /// Stored secrets, any of which is right.
    pub(super) fn secrets(&mut self, names: &SecretNames) {
        if names.0.is_empty() {
            self.at.problem("empty", "at least one secret is needed");
        }
        if names.0.len() > super::SECRETS_MAX {
            self.at.problem("too_many", format!("{} secrets; the limit is {}", names.0.len(), super::SECRETS_MAX));
        }
        for (index, name) in names.iter().enumerate() {
            // A single name stands without a list.
            let mark = (names.0.len() > 1).then(|| self.at.enter_element(index));
            self.secret(name);
            if names.0[..index].iter().any(|earlier| earlier == name) {
                self.at.warn("duplicate_name", "stands here twice", None);
            }
            if let Some(mark) = mark {
                self.at.leave(mark);
            }
        }
    }

    /// A PEM text (RFC 7468) with a label.
    pub(super) fn pem(&mut self, text: &str, label: &str) {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        if text.len() > PEM_CHARS_MAX {
            self.at.problem("too_long", format!("{} characters; the limit is {PEM_CHARS_MAX}", text.len()));
        } else if !text.trim_start().starts_with(&begin) || !text.trim_end().ends_with(&end) {
            self.at.problem("bad_pem", format!("expected PEM text from `{begin}` to `{end}`"));
        }
    }

    /// A length of time between one second and a bound.
    pub(super) fn span(&mut self, key: &str, span: Span, max: Span) {
        const MIN: Span = Span(1_000);
        if span < MIN || span > max {
            let message = format!("must be {MIN} to {max}, not {span}");
            self.at.member(key, |at| at.problem("out_of_range", message));
        }
    }
}

fn presets_word(key: &str) -> &'static str {
    if presets_knowing(key).nth(1).is_some() { "the presets" } else { "the preset" }
}

/// What the owner of the hook would have to write instead of a secret.
fn instead(preset: &PresetInfo) -> String {
    if let Some(key) = preset.needs.first() {
        return format!("; `{key}` is what it needs");
    }
    if preset.is_product() {
        return ": its URL is its only credential; others stand in `auth`".to_owned();
    }
    if preset.knows("certificate") {
        return ": it checks the sender's certificate".to_owned();
    }
    ": its sender proves nothing; ask for credentials in `auth`".to_owned()
}

fn is_absolute_url(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', ':']))
        && url.len() <= URL_CHARS_MAX
        && url.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '#' | '\\' | '"' | '<' | '>'))
}
