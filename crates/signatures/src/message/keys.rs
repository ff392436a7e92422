//! The keys that a stored secret may be for a message signature. The secret decides the algorithm; `alg` may only agree.
//!
//! A public key taken for a shared secret would let everyone sign, so what may be one never is the other by itself.

use ring::hmac;
use ring::signature::{self, VerificationAlgorithm};

use crate::key::{EC_OID, ED25519_OID, Key, PublicKey, RSA_OID, public_key_of_pem, public_key_of_spki};
use crate::scheme::Encoding;

/// The shortest key that a text is taken to encode: 128 bits.
const DECODED_KEY_BYTES_MIN: usize = 16;

/// What makes a secret that could also be a public key a shared one.
const SHARED_PREFIX: &[u8] = b"hmac-sha256:";

/// Why a secret is no key for a signature.
#[derive(Debug)]
pub(super) enum Unfit {
    /// It is none for any signature; told to the owner.
    Malformed(String),
    /// The signature names another algorithm.
    OtherAlgorithm(String),
}

/// The keys of a secret for the algorithm that the signature names, if it names one.
///
/// PEM or a SubjectPublicKeyInfo in base64 is a public key and never serves as the key of an HMAC: everyone knows it. Other
/// text is the key of `hmac-sha256`, as it is or decoded from base64. What could be a bare public key must say that it is a
/// shared secret: `hmac-sha256:…`.
pub(super) fn of(secret: &[u8], algorithm: Option<&str>) -> Result<Vec<Key>, Unfit> {
    let secret = secret.trim_ascii();
    let named_shared = secret.strip_prefix(SHARED_PREFIX).map(<[u8]>::trim_ascii);
    let secret = named_shared.unwrap_or(secret);
    if secret.is_empty() {
        return Err(Unfit::Malformed("it is empty".into()));
    }
    let decoded = Encoding::Base64.decode(secret);
    let public_key = if secret.starts_with(b"-----BEGIN") {
        Some(public_key_of_pem(secret).map_err(Unfit::Malformed)?)
    } else {
        decoded.as_deref().and_then(public_key_of_spki)
    };
    match public_key {
        Some(_) if named_shared.is_some() => return Err(Unfit::Malformed("it is a public key, not a shared secret".into())),
        Some(key) => return public(key, algorithm),
        None if named_shared.is_none() && may_be_public(secret) => return Err(Unfit::Malformed(
            "it could be a bare public key or a shared secret: store a public key as PEM, a shared secret after `hmac-sha256:`"
                .into(),
        )),
        None => {}
    }
    agree(algorithm, &["hmac-sha256"])?;
    let decoded = decoded.filter(|bytes| bytes.len() >= DECODED_KEY_BYTES_MIN);
    let keys = [Some(secret.to_vec()), decoded].into_iter().flatten();
    Ok(keys.map(|bytes| Key::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes))).collect())
}

/// Whether a text has the form of a public key without its algorithm: the 32 bytes of Ed25519, a point of a curve, the DER of
/// RSA, a JSON Web Key, a line of OpenSSH.
fn may_be_public(secret: &[u8]) -> bool {
    let is_key = |bytes: Vec<u8>| match bytes.as_slice() {
        [0x30, 0x82, high, low, rest @ ..] => rest.len() == usize::from(u16::from_be_bytes([*high, *low])),
        [0x02 | 0x03, ..] if bytes.len() == 33 => true,
        [0x04, ..] if bytes.len() == 65 => true,
        _ => bytes.len() == signature::ED25519_PUBLIC_KEY_LEN,
    };
    secret.starts_with(b"{")
        || secret.starts_with(b"ssh-")
        || secret.starts_with(b"ecdsa-")
        || [Encoding::Hex, Encoding::Base64, Encoding::Base64Url]
            .into_iter()
            .any(|encoding| encoding.decode(secret).is_some_and(is_key))
}

fn public(key: PublicKey, algorithm: Option<&str>) -> Result<Vec<Key>, Unfit> {
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
        _ => return Err(Unfit::Malformed("it is a public key of an algorithm that is not supported".into())),
    };
    Ok(vec![Key::Public(verification, key.key)])
}

fn agree(named: Option<&str>, possible: &[&str]) -> Result<(), Unfit> {
    match named {
        Some(named) if !possible.contains(&named) => {
            Err(Unfit::OtherAlgorithm(format!("the signature names another algorithm than {}", possible.join(" or "))))
        }
        _ => Ok(()),
    }
}
