//! Web pages of other origins: preflights, answers and refusals that they may read. Hooks without `cors` say nothing.

use crate::door::Door;
use crate::raw::{Answer, exchange};

const SHOP: &str = "https://shop.example";
const CORS: [&str; 5] = [
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
];

async fn ask(door: &Door, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    exchange(door.address, format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await
}

async fn preflight(door: &Door, path: &str, origin: &str) -> Answer {
    let asked = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "authorization,content-type, x-shop"),
    ];
    ask(door, "OPTIONS", path, &asked).await
}

async fn open(webhook: &str) -> (Door, String) {
    let door = Door::open().await;
    let path = door.publish(&format!("hookmill: 1\nname: C\ntriggers:\n  - webhook: {{ {webhook} }}\nsteps: []\n")).await;
    (door, path)
}

#[tokio::test]
async fn a_preflight_is_told_what_may_be_sent_without_a_credential_and_starts_nothing() {
    let (door, path) =
        open("methods: [POST, PUT], cors: { origins: ['https://shop.example'] }, auth: { any: [{ shared_key: nobody_knows }] }")
            .await;
    let answer = preflight(&door, &path, SHOP).await;
    let told = CORS.map(|name| answer.header(name));
    let expected = [Some(SHOP), Some("POST, PUT"), Some("authorization, content-type, x-shop"), Some("*"), Some("600")];
    assert_eq!((answer.status, told), (204, expected), "{answer:?}");
    assert!(answer.body.is_empty());
    let vary: Vec<&str> = answer.head.lines().filter(|line| line.to_lowercase().starts_with("vary:")).collect();
    for part in ["origin", "access-control-request-method", "access-control-request-headers"] {
        assert!(vary.iter().any(|line| line.to_lowercase().contains(part)), "{vary:?}");
    }
    // Others are told nothing; the browser stops there.
    let other = preflight(&door, &path, "https://evil.example").await;
    assert_eq!((other.status, CORS.map(|name| other.header(name))), (204, [None; 5]), "{other:?}");
    assert_eq!(door.count().await, 0);
    door.close().await;
}

#[tokio::test]
async fn answers_and_refusals_may_be_read_by_the_pages_that_are_allowed() {
    let (door, path) = open("cors: { origins: ['https://shop.example', 'http://localhost:3000'] }, body_bytes_max: 100").await;
    let long = "1".repeat(200);
    for (body, status) in [("{}", 202), ("{", 400), (&*long, 413)] {
        for (origin, allowed) in
            [("http://localhost:3000", Some("http://localhost:3000")), ("https://other.example", None), (SHOP, Some(SHOP))]
        {
            let headers = format!("Origin: {origin}\r\nContent-Type: application/json\r\n");
            let answer = door.post(&path, &headers, body).await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, allowed), "{answer:?}");
            assert_eq!(answer.header("vary").map(str::to_lowercase), Some("origin".to_owned()));
        }
    }
    door.close().await;
}

#[tokio::test]
async fn all_origins_may_call_where_the_document_says_so_and_none_where_it_says_nothing() {
    let (door, path) = open("cors: { origins: ['*'] }").await;
    let answer = door.post(&path, "Origin: null\r\nContent-Type: application/json\r\n", "{}").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (202, Some("*")));
    assert_eq!(preflight(&door, &path, "https://any.example").await.header("access-control-allow-origin"), Some("*"));
    let wrong = ask(&door, "DELETE", &path, &[("Origin", SHOP)]).await;
    assert_eq!((wrong.status, wrong.header("access-control-allow-origin")), (405, Some("*")), "{wrong:?}");
    assert_eq!(wrong.header("allow"), Some("POST, HEAD, OPTIONS"));
    door.close().await;

    let (door, path) = open("label: a").await;
    let answer = preflight(&door, &path, SHOP).await;
    assert_eq!((answer.status, CORS.map(|name| answer.header(name))), (204, [None; 5]));
    assert_eq!((answer.header("allow"), answer.header("vary")), (Some("POST, HEAD, OPTIONS"), None));
    let answer = door.post(&path, "Origin: https://shop.example\r\nContent-Type: application/json\r\n", "{}").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (202, None));
    door.close().await;
}

#[tokio::test]
async fn the_handshake_of_cloudevents_works_beside_cors_and_without() {
    for cors in ["", ", cors: { origins: ['https://shop.example'] }"] {
        let (door, path) = open(&format!("preset: cloudevents{cors}")).await;
        let asked = [("WebHook-Request-Origin", "eventemitter.example.com"), ("WebHook-Request-Rate", "120")];
        let answer = ask(&door, "OPTIONS", &path, &asked).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
        let origin = answer.header("webhook-allowed-origin");
        assert!(matches!(origin, Some("eventemitter.example.com" | "*")), "{answer:?}");
        assert!(answer.header("webhook-allowed-rate").is_some(), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-methods"), None);
        door.close().await;
    }
}

#[tokio::test]
async fn hooks_at_the_urls_of_products_answer_pages_too_in_the_products_words() {
    let (door, _) =
        open("preset: vectense, secret: shared, ids: { workspace: w, workflow: f }, cors: { origins: ['https://shop.example'] }")
            .await;
    door.set_secrets(&[("shared", "right")]);
    let url = "/api/webhook/w/f";
    assert_eq!(preflight(&door, url, SHOP).await.header("access-control-allow-origin"), Some(SHOP));
    let refused = door.post(&format!("{url}?key=wrong"), "Origin: https://shop.example\r\n", "{}").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(SHOP)), "{refused:?}");
    assert_eq!(refused.json()["error"], "Invalid shared key");
    let accepted = door.post(&format!("{url}?key=right"), "Origin: https://shop.example\r\n", "{}").await;
    assert_eq!((accepted.status, accepted.header("access-control-allow-origin")), (200, Some(SHOP)));
    door.close().await;
}

#[tokio::test]
async fn head_has_no_body_and_starts_nothing_where_get_is_taken() {
    let (door, path) = open("methods: [GET]").await;
    let answer = ask(&door, "HEAD", &path, &[]).await;
    assert_eq!((answer.status, answer.header("allow"), answer.body.len()), (200, Some("GET, HEAD, OPTIONS"), 0));
    assert_eq!(door.count().await, 0);
    assert_eq!(door.get(&path).await.status, 202);
    door.close().await;
}
