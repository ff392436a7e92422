//! A sender for every scheme: signs requests from the preset's own description, with code of its own.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookmill_signatures::{
    Algorithm, Encoding, Failure, Genuine, Grammar, Hash, KeyForm, Part, Place, Preset, Scheme, Sent, Settings, Timestamp, Unit,
};
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use ring::{digest, hmac};
use serde_json::{Value, json};

pub(crate) const NOW_MS: i64 = 1_780_000_000_000;
pub(crate) const PUBLIC_URL: &str = "https://hooks.example.com/hooks/main/sender";
pub(crate) const CERTIFICATE: &str = include_str!("fixtures/sender.crt.pem");

/// A request that owns its parts.
#[derive(Clone, Default)]
pub(crate) struct Request {
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) query: String,
    pub(crate) body: Vec<u8>,
    pub(crate) method: String,
    pub(crate) now_ms: i64,
}

impl Request {
    pub(crate) fn post(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), method: "POST".into(), now_ms: NOW_MS, ..Self::default() }
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().into()));
        self
    }

    pub(crate) fn with<T>(&self, judge: impl FnOnce(&Sent<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let question = if self.query.is_empty() { "" } else { "?" };
        let path_and_query = format!("/hooks/main/sender{question}{}", self.query);
        judge(&Sent {
            method: &self.method,
            url: None,
            path_and_query: &path_and_query,
            headers: &headers,
            query: &self.query,
            body: &self.body,
            now_ms: self.now_ms,
        })
    }

    pub(crate) fn judge(&self, preset: &Preset, settings: &Settings, secrets: &[&[u8]]) -> Result<Genuine, Failure> {
        self.with(|sent| preset.verify(settings, secrets, sent))
    }
}

/// Settings with everything that any preset asks for.
pub(crate) fn settings() -> Settings {
    Settings {
        public_url: Some(PUBLIC_URL.into()),
        certificate: Some(CERTIFICATE.into()),
        webhook_id: Some("WH-1".into()),
        client_state: Some("client state".into()),
        verify_token: Some("verify token".into()),
        ..Settings::default()
    }
}

/// A pair of keys: one stays with the sender, the secret is what the owner stores.
pub(crate) struct Keys {
    pub(crate) secret: Vec<u8>,
    signer: Signer,
}

enum Signer {
    Hmac(hmac::Algorithm, Vec<u8>),
    SecretThenText(Vec<u8>),
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

pub(crate) fn encode(encoding: Encoding, bytes: &[u8]) -> String {
    match encoding {
        Encoding::Hex => hex::encode(bytes),
        Encoding::Base64 => STANDARD.encode(bytes),
        Encoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
    }
}

impl Keys {
    /// Keys for a scheme; the same number gives the same symmetric secret.
    pub(crate) fn new(scheme: &Scheme, number: u8) -> Self {
        let raw = vec![b'a' + number; 32];
        let written = |bytes: &[u8]| match &scheme.key {
            KeyForm::Encoded(encoding, prefix) => format!("{prefix}{}", encode(*encoding, bytes)).into_bytes(),
            KeyForm::Spki => STANDARD.encode(bytes).into_bytes(),
            KeyForm::Text | KeyForm::Pem | KeyForm::Certificate => bytes.to_vec(),
        };
        match scheme.algorithm {
            Algorithm::Hmac(hash) => Self { secret: written(&raw), signer: Signer::Hmac(hmac_of(hash), raw) },
            Algorithm::SecretThenTextSha256 => Self { secret: written(&raw), signer: Signer::SecretThenText(raw) },
            Algorithm::Ed25519 => {
                let pair = Ed25519KeyPair::from_seed_unchecked(&raw).unwrap();
                Self { secret: written(pair.public_key().as_ref()), signer: Signer::Ed25519(pair) }
            }
            Algorithm::EcdsaP256 => {
                let random = SystemRandom::new();
                let document = EcdsaKeyPair::generate_pkcs8(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
                let pair =
                    EcdsaKeyPair::from_pkcs8(&signature::ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
                Self { secret: written(pair.public_key().as_ref()), signer: Signer::Ecdsa(pair) }
            }
            Algorithm::Rsa(_) => {
                let pair = RsaKeyPair::from_pkcs8(include_bytes!("fixtures/sender.key.der")).unwrap();
                Self { secret: Vec::new(), signer: Signer::Rsa(pair) }
            }
        }
    }

    pub(crate) fn rsa() -> Self {
        let pair = RsaKeyPair::from_pkcs8(include_bytes!("fixtures/sender.key.der")).unwrap();
        Self { secret: Vec::new(), signer: Signer::Rsa(pair) }
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        match &self.signer {
            Signer::Hmac(algorithm, key) => hmac::sign(&hmac::Key::new(*algorithm, key), text).as_ref().to_vec(),
            Signer::SecretThenText(key) => digest::digest(&digest::SHA256, &[key.as_slice(), text].concat()).as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.sign(text).as_ref().to_vec(),
            Signer::Ecdsa(pair) => pair.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec(),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
                signature
            }
        }
    }
}

fn hmac_of(hash: Hash) -> hmac::Algorithm {
    match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    }
}

/// A body with a member, for paths like `$.a.b`.
fn put(body: &mut Value, path: &str, value: Value) {
    let names: Vec<&str> = path.trim_start_matches("$.").split('.').collect();
    let (last, parents) = names.split_last().unwrap();
    let mut at = body;
    for name in parents {
        at = at.as_object_mut().unwrap().entry((*name).to_owned()).or_insert_with(|| json!({}));
    }
    at[*last] = value;
}

fn time_text(unit: Unit, ms: i64) -> String {
    match unit {
        Unit::Seconds => (ms / 1000).to_string(),
        Unit::Millis => ms.to_string(),
        Unit::Rfc3339 => jiff::Timestamp::from_millisecond(ms).unwrap().to_string(),
    }
}

/// Whether a signature lives in the body, so that there can be no empty one.
pub(crate) fn is_in_body(scheme: &Scheme) -> bool {
    let in_body = |place: &Place| matches!(place, Place::Body(_));
    in_body(&scheme.signature) || scheme.timestamp.as_ref().is_some_and(|timestamp| in_body(&timestamp.place))
}

/// A request as the sender would make it at a time. `body` is what the sender has to say, JSON where the scheme writes into it.
pub(crate) fn signed(scheme: &Scheme, keys: &Keys, body: &[u8], at_ms: i64) -> Request {
    let mut request = Request::post(body);
    let time = scheme.timestamp.as_ref().map(|timestamp| time_text(timestamp.unit, at_ms)).unwrap_or_default();
    if is_in_body(scheme) {
        let mut value: Value = serde_json::from_slice(body).unwrap();
        for part in scheme.signed.iter() {
            if let Part::Member(path) = part {
                put(&mut value, path, json!("1780000000abc"));
            }
        }
        if let Some(timestamp @ Timestamp { place: Place::Body(path), .. }) = &scheme.timestamp {
            put(&mut value, path, if timestamp.unit == Unit::Millis { json!(at_ms) } else { json!(time) });
        }
        request.body = serde_json::to_vec(&value).unwrap();
    }
    if let Some(name) = &scheme.body_hash {
        request.query = format!("{name}={}", hex::encode(digest::digest(&digest::SHA256, &request.body)));
    }
    if let Some(Place::Header(name)) = scheme.timestamp.as_ref().map(|timestamp| &timestamp.place) {
        request = request.header(name, time.as_bytes());
    }
    if let Some(Place::Query(name)) = scheme.timestamp.as_ref().map(|timestamp| &timestamp.place) {
        request.query = format!("{name}={time}");
    }
    if let Some(Place::Header(name)) = &scheme.id {
        request = request.header(name, b"msg_1");
    }
    let signature = encode(scheme.encoding, &keys.sign(&text(scheme, &request, &time)));
    let value = match &scheme.grammar {
        Grammar::Bare => signature,
        Grammar::Prefix(prefix) => format!("{prefix}{signature}"),
        Grammar::Pairs { separator, key } => match scheme.timestamp.as_ref().map(|timestamp| &timestamp.place) {
            Some(Place::Pair(time_key)) => format!("{time_key}={time}{separator} v9=00{separator}{key}={signature}"),
            _ => format!("{key}={signature}"),
        },
        Grammar::Versions(version) => format!("v9,AAAA {version},{signature}"),
    };
    match &scheme.signature {
        Place::Header(name) => request.header(name, value),
        Place::Body(path) => {
            let mut body: Value = serde_json::from_slice(&request.body).unwrap();
            put(&mut body, path, json!(value));
            Request { body: serde_json::to_vec(&body).unwrap(), ..request }
        }
        Place::Numbered(prefix) => {
            request.header(&format!("{prefix}1"), encode(scheme.encoding, b"another")).header(&format!("{prefix}2"), value)
        }
        Place::Query(name) => Request { query: format!("{name}={value}"), ..request },
        Place::Pair(_) | Place::Bearer => panic!("no sender signs there"),
    }
}

fn text(scheme: &Scheme, request: &Request, time: &str) -> Vec<u8> {
    let question = if request.query.is_empty() { "" } else { "?" };
    let url = format!("{PUBLIC_URL}{question}{}", request.query);
    let parts = scheme.signed.iter().map(|part| match part {
        Part::Body => request.body.clone(),
        Part::BodyCrc32 => crc32fast::hash(&request.body).to_string().into_bytes(),
        Part::Member(_) => b"1780000000abc".to_vec(),
        Part::Timestamp => time.into(),
        Part::Id => b"msg_1".to_vec(),
        Part::Method => b"POST".to_vec(),
        Part::Url(_) => url.clone().into_bytes(),
        Part::Path => b"/hooks/main/sender".to_vec(),
        Part::Query => request.query.clone().into_bytes(),
        Part::SortedForm => {
            let mut pairs: Vec<_> = form_urlencoded::parse(&request.body).into_owned().collect();
            pairs.sort();
            pairs.dedup();
            pairs.into_iter().map(|(name, value)| name + &value).collect::<String>().into_bytes()
        }
        Part::WebhookId => b"WH-1".to_vec(),
        Part::Literal(literal) => literal.clone().into_owned().into_bytes(),
    });
    parts.collect::<Vec<_>>().concat()
}
