//! Checking a document against this server and the secrets of its workspace, and what its triggers want.

use std::collections::HashSet;

use hookmill_engine::workflow::{self, Workflow};
use hookmill_store::hooks::WantedHook;
use hookmill_store::workspaces::FIRST_SLUG;
use hookmill_worker::{Checked, Programs};

use crate::app::App;
use crate::ingress::alias;
use crate::problem::Result;

/// Checks a text.
pub(super) async fn check(app: &App, text: String) -> Result<Checked> {
    beside(app, move |programs, secrets| programs.check(&text, |name| Some(secrets.contains(name)))).await
}

/// Checks the draft of the workflow with this name.
pub(super) async fn check_draft(app: &App, text: String, name: String) -> Result<Checked> {
    beside(app, move |programs, secrets| programs.check_draft(&text, &name, |name| Some(secrets.contains(name)))).await
}

/// It takes the processor for a while on large documents, so it runs beside the requests of others.
async fn beside(app: &App, check: impl FnOnce(&Programs, &HashSet<String>) -> Checked + Send + 'static) -> Result<Checked> {
    let stored = app.store.secrets(app.workspace()).await?;
    let secrets: HashSet<String> = stored.into_iter().map(|secret| secret.name).collect();
    let programs = app.worker.programs().clone();
    let checked = tokio::task::spawn_blocking(move || check(&programs, &secrets)).await;
    checked.map_err(|error| {
        tracing::error!(%error, "A document could not be checked: {error}");
        crate::problem::Problem::new(&crate::problem::code::INTERNAL, "The document could not be checked; please report it.")
    })
}

/// The hooks that the triggers of a document want.
pub(super) fn wanted_hooks(workflow: &Workflow) -> Vec<WantedHook> {
    workflow
        .triggers
        .iter()
        .map(|workflow::Trigger::Webhook(trigger)| WantedHook {
            label: label(trigger),
            path: trigger.path.clone(),
            alias: alias(trigger, FIRST_SLUG),
        })
        .collect()
}

/// The label of a trigger that has none.
const DEFAULT_LABEL: &str = "webhook";

fn label(trigger: &workflow::WebhookTrigger) -> String {
    trigger.label.as_deref().unwrap_or(DEFAULT_LABEL).to_owned()
}
