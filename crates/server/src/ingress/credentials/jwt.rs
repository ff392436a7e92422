//! JSON Web Tokens as credentials: what a hook asks of them, in the terms of those who check them.

use std::borrow::Cow;

use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{Jwt, JwtAlgorithm, JwtKey, SecretNames};
use hookmill_signatures::credentials::bearer;
use hookmill_signatures::jwt::{Algorithm, Expected, check_body_hash, verify};
use hookmill_signatures::{Encoding, Failure};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::bearers;
use crate::ingress::scheme::encoding;

/// What a token must be.
#[derive(Debug)]
pub(super) struct Wanted {
    algorithms: Vec<Algorithm>,
    public_key: Option<String>,
    jwks: Option<Value>,
    issuer: Option<String>,
    audience: Option<String>,
    /// The header in which it stands, if it is not behind `Bearer`; `Err` if the declared name cannot be one.
    header: Option<Result<HeaderName, String>>,
    /// The claim that must be the hash of the body.
    body_hash: Option<(String, Encoding)>,
}

impl Wanted {
    /// What a document asks for, and the secrets that are keys.
    pub(super) fn of(jwt: &Jwt) -> (Self, SecretNames) {
        let (mut public_key, mut jwks, mut secrets) = (None, None, SecretNames::default());
        match &jwt.key {
            JwtKey::Secret(names) => secrets = names.clone(),
            JwtKey::PublicKey(pem) => public_key = Some(pem.clone()),
            JwtKey::Jwks(set) => jwks = Some(set.clone()),
        }
        let algorithms = jwt.algorithms.iter().map(|algorithm| of_document(*algorithm)).collect();
        let header = jwt.header.as_ref().map(|name| name.parse().map_err(|_| name.clone()));
        let body_hash = jwt.body_hash.as_ref().map(|hash| (hash.claim.clone(), encoding(hash.encoding)));
        let (issuer, audience) = (jwt.issuer.clone(), jwt.audience.clone());
        (Self { algorithms, public_key, jwks, issuer, audience, header, body_hash }, secrets)
    }

    /// Whether a token is over the body.
    pub(super) fn needs_body(&self) -> bool {
        self.body_hash.is_some()
    }

    /// The tokens that a request presents.
    pub(super) fn presented<'a>(&self, headers: &'a HeaderMap) -> Vec<&'a [u8]> {
        match &self.header {
            None => bearers(headers),
            Some(Ok(name)) => {
                let values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
                values.map(|value| bearer(value).unwrap_or(value)).collect()
            }
            Some(Err(_)) => Vec::new(),
        }
    }

    pub(super) fn in_words(&self) -> Cow<'static, str> {
        match &self.header {
            None => Cow::Borrowed("a JSON Web Token in the header Authorization (Bearer …)"),
            Some(Ok(name)) => Cow::Owned(format!("a JSON Web Token in the header {name}")),
            Some(Err(name)) => Cow::Owned(format!("a JSON Web Token in the header {name}")),
        }
    }

    /// Whether a token is what is asked for.
    ///
    /// # Errors
    /// With the reason, for the owner.
    pub(super) fn check(&self, token: &[u8], secrets: &[&[u8]], body: &[u8], now: Timestamp) -> Result<(), Failure> {
        let expected = Expected {
            algorithms: &self.algorithms,
            secrets,
            public_key: self.public_key.as_deref(),
            jwks: self.jwks.as_ref(),
            issuer: self.issuer.as_deref(),
            audience: self.audience.as_deref(),
        };
        // Bytes that are no text are no token either: the signatures say what is wrong with the rest.
        let claims = verify(std::str::from_utf8(token).unwrap_or_default(), &expected, now.0)?;
        match &self.body_hash {
            None => Ok(()),
            Some((claim, encoding)) => check_body_hash(&claims, claim, *encoding, body),
        }
    }
}

fn of_document(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::HS256 => Algorithm::Hs256,
        JwtAlgorithm::HS384 => Algorithm::Hs384,
        JwtAlgorithm::HS512 => Algorithm::Hs512,
        JwtAlgorithm::RS256 => Algorithm::Rs256,
        JwtAlgorithm::RS384 => Algorithm::Rs384,
        JwtAlgorithm::RS512 => Algorithm::Rs512,
        JwtAlgorithm::ES256 => Algorithm::Es256,
        JwtAlgorithm::ES384 => Algorithm::Es384,
    }
}
