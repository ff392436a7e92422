//! Real senders at the door: signatures, handshakes, delivery ids. How each provider signs is tested where it is checked.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookmill_engine::workflow::{self, SecretUse};
use hookmill_signatures::{Algorithm, Outgoing, Proof, Sender, Settings};
use hookmill_store::deliveries::Outcome;
use hookmill_testkit::patience::until;

use crate::door::Door;

pub(crate) fn document(webhook: &str) -> String {
    format!("hookmill: 1\nname: P\ntriggers:\n  - webhook: {{ path: p, {webhook} }}\nsteps:\n  - set: {{ a: 1 }}\n")
}

/// The vector that GitHub publishes.
const GITHUB_SECRET: &str = "It's a Secret to Everybody";
const GITHUB_SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

#[tokio::test]
async fn what_github_signed_is_accepted_once_and_a_forgery_is_refused_with_a_diagnosis_for_the_owner() {
    let door = Door::open().await;
    door.set_secrets(&[("old", "not this one"), ("new", GITHUB_SECRET)]);
    door.publish(&document("preset: github, secret: [ old, new ]")).await;
    let headers = format!(
        "X-Hub-Signature-256: {GITHUB_SIGNATURE}\r\nX-GitHub-Delivery: 72d3162e\r\nX-GitHub-Event: push\r\nContent-Type: text/plain\r\n"
    );
    let first = door.post("/hooks/main/p", &headers, "Hello, World!").await;
    assert_eq!(first.status, 202, "{first:?}");
    let again = door.post("/hooks/main/p", &headers, "Hello, World!").await;
    assert_eq!((again.body.clone(), again.header("hookmill-duplicate")), (first.body.clone(), Some("true")));

    let forged = door.post("/hooks/main/p", &headers, "Hello, World!\n").await;
    assert_eq!((forged.status, forged.code().as_str()), (401, "bad_signature"), "{forged:?}");
    assert!(forged.header("www-authenticate").is_some());
    let kept = door.delivery(&forged).await;
    let detail = kept.detail.unwrap();
    assert!(detail.to_lowercase().contains("newline") || detail.to_lowercase().contains("line"), "{detail}");
    assert!(!detail.contains(GITHUB_SECRET), "{detail}");
    assert_eq!(door.store.delivery_body(kept.id).await.unwrap(), "Hello, World!\n");
    let unsigned = door.json("/hooks/main/p", "{}").await;
    assert_eq!(unsigned.status, 401);
    door.close().await;
}

#[tokio::test]
async fn a_preset_without_its_secret_is_the_owners_problem() {
    let door = Door::open().await;
    door.publish(&document("preset: github, secret: missing")).await;
    let answer = door.json("/hooks/main/p", "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "hook_not_ready"), "{answer:?}");
    door.close().await;
}

#[tokio::test]
async fn an_unsigned_handshake_is_answered_with_its_challenge_and_starts_nothing() {
    let door = Door::open().await;
    door.set_secrets(&[("app", "s"), ("verify", "my-token")]);
    door.publish(&document("preset: meta, secret: app, verify_token: verify")).await;
    let right = door.get("/hooks/main/p?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=my-token").await;
    assert_eq!((right.status, &*right.body), (200, &b"1158201444"[..]), "{right:?}");
    assert_eq!(right.header("x-content-type-options"), Some("nosniff"));
    let wrong = door.get("/hooks/main/p?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=other").await;
    assert_ne!(wrong.status, 200, "{wrong:?}");
    door.close().await;
}

#[tokio::test]
async fn a_signed_handshake_is_answered_only_if_its_signature_holds() {
    let door = Door::open().await;
    door.set_secrets(&[("slack", "8f742231b10e8888abcd99yyyzzz85a5")]);
    door.publish(&document("preset: slack, secret: slack, variables: { must: { type: string, required: true } }")).await;
    let body = r#"{"type":"url_verification","token":"t","challenge":"3eZbrw1aB"}"#;
    let forged = door.json("/hooks/main/p", body).await;
    assert_eq!(forged.status, 401, "{forged:?}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signature = hmac_hex("8f742231b10e8888abcd99yyyzzz85a5", &format!("v0:{now}:{body}"));
    let headers =
        format!("X-Slack-Signature: v0={signature}\r\nX-Slack-Request-Timestamp: {now}\r\nContent-Type: application/json\r\n");
    let answer = door.post("/hooks/main/p", &headers, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(String::from_utf8_lossy(&answer.body).contains("3eZbrw1aB"));
    let kept = door.count_of(Outcome::Handshake).await;
    assert_eq!(kept, 1);
    door.close().await;
}

#[tokio::test]
async fn a_generic_hmac_is_described_by_its_axes() {
    let door = Door::open().await;
    door.set_secrets(&[("mine", "k3y")]);
    let axes = "signature: { header: X-Sig, grammar: pairs, key: s, timestamp_key: t, signed: [ timestamp, '|', body ] }";
    door.publish(&document(&format!("preset: hmac, secret: mine, {axes}"))).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let send = async |at: u64, key: &str| {
        let signature = hmac_hex(key, &format!("{at}|{{\"a\":1}}"));
        let headers = format!("X-Sig: t={at},s={signature}\r\nContent-Type: application/json\r\n");
        door.post("/hooks/main/p", &headers, r#"{"a":1}"#).await
    };
    assert_eq!(send(now, "k3y").await.status, 202);
    assert_eq!(send(now, "other").await.status, 401);
    assert_eq!(send(now - 3_600, "k3y").await.status, 401, "too old");
    door.close().await;
}

#[tokio::test]
async fn a_described_sender_may_number_its_headers_sign_members_and_ask_first() {
    let door = Door::open().await;
    door.set_secrets(&[("mine", "k3y")]);
    let axes = "signature: { header: X-DocuSign-Signature-*, signed: [ { member: $.type }, '|', body ], handshake: slack }";
    door.publish(&document(&format!("preset: hmac, secret: mine, {axes}"))).await;
    let send = async |key: &str, kind: &str| {
        let body = format!(r#"{{"type":"{kind}","challenge":"abc"}}"#);
        let signature = hmac_hex(key, &format!("{kind}|{body}"));
        let headers =
            format!("X-DocuSign-Signature-1: 00\r\nX-DocuSign-Signature-2: {signature}\r\nContent-Type: application/json\r\n");
        door.post("/hooks/main/p", &headers, body).await
    };
    assert_eq!(send("k3y", "order").await.status, 202);
    assert_eq!(send("other", "order").await.status, 401);
    assert_eq!(send("other", "url_verification").await.status, 401);
    let answer = send("k3y", "url_verification").await;
    assert_eq!((answer.status, answer.body.as_ref()), (200, &b"abc"[..]));
    assert_eq!(door.count_of(Outcome::Handshake).await, 1);
    door.close().await;
}

#[tokio::test]
async fn a_described_sender_may_ask_as_meta_or_x_do() {
    let door = Door::open().await;
    door.set_secrets(&[("mine", "k3y"), ("verify", "my-token")]);
    let send = async |body: &str| {
        let headers = format!("X-Sig: {}\r\nContent-Type: application/json\r\n", hmac_hex("k3y", body));
        door.post("/hooks/main/p", &headers, body).await.status
    };
    let axes = "signature: { header: X-Sig, handshake: meta }, verify_token: verify";
    door.publish(&document(&format!("preset: hmac, secret: mine, {axes}"))).await;
    let ask = async |token: &str| {
        door.get(&format!("/hooks/main/p?hub.mode=subscribe&hub.challenge=11&hub.verify_token={token}")).await
    };
    assert_eq!((ask("my-token").await.status, ask("other").await.status, send("{}").await), (200, 403, 202));

    door.publish(&document("preset: hmac, secret: mine, signature: { header: X-Sig, handshake: x }, dedupe: false")).await;
    let asked = door.get("/hooks/main/p?crc_token=abc").await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let answer = asked.json()["response_token"].as_str().unwrap().to_owned();
    let signature = BASE64_STANDARD.decode(answer.strip_prefix("sha256=").unwrap()).unwrap();
    assert_eq!(hex::encode(signature), hmac_hex("k3y", "abc"), "it signs what a stranger asks for, ");
    assert_eq!(
        (send("abc").await, send("\"abc\"").await, send("{}").await),
        (401, 401, 202),
        "but nothing of that is a delivery"
    );
    door.close().await;
}

pub(crate) fn hmac_hex(key: &str, text: &str) -> String {
    use hmac::Mac as _;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[tokio::test]
async fn a_secret_that_is_missing_or_malformed_does_not_shut_out_who_signs_with_another() {
    let door = Door::open().await;
    door.set_secrets(&[("bad", "!"), ("good", "azN5"), ("app", "s")]);
    let axes = "signature: { header: X-Sig, secret_form: base64 }";
    door.publish(&document(&format!("preset: hmac, secret: [ nowhere, bad, good ], {axes}"))).await;
    let send = async |key: &str| {
        let headers = format!("X-Sig: {}\r\nContent-Type: application/json\r\n", hmac_hex(key, "{}"));
        door.post("/hooks/main/p", &headers, "{}").await
    };
    let right = send("k3y").await;
    assert_eq!(right.status, 202, "{right:?}");
    let wrong = send("other").await;
    assert_eq!((wrong.status, wrong.code().as_str()), (401, "bad_signature"), "{wrong:?}");
    let detail = door.delivery(&wrong).await.detail.unwrap();
    assert!(detail.contains("`nowhere`") && detail.contains("Secret 1 of 2 cannot be used"), "{detail}");
    let body = String::from_utf8_lossy(&wrong.body).into_owned();
    assert!(!body.contains("nowhere") && !body.contains("cannot be used"), "{body}");
    door.close().await;
}

#[tokio::test]
async fn only_the_handshake_needs_the_verify_token() {
    let door = Door::open().await;
    door.set_secrets(&[("app", "s")]);
    for preset in ["meta", "websub"] {
        door.publish(&document(&format!("preset: {preset}, secret: app, verify_token: nowhere, dedupe: false"))).await;
        let ask = "hub.mode=subscribe&hub.topic=t&hub.challenge=11&hub.verify_token=x";
        let asked = door.get(&format!("/hooks/main/p?{ask}")).await;
        assert_eq!((asked.status, asked.code().as_str()), (503, "hook_not_ready"), "{preset}: {asked:?}");
        assert!(door.delivery(&asked).await.detail.unwrap().contains("`nowhere`"));
        let header = if preset == "meta" { "X-Hub-Signature-256" } else { "X-Hub-Signature" };
        let headers = format!("{header}: sha256={}\r\nContent-Type: application/json\r\n", hmac_hex("s", "{}"));
        let sent = door.post("/hooks/main/p", &headers, "{}").await;
        assert_eq!(sent.status, if preset == "meta" { 200 } else { 202 }, "{preset}: {sent:?}");
    }
    door.close().await;
}

#[tokio::test]
async fn what_senders_sign_is_taken_with_a_status_that_they_call_a_success() {
    // Every preset that shares a secret, signed as `hookmill send` does.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let door = Door::open().await;
    door.set_secrets(&[("s", SECRET)]);
    let mut taken = Vec::new();
    for known in hookmill_signatures::presets() {
        let info = workflow::preset(known.id).unwrap();
        let shared = known.schemes.iter().all(|scheme| matches!(scheme.algorithm, Algorithm::Hmac(_)));
        if info.secret == SecretUse::Unused || !shared || known.proof == Proof::Configured {
            continue;
        }
        let needs: String = info.needs.iter().filter(|need| **need != "secret").map(|need| format!(", {need}: s")).collect();
        door.publish(&document(&format!("preset: {}, secret: s, dedupe: false{needs}", known.id))).await;
        let mut request = Outgoing {
            method: "POST".into(),
            url: "https://hooks.example/hooks/main/p".into(),
            headers: vec![("content-type".into(), "application/json".into())],
            body: br#"{"id":"1","type":"t"}"#.to_vec(),
        };
        let at_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let sender = Sender { secret: SECRET.as_bytes(), id: "msg_1", event: None, at_ms };
        known.sign(&Settings::default(), &sender, &mut request).unwrap();
        let headers: String = request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let answer = door.post(&request.url["https://hooks.example".len()..], &headers, &request.body).await;
        let usual = known.success.first().copied().filter(|_| !known.success.contains(&202)).unwrap_or(202);
        assert_eq!(answer.status, usual, "{}: {answer:?}", known.id);
        taken.push((known.id, answer.status));
    }
    for (id, status) in [("github", 202), ("mailgun", 200), ("meta", 200), ("shopify", 200), ("cloudevents", 202)] {
        assert!(taken.contains(&(id, status)), "{id}: {taken:?}");
    }
    assert!(taken.len() > 30, "{taken:?}");
    door.close().await;
}

#[tokio::test]
async fn a_handshake_that_delivers_the_secret_comes_before_the_secret() {
    let door = Door::open().await;
    door.publish(&document("preset: asana, secret: later")).await;
    let answer = door.post("/hooks/main/p", "X-Hook-Secret: s3cret\r\n", "").await;
    assert_eq!((answer.status, answer.header("x-hook-secret")), (200, Some("s3cret")), "{answer:?}");
    let early = door.json("/hooks/main/p", r#"{"events":[]}"#).await;
    assert_eq!((early.status, early.code().as_str()), (503, "hook_not_ready"), "{early:?}");

    door.publish(&document("preset: notion, secret: later")).await;
    let answer = door.json("/hooks/main/p", r#"{"verification_token":"secret_1"}"#).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    until("both handshakes are kept", async || (door.count_of(Outcome::Handshake).await == 2).then_some(())).await;
    door.close().await;
}
