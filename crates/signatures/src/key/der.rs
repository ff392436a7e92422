//! Just enough DER to find the public key in a certificate (RFC 5280, section 4.1) or a SubjectPublicKeyInfo, and from when to
//! when a certificate is valid.

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
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// A public key: the OID of its algorithm and its bytes as `ring` takes them.
pub(crate) struct PublicKey {
    pub(crate) algorithm: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// From when to when a certificate is valid, both included, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
}

/// The key in the first `CERTIFICATE` or `PUBLIC KEY` of a PEM text.
pub(crate) fn public_key_of_pem(pem: &[u8]) -> Result<PublicKey, String> {
    let (label, der) = first_block(pem)?;
    let key = if label == CERTIFICATE { of_certificate(&der) } else { public_key_of_spki(&der) };
    key.ok_or_else(|| "its contents are not a public key".into())
}

/// When the first certificate of a PEM text is valid; `None` for a bare public key, which has no dates.
pub(crate) fn validity_of_pem(pem: &[u8]) -> Result<Option<Validity>, String> {
    let (label, der) = first_block(pem)?;
    if label != CERTIFICATE {
        return Ok(None);
    }
    dates_of_certificate(&der).map(Some).ok_or_else(|| "its dates cannot be read".into())
}

const CERTIFICATE: &str = "CERTIFICATE";

/// All certificates of a PEM text, in their order; more than `max` are an error.
pub(crate) fn certificates_of_pem(pem: &str, max: usize) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    let mut rest = pem;
    while let Some((_, begun)) = rest.split_once("-----BEGIN CERTIFICATE-----") {
        let (inside, after) = begun.split_once("-----END CERTIFICATE-----").ok_or("a certificate has no end")?;
        if found.len() >= max {
            return Err(format!("there are more than {max} certificates"));
        }
        let text: Vec<u8> = inside.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        found.push(Encoding::Base64.decode(&text).ok_or("the base64 of a certificate is broken")?);
        rest = after;
    }
    Ok(found)
}

/// The label and the bytes of the first `CERTIFICATE`, or else of the first `PUBLIC KEY`.
fn first_block(pem: &[u8]) -> Result<(&'static str, Vec<u8>), String> {
    let pem = std::str::from_utf8(pem).map_err(|_| "it is not PEM text".to_owned())?;
    let found = [CERTIFICATE, "PUBLIC KEY"].into_iter().find_map(|label| {
        let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
        let (inside, _) = rest.split_once(&format!("-----END {label}-----"))?;
        Some((label, inside))
    });
    let (label, inside) = found.ok_or("it has no `-----BEGIN CERTIFICATE-----` or `-----BEGIN PUBLIC KEY-----`")?;
    let text: Vec<u8> = inside.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    Ok((label, Encoding::Base64.decode(&text).ok_or("its base64 is broken")?))
}

/// What follows serial number, algorithm and issuer: the validity, the subject, the key.
fn from_validity(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = take(der, SEQUENCE)?;
    let (mut rest, _) = take(certificate, SEQUENCE)?;
    if let Some((_, after)) = take(rest, VERSION) {
        rest = after;
    }
    (_, rest) = take(rest, INTEGER)?;
    for _ in 0..2 {
        (_, rest) = take(rest, SEQUENCE)?;
    }
    Some(rest)
}

fn of_certificate(der: &[u8]) -> Option<PublicKey> {
    let (_, rest) = take(from_validity(der)?, SEQUENCE)?;
    let (_, rest) = take(rest, SEQUENCE)?;
    public_key_of_spki(rest)
}

fn dates_of_certificate(der: &[u8]) -> Option<Validity> {
    let (validity, _) = take(from_validity(der)?, SEQUENCE)?;
    let (from_ms, rest) = time(validity)?;
    let (until_ms, _) = time(rest)?;
    Some(Validity { from_ms, until_ms })
}

/// A time as certificates write it (RFC 5280, section 4.1.2.5): in UTC, to the second.
fn time(der: &[u8]) -> Option<(i64, &[u8])> {
    let (century, digits, rest) = if let Some((text, rest)) = take(der, UTC_TIME) {
        let year: u8 = std::str::from_utf8(text.get(..2)?).ok()?.parse().ok()?;
        (if year < 50 { "20" } else { "19" }, text, rest)
    } else {
        let (text, rest) = take(der, GENERALIZED_TIME)?;
        ("", text, rest)
    };
    let text = format!("{century}{}", std::str::from_utf8(digits).ok()?);
    let plain = text.len() == 15 && text.ends_with('Z') && text[..14].bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        return None;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<i8>().ok();
    let date = jiff::civil::Date::new(text[..4].parse().ok()?, part(4, 6)?, part(6, 8)?).ok()?;
    let time = jiff::civil::Time::new(part(8, 10)?, part(10, 12)?, part(12, 14)?, 0).ok()?;
    let at = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some((at.timestamp().as_millisecond(), rest))
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
