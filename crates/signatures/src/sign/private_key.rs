//! Private keys: of senders that sign with one, as far as somebody stands in for them with a pair of keys of their own.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA512, RsaEncoding,
    RsaKeyPair,
};

use super::Unsignable;
use crate::scheme::{Encoding, Hash};

/// What the seed of Standard Webhooks' asymmetric scheme begins with.
const SEED_PREFIX: &[u8] = b"whsk_";
/// The seed of an Ed25519 key (RFC 8032, section 5.1.5).
const SEED_BYTES: usize = 32;
const PKCS8: &str = "PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";

/// How a private key is to sign.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Ed25519,
    /// The signature as ASN.1.
    EcdsaP256,
    /// The signature as two numbers of fixed length.
    EcdsaP256Fixed,
    EcdsaP384Fixed,
    Rsa(Hash),
    RsaPss,
}

/// A private key, ready to sign in one way.
pub(crate) enum PrivateKey {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
}

impl PrivateKey {
    /// The key that a text holds: PEM, or the seed of Ed25519 in hex or base64. The error never repeats it.
    pub(crate) fn new(way: Way, text: &[u8]) -> Result<Self, Unsignable> {
        let unfit = |why: &dyn std::fmt::Display| Unsignable::Secret(format!("The private key cannot be used: {why}."));
        match way {
            Way::Ed25519 => match seed(text) {
                Some(seed) => Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|why| unfit(&why)),
                None => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pem(text)?.der).map_err(|why| unfit(&why)),
            }
            .map(Self::Ed25519),
            Way::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, text),
            Way::EcdsaP256Fixed => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, text),
            Way::EcdsaP384Fixed => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, text),
            Way::Rsa(_) | Way::RsaPss => {
                let encoding: &'static dyn RsaEncoding = match way {
                    Way::RsaPss => &RSA_PSS_SHA512,
                    Way::Rsa(Hash::Sha384) => &RSA_PKCS1_SHA384,
                    Way::Rsa(Hash::Sha512) => &RSA_PKCS1_SHA512,
                    Way::Rsa(Hash::Sha1) => {
                        return Err(Unsignable::Setting("Nothing new is signed with RSA and SHA-1; choose another hash.".into()));
                    }
                    _ => &RSA_PKCS1_SHA256,
                };
                let Pem { label, der } = pem(text)?;
                let pair = if label == PKCS1 { RsaKeyPair::from_der(&der) } else { RsaKeyPair::from_pkcs8(&der) };
                Ok(Self::Rsa(Box::new(pair.map_err(|why| unfit(&why))?), encoding))
            }
        }
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, Unsignable> {
        let failed = |_| Unsignable::Secret("The system has no randomness to sign with.".into());
        let random = SystemRandom::new();
        match self {
            Self::Ed25519(pair) => Ok(pair.sign(text).as_ref().to_vec()),
            Self::Ecdsa(pair) => pair.sign(&random, text).map(|signature| signature.as_ref().to_vec()).map_err(failed),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*encoding, &random, text, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

/// Whether a text is a private key as PEM, and not a secret that two sides share.
pub(crate) fn is_private_pem(text: &[u8]) -> bool {
    pem(text).is_ok()
}

/// The way in which HTTP message signatures and their names of algorithms (RFC 9421, section 3.3) use this key.
pub(crate) fn message_way(text: &[u8]) -> Result<(Way, &'static str), Unsignable> {
    let ways = [(Way::Ed25519, "ed25519"), (Way::EcdsaP256Fixed, "ecdsa-p256-sha256"), (Way::RsaPss, "rsa-pss-sha512")];
    let found = ways.into_iter().find(|(way, _)| PrivateKey::new(*way, text).is_ok());
    found.ok_or_else(|| Unsignable::Secret("The private key is none of Ed25519, ECDSA on P-256 and RSA.".into()))
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, text: &[u8]) -> Result<PrivateKey, Unsignable> {
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, &pem(text)?.der, &SystemRandom::new());
    pair.map(PrivateKey::Ecdsa).map_err(|why| Unsignable::Secret(format!("The private key cannot be used: {why}.")))
}

/// The seed of an Ed25519 key, alone or followed by the public key, as libsodium and Standard Webhooks write it.
fn seed(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(SEED_PREFIX).unwrap_or(text);
    let of_length = |bytes: &Vec<u8>| bytes.len() == SEED_BYTES || bytes.len() == 2 * SEED_BYTES;
    let decoded = [Encoding::Hex, Encoding::Base64, Encoding::Base64Url].into_iter().filter_map(|form| form.decode(text));
    decoded.into_iter().find(of_length).map(|bytes| bytes[..SEED_BYTES].to_vec())
}

struct Pem {
    label: &'static str,
    der: Vec<u8>,
}

fn pem(text: &[u8]) -> Result<Pem, Unsignable> {
    let wrong = |why: &str| Unsignable::Secret(format!("The private key cannot be used: {why}."));
    let text = std::str::from_utf8(text).map_err(|_| wrong("it is not text"))?;
    if text.contains("-----BEGIN EC PRIVATE KEY-----") {
        return Err(wrong("it must be PKCS#8: `openssl pkcs8 -topk8 -nodes -in key.pem` makes that of it"));
    }
    let found = [PKCS8, PKCS1].into_iter().find_map(|label| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        Some((label, rest.split_once(&format!("-----END {label}-----"))?.0))
    });
    let (label, inside) = found.ok_or_else(|| wrong("it has no `-----BEGIN PRIVATE KEY-----`"))?;
    let inside: Vec<u8> = inside.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    Ok(Pem { label, der: Encoding::Base64.decode(&inside).ok_or_else(|| wrong("its base64 is broken"))? })
}
