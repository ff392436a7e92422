//! The keys that a stored secret may be for a message signature. The secret decides the algorithm; `alg` may only agree.

use ring::hmac;
use ring::signature::{self, VerificationAlgorithm};

use crate::key::{EC_OID, ED25519_OID, Key, PublicKey, RSA_OID, public_key_of_pem, public_key_of_spki};
use crate::scheme::Encoding;

/// The shortest key that a text is taken to encode: 128 bits.
const DECODED_KEY_BYTES_MIN: usize = 16;

/// The keys of a secret for the algorithm that the signature names, if it names one.
///
/// PEM or a SubjectPublicKeyInfo in base64 is a public key and never serves as the key of an HMAC: everyone knows it. Other
/// text is the key of `hmac-sha256`, as it is or decoded from base64.
pub(super) fn of(secret: &[u8], algorithm: Option<&str>) -> Result<Vec<Key>, String> {
    let secret = secret.trim_ascii();
    if secret.is_empty() {
        return Err("it is empty".into());
    }
    if secret.starts_with(b"-----BEGIN") {
        return public(public_key_of_pem(secret)?, algorithm);
    }
    let decoded = Encoding::Base64.decode(secret);
    if let Some(key) = decoded.as_deref().and_then(public_key_of_spki) {
        return public(key, algorithm);
    }
    agree(algorithm, &["hmac-sha256"])?;
    let decoded = decoded.filter(|bytes| bytes.len() >= DECODED_KEY_BYTES_MIN);
    let keys = [Some(secret.to_vec()), decoded].into_iter().flatten();
    Ok(keys.map(|bytes| Key::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes))).collect())
}

fn public(key: PublicKey, algorithm: Option<&str>) -> Result<Vec<Key>, String> {
    let verification: &'static dyn VerificationAlgorithm = match key.algorithm.as_slice() {
        ED25519_OID => {
            agree(algorithm, &["ed25519"])?;
            &signature::ED25519
        }
        EC_OID => {
            agree(algorithm, &["ecdsa-p256-sha256"])?;
            &signature::ECDSA_P256_SHA256_FIXED
        }
        RSA_OID => {
            agree(algorithm, &["rsa-pss-sha512", "rsa-v1_5-sha256"])?;
            if algorithm == Some("rsa-v1_5-sha256") {
                &signature::RSA_PKCS1_2048_8192_SHA256
            } else {
                &signature::RSA_PSS_2048_8192_SHA512
            }
        }
        _ => return Err("it is a public key of an algorithm that is not supported".into()),
    };
    Ok(vec![Key::Public(verification, key.key)])
}

fn agree(named: Option<&str>, possible: &[&str]) -> Result<(), String> {
    match named {
        Some(named) if !possible.contains(&named) => {
            Err(format!("the signature names another algorithm than {}", possible.join(" or ")))
        }
        _ => Ok(()),
    }
}
