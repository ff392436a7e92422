//! The signature doctor at the door: one difference each, told to the owner and never to the sender.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::Mac as _;
use hookmill_engine::time::Timestamp;
use hookmill_server::vault::OpenSecret;

use crate::door::Door;

const BODY: &str = r#"{"id": "evt_1", "amount": 1250}"#;

fn mac(key: &str, text: &str) -> Vec<u8> {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(key: &str, text: &str) -> String {
    hex::encode(mac(key, text))
}

async fn door() -> Door {
    let door = Door::open().await;
    let expired = OpenSecret { expires_at: Some(Timestamp(1_000)), ..String::from("gone").into() };
    let secrets = [("mine", "s3cret".to_owned().into()), ("other", "0ther".to_owned().into()), ("old", expired)];
    door.set_open(secrets);
    door
}

/// What the owner reads about a request that was refused.
async fn told(door: &Door, preset: &str, headers: &str, body: &str) -> String {
    let trigger = format!("path: p, preset: {preset}, secret: [ mine, old ]");
    door.publish(&format!("hookmill: 1\nname: P\ntriggers: [ {{ webhook: {{ {trigger} }} }}]\nsteps: []\n")).await;
    let refused = door.post("/hooks/main/p", &format!("Content-Type: application/json\r\n{headers}\r\n"), body).await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "bad_signature"), "{refused:?}");
    let answer = String::from_utf8_lossy(&refused.body).into_owned();
    let detail = door.delivery(&refused).await.detail.unwrap();
    for secret in ["s3cret", "0ther", "gone"] {
        assert!(!detail.contains(secret) && !answer.contains(secret), "{detail}\n{answer}");
    }
    let sender = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(!sender.contains("fits") && !sender.contains("signed with") && !sender.contains("newline"), "{sender}");
    detail
}

#[tokio::test]
async fn another_live_secret_of_the_workspace_is_named() {
    let door = door().await;
    let said = told(&door, "github", &format!("X-Hub-Signature-256: sha256={}", hex("0ther", BODY)), BODY).await;
    assert!(said.contains("signed with the secret `other`, which is not one of this hook's"), "{said}");
    door.close().await;
}

#[tokio::test]
async fn an_expired_secret_is_named_with_its_date() {
    let door = door().await;
    let said = told(&door, "github", &format!("X-Hub-Signature-256: sha256={}", hex("gone", BODY)), BODY).await;
    assert!(said.contains("signed with the secret `old`, which expired on 1970-01-01T00:00:01"), "{said}");
    door.close().await;
}

#[tokio::test]
async fn base64_instead_of_hex_is_told() {
    let door = door().await;
    let signature = BASE64_STANDARD.encode(mac("s3cret", BODY));
    let said = told(&door, "github", &format!("X-Hub-Signature-256: sha256={signature}"), BODY).await;
    assert!(said.contains("base64"), "{said}");
    door.close().await;
}

#[tokio::test]
async fn hex_instead_of_base64_is_told() {
    let door = door().await;
    let said = told(&door, "shopify", &format!("X-Shopify-Hmac-SHA256: {}", hex("s3cret", BODY)), BODY).await;
    assert!(said.contains("hex"), "{said}");
    door.close().await;
}

#[tokio::test]
async fn a_missing_prefix_is_told() {
    let door = door().await;
    let said = told(&door, "github", &format!("X-Hub-Signature-256: {}", hex("s3cret", BODY)), BODY).await;
    assert!(said.contains("sha256="), "{said}");
    door.close().await;
}

#[tokio::test]
async fn a_body_that_was_written_anew_is_told() {
    let door = door().await;
    let compact = r#"{"id":"evt_1","amount":1250}"#;
    let said = told(&door, "github", &format!("X-Hub-Signature-256: sha256={}", hex("s3cret", BODY)), compact).await;
    assert!(said.contains("the body was changed on its way"), "{said}");
    let said = told(&door, "github", &format!("X-Hub-Signature-256: sha256={}", hex("s3cret", compact)), BODY).await;
    assert!(said.contains("the body was changed on its way"), "{said}");
    door.close().await;
}

#[tokio::test]
async fn a_newline_at_the_end_is_told() {
    let door = door().await;
    let header = format!("X-Hub-Signature-256: sha256={}", hex("s3cret", BODY));
    let said = told(&door, "github", &header, &format!("{BODY}\n")).await;
    assert!(said.contains("line"), "{said}");
    door.close().await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told() {
    let door = door().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for at in [now - 3_600, now + 3_600] {
        let header = format!("Stripe-Signature: t={at},v1={}", hex("s3cret", &format!("{at}.{BODY}")));
        let said = told(&door, "stripe", &header, BODY).await;
        assert!(said.contains("clocks") && said.contains("tolerance"), "{said}");
    }
    door.close().await;
}

#[tokio::test]
async fn a_wrong_header_is_told() {
    let door = door().await;
    let said = told(&door, "gitlab", "X-Token: s3cret", BODY).await;
    assert!(said.contains("header x-token") && said.contains("x-gitlab-token"), "{said}");
    let said = told(&door, "github", &format!("X-Hub-Signature: sha256={}", hex("s3cret", BODY)), BODY).await;
    assert!(said.contains("x-hub-signature"), "{said}");
    door.close().await;
}

#[tokio::test]
async fn a_forgery_is_not_explained_and_neither_is_a_flood() {
    let door = door().await;
    let said = told(&door, "github", &format!("X-Hub-Signature-256: sha256={}", hex("guess", BODY)), BODY).await;
    assert!(!said.contains("fits") && !said.contains("signed with the secret"), "{said}");
    // Far more than are explained in a second: all are answered and kept, some without an explanation.
    let header = format!("Content-Type: application/json\r\nX-Hub-Signature-256: {}\r\n", hex("s3cret", BODY));
    let mut explained = 0;
    for _ in 0..100 {
        let refused = door.post("/hooks/main/p", &header, BODY).await;
        assert_eq!(refused.status, 401);
        explained += usize::from(door.delivery(&refused).await.detail.unwrap().contains("fits"));
    }
    assert!(explained < 100, "{explained}");
    door.close().await;
}
