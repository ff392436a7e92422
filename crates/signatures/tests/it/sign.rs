//! The sender's side: what it signs is genuine, for every preset, and the same as what providers published.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookmill_signatures::{
    Algorithm, Encoding, Grammar, Hash, KeyForm, Outgoing, Part, Place, Preset, Proof, Scheme, Sender, Sent, Settings, Timestamp,
    Unit, Unsignable, jwt, preset, presets,
};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use serde_json::json;

use crate::sender::{NOW_MS, PUBLIC_URL, settings};
use crate::vectors::VECTORS;

const BODY: &str = r#"{"id":"evt_1","type":"invoice.paid","amount":1250}"#;
const RSA_KEY: &[u8] = include_bytes!("fixtures/sender.key.der");

fn outgoing(body: &str) -> Outgoing {
    Outgoing {
        method: "POST".into(),
        url: PUBLIC_URL.into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.into(),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// What the hook stores, and what the sender signs with.
fn keys(scheme: Option<&Scheme>) -> (String, String) {
    let shared = || ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    let Some(scheme) = scheme else { return shared() };
    match scheme.algorithm {
        Algorithm::Hmac(_) | Algorithm::SecretThenTextSha256 => shared(),
        Algorithm::Ed25519 => {
            let seed = [7; 32];
            let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
            let public = pair.public_key().as_ref();
            match scheme.key {
                KeyForm::Encoded(Encoding::Hex, _) => (hex::encode(public), hex::encode(seed)),
                _ => (format!("whpk_{}", STANDARD.encode(public)), format!("whsk_{}", STANDARD.encode(seed))),
            }
        }
        Algorithm::EcdsaP256 => {
            let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
            let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
            (STANDARD.encode(pair.public_key().as_ref()), pem("PRIVATE KEY", document.as_ref()))
        }
        Algorithm::Rsa(_) => (String::new(), pem("PRIVATE KEY", RSA_KEY)),
    }
}

fn judge(preset: &Preset, settings: &Settings, secret: &str, request: &Outgoing, now_ms: i64) -> Result<(), String> {
    let headers: Vec<(&str, &[u8])> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let (_, rest) = request.url.split_once("://").unwrap();
    let path_and_query = &rest[rest.find('/').unwrap()..];
    let query = path_and_query.split_once('?').map_or("", |(_, query)| query);
    let (method, body) = (request.method.as_str(), request.body.as_slice());
    let sent = Sent { method, url: Some(&request.url), path_and_query, headers: &headers, query, body, now_ms };
    let secrets: Vec<&[u8]> = if secret.is_empty() { Vec::new() } else { vec![secret.as_bytes()] };
    preset.verify(settings, &secrets, &sent).map(|_| ()).map_err(|failure| failure.to_string())
}

fn sender<'a>(secret: &'a str, event: Option<&'a str>) -> Sender<'a> {
    Sender { secret: secret.as_bytes(), id: "msg_1", event, at_ms: NOW_MS }
}

fn body_of(preset: &Preset) -> &'static str {
    if preset.proof == Proof::ClientState { r#"{"value":[{"id":"1"},{"id":"2","clientState":"old"}]}"# } else { BODY }
}

#[test]
fn what_is_sent_for_every_preset_is_genuine_and_nothing_else_is() {
    for preset in presets().filter(|preset| preset.proof != Proof::Configured) {
        let (stored, own) = match preset.proof {
            Proof::Sns => (String::new(), pem("PRIVATE KEY", RSA_KEY)),
            Proof::ClientState => (String::new(), "client state".to_owned()),
            _ => keys(preset.schemes.first()),
        };
        for settings in [settings(), Settings { public_url: None, ..settings() }] {
            let mut request = outgoing(body_of(preset));
            preset.sign(&settings, &sender(&own, None), &mut request).unwrap_or_else(|why| panic!("{}: {why}", preset.id));
            assert_eq!(judge(preset, &settings, &stored, &request, NOW_MS), Ok(()), "{}", preset.id);
            let (others, _) = keys(preset.schemes.first());
            let is_proven = preset.proof != Proof::Unproven;
            let unsigned = Outgoing { headers: Vec::new(), ..outgoing(body_of(preset)) };
            assert_eq!(judge(preset, &settings, &others, &unsigned, NOW_MS).is_err(), is_proven, "{}", preset.id);
        }
    }
}

#[test]
fn forms_are_signed_as_forms_and_empty_bodies_as_empty() {
    let twilio = preset("twilio").unwrap();
    let mut form = Outgoing {
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded; charset=utf-8".into())],
        ..outgoing("To=%2B1&From=a+b&To=%2B1")
    };
    twilio.sign(&settings(), &sender("12345", None), &mut form).unwrap();
    assert!(!form.url.contains("bodySHA256"), "{}", form.url);
    assert_eq!(judge(twilio, &settings(), "12345", &form, NOW_MS), Ok(()));
    for id in ["github", "standard-webhooks", "rfc9421"] {
        let (preset, mut request) = (preset(id).unwrap(), outgoing(""));
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        preset.sign(&settings(), &sender(secret, None), &mut request).unwrap();
        assert_eq!(judge(preset, &settings(), secret, &request, NOW_MS), Ok(()), "{id}");
    }
}

/// Nothing of this code went into the signatures that providers and their libraries published.
#[test]
fn the_signatures_that_providers_published_are_made_again() {
    let mut compared = 0;
    for vector in VECTORS {
        let entry = preset(vector.preset).unwrap();
        let scheme = entry.schemes.first();
        if scheme.is_some_and(|scheme| !matches!(scheme.algorithm, Algorithm::Hmac(_))) {
            continue;
        }
        let (signature, published) = vector.headers.last().unwrap();
        let told = vector.headers.iter().filter(|(name, _)| name != signature);
        let mut request = Outgoing {
            method: vector.method.into(),
            url: vector.url.unwrap_or(PUBLIC_URL).into(),
            headers: told.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: vector.body.into(),
        };
        let settings = Settings { public_url: vector.url.map(str::to_owned), ..Settings::default() };
        let own = Sender { secret: vector.secret.as_bytes(), id: "other", event: None, at_ms: vector.now_ms };
        entry.sign(&settings, &own, &mut request).unwrap();
        let made = request.headers.iter().find(|(name, _)| name == signature).map(|(_, value)| value.as_str());
        assert_eq!(made, Some(*published), "{}", vector.preset);
        compared += 1;
    }
    assert!(compared > 8, "{compared}");
}

#[test]
fn ids_and_events_stand_where_the_sender_tells_them() {
    for (id, header, event) in [
        ("github", "x-github-delivery", Some(("x-github-event", "push"))),
        ("standard-webhooks", "webhook-id", None),
        ("shopify", "x-shopify-webhook-id", Some(("x-shopify-topic", "orders/paid"))),
    ] {
        let mut request = outgoing(BODY);
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        preset(id).unwrap().sign(&settings(), &sender(secret, event.map(|(_, event)| event)), &mut request).unwrap();
        assert!(request.headers.contains(&(header.into(), "msg_1".into())), "{id}");
        if let Some((name, value)) = event {
            assert!(request.headers.contains(&(name.into(), value.into())), "{id}");
        }
    }
    let mut request = outgoing("{}");
    request.headers.push(("x-github-delivery".into(), "mine".into()));
    preset("github").unwrap().sign(&settings(), &sender("s", None), &mut request).unwrap();
    assert_eq!(request.headers.iter().filter(|(name, _)| name == "x-github-delivery").count(), 1, "what is told is told");
    let mut request = outgoing("{}");
    preset("stripe").unwrap().sign(&settings(), &sender("s", Some("invoice.paid")), &mut request).unwrap();
    assert_eq!(request.body, br#"{"type":"invoice.paid"}"#);
    assert_eq!(judge(preset("stripe").unwrap(), &settings(), "s", &request, NOW_MS), Ok(()), "what was written is signed");
}

#[test]
fn schemes_that_documents_describe_are_signed_as_described() {
    let header = |name: &'static str| Place::Header(name.into());
    let plain = |grammar, algorithm| Scheme::of_body(header("x-signature"), grammar, algorithm, Encoding::Base64);
    let hmac = Algorithm::Hmac(Hash::Sha512);
    let timed = |place, unit| Some(Timestamp { place, unit, window: None });
    let signed = || vec![Part::Timestamp, Part::Literal(".".into()), Part::Id, Part::Method, Part::Path, Part::Query].into();
    for scheme in [
        plain(Grammar::Bare, Algorithm::SecretThenTextSha256),
        plain(Grammar::Prefix("v0=".into()), hmac),
        Scheme { signature: Place::Query("sig".into()), ..plain(Grammar::Bare, hmac) },
        Scheme { signature: Place::Numbered("x-signature-".into()), ..plain(Grammar::Bare, hmac) },
        Scheme {
            signed: signed(),
            timestamp: timed(Place::Query("t".into()), Unit::Millis),
            id: Some(Place::Body("$.meta.id".into())),
            ..plain(Grammar::Versions("v2".into()), hmac)
        },
        Scheme {
            signed: signed(),
            timestamp: timed(Place::Pair("t".into()), Unit::Seconds),
            id: Some(header("x-id")),
            ..plain(Grammar::Pairs { separator: ';', key: "v1".into() }, hmac)
        },
    ] {
        let entry = preset("hmac").unwrap();
        let settings = Settings { scheme: Some(scheme.clone()), ..settings() };
        let mut request = outgoing(BODY);
        entry.sign(&settings, &sender("s3cret", None), &mut request).unwrap();
        assert_eq!(judge(entry, &settings, "s3cret", &request, NOW_MS), Ok(()), "{scheme:?}");
    }
    let (entry, scheme) = (preset("ed25519").unwrap(), plain(Grammar::Bare, Algorithm::Ed25519));
    let scheme = Scheme { key: KeyForm::Encoded(Encoding::Hex, "".into()), ..scheme };
    let (stored, own) = keys(Some(&scheme));
    let settings = Settings { scheme: Some(scheme), ..settings() };
    let mut request = outgoing(BODY);
    entry.sign(&settings, &sender(&own, None), &mut request).unwrap();
    assert_eq!(judge(entry, &settings, &stored, &request, NOW_MS), Ok(()));
}

#[test]
fn message_signatures_are_made_with_every_kind_of_key() {
    let entry = preset("rfc9421").unwrap();
    let random = SystemRandom::new();
    let ecdsa = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let ecdsa_pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, ecdsa.as_ref(), &random).unwrap();
    let ed25519 = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
    let ed25519_pair = Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).unwrap();
    let rsa_pair = RsaKeyPair::from_pkcs8(RSA_KEY).unwrap();
    let spki = |algorithm: &[u8], key: &[u8]| {
        let bits = element(0x03, &[&[0], key].concat());
        pem("PUBLIC KEY", &element(0x30, &[element(0x30, algorithm), bits].concat()))
    };
    let p256: &[u8] =
        &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let rsa: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    for (stored, own) in [
        ("a secret of the two sides".to_owned(), "a secret of the two sides".to_owned()),
        (spki(&[0x06, 0x03, 0x2b, 0x65, 0x70], ed25519_pair.public_key().as_ref()), pem("PRIVATE KEY", ed25519.as_ref())),
        (spki(p256, ecdsa_pair.public_key().as_ref()), pem("PRIVATE KEY", ecdsa.as_ref())),
        (spki(rsa, rsa_pair.public_key().as_ref()), pem("PRIVATE KEY", RSA_KEY)),
    ] {
        let mut request = outgoing(BODY);
        entry.sign(&settings(), &sender(&own, None), &mut request).unwrap();
        assert_eq!(judge(entry, &settings(), &stored, &request, NOW_MS), Ok(()), "{stored}");
        request.body.push(b' ');
        assert!(judge(entry, &settings(), &stored, &request, NOW_MS).is_err());
    }
}

#[test]
fn tokens_are_made_with_every_algorithm() {
    let random = SystemRandom::new();
    let pair = |algorithm: &'static EcdsaSigningAlgorithm| {
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let public = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        (public.public_key().as_ref().to_vec(), pem("PRIVATE KEY", document.as_ref()))
    };
    let rsa = RsaKeyPair::from_pkcs8(RSA_KEY).unwrap();
    let ed25519 = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let word = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let claims = json!({ "iss": "me", "aud": ["you"], "exp": NOW_MS / 1000 + 60 });
    for algorithm in jwt::Algorithm::ALL {
        let point = |(public, private): (Vec<u8>, String), curve: &str| {
            let (x, y) = public[1..].split_at((public.len() - 1) / 2);
            (json!({ "kty": "EC", "crv": curve, "x": word(x), "y": word(y) }), private)
        };
        let (key, own) = match algorithm.name() {
            "ES256" => point(pair(&ECDSA_P256_SHA256_FIXED_SIGNING), "P-256"),
            "ES384" => point(pair(&ECDSA_P384_SHA384_FIXED_SIGNING), "P-384"),
            "EdDSA" => {
                (json!({ "kty": "OKP", "crv": "Ed25519", "x": word(ed25519.public_key().as_ref()) }), hex::encode([7; 32]))
            }
            name if name.starts_with("RS") => {
                let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(rsa.public());
                (json!({ "kty": "RSA", "n": word(&public.n), "e": word(&public.e) }), pem("PRIVATE KEY", RSA_KEY))
            }
            _ => (json!({ "kty": "oct", "k": word(b"a secret") }), "a secret".to_owned()),
        };
        let token = jwt::sign(algorithm, own.as_bytes(), &claims).unwrap();
        let (jwks, algorithms) = (json!({ "keys": [key] }), [algorithm]);
        let expected = jwt::Expected {
            algorithms: &algorithms,
            jwks: Some(&jwks),
            issuer: Some("me"),
            audience: Some("you"),
            ..Default::default()
        };
        assert_eq!(jwt::verify(&token, &expected, NOW_MS), Ok(claims.clone()), "{}", algorithm.name());
        assert!(jwt::sign(algorithm, b"", &claims).is_err(), "{}", algorithm.name());
    }
}

/// An element of DER.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let header = match length {
        0..0x80 => vec![tag, u8::try_from(length).unwrap()],
        _ => [&[tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [header, contents.to_vec()].concat()
}

#[test]
fn who_cannot_sign_is_told_what_is_missing() {
    let sign = |id: &str, secret: &str, event: Option<&str>, body: &str| {
        let mut request = outgoing(body);
        preset(id).unwrap().sign(&settings(), &sender(secret, event), &mut request).unwrap_err()
    };
    for id in ["sendgrid", "paypal", "sns", "discord", "standard-webhooks-v1a"] {
        let Unsignable::Secret(why) = sign(id, "not a key", None, "{}") else { panic!("{id}") };
        assert!(why.contains("private key that nobody else has") && !why.contains("not a key"), "{why}");
    }
    assert!(matches!(sign("github", "", None, "{}"), Unsignable::Secret(why) if why.contains("empty")));
    assert!(matches!(sign("gitlab", "", None, "{}"), Unsignable::Secret(_)));
    assert!(matches!(sign("rfc9421", "", None, "{}"), Unsignable::Secret(_)));
    assert!(matches!(sign("stripe", "s", Some("x"), "not JSON"), Unsignable::Body(why) if why.contains("$.type")));
    assert!(matches!(sign("mailgun", "s", None, "[]"), Unsignable::Body(_)));
    assert!(matches!(sign("x", "s", None, "[]"), Unsignable::Body(_)));
    assert!(matches!(sign("microsoft-graph", "s", None, "{}"), Unsignable::Body(_)));
    assert!(matches!(sign("microsoft-graph", "s", None, "1"), Unsignable::Body(_)));
    assert!(matches!(sign("microsoft-graph", "s", None, r#"{"value":[]}"#), Unsignable::Body(_)));
    assert!(matches!(sign("hmac", "s", None, "{}"), Unsignable::Setting(_)));
    assert!(matches!(sign("telegram", "s", Some("x"), "{}"), Unsignable::Setting(why) if why.contains("no event")));
}
