//! The providers' own libraries, run: what they sign is genuine here, what is signed here is genuine to them, and neither side
//! takes what was tampered with.
//!
//! The libraries are JavaScript and Python; `scripts/test-setup.sh` installs them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_signatures::{KeyForm, preset};
use ring::digest;
use serde_json::{Map, Value, json};

use crate::sender::{CERTIFICATE, Keys, PUBLIC_URL, Request, settings, signed};
use crate::sns;

const JSON: &str = r#"{"id":"evt_1","type":"invoice.paid","amount":1250,"name":"J\u00fcrgen"}"#;
const FORM: &str = "amount=1250&b=2&b=1&To=%2B18005551212&text=a+b";

/// SubjectPublicKeyInfo of a P-256 key, up to its point (RFC 5480).
const P256_SPKI: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Asks the libraries of a language. `cases` and answers are told in the script.
fn ask(program: &Path, script: &str, operation: &str, cases: &[Value]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(script);
    let mut child = Command::new(program)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} does not start ({error}): run scripts/test-setup.sh", program.display()));
    let question = json!({ "op": operation, "cases": cases }).to_string();
    // A script that dies early says why on standard error; its exit code is looked at below.
    let _ = child.stdin.take().unwrap().write_all(question.as_bytes());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the libraries are not installed (run scripts/test-setup.sh), or one failed: {output:?}");
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), cases.len());
    answers
}

fn node(operation: &str, cases: &[Value]) -> Vec<Value> {
    ask(Path::new("node"), "providers.mjs", operation, cases)
}

fn python(operation: &str, cases: &[Value]) -> Vec<Value> {
    ask(&repository().join("target/test-python/bin/python"), "providers.py", operation, cases)
}

/// A case of a library: what a request is made of, or the whole request.
fn case(id: &str, secret: &[u8], request: &Request) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers: Map<String, Value> = request.headers.iter().map(|(name, value)| (name.clone(), text(value).into())).collect();
    let question = if request.query.is_empty() { "" } else { "?" };
    json!({
        "preset": id, "secret": text(secret), "method": request.method, "url": format!("{PUBLIC_URL}{question}{}", request.query),
        "headers": headers, "body": text(&request.body), "now": request.now_ms / 1_000, "certificate": CERTIFICATE,
    })
}

/// Lets a library sign; the request is genuine, and is not when its body is another.
fn library_signs(ask: fn(&str, &[Value]) -> Vec<Value>, wanted: &[(&str, &str, Request)]) {
    let cases: Vec<Value> = wanted.iter().map(|(id, secret, request)| case(id, secret.as_bytes(), request)).collect();
    for ((id, secret, request), answer) in wanted.iter().zip(ask("sign", &cases)) {
        let entry = preset(id).unwrap();
        let mut request = request.clone();
        for (name, value) in answer.as_object().unwrap() {
            let value = value.as_str().unwrap();
            match name.as_str() {
                "query" => request.query = value.to_owned(),
                "secret" => {}
                name => request = request.header(name, value),
            }
        }
        // A library that makes a pair of keys tells the half that is stored.
        let secret = answer["secret"].as_str().unwrap_or(secret).as_bytes();
        request.judge(entry, &settings(), &[secret]).unwrap_or_else(|failure| panic!("{id}: {failure}: {answer}"));
        let tampered = Request { body: tampered(&request.body), ..request.clone() };
        assert!(tampered.judge(entry, &settings(), &[secret]).is_err(), "{id} takes another body");
        assert!(
            request.judge(entry, &settings(), &[b"whsec_bm90IHRoZSByaWdodCBzZWNyZXQ="]).is_err(),
            "{id} takes another secret"
        );
    }
}

/// Signs here; the library takes the request, and does not when its body is another.
fn library_judges(ask: fn(&str, &[Value]) -> Vec<Value>, presets: &[&str]) {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let mut cases = Vec::new();
    for id in presets {
        for (secret, request) in signed_here(id, now_ms) {
            request.judge(preset(id).unwrap(), &settings(), &[&secret]).unwrap_or_else(|failure| panic!("{id}: {failure}"));
            cases.push(case(id, &secret, &request));
            cases.push(case(id, &secret, &Request { body: tampered(&request.body), ..request }));
        }
    }
    let answers = ask("judge", &cases);
    for (case, taken) in cases.chunks(2).zip(answers.chunks(2)) {
        assert_eq!(taken, [json!(true), json!(false)], "genuine and tampered: {}", case[0]);
    }
}

fn tampered(body: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(body).unwrap();
    let other = text.replace("1250", "1251").replace("Hello", "Hallo");
    assert_ne!(other, text);
    other.into_bytes()
}

/// A request for each scheme of a preset.
fn signed_here(id: &str, now_ms: i64) -> Vec<(Vec<u8>, Request)> {
    if id == "sns" {
        let body = sns::confirmation("SubscriptionConfirmation").to_string();
        return vec![(Vec::new(), Request { now_ms, ..Request::post(body) })];
    }
    let of_preset = preset(id).unwrap().schemes.iter();
    // Others have one scheme, or older ones and headers of relatives that the library does not read.
    let schemes = of_preset.take(if id == "twilio" { 2 } else { 1 });
    let requests = schemes.map(|scheme| {
        let keys = Keys::new(scheme, 0);
        let is_form = scheme.signed.iter().any(|part| matches!(part, hookmill_signatures::Part::SortedForm));
        let body = match id {
            // This library signs what it reads, written again.
            "workos" => r#"{"id":"event_1","event":"user.created","amount":1250}"#,
            _ if is_form => FORM,
            _ => JSON,
        };
        let request = signed(scheme, &keys, body.as_bytes(), now_ms);
        let secret = match scheme.key {
            KeyForm::Spki => {
                let point = STANDARD.decode(&keys.secret).unwrap();
                STANDARD.encode([P256_SPKI, &point].concat()).into_bytes()
            }
            _ => keys.secret.clone(),
        };
        (secret, without_strangers(Request { now_ms, ..request }))
    });
    requests.collect()
}

/// The same without the pairs of unknown versions, which not every library skips.
fn without_strangers(mut request: Request) -> Request {
    for (_, value) in &mut request.headers {
        let text = String::from_utf8(std::mem::take(value)).unwrap();
        *value = text.replace(" v9=00,", "").replace(" v9=00;", "").into_bytes();
    }
    request
}

fn json_request() -> Request {
    Request::post(JSON).header("content-type", "application/json")
}

#[test]
fn what_libraries_in_javascript_sign_is_genuine() {
    let form = Request::post(FORM).header("content-type", "application/x-www-form-urlencoded");
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, JSON.as_bytes()));
    let standard = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    library_signs(
        node,
        &[
            ("github", "It's a Secret to Everybody", json_request()),
            ("stripe", "whsec_test_secret", json_request()),
            ("standard-webhooks", standard, json_request()),
            ("svix", standard, json_request()),
            ("twilio", "12345", form),
            ("twilio", "12345", json_request()),
            ("notion", "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl", json_request()),
            ("hubspot", "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", json_request()),
            ("sanity", "test", json_request()),
            ("rfc9421", "a secret of the two sides", json_request().header("content-digest", format!("sha-256=:{hash}:"))),
        ],
    );
}

#[test]
fn what_is_signed_here_is_genuine_to_libraries_in_javascript() {
    library_judges(
        node,
        &[
            "github",
            "stripe",
            "standard-webhooks",
            "svix",
            "twilio",
            "notion",
            "hubspot",
            "sanity",
            "slack",
            "shopify",
            "discord",
            "sendgrid",
            "paddle",
            "linear",
            "line",
            "razorpay",
            "mux",
            "workos",
            "sns",
        ],
    );
}

#[test]
fn what_libraries_in_python_sign_is_genuine() {
    let standard = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    library_signs(
        python,
        &[
            ("standard-webhooks", standard, json_request()),
            ("svix", standard, json_request()),
            ("slack", "8f742231b10e8888abcd99yyyzzz85a5", json_request()),
            ("discord", "a seed of 32 bytes for the signer", json_request()),
        ],
    );
}

#[test]
fn what_is_signed_here_is_genuine_to_libraries_in_python() {
    library_judges(python, &["standard-webhooks", "svix", "slack", "github", "square", "discord"]);
}
