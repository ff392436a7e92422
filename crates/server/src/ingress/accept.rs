//! Accepting: a request that may come in is understood, stored together with its run, handed over and answered.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::contact::{Contact, contact};
use hookmill_engine::expression::Value;
use hookmill_engine::id::RunId;
use hookmill_engine::request::{Parsed, Request as Sent};
use hookmill_engine::time::Timestamp;
use hookmill_store::deliveries::{Facts, NewDelivery, Outcome};
use hookmill_store::idempotency::Original;
use hookmill_store::runs::{NewRun, State};
use hookmill_worker::{Handed, Head};
use http::{Response, StatusCode};

use super::Inner;
use super::answer::Accepted;
use super::arrival::Arrival;
use super::code::Code;
use super::dedupe::{Claim, Material};
use super::hook::Hook;
use super::hooks::Found;
use super::proof::Told;
use super::reading::parsed;
use super::refused::{Refused, Result};

/// What a body without its encodings becomes in memory when it is parsed, roughly.
const PARSED_FACTOR: usize = 4;

/// A request that was understood: what it says, and the run that it is to start.
struct Understood {
    delivery: NewDelivery,
    run: RunId,
    /// What the templates of the answer see; the id of the run and its seed are in it.
    accepted: Accepted,
    parsed: Parsed,
    lane: Option<String>,
    /// Whom the request is about, where the hook knows people.
    contact: Option<Contact>,
}

impl Inner {
    /// Takes a request whose sender may call.
    pub(super) async fn accept(&self, arrival: &Arrival, found: &Found, body: Bytes, told: Told) -> Result<Response<Body>> {
        let hook = &*found.hook;
        let refused = |refused: Box<Refused>| refused.at(hook.place.clone()).body(body.clone());
        if let Some(path) = &hook.trigger().split {
            // Boxed, like everything here that is rare and large: what every request carries about stays small.
            return Box::pin(self.accept_split(arrival, found, path, body, told)).await;
        }
        let Told { delivery_id, facts } = told;
        let understood = self.understand(arrival, found, &body, facts).map_err(refused)?;
        let Accepted { webhook, now, seed, .. } = &understood.accepted;
        let headers = &arrival.head.headers;
        let material = Material { headers, body: &body, webhook, delivery_id, now: *now, seed: *seed };
        let claim = hook.deduper.claim(&material).map_err(|why| refused(Refused::bad_key(&why)))?;
        if let Some(claim) = &claim
            && let Some(original) = Box::pin(self.original(hook, claim, arrival)).await?
        {
            let strict = claim.strict;
            let repetition = self.duplicate(arrival, hook, strict, original, understood.accepted, body.clone());
            return Box::pin(repetition).await.map_err(refused);
        }
        if !hook.wants(webhook, *now, *seed).map_err(|why| refused(Refused::condition(&why)))? {
            return Box::pin(self.filtered(arrival, hook, understood.delivery)).await.map_err(refused);
        }
        let waits = hook.responder.waits_for();
        let (at_once, note) = match waits {
            Some(_) => (None, None),
            None => {
                let (response, note) = hook.responder.at_once(&understood.accepted);
                (Some(response), note)
            }
        };
        let Understood { mut delivery, run, accepted, parsed, lane, contact } = understood;
        delivery.status = at_once.as_ref().map_or(StatusCode::ACCEPTED, Response::status).as_u16();
        delivery.detail = notes(&parsed.notes, note);
        delivery.duration_us = arrival.took_us();
        let held = hook.is_paused();
        if held {
            delivery.outcome = Outcome::Held;
        }
        let waiter = waits.filter(|_| !held).map(|wants| self.worker.wait_answer(run, wants));
        let new_run = self.new_run(hook, &delivery, run, accepted.seed, lane);
        let stored = self.store_and_start(hook, delivery, new_run, parsed, claim.as_ref(), contact).await;
        if let Some(original) = stored.map_err(|error| if error.is_senders() { refused(error) } else { error })? {
            let strict = claim.is_some_and(|claim| claim.strict);
            drop(waiter);
            let repetition = self.duplicate(arrival, hook, strict, original, accepted, body.clone());
            return Box::pin(repetition).await.map_err(refused);
        }
        self.meters.accepted(arrival, held, body.len());
        if held {
            self.worker.held(1);
            self.look_again(found);
        }
        if let Some(response) = at_once {
            return Ok(response);
        }
        let Some(mut waiter) = waiter else { return Ok(hook.responder.after(&accepted, None)) };
        let answered = tokio::time::timeout(hook.responder.deadline, waiter.answer()).await.ok().flatten();
        Ok(hook.responder.after(&accepted, answered))
    }

    /// Reads the request as recovery would read it from what is stored.
    fn understand(&self, arrival: &Arrival, found: &Found, body: &Bytes, facts: Facts) -> Result<Understood> {
        let hook = &*found.hook;
        let mut delivery = self.delivery(arrival, &hook.place, Outcome::Accepted, StatusCode::ACCEPTED.as_u16());
        (delivery.body, delivery.facts) = (body.clone(), facts);
        let run = RunId(self.store.next_id());
        let parsed = parsed(hook, &Self::sent(found, &delivery))?;
        let contact = contact(hook.trigger(), &parsed.webhook).map_err(|error| Refused::nobody(error, ""))?;
        let lane = self.lane_of(hook, &parsed.webhook, arrival.received_at)?;
        let seed = self.seeds.hash_one(run.0);
        let (webhook, now) = (parsed.webhook.clone(), arrival.received_at);
        let accepted = Accepted { delivery: delivery.id, run: Some(run), runs: None, webhook, now, seed };
        Ok(Understood { delivery, run, accepted, parsed, lane, contact })
    }

    /// A request as recovery will build it from what is stored.
    pub(super) fn sent<'a>(found: &'a Found, delivery: &'a NewDelivery) -> Sent<'a> {
        Sent {
            method: &delivery.method,
            path_params: &found.parameters,
            query: delivery.path_and_query.split_once('?').map_or("", |(_, query)| query),
            headers: &delivery.headers,
            body: &delivery.body,
            event: delivery.facts.event.as_deref(),
            address: &delivery.address,
            received_at: delivery.received_at,
            delivery: delivery.id,
        }
    }

    /// After something was held: the hook may have been resumed before it was stored, and then nobody looks for it.
    pub(super) fn look_again(&self, found: &Found) {
        if found.version != self.hooks.version() {
            self.worker.look_for_held();
        }
    }

    /// The key by which the run is ordered. Refused if too many runs wait for others of their lanes; what a paused hook holds
    /// does not wait there yet.
    pub(super) fn lane_of(&self, hook: &Hook, webhook: &Value, now: Timestamp) -> Result<Option<String>> {
        let lane = hook.revision.program.lane(webhook).map_err(|failure| unordered(&failure.message))?;
        if lane.is_some() && !hook.is_paused() && self.worker.lanes_are_full() {
            return Err(self.rates.overflowed(hook, "blocked_runs_max", now));
        }
        Ok(lane)
    }

    /// A run of a request, not yet at its berth.
    pub(super) fn new_run(&self, hook: &Hook, delivery: &NewDelivery, id: RunId, seed: u64, lane: Option<String>) -> NewRun {
        let held = delivery.outcome == Outcome::Held;
        let (done, created_at) = (hook.done_when_stored && !held, delivery.received_at);
        let state = if done { State::Succeeded } else { State::Ready };
        NewRun {
            id,
            delivery: Some(delivery.id),
            workspace: hook.place.workspace,
            workflow: hook.workflow,
            revision: hook.revision.number,
            draft: hook.revision.is_draft,
            trigger: hook.trigger,
            bucket: 0,
            epoch: 0,
            lane,
            state: if held { State::Held } else { state },
            due_at: created_at,
            created_at,
            started_at: done.then_some(created_at),
            finished_at: done.then_some(created_at),
            seed,
            input: None,
            origin: None,
            element: None,
        }
    }

    /// The one moment that counts: when this returns `Ok(None)`, delivery and run are on disk and the run will happen.
    /// `Some`: the request repeats this one, and nothing was stored.
    async fn store_and_start(
        &self,
        hook: &Hook,
        delivery: NewDelivery,
        mut run: NewRun,
        parsed: Parsed,
        claim: Option<&Claim>,
        contact: Option<Contact>,
    ) -> Result<Option<Original>> {
        let now = delivery.received_at;
        let bytes = parsed.body_bytes.max(delivery.body.len()).saturating_mul(PARSED_FACTOR);
        let berth = match run.state {
            State::Held => {
                run = self.worker.placed(run);
                None
            }
            state if state.is_final() => None,
            _ => Some(self.worker.reserve(run.id, hook.workflow, run.lane.as_deref(), bytes)),
        };
        if let Some(berth) = &berth {
            (run.bucket, run.epoch) = (berth.bucket, berth.epoch);
        }
        let ended = run.state.is_final();
        let head = Head::of(&run);
        let key = claim.map(|claim| &claim.key);
        let stored = match (claim, contact) {
            (_, Some(contact)) => Box::pin(self.store.accept_with_contact(delivery, vec![run], key, &contact, now)).await,
            (None, None) => self.store.accept(delivery, vec![run]).await.map(|()| None),
            (Some(claim), None) => self.store.accept_once(delivery, vec![run], &claim.key, now).await,
        };
        let unused = match &stored {
            Ok(original) => original.is_some(),
            Err(error) => error.wrote_nothing(),
        };
        if unused {
            if let Some(berth) = berth {
                berth.unused();
            }
            return stored.map_err(|error| Refused::store(&error));
        }
        stored.map_err(|error| Refused::store(&error))?;
        match berth {
            Some(berth) => self.worker.hand_over(Handed::accepted(head, Arc::clone(&hook.revision), parsed), berth),
            None if ended => self.worker.ended_when_stored(&head),
            None => {}
        }
        Ok(None)
    }
}

fn unordered(why: &str) -> Box<Refused> {
    Refused::new(Code::LaneError, "The request lacks what this workflow orders its runs by.")
        .owner(format!("The expression in settings.lane gives no value: {why}"))
}

/// What the owner is told about a request that was accepted.
pub(super) fn notes(parsed: &[String], answer: Option<String>) -> Option<String> {
    if parsed.is_empty() {
        return answer;
    }
    let all: Vec<&str> = parsed.iter().chain(answer.as_ref()).map(String::as_str).collect();
    Some(all.join("; "))
}
