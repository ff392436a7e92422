//! What it costs to judge one genuine request of 1 KB, for every preset: `make bench-signatures`.
//!
//! Presets with schemes come from the table, signed by the sender of the tests; the others are listed here.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]
#![allow(missing_docs, reason = "made by a macro")]

#[path = "../tests/it/sender.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod sender;

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, criterion_group, criterion_main};
use hookmill_signatures::{
    Algorithm, Encoding, Grammar, Hash, KeyForm, Part, Place, Preset, Proof, Scheme, Settings, Unit, preset, presets,
};
use ring::{digest, hmac};
use serde_json::{Value, json};

use sender::{Keys, NOW_MS, PUBLIC_URL, Request, settings, signed};

const BODY_BYTES: usize = 1024;

/// A request, and all that is needed to judge it.
struct Case {
    name: String,
    preset: &'static Preset,
    settings: Settings,
    secret: Vec<u8>,
    request: Request,
}

impl Case {
    fn new(name: impl Into<String>, id: &str, secret: impl Into<Vec<u8>>, request: Request) -> Self {
        Self { name: name.into(), preset: preset(id).unwrap(), settings: settings(), secret: secret.into(), request }
    }
}

/// JSON with these members, of 1 KB.
fn body(mut members: Value) -> Vec<u8> {
    members["pad"] = json!("");
    let pad = BODY_BYTES.saturating_sub(members.to_string().len());
    members["pad"] = json!("x".repeat(pad));
    members.to_string().into_bytes()
}

fn event() -> Vec<u8> {
    body(json!({ "id": "evt_1", "type": "invoice.paid", "amount": 1250 }))
}

fn kind(scheme: &Scheme) -> &'static str {
    match scheme.algorithm {
        Algorithm::Hmac(_) => "hmac",
        Algorithm::SecretThenTextSha256 => "hash",
        Algorithm::Ed25519 | Algorithm::EcdsaP256 | Algorithm::Rsa(_) => "public-key",
    }
}

fn of_scheme(preset: &Preset, at: usize, scheme: &Scheme) -> Case {
    let keys = Keys::new(scheme, 0);
    let is_form = scheme.signed.iter().any(|part| matches!(part, Part::SortedForm));
    let body = if is_form { format!("a={}&b=2&c=3", "x".repeat(BODY_BYTES - 10)).into_bytes() } else { event() };
    let name = format!("{}/{}-{}", kind(scheme), preset.id, at + 1);
    Case::new(name, preset.id, keys.secret.clone(), signed(scheme, &keys, &body, NOW_MS))
}

/// The generic presets, with a scheme that a document could describe.
fn configured() -> impl Iterator<Item = Case> {
    let ed25519 = KeyForm::Encoded(Encoding::Hex, "".into());
    let axes = [("hmac", Algorithm::Hmac(Hash::Sha256), KeyForm::Text), ("ed25519", Algorithm::Ed25519, ed25519)];
    axes.into_iter().map(|(id, algorithm, key)| {
        let timestamp = preset("slack").unwrap().schemes[0].timestamp.clone();
        assert!(timestamp.as_ref().is_some_and(|timestamp| timestamp.unit == Unit::Seconds));
        let signature = Place::Header("x-signature".into());
        let scheme = Scheme {
            key,
            ..Scheme::of(signature, Grammar::Bare, algorithm, Encoding::Hex, &[Part::Timestamp, Part::Body], timestamp)
        };
        let keys = Keys::new(&scheme, 0);
        let request = signed(&scheme, &keys, &event(), NOW_MS);
        let case = Case::new(format!("{}/{id}", kind(&scheme)), id, keys.secret.clone(), request);
        Case { settings: Settings { scheme: Some(scheme), ..settings() }, ..case }
    })
}

/// Presets whose secret is sent as it is.
fn tokens() -> impl Iterator<Item = Case> {
    presets().filter_map(|preset| {
        let Proof::Token(places) = preset.proof else { return None };
        let request = match places.first()? {
            Place::Header(name) => Request::post(event()).header(name, "s3cret"),
            Place::Bearer => Request::post(event()).header("authorization", "Bearer s3cret"),
            place => panic!("no token in {place}"),
        };
        Some(Case::new(format!("token/{}", preset.id), preset.id, "s3cret", request))
    })
}

/// Presets that are proven in a way of their own.
fn others() -> [Case; 3] {
    let graph = body(json!({ "value": [{ "clientState": "client state", "id": "1" }] }));
    let mut sns = json!({
        "Type": "Notification", "MessageId": "22b80b92", "TopicArn": "arn:aws:sns:us-west-2:1:t",
        "Timestamp": "2026-05-02T00:54:06.655Z", "SignatureVersion": "2", "Message": "x".repeat(BODY_BYTES),
    });
    let names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"];
    let text: String = names.iter().map(|name| format!("{name}\n{}\n", sns[*name].as_str().unwrap())).collect();
    sns["Signature"] = json!(STANDARD.encode(Keys::rsa().sign(text.as_bytes())));
    [
        Case::new("token/microsoft-graph", "microsoft-graph", "", Request::post(graph)),
        Case::new("public-key/sns", "sns", "", Request::post(sns.to_string())),
        Case::new("hmac/rfc9421", "rfc9421", "a secret of the two sides", message_signature()),
    ]
}

/// RFC 9421: method, URL and the digest of the body.
fn message_signature() -> Request {
    let body = event();
    let digest = format!("sha-256=:{}:", STANDARD.encode(digest::digest(&digest::SHA256, &body)));
    let parameters =
        format!(r#"("@method" "@target-uri" "content-digest");created={};keyid="k";alg="hmac-sha256""#, NOW_MS / 1_000);
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {PUBLIC_URL}\n\"content-digest\": {digest}\n\"@signature-params\": {parameters}"
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of the two sides");
    let signature = STANDARD.encode(hmac::sign(&key, base.as_bytes()));
    Request::post(body)
        .header("content-digest", digest)
        .header("signature-input", format!("sig={parameters}"))
        .header("signature", format!("sig=:{signature}:"))
}

fn cases() -> Vec<Case> {
    let schemes = presets().flat_map(|preset| preset.schemes.iter().enumerate().map(move |(at, scheme)| (preset, at, scheme)));
    let mut cases: Vec<Case> = schemes.map(|(preset, at, scheme)| of_scheme(preset, at, scheme)).collect();
    cases.extend(configured().chain(tokens()).chain(others()));
    for preset in presets().filter(|preset| preset.proof != Proof::Unproven) {
        assert!(cases.iter().any(|case| case.preset.id == preset.id), "{} is not measured", preset.id);
    }
    cases
}

fn verify(criterion: &mut Criterion) {
    for case in cases() {
        let secrets: Vec<&[u8]> = if case.secret.is_empty() { Vec::new() } else { vec![&case.secret] };
        case.request.with(|sent| {
            let judge = || case.preset.verify(&case.settings, black_box(&secrets), black_box(sent));
            judge().unwrap_or_else(|failure| panic!("{}: {failure}", case.name));
            criterion.bench_function(&case.name, |bencher| bencher.iter(judge));
        });
    }
}

criterion_group!(benches, verify);
criterion_main!(benches);
