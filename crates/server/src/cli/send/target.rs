//! What is called: a URL, whose requests it takes, and what its document says of them.

use hookmill_engine::workflow::{self, SecretNames, Trigger, WebhookTrigger};
use hookmill_signatures::Settings;
use serde_json::Value;
use url::Url;

use super::super::client::{Client, Remote, segment};
use super::super::exit::{Exit, Failed, Result};
use super::super::hooks;
use super::super::screen::complain;
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
    /// Whether the URL is the server's that is asked, or where that server says the hook is: there its API key may be shown.
    pub(super) is_own: bool,
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
        let (own_urls, mut trigger) = described.unwrap_or_default();
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
        let is_own = |url: &str| own_urls.iter().chain([&remote.url]).any(|own| is_of_one_origin(own, url));
        let url = url.map_or_else(|| own_urls.first().cloned().unwrap_or_default(), String::from);
        let settings = Settings {
            public_url: public_url.map(str::to_owned).or_else(|| trigger.public_url.clone()),
            webhook_id: trigger.webhook_id.clone(),
            scheme: ingress::described_scheme(&trigger),
            ..Settings::default()
        };
        Ok(Self { is_own: is_own(&url), url, preset, trigger, settings })
    }
}

/// Whether only the document says how requests are signed, or what is signed beside them.
fn needs_document(preset: &str) -> bool {
    matches!(preset, "hmac" | "ed25519" | "paypal")
}

/// Whether two URLs lead to the same host and port in the same way.
fn is_of_one_origin(one: &str, other: &str) -> bool {
    matches!((Url::parse(one), Url::parse(other)), (Ok(one), Ok(other)) if one.origin() == other.origin())
}

/// Whether a text is a test URL, or its path.
fn is_test(named: &str) -> bool {
    let named = named.split(['?', '#']).next().unwrap_or_default();
    let path = named.split_once("://").map_or(named, |(_, rest)| rest.find('/').map_or("", |start| &rest[start..]));
    // What is before may be a host, or the path of a proxy.
    let inner = path.find(ingress::PREFIX).map_or("", |start| &path[start..]);
    let target = [path, inner].into_iter().map(ingress::Target::of).find(|target| *target != ingress::Target::Nowhere);
    matches!(target, Some(ingress::Target::Test(_)))
}

/// URLs of a hook, the one to call first, and its trigger, as the server knows them.
async fn described(remote: &Remote, named: &str) -> Result<(Vec<String>, WebhookTrigger)> {
    let (id, client) = (hooks::id_of(remote, named).await?, remote.client()?);
    let hook = client.get(&format!("/api/v1/hooks/{id}"), &[]).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let workflow = format!("/api/v1/workflows/{}", segment(&text(&hook["workflow"])));
    let state = text(&hook["state"]);
    let is_named = named.starts_with("hook_");
    if state == "draft" && !is_named && !is_test(named) {
        let test_url = text(&hook["test_url"]);
        let why = format!("only a draft has {id}, so nothing answers there yet; its test URL is {test_url}");
        return Err(Failed::new(Exit::NotFound, why));
    }
    // Named by its id, a hook that is not published is called where its draft answers.
    let is_unpublished = is_named && matches!(state.as_str(), "draft" | "removed");
    let draft = if is_test(named) || is_unpublished { draft(&client, &workflow).await? } else { None };
    let tested = is_test(named) || draft.is_some();
    if is_unpublished && tested {
        complain(&format!("{id} is not published; it is called at its test URL, where the draft answers."));
    }
    let which = if draft.is_some() { "draft" } else { "published document" };
    let document = match draft {
        Some(draft) => workflow::read(&draft).map_err(|_| {
            Failed::new(
                Exit::Invalid,
                "the draft cannot be read, so nothing answers; `hookmill draft show` tells what is wrong with it",
            )
        })?,
        None => workflow::read(&client.get_text(&format!("{workflow}/export"), &[]).await?)
            .map_err(|_| Failed::new(Exit::Failed, "the server's document cannot be read: is it of a newer version?"))?,
    };
    let label = text(&hook["label"]);
    let trigger = document.triggers.into_iter().map(|Trigger::Webhook(trigger)| *trigger);
    let trigger = trigger.into_iter().find(|trigger| ingress::label(trigger) == label);
    let trigger = trigger.ok_or_else(|| Failed::new(Exit::NotFound, format!("{id} is not in the {which}")))?;
    let test_url = tested.then(|| text(&hook["test_url"]));
    Ok((test_url.into_iter().chain(hooks::urls(&hook)).collect(), trigger))
}

/// The draft of a workflow, if there is one.
async fn draft(client: &Client, workflow: &str) -> Result<Option<String>> {
    match client.get(&format!("{workflow}/draft"), &[]).await {
        Ok(draft) => Ok(draft["text"].as_str().map(str::to_owned)),
        Err(failed) if failed.exit == Exit::NotFound => Ok(None),
        Err(failed) => Err(failed),
    }
}
