//! Requests that start nothing although nothing is wrong with them: repetitions, and those that the condition leaves out.

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::id::RunId;
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
        let runs = self.store.runs_of_delivery(original.delivery).await.map_err(|error| Refused::store(&error))?;
        accepted.delivery = original.delivery;
        accepted.run = runs.first().copied().unwrap_or(RunId(0));
        let is_gone = runs.is_empty();
        accepted.runs = accepted.runs.map(|_| runs);
        if hook.responder.is_made_from_values() {
            self.as_it_was(&mut accepted).await?;
        }
        let mut response = match hook.responder.waits_for() {
            None => hook.responder.at_once(&accepted).0,
            // Retention took the run: there is nothing to wait for.
            Some(_) if is_gone => hook.responder.after(&accepted, None),
            Some(wants) => {
                let answer = async {
                    // Registered before looking: an end in between is told to the waiter.
                    let mut waiter = self.worker.wait_answer(accepted.run, wants);
                    match self.worker.answered(accepted.run, wants).await {
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
        self.store.refuse(NewDelivery { reason, detail, body, ..kept });
        Ok(response)
    }

    /// Puts what the original said, and when, in the place of what its copy says: both get the same answer.
    async fn as_it_was(&self, accepted: &mut Accepted) -> Result<()> {
        match self.worker.given(accepted.run).await {
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
                tracing::warn!(run.id = %accepted.run, %error, "The answer of run {} is made from its copy", accepted.run);
                Ok(())
            }
        }
    }

    /// Keeps a request that the hook's condition leaves out. It is acknowledged, hence on disk before it is answered.
    pub(super) async fn filtered(&self, arrival: &Arrival, delivery: NewDelivery) -> Result<Response<Body>> {
        let (id, status) = (delivery.id, StatusCode::OK);
        let kept = NewDelivery {
            outcome: Outcome::Filtered,
            status: status.as_u16(),
            reason: Some("only_if".to_owned()),
            duration_us: arrival.took_us(),
            ..delivery
        };
        self.store.accept(kept, Vec::new()).await.map_err(|error| Refused::store(&error))?;
        self.meters.count(arrival, Outcome::Filtered);
        Ok(secured(status, JSON, Bytes::from(format!(r#"{{"delivery_id":"{id}","filtered":true}}"#))))
    }
}
