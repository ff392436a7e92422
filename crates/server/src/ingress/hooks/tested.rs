//! What answers at a test URL: the draft of the hook's workflow, or what is published if it has none.
//!
//! A run is pinned to a revision, for revisions never change. So the draft is stored as one, which is not published, before
//! the first request that it is to answer ([`hookmill_store::Store::try_draft`]); from then on, finding it is a read of
//! committed state as for every URL. Who only looks stores nothing. A draft that could not be published
//! answers nothing: its problems are in the ledger.

use std::sync::Arc;

use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{Problem, Severity, Trigger, to_yaml};
use hookmill_store::hooks::Hook as Stored;
use hookmill_store::workflows::Draft;
use hookmill_worker::Revision;

use super::{Entry, Hooks, Known};
use crate::ingress::hook::{Purpose, label, trigger};
use crate::ingress::refused::{Refused, Result};

/// Drafts that are looked at before it is given up because they are saved faster.
const TRIES: usize = 8;
/// When a sender should try again after that.
const RETRY_MS: u64 = 1_000;
/// Problems of a draft that are told in the ledger; asking for the draft tells all.
const PROBLEMS_TOLD_MAX: usize = 20;

/// The number of a draft that is only looked at.
const UNNUMBERED: u32 = 0;

/// What is run of a draft.
enum Runs {
    /// This revision.
    Stored(u32),
    /// What would be one.
    Unstored(Arc<Revision>),
    /// Nothing; what is known instead.
    Not(Known),
    /// Another draft was saved meanwhile.
    Outdated,
}

impl Hooks {
    /// What is known of a hook at its test URL. Without `now` nothing is stored.
    pub(super) async fn prepare_test(&self, stored: &Stored, version: i64, now: Option<Timestamp>) -> Result<Entry> {
        let known = self.tested(stored, now).await?;
        Ok(Entry { version, workflow: stored.workflow, until: None, known })
    }

    async fn tested(&self, stored: &Stored, now: Option<Timestamp>) -> Result<Known> {
        for _ in 0..TRIES {
            let draft = self.store.draft(stored.workflow).await.map_err(|error| Refused::store(&error))?;
            let Some(draft) = draft else {
                // Read after the draft, which may just have been published.
                let workflow = self.store.workflow(stored.workflow).await.map_err(|error| Refused::store(&error))?;
                return match workflow.and_then(|workflow| workflow.revision) {
                    Some(published) => self.at_revision(stored, published, Purpose::Rehearsal).await,
                    None => Ok(Known::Nothing),
                };
            };
            let runs = match draft.tried {
                Some(number) => Runs::Stored(number),
                None => self.try_draft(stored, &draft, now).await?,
            };
            match runs {
                Runs::Stored(number) => return self.at_revision(stored, number, Purpose::Draft).await,
                Runs::Unstored(revision) => return Ok(self.ready_at(stored, revision, Purpose::Draft)),
                Runs::Not(known) => return Ok(known),
                Runs::Outdated => {}
            }
        }
        Err(Refused::store(&hookmill_store::Error::Overloaded { retry_after_ms: RETRY_MS }))
    }

    async fn at_revision(&self, stored: &Stored, number: u32, purpose: Purpose) -> Result<Known> {
        Ok(match self.revision(stored, number).await? {
            Ok(revision) if trigger(&revision, &stored.label).is_none() => Known::Nothing,
            Ok(revision) => self.ready_at(stored, revision, purpose),
            Err(broken) => broken,
        })
    }

    /// Makes a revision of a draft, unless it cannot answer at this hook.
    async fn try_draft(&self, stored: &Stored, draft: &Draft, now: Option<Timestamp>) -> Result<Runs> {
        let workflow = self.store.workflow(stored.workflow).await.map_err(|error| Refused::store(&error))?;
        let Some(workflow) = workflow else { return Ok(Runs::Not(Known::Nothing)) };
        let (programs, text) = (self.programs.clone(), draft.document.clone());
        // Takes the processor for a while on large documents.
        let checked = tokio::task::spawn_blocking(move || programs.check_draft(&text, &workflow.name, |_| None));
        let checked = match checked.await {
            Ok(checked) => checked,
            Err(error) => {
                tracing::error!(workflow.id = %stored.workflow, %error, "The draft of {} could not be checked", stored.workflow);
                return Ok(Runs::Not(Known::broken(stored, "The draft could not be checked.".to_owned())));
            }
        };
        let Some(document) = checked.workflow else {
            return Ok(Runs::Not(Known::broken(stored, unfit(&checked.problems))));
        };
        if !document.triggers.iter().any(|Trigger::Webhook(trigger)| label(trigger) == stored.label) {
            return Ok(Runs::Not(Known::Nothing));
        }
        let canonical = to_yaml(&document);
        let Some(now) = now else {
            return Ok(match self.programs.unstored(stored.workflow, UNNUMBERED, &canonical) {
                Ok(revision) => Runs::Unstored(revision),
                Err(error) => Runs::Not(Known::broken(stored, format!("The draft cannot run: {error}."))),
            });
        };
        let tried = self.store.try_draft(draft, &canonical, now).await;
        Ok(tried.map_err(|error| Refused::store(&error))?.map_or(Runs::Outdated, Runs::Stored))
    }
}

/// What is wrong with a draft, for the ledger.
fn unfit(problems: &[Problem]) -> String {
    let errors = || problems.iter().filter(|problem| problem.severity == Severity::Error);
    let told: Vec<String> = errors()
        .take(PROBLEMS_TOLD_MAX)
        .map(|problem| match problem.path.as_str() {
            "" => problem.message.clone(),
            path => format!("{path}: {}", problem.message),
        })
        .collect();
    let more = match errors().count() - told.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("The draft is not valid. {}{more}.", told.join("; "))
}
