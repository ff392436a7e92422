//! Making a token, as its sender does.

use ring::hmac;
use serde_json::{Value, json};

use super::Algorithm;
use crate::scheme::{Encoding, Hash};
use crate::sign::{PrivateKey, Unsignable, Way};

/// A token with these claims, signed with a shared secret, or with a private key as PEM (PKCS#8).
///
/// # Errors
///
/// If the key is none for the algorithm.
pub fn sign(algorithm: Algorithm, key: &[u8], claims: &Value) -> Result<String, Unsignable> {
    let part = |value: &Value| Encoding::Base64Url.encode(value.to_string().as_bytes());
    let text = format!("{}.{}", part(&json!({ "alg": algorithm.name(), "typ": "JWT" })), part(claims));
    let private = |way: Way| PrivateKey::new(way, key)?.sign(text.as_bytes());
    let signature = match algorithm {
        Algorithm::Hs256 => shared(hmac::HMAC_SHA256, key, &text)?,
        Algorithm::Hs384 => shared(hmac::HMAC_SHA384, key, &text)?,
        Algorithm::Hs512 => shared(hmac::HMAC_SHA512, key, &text)?,
        Algorithm::Rs256 => private(Way::Rsa(Hash::Sha256))?,
        Algorithm::Rs384 => private(Way::Rsa(Hash::Sha384))?,
        Algorithm::Rs512 => private(Way::Rsa(Hash::Sha512))?,
        Algorithm::Es256 => private(Way::EcdsaP256Fixed)?,
        Algorithm::Es384 => private(Way::EcdsaP384Fixed)?,
        Algorithm::EdDsa => private(Way::Ed25519)?,
    };
    Ok(format!("{text}.{}", Encoding::Base64Url.encode(&signature)))
}

fn shared(hash: hmac::Algorithm, key: &[u8], text: &str) -> Result<Vec<u8>, Unsignable> {
    if key.is_empty() {
        return Err(Unsignable::Secret("The secret of the token is empty.".into()));
    }
    Ok(hmac::sign(&hmac::Key::new(hash, key), text.as_bytes()).as_ref().to_vec())
}
