//! Just enough DER to find the public key in a certificate (RFC 5280, section 4.1) or a SubjectPublicKeyInfo.

use crate::scheme::Encoding;

/// 1.3.101.112 (RFC 8410).
pub(crate) const ED25519_OID: &[u8] = &[0x2b, 0x65, 0x70];
/// 1.2.840.10045.2.1 (RFC 5480).
pub(crate) const EC_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.113549.1.1.1 (RFC 3279).
pub(crate) const RSA_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// A public key: the OID of its algorithm and its bytes as `ring` takes them.
pub(crate) struct PublicKey {
    pub(crate) algorithm: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// The key in the first `CERTIFICATE` or `PUBLIC KEY` of a PEM text.
pub(crate) fn public_key_of_pem(pem: &[u8]) -> Result<PublicKey, String> {
    let pem = std::str::from_utf8(pem).map_err(|_| "it is not PEM text".to_owned())?;
    let found = ["CERTIFICATE", "PUBLIC KEY"].into_iter().find_map(|label| {
        let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
        let (inside, _) = rest.split_once(&format!("-----END {label}-----"))?;
        Some((label, inside))
    });
    let (label, inside) = found.ok_or("it has no `-----BEGIN CERTIFICATE-----` or `-----BEGIN PUBLIC KEY-----`")?;
    let text: Vec<u8> = inside.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let der = Encoding::Base64.decode(&text).ok_or("its base64 is broken")?;
    let key = if label == "CERTIFICATE" { of_certificate(&der) } else { public_key_of_spki(&der) };
    key.ok_or_else(|| "its contents are not a public key".into())
}

fn of_certificate(der: &[u8]) -> Option<PublicKey> {
    let (certificate, _) = take(der, SEQUENCE)?;
    let (mut rest, _) = take(certificate, SEQUENCE)?;
    if let Some((_, after)) = take(rest, VERSION) {
        rest = after;
    }
    (_, rest) = take(rest, INTEGER)?;
    // The algorithm, the issuer, the validity and the subject.
    for _ in 0..4 {
        (_, rest) = take(rest, SEQUENCE)?;
    }
    public_key_of_spki(rest)
}

/// The key in a SubjectPublicKeyInfo; what follows it does not matter.
pub(crate) fn public_key_of_spki(der: &[u8]) -> Option<PublicKey> {
    let (spki, _) = take(der, SEQUENCE)?;
    let (algorithm, rest) = take(spki, SEQUENCE)?;
    let (oid, _) = take(algorithm, OBJECT_IDENTIFIER)?;
    let (bits, _) = take(rest, BIT_STRING)?;
    let (unused, key) = bits.split_first()?;
    (*unused == 0).then(|| PublicKey { algorithm: oid.to_vec(), key: key.to_vec() })
}

/// The contents of the element that starts here, if it has this tag, and what follows it.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        // Four bytes of length are more than any certificate needs.
        if bytes.is_empty() || bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    rest.split_at_checked(length)
}
