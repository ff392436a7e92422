//! Requests that start nothing although nothing is wrong with them: repetitions, and those that the condition leaves out.

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, RunId};
use hookmill_store::deliveries::{NewDelivery, Outcome};
use hookmill_store::idempotency::Original;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::Inner;
use super::answer::{Accepted, JSON, secured};
use super::arrival::Arrival;
use super::dedupe::Claim;
use super::hook::Hook;
use super::refused::{Refused, Result};

/// Says that an answer repeats an earlier one.
pub const DUPLICATE: HeaderName = HeaderName::from_static("hookmill-duplicate");

/// The runs that were accepted with a delivery.
struct AcceptedRuns {
    /// The first, also when retention took it.
    first: Option<RunId>,
    /// Those that are still there.
    kept: Vec<RunId>,
}

impl Inner {
    /// What the key of a request was used for before, if that is likely; whoever stores the request learns it for certain.
    pub(super) async fn original(&self, hook: &Hook, claim: &Claim, arrival: &Arrival) -> Result<Option<Original>> {
        let found = self.store.likely_original(hook.place.hook, &claim.key, arrival.received_at).await;
        found.map_err(|error| Refused::store(&error))
    }

    /// Answers a repetition as its original was answered. The original is on disk. `strict`: another body is a mistake.
    pub(super) async fn duplicate(
        &self,
        arrival: &Arrival,
        hook: &Hook,
        strict: bool,
        original: Original,
        mut accepted: Accepted,
        body: Bytes,
    ) -> Result<Response<Body>> {
        if strict && !original.same_body {
            return Err(Refused::key_reused(&original.delivery));
        }
        let runs = self.runs_of(original.delivery).await.map_err(|error| Refused::store(&error))?;
        accepted.delivery = original.delivery;
        accepted.run = runs.first;
        let there = runs.first.filter(|_| !runs.kept.is_empty());
        accepted.runs = accepted.runs.map(|_| runs.kept);
        if hook.responder.is_made_from_values() {
            self.as_it_was(&mut accepted).await?;
        }
        let mut response = match (hook.responder.waits_for(), there) {
            (None, _) => hook.responder.at_once(&accepted).0,
            // Retention took the run: there is nothing to wait for.
            (Some(_), None) => hook.responder.after(&accepted, None),
            (Some(wants), Some(run)) => {
                let answer = async {
                    // Registered before looking: an end in between is told to the waiter.
                    let mut waiter = self.worker.wait_answer(run, wants);
                    match self.worker.answered(run, wants).await {
                        Ok(Some(answered)) => Some(answered),
                        // It waits with its original.
                        _ if hook.is_paused() => None,
                        Ok(None) | Err(_) => waiter.answer().await,
                    }
                };
                let answered = tokio::time::timeout(hook.responder.deadline, answer).await.ok().flatten();
                hook.responder.after(&accepted, answered)
            }
        };
        self.meters.count(arrival, Outcome::Duplicate);
        response.headers_mut().insert(DUPLICATE, HeaderValue::from_static("true"));
        let kept = self.delivery(arrival, &hook.place, Outcome::Duplicate, response.status().as_u16());
        let (reason, detail) = (Some("duplicate".to_owned()), Some(format!("It repeats {}.", original.delivery)));
        let body = hook.place.redaction.body(&kept.headers, body);
        self.store.refuse(NewDelivery { reason, detail, body, ..kept });
        Ok(response)
    }

    /// The runs that were accepted with a delivery; what was replayed of it later is no part of its answer.
    async fn runs_of(&self, delivery: DeliveryId) -> hookmill_store::Result<AcceptedRuns> {
        let mut kept = self.store.runs_of_delivery(delivery).await?;
        let Some((first, last)) = self.store.accepted_runs(delivery).await? else {
            // It was accepted after all, or nothing is left of it.
            return Ok(AcceptedRuns { first: kept.first().copied(), kept });
        };
        kept.retain(|run| *run <= last);
        Ok(AcceptedRuns { first: Some(first), kept })
    }

    /// Puts what the original said, and when, in the place of what its copy says: both get the same answer.
    async fn as_it_was(&self, accepted: &mut Accepted) -> Result<()> {
        let Some(run) = accepted.run else { return Ok(()) };
        match self.worker.given(run).await {
            Ok(Some(given)) => {
                (accepted.webhook, accepted.now) = (given.webhook, given.created_at);
                // The answer to a request that is split has no single run to take random values from.
                if accepted.runs.is_none() {
                    accepted.seed = given.seed;
                }
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(hookmill_worker::Error::Store(error)) => Err(Refused::store(&error)),
            Err(error) => {
                tracing::warn!(run.id = %run, %error, "The answer of run {run} is made from its copy");
                Ok(())
            }
        }
    }

    /// Keeps a request that the hook's condition leaves out. It is acknowledged, hence on disk before it is answered.
    pub(super) async fn filtered(&self, arrival: &Arrival, hook: &Hook, delivery: NewDelivery) -> Result<Response<Body>> {
        let (id, status) = (delivery.id, StatusCode::OK);
        let body = hook.place.redaction.body(&delivery.headers, delivery.body);
        let kept = NewDelivery {
            outcome: Outcome::Filtered,
            status: status.as_u16(),
            reason: Some("only_if".to_owned()),
            duration_us: arrival.took_us(),
            body,
            ..delivery
        };
        self.store.accept(kept, Vec::new()).await.map_err(|error| Refused::store(&error))?;
        self.meters.count(arrival, Outcome::Filtered);
        Ok(secured(status, JSON, Bytes::from(format!(r#"{{"delivery_id":"{id}","filtered":true}}"#))))
    }
}
