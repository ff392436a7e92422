//! Who comes in: credentials, the provider's signature, and its handshakes.

use axum::body::Body;
use bytes::Bytes;
use hookmill_signatures::Reply;
use hookmill_store::deliveries::{NewDelivery, Outcome};
use http::Response;

use super::arrival::Arrival;
use super::credentials::{Presented, Verdict};
use super::hook::Hook;
use super::proof::{self, Proof, Told};
use super::refused::{Refused, Result};
use super::{Inner, absent};

impl Inner {
    /// Whether a caller shows what the hook asks for.
    pub(super) fn let_in(&self, arrival: &Arrival, hook: &Hook, body: &[u8], signed: bool) -> Result<()> {
        let presented = Presented { headers: &arrival.head.headers, query: arrival.query(), body, signed };
        let held = |name: &str| self.secrets.at_door(hook.place.workspace, name, arrival.received_at);
        match hook.credentials.check(&presented, held) {
            Verdict::Welcome => Ok(()),
            Verdict::Wrong(why) => Err(Refused::unauthorized(hook, why)),
            Verdict::SecretsAbsent(absent) => Err(Refused::not_ready(absent::sentence(&absent)).at(hook.place.clone())),
        }
    }

    /// Judges the provider's signature beside the hook's other credentials. `Some`: it was a handshake, and this is its
    /// answer. `told` becomes what the provider tells of the delivery.
    pub(super) fn prove(
        &self,
        arrival: &Arrival,
        hook: &Hook,
        proof: &Proof,
        body: &[u8],
        told: &mut Told,
    ) -> Result<Option<Response<Body>>> {
        let (headers, url) = (proof::headers(arrival), self.public_url_of(arrival));
        let examined = proof.examine(arrival, &headers, &url, body, (&self.secrets, hook.place.workspace));
        if !examined.absent.is_empty() {
            return Err(Refused::not_ready(absent::sentence(&examined.absent)).at(hook.place.clone()));
        }
        let handshake = examined.handshake();
        if let Some(reply) = handshake.as_ref().filter(|reply| !reply.after_verification) {
            return Ok(Some(self.shake_hands(arrival, hook, body, reply.clone())));
        }
        let verified = if proof.is_proven() { examined.verify() } else { Ok(()) };
        self.let_in(arrival, hook, body, verified.is_ok()).map_err(|refused| match &verified {
            Err(failure) if failure.code.is_owners() => Refused::not_ready(failure.for_owner.clone()).at(hook.place.clone()),
            Err(failure) => Refused::bad_signature(hook, failure, examined.doctor()),
            Ok(()) => refused,
        })?;
        if let Some(reply) = handshake {
            return Ok(Some(self.shake_hands(arrival, hook, body, reply)));
        }
        *told = examined.told();
        Ok(None)
    }

    /// Answers a handshake that comes with a method that the hook takes for nothing else.
    pub(super) fn handshake(&self, arrival: &Arrival, hook: &Hook) -> Option<Response<Body>> {
        let proof = hook.proof.as_ref()?;
        let (headers, url) = (proof::headers(arrival), self.public_url_of(arrival));
        let examined = proof.examine(arrival, &headers, &url, &[], (&self.secrets, hook.place.workspace));
        let reply = examined.handshake().filter(|reply| !reply.after_verification && examined.absent.is_empty())?;
        Some(self.shake_hands(arrival, hook, &[], reply))
    }

    /// Keeps a handshake in the ledger and answers it.
    fn shake_hands(&self, arrival: &Arrival, hook: &Hook, body: &[u8], reply: Reply) -> Response<Body> {
        let advice = proof::advice(&reply);
        let response = proof::answer(reply);
        let kept = self.delivery(arrival, &hook.place, Outcome::Handshake, response.status().as_u16());
        self.store.refuse(NewDelivery { detail: advice, body: Bytes::copy_from_slice(body), ..kept });
        response
    }

    /// The URL under which senders know the hook, with its query.
    fn public_url_of(&self, arrival: &Arrival) -> String {
        let target = arrival.head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        [&self.public_url, target].concat()
    }
}
