//! From a secret as its owner wrote it to a key that checks signatures.

mod der;

use std::borrow::Cow;

use ring::signature::{self, VerificationAlgorithm};
use ring::{digest, hmac};
use subtle::ConstantTimeEq as _;

use crate::scheme::{Algorithm, Encoding, Hash, KeyForm};
use crate::signed_text::Text;

pub(crate) use der::{
    EC_OID, ED25519_OID, PublicKey, RSA_OID, certificates_of_pem, public_key_of_pem, public_key_of_spki, validity_of_pem,
};

/// An uncompressed point (SEC 1, section 2.3.3).
const P256_POINT_BYTES: usize = 65;

/// A key ready to check signatures.
pub(crate) enum Key {
    Hmac(hmac::Key),
    SecretThenText(Vec<u8>),
    Public(&'static dyn VerificationAlgorithm, Vec<u8>),
}

impl Key {
    /// A key from a secret. The error says what is wrong with the secret and never repeats it.
    pub(crate) fn new(algorithm: Algorithm, form: &KeyForm, secret: &[u8]) -> Result<Self, String> {
        match algorithm {
            Algorithm::Hmac(hash) => Ok(Self::Hmac(hmac::Key::new(hmac_of(hash), &symmetric(form, secret)?))),
            Algorithm::SecretThenTextSha256 => Ok(Self::SecretThenText(symmetric(form, secret)?.into_owned())),
            Algorithm::Ed25519 => {
                let key = public(form, secret, der::ED25519_OID)?;
                if key.len() != signature::ED25519_PUBLIC_KEY_LEN {
                    return Err(format!("an Ed25519 public key has 32 bytes, this one has {}", key.len()));
                }
                Ok(Self::Public(&signature::ED25519, key))
            }
            Algorithm::EcdsaP256 => {
                let key = public(form, secret, der::EC_OID)?;
                if key.len() != P256_POINT_BYTES {
                    return Err(format!("a P-256 public key has {P256_POINT_BYTES} bytes, this one has {}", key.len()));
                }
                Ok(Self::Public(&signature::ECDSA_P256_SHA256_ASN1, key))
            }
            Algorithm::Rsa(hash) => {
                let algorithm: &'static dyn VerificationAlgorithm = match hash {
                    Hash::Sha1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                    Hash::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                    Hash::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
                    Hash::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
                };
                Ok(Self::Public(algorithm, public(form, secret, der::RSA_OID)?))
            }
        }
    }

    /// Whether any of the signatures is this key's for the text. Secret-dependent comparisons take constant time.
    pub(crate) fn accepts(&self, text: &Text<'_>, signatures: &[Vec<u8>]) -> bool {
        match self {
            Self::Hmac(_) | Self::SecretThenText(_) => {
                let expected = self.tag(text).expect("both have a tag");
                signatures.iter().fold(false, |fits, signature| fits | bool::from(expected.as_slice().ct_eq(signature)))
            }
            Self::Public(algorithm, key) => {
                let text = text.joined();
                let key = signature::UnparsedPublicKey::new(*algorithm, key);
                signatures.iter().any(|signature| key.verify(&text, signature).is_ok())
            }
        }
    }

    /// The signature of a text, where the key can make one.
    pub(crate) fn tag(&self, text: &Text<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Hmac(key) => {
                let mut context = hmac::Context::with_key(key);
                text.pieces().for_each(|piece| context.update(piece));
                Some(context.sign().as_ref().to_vec())
            }
            Self::SecretThenText(secret) => {
                let mut context = digest::Context::new(&digest::SHA256);
                context.update(secret);
                text.pieces().for_each(|piece| context.update(piece));
                Some(context.finish().as_ref().to_vec())
            }
            Self::Public(..) => None,
        }
    }
}

pub(crate) fn hmac_of(hash: Hash) -> hmac::Algorithm {
    match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    }
}

/// The bytes of a shared secret. An empty one is nobody's secret.
fn symmetric<'s>(form: &KeyForm, secret: &'s [u8]) -> Result<Cow<'s, [u8]>, String> {
    let key = match form {
        KeyForm::Text => Cow::Borrowed(secret),
        KeyForm::Encoded(encoding, prefix) => Cow::Owned(encoded(*encoding, prefix, secret)?),
        KeyForm::Spki | KeyForm::Pem | KeyForm::Certificate => return Err("a shared secret is needed, not a public key".into()),
    };
    if key.is_empty() { Err("it is empty".into()) } else { Ok(key) }
}

fn encoded(encoding: Encoding, prefix: &str, secret: &[u8]) -> Result<Vec<u8>, String> {
    let secret = secret.trim_ascii();
    let text = secret.strip_prefix(prefix.as_bytes()).unwrap_or(secret);
    encoding.decode(text).ok_or_else(|| {
        let after = if prefix.is_empty() { String::new() } else { format!(" after the prefix `{prefix}`") };
        format!("it must be {}{after}", encoding.name())
    })
}

/// The bytes of a public key, as the algorithm takes them.
fn public(form: &KeyForm, secret: &[u8], oid: &'static [u8]) -> Result<Vec<u8>, String> {
    let PublicKey { algorithm, key } = match form {
        KeyForm::Pem | KeyForm::Certificate => public_key_of_pem(secret)?,
        KeyForm::Spki => {
            let bytes = Encoding::Base64.decode(secret.trim_ascii()).ok_or("it must be base64")?;
            match public_key_of_spki(&bytes) {
                Some(key) => key,
                None => return Ok(bytes),
            }
        }
        KeyForm::Encoded(encoding, prefix) => return encoded(*encoding, prefix, secret),
        KeyForm::Text => return Err("a public key must be hex, base64, SPKI or PEM".into()),
    };
    if algorithm == oid { Ok(key) } else { Err("it is the public key of another algorithm".into()) }
}
