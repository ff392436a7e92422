//! Requests that start a run for each element of an array in their body.
//!
//! To everything that is asked of it, an element is the body: the condition, the key, the lane. The delivery, the runs of its
//! elements, their keys and the people that they are about are stored in one batch. The runs are stored as free and fetched
//! in their order, so that many runs that share one large body hold no more of it in memory than the limits of the queue
//! allow.

use std::hash::BuildHasher as _;

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::contact::contact;
use hookmill_engine::expression::Value;
use hookmill_engine::id::RunId;
use hookmill_engine::request::{ELEMENTS_MAX, Parsed};
use hookmill_engine::workflow::BodyPath;
use hookmill_store::deliveries::{ElementRun, NewDelivery, Outcome, RUNS_PER_DELIVERY_MAX, Splitted};
use hookmill_store::runs::NewRun;
use hookmill_worker::Head;
use http::{Response, StatusCode};

use super::Inner;
use super::accept::notes;
use super::answer::Accepted;
use super::arrival::Arrival;
use super::dedupe::{Claim, Material};
use super::hook::Hook;
use super::hooks::Found;
use super::proof::Told;
use super::reading::elements;
use super::refused::{Refused, Result};

const _: () = assert!(ELEMENTS_MAX <= RUNS_PER_DELIVERY_MAX, "what can be split can be stored");

/// What the elements of a request come to.
struct Chosen {
    runs: Vec<ElementRun>,
    /// Elements that the condition leaves out.
    left_out: usize,
}

impl Inner {
    /// Takes a request whose sender may call, and splits it.
    pub(super) async fn accept_split(
        &self,
        arrival: &Arrival,
        found: &Found,
        path: &BodyPath,
        body: Bytes,
        told: Told,
    ) -> Result<Response<Body>> {
        let hook = &*found.hook;
        let refused = |refused: Box<Refused>| refused.at(hook.place.clone()).body(body.clone());
        let Told { delivery_id, facts } = told;
        let mut delivery = self.delivery(arrival, &hook.place, Outcome::Accepted, StatusCode::ACCEPTED.as_u16());
        (delivery.body, delivery.facts) = (body.clone(), facts);
        if hook.is_paused() {
            delivery.outcome = Outcome::Held;
        }
        let parsed = elements(hook, path, &Self::sent(found, &delivery)).map_err(refused)?;
        let chosen = self.choose(arrival, hook, path, &delivery, &parsed).map_err(refused)?;
        if chosen.runs.is_empty() && chosen.left_out > 0 {
            return self.filtered(arrival, hook, delivery).await.map_err(refused);
        }
        let claim = match hook.deduper.is_of_elements() {
            true => None,
            false => self.claim_of(arrival, hook, &body, &Value::UNDEFINED, delivery_id).map_err(refused)?,
        };
        let mut accepted = Accepted {
            delivery: delivery.id,
            run: chosen.runs.first().map(|one| one.run.id),
            runs: Some(chosen.runs.iter().map(|one| one.run.id).collect()),
            webhook: parsed.first().map_or(Value::UNDEFINED, |first| first.webhook.clone()),
            now: arrival.received_at,
            seed: 0,
        };
        let (response, note) = hook.responder.at_once(&accepted);
        delivery.status = response.status().as_u16();
        let mut about = parsed.first().map_or_else(Vec::new, |first| first.notes.clone());
        about.push(format!("{} elements, {} left out by only_if", parsed.len(), chosen.left_out));
        delivery.detail = notes(&about, note);
        delivery.duration_us = arrival.took_us();
        let key = claim.as_ref().map(|claim| &claim.key);
        let runs: Vec<NewRun> = chosen.runs.iter().map(|one| one.run.clone()).collect();
        let stored = self.store.accept_split(delivery, chosen.runs, key, arrival.received_at).await;
        let unstored = |error| {
            let error = Refused::store(&error);
            if error.is_senders() { refused(error) } else { error }
        };
        let places = match stored.map_err(unstored)? {
            Splitted::Stored(places) => places,
            Splitted::Repeats(original) => {
                let strict = claim.is_some_and(|claim| claim.strict);
                return self.duplicate(arrival, hook, strict, original, accepted, body.clone()).await.map_err(refused);
            }
        };
        self.meters.accepted(arrival, hook.is_paused(), body.len());
        self.start(found, places.iter().map(|place| &runs[*place]));
        if places.len() == runs.len() {
            return Ok(response);
        }
        accepted.runs = Some(places.iter().map(|place| runs[*place].id).collect());
        accepted.run = places.first().map(|place| runs[*place].id);
        Ok(hook.responder.at_once(&accepted).0)
    }

    /// The runs that the elements are to start, in their order.
    fn choose(
        &self,
        arrival: &Arrival,
        hook: &Hook,
        path: &BodyPath,
        delivery: &NewDelivery,
        parsed: &[Parsed],
    ) -> Result<Chosen> {
        let mut chosen = Chosen { runs: Vec::with_capacity(parsed.len()), left_out: 0 };
        for (element, one) in (0u32..).zip(parsed) {
            let webhook = &one.webhook;
            let id = RunId(self.store.next_id());
            let seed = self.seeds.hash_one(id.0);
            let in_element = |why: String| format!("in element {element}: {why}");
            let wanted = hook.wants(webhook, arrival.received_at, seed);
            if !wanted.map_err(|why| Refused::condition(&in_element(why)))? {
                chosen.left_out += 1;
                continue;
            }
            let nobody = |error| Refused::nobody(error, &format!("{path}[{element}]."));
            let contact = contact(hook.trigger(), webhook).map_err(nobody)?;
            let lane = self.lane_of(hook, webhook, arrival.received_at)?;
            let key = match hook.deduper.is_of_elements() {
                true => self.claim_of(arrival, hook, &delivery.body, webhook, None)?.map(|claim| claim.key),
                false => None,
            };
            let run = NewRun { element: Some(element), ..self.new_run(hook, delivery, id, seed, lane) };
            let run = if run.state.is_final() { run } else { self.worker.placed(run) };
            chosen.runs.push(ElementRun { run, key, contact });
        }
        Ok(chosen)
    }

    fn claim_of(
        &self,
        arrival: &Arrival,
        hook: &Hook,
        body: &Bytes,
        webhook: &Value,
        delivery_id: Option<String>,
    ) -> Result<Option<Claim>> {
        let headers = &arrival.head.headers;
        let material = Material { headers, body, webhook, delivery_id, now: arrival.received_at, seed: 0 };
        hook.deduper.claim(&material).map_err(|why| Refused::bad_key(&why))
    }

    /// Lets stored runs begin, or says that they have ended.
    fn start<'a>(&self, found: &Found, runs: impl Iterator<Item = &'a NewRun>) {
        if found.hook.is_paused() {
            self.worker.held(runs.count() as u64);
            return self.look_again(found);
        }
        let mut waiting = 0;
        for run in runs {
            if run.state.is_final() { self.worker.ended_when_stored(&Head::of(run)) } else { waiting += 1 }
        }
        self.worker.fetch_stored(waiting);
    }
}
