//! The preset of a hook at work: whether the provider signed a request, its handshake, its ids.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::id::WorkspaceId;
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::WebhookTrigger;
use hookmill_signatures::{CertificateSource, Failure, Preset, Reading, Reply, Sent, Settings, preset};
use hookmill_store::deliveries::{Delivery, Facts};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use smallvec::SmallVec;
use tokio::sync::OwnedSemaphorePermit;

use super::absent::Absent;
use super::answer::secured;
use super::arrival::Arrival;
use super::budget::Budget;
use super::diagnosis::{self, Case};
use super::{certificates, handed_over, reading, scheme};
use crate::vault::{Held, LiveSecrets, SecretValue};

/// What a hook knows of the provider that calls it.
#[derive(Debug)]
pub(super) struct Proof {
    preset: &'static Preset,
    /// Everything but the values of secrets.
    settings: Settings,
    secrets: Vec<String>,
    verify_token: Option<String>,
    client_state: Option<String>,
    /// What this hook's senders can make the server ask of others.
    pub(super) fetches: Budget,
    /// How often a wrong signature is explained.
    pub(super) diagnoses: Budget,
    /// How often something is handed over in a handshake.
    pub(super) handed_over: Budget,
}

/// A request as the signatures see it, with the secrets of this moment.
pub(super) struct Examined<'a> {
    proof: &'a Proof,
    reading: Reading<'a>,
    secrets: SmallVec<[SecretValue; 2]>,
    settings: std::borrow::Cow<'a, Settings>,
    /// Secrets that do not exist or have expired, where none is left that is good: nothing can be proven.
    pub(super) absent: Vec<Absent>,
    /// Secrets that do not exist while others are good.
    pub(super) idle: Vec<Absent>,
    /// The verify token, if it does not exist or has expired. Only the handshake needs it.
    pub(super) no_verify_token: Option<Absent>,
}

/// What a provider tells of a delivery that it has proven.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Its own id, the same when it sends the delivery again.
    pub(super) delivery_id: Option<String>,
    pub(super) facts: Facts,
}

/// What can be learned of a stored delivery of which nothing was kept when it came in.
pub(super) fn facts_of(trigger: &WebhookTrigger, delivery: &Delivery, body: &[u8]) -> Facts {
    Facts::of_event(names_of(trigger, delivery, body).1)
}

/// The provider's id of a stored delivery, and the type of its event.
pub(super) fn names_of(trigger: &WebhookTrigger, delivery: &Delivery, body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(Some(proof)) = scheme::of(trigger).and_then(|scheme| Proof::of(trigger, scheme)) else { return (None, None) };
    let headers: Headers<'_> = delivery.headers.iter().map(|(name, value)| (name, value.as_bytes())).collect();
    let sent = Sent {
        method: &delivery.method,
        url: None,
        path_and_query: &delivery.path_and_query,
        headers: &headers,
        query: delivery.path_and_query.split_once('?').map_or("", |(_, query)| query),
        body,
        now_ms: delivery.received_at.0,
    };
    proof.preset.names(&proof.settings, &Reading::new(&sent))
}

/// The member of a body in which the provider hands over a secret in its handshake, if it has such a handshake.
pub(super) fn secret_member(trigger: &WebhookTrigger) -> Option<&'static str> {
    let settings = Settings { handshake_of: scheme::handshake_of(trigger), ..Settings::default() };
    preset(trigger.preset.as_deref()?)?.secret_member(&settings)
}

/// The headers of a request as the signatures want them.
pub(super) type Headers<'a> = SmallVec<[(&'a str, &'a [u8]); 24]>;

pub(super) fn headers(arrival: &Arrival) -> Headers<'_> {
    arrival.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

impl Proof {
    /// The provider that a trigger names, if it names one.
    ///
    /// # Errors
    /// A sentence for the owner: this version does not know the preset.
    pub(super) fn of(trigger: &WebhookTrigger, scheme: Option<hookmill_signatures::Scheme>) -> Result<Option<Self>, String> {
        let Some(id) = &trigger.preset else { return Ok(None) };
        if super::product::Product::of(id).is_some() {
            return Ok(None);
        }
        let preset = preset(id).ok_or_else(|| format!("This version does not know the preset `{id}`."))?;
        let settings = Settings {
            public_url: trigger.public_url.clone(),
            certificate: trigger.certificate.clone(),
            webhook_id: trigger.webhook_id.clone(),
            tolerance_ms: trigger.tolerance.map(|tolerance| tolerance.0),
            handshake: trigger.handshake,
            handshake_of: scheme::handshake_of(trigger),
            scheme,
            ..Settings::default()
        };
        let secrets = trigger.secret.iter().flat_map(|secrets| secrets.iter()).map(str::to_owned).collect();
        let (verify_token, client_state) = (trigger.verify_token.clone(), trigger.client_state.clone());
        let (fetches, diagnoses) = (certificates::hook_budget(), diagnosis::hook_budget());
        let handed_over = handed_over::hook_budget();
        Ok(Some(Self { preset, settings, secrets, verify_token, client_state, fetches, diagnoses, handed_over }))
    }

    /// Whether requests of this provider can be proven at all.
    pub(super) fn is_proven(&self) -> bool {
        self.preset.proof != hookmill_signatures::Proof::Unproven
    }

    /// Puts a request beside the secrets of this moment. `body` is empty while it has not been read.
    pub(super) fn examine<'a>(
        &'a self,
        arrival: &'a Arrival,
        headers: &'a [(&'a str, &'a [u8])],
        url: &'a str,
        body: &'a [u8],
        (live, workspace): (&LiveSecrets, WorkspaceId),
    ) -> Examined<'a> {
        let get = |name: &String| match live.at_door(workspace, name, arrival.received_at) {
            Held::Live(value) => Ok(value),
            Held::Expired(at) => Err(Absent::expired(name, at)),
            Held::Missing => Err(Absent::missing(name)),
        };
        let (mut secrets, mut absent) = (SmallVec::new(), Vec::new());
        for name in &self.secrets {
            match get(name) {
                Ok(secret) => secrets.push(secret),
                Err(gone) => absent.push(gone),
            }
        }
        let mut settings = std::borrow::Cow::Borrowed(&self.settings);
        match self.client_state.as_ref().map(get) {
            Some(Ok(state)) => settings.to_mut().client_state = Some(String::clone(&state)),
            Some(Err(gone)) => absent.push(gone),
            None => {}
        }
        let mut no_verify_token = None;
        match self.verify_token.as_ref().map(get) {
            Some(Ok(token)) => settings.to_mut().verify_token = Some(String::clone(&token)),
            Some(Err(gone)) => no_verify_token = Some(gone),
            None => {}
        }
        let mut idle = Vec::new();
        if !secrets.is_empty() || settings.client_state.is_some() {
            // An expired one is what rotation leaves behind, one that is missing a mistake.
            idle = std::mem::take(&mut absent);
            idle.retain(Absent::is_missing);
        }
        let sent = Sent {
            method: arrival.head.method.as_str(),
            url: Some(url),
            path_and_query: arrival.head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
            headers,
            query: arrival.query(),
            body,
            now_ms: arrival.received_at.0,
        };
        Examined { proof: self, reading: Reading::new(&sent), secrets, settings, absent, idle, no_verify_token }
    }
}

impl Examined<'_> {
    fn keys(&self) -> SmallVec<[&[u8]; 2]> {
        self.secrets.iter().map(|secret| secret.as_bytes()).collect()
    }

    /// Whether the provider signed the request.
    pub(super) fn verify(&self) -> Result<(), Failure> {
        self.beside(|| self.proof.preset.judge(&self.settings, &self.keys(), &self.reading).map(drop))
    }

    /// Where the certificate is that the request names, unless one is pinned or none is needed.
    pub(super) fn certificate_source(&self) -> Result<Option<CertificateSource>, Failure> {
        self.beside(|| self.proof.preset.certificate_source(&self.settings, &self.reading))
    }

    /// When the request came.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.reading.sent.now_ms)
    }

    /// Takes a certificate that was fetched.
    pub(super) fn take_certificate(&mut self, pem: &str) {
        self.settings.to_mut().certificate = Some(pem.to_owned());
    }

    /// Everything that is needed to find out later why the signature was wrong.
    pub(super) fn case(
        self,
        failure: Failure,
        body: Bytes,
        (live, workspace): (Arc<LiveSecrets>, WorkspaceId),
        place: OwnedSemaphorePermit,
    ) -> Case {
        let sent = self.reading.sent;
        Case {
            preset: self.proof.preset,
            settings: self.settings.into_owned(),
            secrets: self.secrets.into_vec(),
            names: self.proof.secrets.clone(),
            live,
            workspace,
            failure,
            method: sent.method.to_owned(),
            url: sent.url.unwrap_or_default().to_owned(),
            path_and_query: sent.path_and_query.to_owned(),
            headers: sent.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect(),
            body,
            now: Timestamp(sent.now_ms),
            _place: place,
        }
    }

    /// The answer to a check of the URL that anybody may make, if the request is one.
    pub(super) fn open_handshake(&self) -> Option<Reply> {
        if self.proof.preset.signs_handshake(&self.settings) {
            None
        } else {
            self.greet().filter(|reply| !reply.after_verification)
        }
    }

    /// The answer to the provider's own check of the URL, if the request, which is proven, is one.
    pub(super) fn signed_handshake(&self) -> Option<Reply> {
        if self.proof.preset.signs_handshake(&self.settings) { self.greet() } else { None }
    }

    fn greet(&self) -> Option<Reply> {
        self.beside(|| self.proof.preset.greet(&self.settings, &self.keys(), &self.reading))
    }

    /// What the provider tells of this delivery.
    pub(super) fn told(&self) -> Told {
        let (delivery_id, event) = self.beside(|| self.proof.preset.names(&self.settings, &self.reading));
        Told { delivery_id, facts: Facts::of_event(event) }
    }

    /// Looks at the body where other requests do not wait for it.
    fn beside<T>(&self, look: impl FnOnce() -> T) -> T {
        reading::beside(self.reading.sent.body.len(), look)
    }
}

/// A handshake's answer as HTTP.
pub(super) fn answer(reply: Reply) -> Response<Body> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let content_type = HeaderValue::from_static(reply.content_type.unwrap_or("text/plain; charset=utf-8"));
    let mut response = secured(status, content_type, reply.body.into());
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use hookmill_engine::workflow::{PRESETS, SecretUse};
    use hookmill_signatures::{Need, Proof as SignedBy, presets};

    #[test]
    fn the_document_and_the_signatures_know_the_same_providers() {
        let documented: Vec<_> = PRESETS.iter().filter(|preset| !preset.is_product()).collect();
        for preset in &documented {
            let known = hookmill_signatures::preset(preset.id).unwrap_or_else(|| panic!("nobody can check {}", preset.id));
            let wanted = match known.secret {
                Need::Required => SecretUse::Needed,
                Need::Optional => SecretUse::Optional,
                Need::Unused => SecretUse::Unused,
            };
            assert_eq!(preset.secret, wanted, "{}", preset.id);
            let is_timed =
                known.proof == SignedBy::MessageSignature || known.schemes.iter().any(|scheme| scheme.timestamp.is_some());
            assert_eq!(preset.is_timed, is_timed, "{}", preset.id);
        }
        assert_eq!(documented.len(), presets().count());
    }
}
