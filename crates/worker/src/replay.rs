//! Stored deliveries run again: as they were, edited, or accepted although they were refused.

use std::collections::HashSet;

use bytes::Bytes;
use hookmill_engine::contact::{contact, knows_people};
use hookmill_engine::expression::Value;
use hookmill_engine::id::{DeliveryId, HookId, RunId};
use hookmill_engine::request::Headers;
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::WebhookTrigger;
use hookmill_store::deliveries::{AfterAll, AfterAllRun, Delivery, Facts, NewDelivery, Outcome};
use hookmill_store::idempotency::Key;
use hookmill_store::runs::NewRun;
use hookmill_store::workflows::Workflow;

use crate::error::Error;
use crate::load;
use crate::wish::Which;
use crate::worker::Worker;

/// Tries of a delivery whose copies are accepted at the same time.
const TRIES: usize = 3;
/// The status of what was accepted and is not answered by anything.
const ACCEPTED: u16 = 202;

/// What is changed before a delivery is run again.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Another body.
    pub body: Option<Bytes>,
    /// Other headers, all of them; names in lower case.
    pub headers: Option<Headers>,
}

/// Who knows the sender that a trigger names, and tells of a stored delivery what the door would have found.
#[derive(Clone, Copy, Debug)]
pub struct Witness {
    /// What can be learned beyond bytes and headers, for deliveries of which nothing was kept when they came in.
    pub facts: fn(&WebhookTrigger, &Delivery, &[u8]) -> Facts,
    /// The keys under which its copies are known, if it is accepted now.
    pub keys: KeysOf,
}

/// The keys of a delivery with this body, accepted at this time; as a test of a draft if a number is given, that of the draft's
/// revision. The values are what it says: `webhook` as a
/// whole, or for each element if it is split.
pub type KeysOf = fn(&WebhookTrigger, Option<u32>, &Delivery, &Bytes, &[&Value], Timestamp) -> OwnKeys;

/// The keys under which the copies of a delivery are known.
#[derive(Clone, Debug)]
pub enum OwnKeys {
    /// There are none.
    None,
    /// It has one as a whole.
    Whole {
        /// The key.
        key: Key,
        /// Whether the client made it for one request, so that another body under it is no copy.
        strict: bool,
    },
    /// Each of its elements may have one, in their order.
    OfElements(Vec<Option<Key>>),
}

/// What a delivery that is run again starts.
struct Again {
    /// With the keys of elements, which only one that was refused has.
    runs: Vec<AfterAllRun>,
    /// The key of the whole, and whether it is for one request; only of one that was refused.
    whole: Option<(Key, bool)>,
}

impl Again {
    fn into_runs(self) -> Vec<NewRun> {
        self.runs.into_iter().map(|one| one.run).collect()
    }
}

/// What becomes of a refused delivery that is accepted after all.
pub(crate) enum Accepting {
    Starts(AfterAll),
    /// A copy of it was accepted before; its run, unless retention took it.
    Repeats {
        original: DeliveryId,
        run: Option<RunId>,
    },
}

impl Worker {
    /// Runs a stored delivery once more; one that was split starts a run for each element that had one.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::DraftGone`] if it was to be run on a draft that is not kept any more;
    /// [`Error::Conflict`] if it never belonged to a workflow that still has the trigger.
    pub async fn replay(&self, delivery: DeliveryId, which: Which) -> Result<Vec<RunId>, Error> {
        let runs = self.run_again(delivery, which).await?;
        let ids = runs.iter().map(|run| run.id).collect();
        self.inner.store.run_again(runs).await?;
        self.inner.timers.ring();
        Ok(ids)
    }

    /// Runs a stored delivery with changes. What is run is stored as a delivery of its own, so that the run and everybody
    /// who looks at it see what it was given, and the one that came in stays as it came in.
    ///
    /// # Errors
    /// As [`Self::replay`]; [`Error::Input`] if the edited request is not one that the trigger takes.
    pub async fn replay_edited(
        &self,
        delivery: DeliveryId,
        edit: Edit,
        which: Which,
        author: &str,
    ) -> Result<(DeliveryId, Vec<RunId>), Error> {
        let (mut stored, body) = self.stored_delivery(delivery).await?;
        let original = self.original_revision(&stored).await?;
        let body = edit.body.unwrap_or(body);
        stored.headers = edit.headers.unwrap_or(stored.headers);
        stored.id = DeliveryId(self.inner.store.next_id());
        let runs = self.run_at(&mut stored, &body, which, original, true).await?.into_runs();
        let copy = NewDelivery {
            id: stored.id,
            workspace: stored.workspace,
            hook: stored.hook,
            outcome: Outcome::Accepted,
            status: ACCEPTED,
            reason: None,
            detail: Some(format!("{delivery}, edited and run again by {author}")),
            method: stored.method,
            path_and_query: stored.path_and_query,
            headers: stored.headers,
            address: stored.address,
            received_at: stored.received_at,
            body,
            duration_us: 0,
            facts: stored.facts,
        };
        let (id, run_ids) = (copy.id, runs.iter().map(|run| run.id).collect());
        self.inner.store.accept(copy, runs).await?;
        self.inner.timers.ring();
        Ok((id, run_ids))
    }

    /// Lets a refused delivery start its runs after all, once: asked again, it names the same first run. If a copy of it was
    /// accepted meanwhile, nothing is started, and the run is that of the copy.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] if it was not refused, or its body was not kept; [`Error::Input`] if the
    /// trigger cannot read it.
    pub async fn accept_after_all(&self, delivery: DeliveryId, which: Which, author: &str) -> Result<RunId, Error> {
        if let Some(accepted) = self.inner.store.acceptance(delivery).await? {
            return Ok(accepted.run);
        }
        for _ in 0..TRIES {
            let what = match self.run_after_all(delivery, which).await? {
                Accepting::Starts(what) => what,
                Accepting::Repeats { run: Some(run), .. } => return Ok(run),
                Accepting::Repeats { original, run: None } => {
                    return Err(Error::Conflict(format!("it repeats {original}, whose run is not kept any more")));
                }
            };
            match self.inner.store.accept_after_all(delivery, what, author).await {
                Ok(id) => {
                    self.inner.timers.ring();
                    return Ok(id);
                }
                // A copy took one of the keys in between.
                Err(hookmill_store::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Conflict("copies of the delivery are being accepted at the same time".into()))
    }

    /// What a refused delivery starts, ready to be stored.
    pub(crate) async fn run_after_all(&self, delivery: DeliveryId, which: Which) -> Result<Accepting, Error> {
        let (mut stored, body) = self.stored_delivery(delivery).await?;
        if stored.outcome != Outcome::Refused {
            return Err(Error::Conflict(format!(
                "the delivery is {}; only a refused one can be accepted after all",
                stored.outcome
            )));
        }
        if !body_was_kept(&stored) {
            return Err(Error::Conflict("the body of this delivery was not kept, so there is nothing to accept".into()));
        }
        let Again { mut runs, whole } = self.run_of(&mut stored, &body, which).await?;
        let mut claim = whole.map(|(key, _)| key);
        if let Some((key, strict)) = whole
            && let Some(original) = self.inner.store.original(stored.hook, &key, self.inner.clock.now()).await?
        {
            if original.same_body || !strict {
                return self.repeats(original.delivery).await;
            }
            // The client used its key for something else; whoever accepts this wants it all the same.
            claim = None;
        }
        if let Some(original) = self.leave_out_repeated(stored.hook, &mut runs).await? {
            return self.repeats(original).await;
        }
        self.keep_contacts(&runs, &stored, &body).await?;
        Ok(Accepting::Starts(AfterAll { hook: stored.hook, runs, claim }))
    }

    async fn repeats(&self, original: DeliveryId) -> Result<Accepting, Error> {
        let run = self.inner.store.runs_of_delivery(original).await?.first().copied();
        Ok(Accepting::Repeats { original, run })
    }

    /// As at the door, elements that were there before start nothing, nor do those that repeat one of the same delivery. The
    /// original of the first, if nothing is left.
    async fn leave_out_repeated(&self, hook: HookId, runs: &mut Vec<AfterAllRun>) -> Result<Option<DeliveryId>, Error> {
        let keys: Vec<&Key> = runs.iter().filter_map(|one| one.key.as_ref()).collect();
        if keys.is_empty() {
            return Ok(None);
        }
        let originals = self.inner.store.originals(hook, &keys, self.inner.clock.now()).await?;
        let first = keys.iter().find_map(|key| originals.get(&key.key_hash)).map(|original| original.delivery);
        let mut seen = HashSet::new();
        runs.retain(|one| match &one.key {
            None => true,
            Some(key) => !originals.contains_key(&key.key_hash) && seen.insert(key.key_hash),
        });
        Ok(first.filter(|_| runs.is_empty()))
    }

    /// As at the door, whom the runs are about is known from now on. Before they are stored, for doing it twice is the same as
    /// once.
    async fn keep_contacts(&self, runs: &[AfterAllRun], stored: &Delivery, body: &Bytes) -> Result<(), Error> {
        let Some(AfterAllRun { run, .. }) = runs.first() else { return Ok(()) };
        let revision = self.inner.programs.get(run.workflow, run.revision).await?;
        let Some(trigger) = revision.webhook(run.trigger).filter(|trigger| knows_people(trigger)) else { return Ok(()) };
        for (element, parsed) in load::parse_delivery(Some(trigger), stored, body).map_err(Error::Input)? {
            if !runs.iter().any(|one| one.run.element == element) {
                continue;
            }
            let contact = contact(trigger, &parsed.webhook).map_err(|error| Error::Conflict(error.to_string()))?;
            if let Some(contact) = contact {
                self.inner.store.put_contact(run.workspace, &contact, self.inner.clock.now()).await?;
            }
        }
        Ok(())
    }

    /// The runs of a delivery that is run again, ready to be stored.
    pub(crate) async fn run_again(&self, delivery: DeliveryId, which: Which) -> Result<Vec<NewRun>, Error> {
        let (mut stored, body) = self.stored_delivery(delivery).await?;
        self.run_of(&mut stored, &body, which).await.map(Again::into_runs)
    }

    async fn stored_delivery(&self, delivery: DeliveryId) -> Result<(Delivery, Bytes), Error> {
        let store = &self.inner.store;
        let stored = store.delivery(delivery).await?.ok_or(Error::NotFound("delivery"))?;
        match store.delivery_body(delivery).await {
            Ok(body) => Ok((stored, body)),
            Err(hookmill_store::Error::NotFound) => Err(Error::NotFound("delivery")),
            Err(error) => Err(error.into()),
        }
    }

    /// The revision that a delivery was run on first.
    async fn original_revision(&self, delivery: &Delivery) -> Result<Option<u32>, Error> {
        let store = &self.inner.store;
        match store.runs_of_delivery(delivery.id).await?.first() {
            Some(run) => Ok(store.run(*run).await?.map(|row| row.revision)),
            None => Ok(None),
        }
    }

    async fn run_of(&self, stored: &mut Delivery, body: &Bytes, which: Which) -> Result<Again, Error> {
        let original = if which == Which::Same { self.original_revision(stored).await? } else { None };
        // Runs that were accepted with it have seen what was learned then, were it nothing.
        let learns = stored.facts.is_empty() && !matches!(stored.outcome, Outcome::Accepted | Outcome::Held);
        let again = self.run_at(stored, body, which, original, learns).await?;
        if learns {
            self.inner.store.learn(stored.id, &stored.facts).await?;
        }
        Ok(again)
    }

    /// The number of the revision if it is a draft's for this delivery: where no draft answers, tests have no keys of their own.
    async fn tested_draft(&self, stored: &Delivery, workflow: &Workflow, number: u32) -> Result<Option<u32>, Error> {
        if !stored.is_test() {
            return Ok(None);
        }
        // A draft may say what is published.
        let is_draft = workflow.revision != Some(number)
            || self.inner.store.draft(workflow.id).await?.is_some_and(|draft| draft.tried == Some(number));
        Ok(is_draft.then_some(number))
    }

    /// `learns`: the facts of the delivery are what it tells now.
    async fn run_at(
        &self,
        stored: &mut Delivery,
        body: &Bytes,
        which: Which,
        original: Option<u32>,
        learns: bool,
    ) -> Result<Again, Error> {
        let inner = &self.inner;
        let hook = inner.store.hook(stored.hook).await?.ok_or(Error::NotFound("hook"))?;
        let workflow = inner.store.workflow(hook.workflow).await?.ok_or(Error::NotFound("workflow"))?;
        let original = match original {
            // What came to a test URL was for the draft.
            None if which == Which::Same && stored.is_test() => {
                inner.store.draft(workflow.id).await?.and_then(|draft| draft.tried)
            }
            known => known,
        };
        let number = which.of(original, workflow.revision)?;
        let revision = inner.programs.for_new_run(workflow.id, number).await?;
        let position = revision
            .trigger_of(&hook.label)
            .ok_or_else(|| Error::Conflict(format!("revision {number} has no trigger `{}`", hook.label)))?;
        let trigger = revision.webhook(position);
        if learns {
            stored.facts = trigger.map(|trigger| (inner.witness.facts)(trigger, stored, body)).unwrap_or_default();
        }
        let parsed = load::parse_delivery(trigger, stored, body).map_err(Error::Input)?;
        let keys = match (trigger, stored.outcome) {
            (Some(trigger), Outcome::Refused) => {
                let said: Vec<&Value> = parsed.iter().map(|(_, parsed)| &parsed.webhook).collect();
                let tested = self.tested_draft(stored, &workflow, number).await?;
                (inner.witness.keys)(trigger, tested, stored, body, &said, inner.clock.now())
            }
            _ => OwnKeys::None,
        };
        let (whole, mut of_elements) = match keys {
            OwnKeys::None => (None, Vec::new()),
            OwnKeys::Whole { key, strict } => (Some((key, strict)), Vec::new()),
            OwnKeys::OfElements(keys) => (None, keys),
        };
        of_elements.resize(parsed.len(), None);
        // Those that started nothing (filtered, or there before) start nothing now either.
        let elements = inner.store.elements_of_delivery(stored.id).await?;
        let mut runs = Vec::with_capacity(parsed.len());
        for ((element, parsed), key) in parsed.into_iter().zip(of_elements) {
            if element.is_some_and(|element| !elements.is_empty() && !elements.contains(&element)) {
                continue;
            }
            let lane = revision.program.lane(&parsed.webhook).map_err(|failure| Error::Conflict(failure.message))?;
            let run = self.new_run(&revision, workflow.workspace);
            let delivery = Some(stored.id);
            let run = self.placed(NewRun { lane, trigger: position, element, delivery, ..run });
            runs.push(AfterAllRun { run, key });
        }
        if runs.is_empty() {
            return Err(Error::Conflict("the array that the delivery is split by is empty, so there is nothing to run".into()));
        }
        Ok(Again { runs, whole })
    }
}

/// Whether what is stored is the body that was sent: of some refused requests nothing of it is kept.
fn body_was_kept(delivery: &Delivery) -> bool {
    let announced = delivery.headers.get("content-length").and_then(|length| length.trim().parse::<u64>().ok());
    let announced_some = announced.is_some_and(|length| length > 0) || delivery.headers.get("transfer-encoding").is_some();
    delivery.body_bytes > 0 || !announced_some
}
