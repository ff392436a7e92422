//! JSON Web Tokens as credentials: what a hook asks of them, in the terms of those who check them.

use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{Jwt, JwtAlgorithm, JwtKey, SecretNames};
use hookmill_signatures::Failure;
use hookmill_signatures::jwt::{Algorithm, Expected, verify};
use serde_json::Value;

/// What a token must be.
#[derive(Debug)]
pub(super) struct Wanted {
    algorithms: Vec<Algorithm>,
    public_key: Option<String>,
    jwks: Option<Value>,
    issuer: Option<String>,
    audience: Option<String>,
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
        (Self { algorithms, public_key, jwks, issuer: jwt.issuer.clone(), audience: jwt.audience.clone() }, secrets)
    }

    /// Whether a token is what is asked for.
    ///
    /// # Errors
    /// With the reason, for the owner.
    pub(super) fn check(&self, token: &[u8], secrets: &[&[u8]], now: Timestamp) -> Result<(), Failure> {
        let expected = Expected {
            algorithms: &self.algorithms,
            secrets,
            public_key: self.public_key.as_deref(),
            jwks: self.jwks.as_ref(),
            issuer: self.issuer.as_deref(),
            audience: self.audience.as_deref(),
        };
        // Bytes that are no text are no token either: the signatures say what is wrong with the rest.
        verify(std::str::from_utf8(token).unwrap_or_default(), &expected, now.0).map(drop)
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
