//! Makes chains of certificates, as much of them as is needed (RFC 5280): roots, what stands between, senders' own.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// From when to when, in milliseconds since 1970.
pub(crate) type Dates = (i64, i64);

/// Who issues certificates.
pub(crate) struct Authority {
    name: String,
    key: EcdsaKeyPair,
    /// Its own certificate.
    pub(crate) der: Vec<u8>,
}

impl Authority {
    /// One that nobody vouches for.
    pub(crate) fn root(name: &str, dates: Dates) -> Self {
        let key = new_key();
        let der = certificate(name, name, dates, &spki_of(&key), &ca(), &key);
        Self { name: name.into(), key, der }
    }

    /// One that this one vouches for.
    pub(crate) fn authority(&self, name: &str, dates: Dates) -> Self {
        let key = new_key();
        let der = certificate(&self.name, name, dates, &spki_of(&key), &ca(), &self.key);
        Self { name: name.into(), key, der }
    }

    /// The certificate of an RSA key (as PKCS #1) for a name.
    pub(crate) fn certify(&self, dns_name: &str, dates: Dates, rsa_key: &[u8]) -> Vec<u8> {
        let algorithm = tlv(SEQUENCE, &[tlv(OID, &[RSA_ENCRYPTION.to_vec()]), vec![0x05, 0x00]]);
        let spki = tlv(SEQUENCE, &[algorithm, bits(rsa_key)]);
        let names = tlv(SEQUENCE, &[tlv(0x82, &[dns_name.as_bytes().to_vec()])]);
        let extension = tlv(SEQUENCE, &[tlv(OID, &[ALTERNATIVE_NAMES.to_vec()]), tlv(OCTET_STRING, &[names])]);
        certificate(&self.name, dns_name, dates, &spki, &extension, &self.key)
    }
}

/// Certificates as one text.
pub(crate) fn pem(certificates: &[&[u8]]) -> String {
    let block = |der: &&[u8]| {
        let text = BASE64_STANDARD.encode(der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    certificates.iter().map(block).collect()
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, made.as_ref(), &random).unwrap()
}

fn spki_of(key: &EcdsaKeyPair) -> Vec<u8> {
    let algorithm = tlv(SEQUENCE, &[tlv(OID, &[EC_PUBLIC_KEY.to_vec()]), tlv(OID, &[PRIME256V1.to_vec()])]);
    tlv(SEQUENCE, &[algorithm, bits(key.public_key().as_ref())])
}

/// That the subject may issue certificates; critical.
fn ca() -> Vec<u8> {
    let constraints = tlv(SEQUENCE, &[vec![0x01, 0x01, 0xff]]);
    tlv(SEQUENCE, &[tlv(OID, &[BASIC_CONSTRAINTS.to_vec()]), vec![0x01, 0x01, 0xff], tlv(OCTET_STRING, &[constraints])])
}

fn certificate(issuer: &str, subject: &str, dates: Dates, spki: &[u8], extension: &[u8], signer: &EcdsaKeyPair) -> Vec<u8> {
    let algorithm = tlv(SEQUENCE, &[tlv(OID, &[ECDSA_WITH_SHA256.to_vec()])]);
    let unsigned = tlv(
        SEQUENCE,
        &[
            vec![0xa0, 0x03, 0x02, 0x01, 0x02],
            vec![0x02, 0x01, 0x07],
            algorithm.clone(),
            named(issuer),
            tlv(SEQUENCE, &[time(dates.0), time(dates.1)]),
            named(subject),
            spki.to_vec(),
            tlv(0xa3, &[tlv(SEQUENCE, &[extension.to_vec()])]),
        ],
    );
    let signature = signer.sign(&SystemRandom::new(), &unsigned).unwrap();
    tlv(SEQUENCE, &[unsigned, algorithm, bits(signature.as_ref())])
}

fn named(name: &str) -> Vec<u8> {
    let value = tlv(0x0c, &[name.as_bytes().to_vec()]);
    tlv(SEQUENCE, &[tlv(SET, &[tlv(SEQUENCE, &[tlv(OID, &[COMMON_NAME.to_vec()]), value])])])
}

fn time(ms: i64) -> Vec<u8> {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap();
    tlv(UTC_TIME, &[at.strftime("%y%m%d%H%M%SZ").to_string().into_bytes()])
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[vec![0], bytes.to_vec()])
}

fn tlv(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(u8::try_from(length).unwrap()),
        0x80..0x100 => out.extend([0x81, u8::try_from(length).unwrap()]),
        _ => out.extend([0x82, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 0xff).unwrap()]),
    }
    out.extend(content);
    out
}
