//! Checking a document the same way wherever it comes from: read, checked for meaning, compiled.

use std::collections::HashSet;

use hookmill_actions::Registry;
use hookmill_engine::run::Program;
use hookmill_engine::workflow::{self, ActionInfo, Catalog, Problem as Fault, Workflow};
use hookmill_store::hooks::WantedHook;
use hookmill_store::workspaces::FIRST_SLUG;

use crate::app::App;
use crate::ingress::alias;
use crate::problem::Result;

/// The surroundings of a document: the actions of this server and the secrets of the workspace.
struct Surroundings<'a> {
    registry: &'a Registry,
    secrets: HashSet<String>,
}

impl Catalog for Surroundings<'_> {
    fn action(&self, name: &str) -> Option<ActionInfo> {
        self.registry.action(name)
    }

    fn action_names(&self) -> Vec<String> {
        self.registry.action_names()
    }

    fn secret_exists(&self, name: &str) -> Option<bool> {
        Some(self.secrets.contains(name))
    }
}

/// What came of checking.
pub(super) struct Checked {
    /// The document, if it can be published.
    pub(super) workflow: Option<Workflow>,
    /// Everything that is wrong with it; warnings only if it can be published.
    pub(super) faults: Vec<Fault>,
}

/// Checks a text. Takes the processor for a while on large documents, so it runs beside the requests of others.
pub(super) async fn check(app: &App, text: String) -> Result<Checked> {
    let stored = app.store.secrets(app.workspace()).await?;
    let secrets = stored.into_iter().map(|secret| secret.name).collect();
    let registry = app.registry.clone();
    let checked = tokio::task::spawn_blocking(move || {
        let surroundings = Surroundings { registry: &registry, secrets };
        check_in(&surroundings, &text)
    });
    checked.await.map_err(|error| {
        tracing::error!(%error, "A document could not be checked: {error}");
        crate::problem::Problem::new(&crate::problem::code::INTERNAL, "The document could not be checked; please report it.")
    })
}

fn check_in(surroundings: &Surroundings<'_>, text: &str) -> Checked {
    let (workflow, mut faults) = workflow::check(text, surroundings);
    let Some(workflow) = workflow else { return Checked { workflow: None, faults } };
    let retry = |name: &str| surroundings.registry.get(name).map(|action| action.retry.clone());
    match Program::compile(&workflow, &retry) {
        Ok(_) => Checked { workflow: Some(workflow), faults },
        Err(more) => {
            faults.extend(more);
            Checked { workflow: None, faults }
        }
    }
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
