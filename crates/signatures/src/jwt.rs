//! JSON Web Tokens as credentials (RFC 7519, signed as in RFC 7515): a token is good if one of the configured algorithms and
//! keys made it, and its claims are what the hook asks for.
//!
//! The token's header chooses among what is configured and nothing else: `none` does not exist here, and a public key is never
//! the key of an HMAC.

mod sign;

use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::Value;

use crate::credentials::matches;
use crate::failure::{Code, Failure};
use crate::key::{EC_OID, ED25519_OID, RSA_OID, public_key_of_pem};
use crate::scheme::Encoding;

pub use sign::sign;

/// How long a token may be.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// How far clocks may differ when times of a token are checked.
const LEEWAY_MS: i64 = 60_000;

/// An algorithm of RFC 7518, section 3.1, or RFC 8037.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// RSA PKCS#1 v1.5 with SHA-384.
    Rs384,
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// What a hook asks of a token.
#[derive(Clone, Copy, Default)]
pub struct Expected<'a> {
    /// The algorithms that may have been used; a token with another one is refused.
    pub algorithms: &'a [Algorithm],
    /// Shared secrets, for the HMACs.
    pub secrets: &'a [&'a [u8]],
    /// A public key or certificate as PEM, for the others.
    pub public_key: Option<&'a str>,
    /// A JSON Web Key Set (RFC 7517). A token that names a `kid` is only held against keys of that name.
    pub jwks: Option<&'a Value>,
    /// What `iss` must be.
    pub issuer: Option<&'a str>,
    /// What `aud` must be or contain.
    pub audience: Option<&'a str>,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] =
        [Self::Hs256, Self::Hs384, Self::Hs512, Self::Rs256, Self::Rs384, Self::Rs512, Self::Es256, Self::Es384, Self::EdDsa];

    /// As `alg` writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::Hs256 => Some(hmac::HMAC_SHA256),
            Self::Hs384 => Some(hmac::HMAC_SHA384),
            Self::Hs512 => Some(hmac::HMAC_SHA512),
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Es256 | Self::Es384 | Self::EdDsa => None,
        }
    }

    /// How the algorithm is checked, and the OID of its keys.
    fn public(self) -> Option<(&'static dyn VerificationAlgorithm, &'static [u8])> {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => None,
            Self::Rs256 => Some((&signature::RSA_PKCS1_2048_8192_SHA256, RSA_OID)),
            Self::Rs384 => Some((&signature::RSA_PKCS1_2048_8192_SHA384, RSA_OID)),
            Self::Rs512 => Some((&signature::RSA_PKCS1_2048_8192_SHA512, RSA_OID)),
            Self::Es256 => Some((&signature::ECDSA_P256_SHA256_FIXED, EC_OID)),
            Self::Es384 => Some((&signature::ECDSA_P384_SHA384_FIXED, EC_OID)),
            Self::EdDsa => Some((&signature::ED25519, ED25519_OID)),
        }
    }
}

/// The claims of a token, if it is what the hook asks for.
///
/// # Errors
///
/// With the reason. An expired token is [`Code::TimestampStale`], one that is not valid yet [`Code::TimestampFuture`], a wrong
/// issuer or audience [`Code::PartMissing`].
pub fn verify(token: &str, expected: &Expected<'_>, now_ms: i64) -> Result<Value, Failure> {
    let malformed = |text: &str| Failure::plain(Code::SignatureMalformed, text);
    if token.len() > TOKEN_BYTES_MAX {
        return Err(malformed(&format!("The token is longer than {TOKEN_BYTES_MAX} bytes.")));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { return Err(malformed("A token has three parts, separated by dots.")) };
    let decode = |part: &str| (!part.contains('=')).then(|| Encoding::Base64Url.decode(part.as_bytes())).flatten();
    let json = |part: &str| decode(part).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()).filter(Value::is_object);
    let header = json(header).ok_or_else(|| malformed("The token's header is not base64url of a JSON object."))?;
    let claims = json(claims).ok_or_else(|| malformed("The token's claims are not base64url of a JSON object."))?;
    let signature = decode(signature).ok_or_else(|| malformed("The token's signature is not base64url."))?;
    let algorithm = header["alg"].as_str().and_then(Algorithm::named).filter(|algorithm| expected.algorithms.contains(algorithm));
    let algorithm = algorithm.ok_or_else(|| malformed("The token is signed with an algorithm that this hook does not take."))?;
    if header.get("crit").is_some() {
        return Err(malformed("The token asks for extensions (`crit`) that are not supported."));
    }
    let text = &token.as_bytes()[..token.len() - parts[2].len() - 1];
    if !is_signed(algorithm, &header, text, &signature, expected)? {
        return Err(Failure::plain(Code::SignatureWrong, "The token was not signed with a key of this hook."));
    }
    check_times(&claims, now_ms)?;
    check_names(&claims, expected)?;
    Ok(claims)
}

/// Whether a claim of a token is the SHA-256 of a body, so that who signed the token signed the body.
///
/// # Errors
///
/// [`Code::PartMissing`] if the token has no such claim, [`Code::SignatureWrong`] if it is that of another body.
pub fn check_body_hash(claims: &Value, claim: &str, encoding: Encoding, body: &[u8]) -> Result<(), Failure> {
    let told = claims.get(claim).and_then(Value::as_str);
    let told = told.ok_or_else(|| Failure::plain(Code::PartMissing, format!("The token has no text `{claim}`.")))?;
    let hash = digest(&SHA256, body);
    if encoding.decode(told.as_bytes()).is_some_and(|told| matches(&told, hash.as_ref())) {
        return Ok(());
    }
    Err(Failure::plain(Code::SignatureWrong, format!("`{claim}` of the token is not the hash of this body.")))
}

fn is_signed(
    algorithm: Algorithm,
    header: &Value,
    text: &[u8],
    signature: &[u8],
    expected: &Expected<'_>,
) -> Result<bool, Failure> {
    if let Some(hash) = algorithm.hmac() {
        let shared = expected.secrets.iter().filter(|secret| !secret.is_empty());
        if shared.map(|secret| hmac::Key::new(hash, secret)).any(|key| hmac::verify(&key, text, signature).is_ok()) {
            return Ok(true);
        }
    }
    if let (Some((verification, oid)), Some(pem)) = (algorithm.public(), expected.public_key) {
        let unusable = |why| Failure::owners(Code::SecretMalformed, format!("The public key cannot be used: {why}."));
        let key = public_key_of_pem(pem.as_bytes()).map_err(unusable)?;
        if key.algorithm == oid && UnparsedPublicKey::new(verification, &key.key).verify(text, signature).is_ok() {
            return Ok(true);
        }
    }
    let keys = expected.jwks.and_then(|set| set["keys"].as_array());
    let kid = header.get("kid");
    let usable = |key: &&Value| {
        kid.is_none_or(|kid| key.get("kid").is_none_or(|own| own == kid))
            && key.get("use").is_none_or(|usage| usage == "sig")
            && key.get("alg").is_none_or(|own| own == algorithm.name())
    };
    Ok(keys.into_iter().flatten().filter(usable).any(|key| fits_jwk(algorithm, key, text, signature).unwrap_or(false)))
}

/// Whether a JSON Web Key made the signature; `None` if it is of another kind.
fn fits_jwk(algorithm: Algorithm, key: &Value, text: &[u8], signature: &[u8]) -> Option<bool> {
    let member = |name: &str| key[name].as_str().and_then(|value| Encoding::Base64Url.decode(value.as_bytes()));
    let kind = key["kty"].as_str()?;
    let curve = key["crv"].as_str();
    let public = |bytes: Vec<u8>| Some(UnparsedPublicKey::new(algorithm.public()?.0, bytes).verify(text, signature).is_ok());
    let rsa = |parameters| {
        let components = RsaPublicKeyComponents { n: member("n")?, e: member("e")? };
        Some(components.verify(parameters, text, signature).is_ok())
    };
    match (algorithm, kind, curve) {
        (Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512, "oct", _) => {
            let secret = member("k").filter(|secret| !secret.is_empty())?;
            Some(hmac::verify(&hmac::Key::new(algorithm.hmac()?, &secret), text, signature).is_ok())
        }
        (Algorithm::Rs256, "RSA", _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::Rs384, "RSA", _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::Rs512, "RSA", _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        (Algorithm::Es256, "EC", Some("P-256")) | (Algorithm::Es384, "EC", Some("P-384")) => {
            public([vec![4], member("x")?, member("y")?].concat())
        }
        (Algorithm::EdDsa, "OKP", Some("Ed25519")) => public(member("x")?),
        _ => None,
    }
}

/// `exp` and `nbf` (RFC 7519, sections 4.1.4 and 4.1.5), each if it is there.
fn check_times(claims: &Value, now_ms: i64) -> Result<(), Failure> {
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| seconds.is_finite());
            #[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates")]
            let ms = seconds.map(|seconds| (seconds * 1000.0) as i64);
            ms.map(Some).ok_or_else(|| Failure::plain(Code::TimestampMalformed, format!("The claim `{name}` is not a number.")))
        }
    };
    if time("exp")?.is_some_and(|expires| expires.saturating_add(LEEWAY_MS) <= now_ms) {
        return Err(Failure::plain(Code::TimestampStale, "The token has expired."));
    }
    if time("nbf")?.is_some_and(|begins| begins.saturating_sub(LEEWAY_MS) > now_ms) {
        return Err(Failure::plain(Code::TimestampFuture, "The token is not valid yet."));
    }
    Ok(())
}

fn check_names(claims: &Value, expected: &Expected<'_>) -> Result<(), Failure> {
    if expected.issuer.is_some_and(|issuer| claims["iss"] != issuer) {
        return Err(Failure::plain(Code::PartMissing, "The token's issuer (`iss`) is not the one of this hook."));
    }
    let is_for = |audience: &str| match &claims["aud"] {
        Value::String(one) => one == audience,
        Value::Array(several) => several.iter().any(|one| one == audience),
        _ => false,
    };
    if expected.audience.is_some_and(|audience| !is_for(audience)) {
        return Err(Failure::plain(Code::PartMissing, "The token's audience (`aud`) is not the one of this hook."));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
