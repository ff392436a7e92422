//! Who comes in: credentials, the provider's signature, and its handshakes.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use hookmill_signatures::{Code, Failure, Reply};
use hookmill_store::deliveries::Outcome;
use http::Response;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::arrival::Arrival;
use super::certificates::Certificates;
use super::credentials::{Presented, Verdict, bearers};
use super::diagnosis::{DIAGNOSED_BODY_BYTES_MAX, DIAGNOSES_AT_ONCE_MAX};
use super::hook::Hook;
use super::outside::Outside;
use super::proof::{self, Examined, Proof, Told};
use super::refused::{Refused, Result};
use super::{Inner, absent, reading};

/// How often the confirmation of a subscription is tried before the sender is told to ask again.
const CONFIRM_ATTEMPTS: usize = 2;
/// What is read of the answer to a confirmation.
const CONFIRMATION_BYTES_MAX: usize = 64 * 1024;

type Verified = std::result::Result<(), Failure>;

/// What is needed to judge signatures beside secrets.
pub(super) struct Proving {
    outside: Arc<dyn Outside>,
    certificates: Certificates,
    /// Places for diagnoses of wrong signatures.
    diagnosing: Arc<Semaphore>,
}

impl Proving {
    pub(super) fn new(outside: Arc<dyn Outside>) -> Self {
        let certificates = Certificates::new(Arc::clone(&outside));
        Self { outside, certificates, diagnosing: Arc::new(Semaphore::new(DIAGNOSES_AT_ONCE_MAX)) }
    }
}

/// The answer to a handshake that anybody may ask for. It may come before there is a secret: some hand it over.
fn greeting(hook: &Hook, examined: &Examined<'_>) -> Result<Option<Reply>> {
    let reply = examined.open_handshake();
    match &examined.no_verify_token {
        Some(absent) if reply.is_some() => {
            Err(Refused::not_ready(absent::sentence(std::slice::from_ref(absent))).at(hook.place.clone()))
        }
        _ => Ok(reply),
    }
}

fn no_certificate(why: String) -> Failure {
    let for_sender = "The signature cannot be checked at the moment.".to_owned();
    Failure { code: Code::CertificateMissing, for_sender, for_owner: why }
}

impl Inner {
    /// Whether a caller shows what the hook asks for.
    pub(super) async fn let_in(&self, arrival: &Arrival, hook: &Hook, body: &[u8], signed: bool) -> Result<()> {
        let (headers, now) = (&arrival.head.headers, arrival.received_at);
        let keys = if hook.credentials.needs_keys {
            let keys = self.keys.of(hook.place.workspace, &bearers(headers), now).await;
            Some(keys.map_err(|error| Refused::store(&error))?)
        } else {
            None
        };
        let presented = Presented { headers, query: arrival.query(), body, signed, keys: keys.as_deref(), now };
        let held = |name: &str| self.secrets.at_door(hook.place.workspace, name, arrival.received_at);
        match reading::beside(body.len(), || hook.credentials.check(&presented, held)) {
            Verdict::Welcome => {
                if let Some(keys) = keys {
                    self.keys.note_use(&keys, &bearers(headers), now);
                }
                Ok(())
            }
            Verdict::Unusable(why) => Err(Refused::not_ready(why).at(hook.place.clone())),
            Verdict::Wrong(why) => Err(Refused::unauthorized(hook, why)),
            Verdict::SecretsAbsent(absent) => Err(Refused::not_ready(absent::sentence(&absent)).at(hook.place.clone())),
        }
    }

    /// Judges the provider's signature beside the hook's other credentials. `Some`: it was a handshake, and this is its
    /// answer. `told` becomes what the provider tells of the delivery.
    pub(super) async fn prove(
        &self,
        arrival: &Arrival,
        hook: &Hook,
        proof: &Proof,
        body: &Bytes,
        told: &mut Told,
    ) -> Result<Option<Response<Body>>> {
        let (headers, url) = (proof::headers(arrival), self.public_url_of(arrival));
        let mut examined = proof.examine(arrival, &headers, &url, body, (&self.secrets, hook.place.workspace));
        if let Some(reply) = greeting(hook, &examined)? {
            return self.shake_hands(arrival, hook, proof, body, reply, None).await.map(Some);
        }
        if !examined.absent.is_empty() {
            return Err(Refused::not_ready(absent::sentence(&examined.absent)).at(hook.place.clone()));
        }
        let verified = self.verified(arrival, proof, &mut examined).await;
        if let Err(refused) = self.let_in(arrival, hook, body, verified.is_ok()).await {
            return Err(match verified {
                Ok(()) => refused,
                Err(failure) if failure.code.is_owners() => Refused::not_ready(failure.for_owner).at(hook.place.clone()),
                Err(failure) => self.wrongly_signed(hook, proof, examined, failure, body),
            });
        }
        if let Some(reply) = examined.signed_handshake() {
            let advice = match &reply.confirm_url {
                Some(url) => Some(self.confirm(arrival, hook, proof, url).await?),
                None => None,
            };
            return self.shake_hands(arrival, hook, proof, body, reply, advice).await.map(Some);
        }
        *told = examined.told();
        Ok(None)
    }

    /// Whether the provider signed the request, with its certificate if it names one.
    async fn verified(&self, arrival: &Arrival, proof: &Proof, examined: &mut Examined<'_>) -> Verified {
        if !proof.is_proven() {
            return Ok(());
        }
        let Some(source) = examined.certificate_source()? else { return examined.verify() };
        let certificate = self.proving.certificates.get(&source, &proof.fetches, arrival.received_at).await;
        examined.take_certificate(&certificate.map_err(no_certificate)?);
        examined.verify().map_err(|failure| match failure.code {
            // It is the sender's, so it is the sender's mistake.
            Code::CertificateNotValid => Failure { code: Code::SignatureWrong, ..failure },
            _ => failure,
        })
    }

    /// A refusal whose reason is looked for once it is answered.
    fn wrongly_signed(&self, hook: &Hook, proof: &Proof, examined: Examined<'_>, failure: Failure, body: &Bytes) -> Box<Refused> {
        let mut refused = Refused::bad_signature(hook, &failure);
        if !examined.idle.is_empty() {
            let detail = format!("{} {}", refused.ledger_detail(), absent::sentence(&examined.idle));
            refused = refused.owner(detail);
        }
        let place =
            (body.len() <= DIAGNOSED_BODY_BYTES_MAX).then(|| Arc::clone(&self.proving.diagnosing).try_acquire_owned().ok());
        if let Some(place) = place.flatten()
            && proof.diagnoses.take(examined.now())
        {
            let secrets = (Arc::clone(&self.secrets), hook.place.workspace);
            refused.case = Some(Box::new(examined.case(failure, body.clone(), secrets, place)));
        }
        refused
    }

    /// Calls the URL that confirms a subscription, before it is acknowledged: whatever keeps us from it, the sender asks again.
    async fn confirm(&self, arrival: &Arrival, hook: &Hook, proof: &Proof, url: &str) -> Result<String> {
        let mut why = "too many confirmations are being asked for".to_owned();
        if proof.fetches.take(arrival.received_at) {
            for _ in 0..CONFIRM_ATTEMPTS {
                match self.proving.outside.get(url, CONFIRMATION_BYTES_MAX).await {
                    Ok(_) => return Ok("The subscription was confirmed.".to_owned()),
                    Err(refused) => why = refused,
                }
            }
        }
        let detail = format!("The subscription could not be confirmed: {why}. The sender will ask again; otherwise open {url}");
        Err(Refused::not_ready(detail).at(hook.place.clone()))
    }

    /// Answers a handshake that comes with a method that the hook takes for nothing else.
    pub(super) async fn handshake(&self, arrival: &Arrival, hook: &Hook) -> Result<Option<Response<Body>>> {
        let Some(proof) = &hook.proof else { return Ok(None) };
        let (headers, url) = (proof::headers(arrival), self.public_url_of(arrival));
        let examined = proof.examine(arrival, &headers, &url, &[], (&self.secrets, hook.place.workspace));
        let Some(reply) = greeting(hook, &examined)? else { return Ok(None) };
        self.shake_hands(arrival, hook, proof, &Bytes::new(), reply, None).await.map(Some)
    }

    /// Keeps a handshake in the ledger, with what its owner should know, and answers it.
    async fn shake_hands(
        &self,
        arrival: &Arrival,
        hook: &Hook,
        proof: &Proof,
        body: &Bytes,
        mut reply: Reply,
        advice: Option<String>,
    ) -> Result<Response<Body>> {
        let mut kept = self.delivery(arrival, &hook.place, Outcome::Handshake, reply.status);
        kept.detail = advice;
        if let Some(secret) = reply.learned_secret.take().map(Zeroizing::new) {
            if !proof.handed_over.take(arrival.received_at) {
                return Ok(self.refuse(arrival, *Refused::handed_over_too_often(hook), hook.place.product));
            }
            kept.detail = Some(self.take_over(&kept, &secret).await?);
        }
        self.meters.count(arrival, Outcome::Handshake);
        kept.body = hook.place.redaction.body(&kept.headers, body.clone());
        self.store.refuse(kept);
        Ok(proof::answer(reply))
    }

    /// The URL under which senders know the hook, with its query.
    fn public_url_of(&self, arrival: &Arrival) -> String {
        let target = arrival.head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        [&self.public_url, target].concat()
    }
}
