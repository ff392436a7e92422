//! What is called: a URL, whose requests it takes, and what its document says of them.

use hookmill_engine::workflow::{self, SecretNames, Trigger, WebhookTrigger};
use hookmill_signatures::Settings;
use serde_json::Value;
use url::Url;

use super::super::client::{Remote, segment};
use super::super::exit::{Exit, Failed, Result};
use super::super::hooks;
use crate::ingress;

/// A hook, as far as its sender has to know it.
pub(super) struct Target {
    /// The whole URL that is called.
    pub(super) url: String,
    /// Whose requests it takes.
    pub(super) preset: Option<String>,
    /// What its document says; of a URL alone, what its preset says.
    pub(super) trigger: WebhookTrigger,
    /// What the signature of its preset depends on.
    pub(super) settings: Settings,
}

impl Target {
    /// The hook that is meant; the server is only asked for what is not given.
    pub(super) async fn find(
        remote: &Remote,
        named: &str,
        preset: Option<&str>,
        public_url: Option<&str>,
        has_secret: bool,
    ) -> Result<Self> {
        let url = Url::parse(named).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let described = match (&url, preset) {
            (Some(_), Some(preset)) if !needs_document(preset) => None,
            (Some(_), _) if remote.key.as_deref().is_none_or(str::is_empty) => {
                return Err(Failed::usage(
                    "say with --preset whose requests to make, or give an API key so that the hook is asked",
                ));
            }
            _ => Some(described(remote, named).await?),
        };
        let is_described = described.is_some();
        let (own_url, mut trigger) = described.unwrap_or_default();
        if let Some(preset) = preset {
            trigger.preset = Some(preset.to_owned());
        }
        let preset = trigger.preset.clone();
        if let Some(id) = preset.as_deref().filter(|id| workflow::preset(id).is_none()) {
            let known: Vec<&str> = workflow::PRESETS.iter().map(|preset| preset.id).collect();
            return Err(Failed::usage(format!("there is no preset `{id}`; there are {}", known.join(", "))));
        }
        // A product asks for its credential where a secret is stored for it; what is not known is taken from the caller.
        if !is_described && has_secret {
            trigger.secret = Some(SecretNames::from("secret"));
        }
        let url = url.map_or(own_url, String::from);
        let settings = Settings {
            public_url: public_url.map(str::to_owned).or_else(|| trigger.public_url.clone()),
            webhook_id: trigger.webhook_id.clone(),
            scheme: ingress::described_scheme(&trigger),
            ..Settings::default()
        };
        Ok(Self { url, preset, trigger, settings })
    }
}

/// Whether only the document says how requests are signed, or what is signed beside them.
fn needs_document(preset: &str) -> bool {
    matches!(preset, "hmac" | "ed25519" | "paypal")
}

/// URL and trigger of a hook, as the server knows them.
async fn described(remote: &Remote, named: &str) -> Result<(String, WebhookTrigger)> {
    let (id, client) = (hooks::id_of(remote, named).await?, remote.client()?);
    let hook = client.get(&format!("/api/v1/hooks/{id}"), &[]).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (workflow, label) = (text(&hook["workflow"]), text(&hook["label"]));
    let document = client.get_text(&format!("/api/v1/workflows/{}/export", segment(&workflow)), &[]).await?;
    let document = workflow::read(&document)
        .map_err(|_| Failed::new(Exit::Failed, "the server's document cannot be read: is it of a newer version?"))?;
    let trigger = document.triggers.into_iter().map(|Trigger::Webhook(trigger)| *trigger);
    let trigger = trigger.into_iter().find(|trigger| ingress::label(trigger) == label);
    let trigger = trigger.ok_or_else(|| Failed::new(Exit::NotFound, format!("{id} is in no published document any more")))?;
    Ok((hooks::urls(&hook).next().unwrap_or_default(), trigger))
}
