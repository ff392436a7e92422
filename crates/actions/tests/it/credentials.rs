//! Credentials as the other side sees them; tokens are fetched once and renewed when refused.

use hookmill_testkit::{Answer, Upstream};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn basic_and_bearer_become_a_header() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::status(200));
    let world = World::open();
    for (credential, header) in [
        (json!({ "basic": { "username": "Aladdin", "password": "open sesame" } }), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (json!({ "basic": { "username": "key" } }), "Basic a2V5Og=="),
        (json!({ "bearer": "tok" }), "Bearer tok"),
    ] {
        world.request(json!({ "url": upstream.url("/"), "credential": credential })).await.unwrap();
        assert_eq!(upstream.received().pop().unwrap().header("authorization"), header);
    }
    let evil = json!({ "url": upstream.url("/"), "credential": { "bearer": "secret-token\r\nX-Evil: 1" } });
    let failure = world.refused(evil).await;
    assert_eq!(failure.code, "invalid_input");
    assert!(!failure.message.contains("secret-token"), "{}", failure.message);
}

fn token(value: &str) -> Answer {
    Answer::json(&json!({ "access_token": value, "token_type": "Bearer", "expires_in": 3600 }))
}

fn oauth2(upstream: &Upstream) -> serde_json::Value {
    json!({ "oauth2": { "token_url": upstream.url("/token"), "client_id": "me", "client_secret": "s&c", "scope": "a b" } })
}

#[tokio::test]
async fn a_token_is_fetched_once_for_many_requests() {
    let upstream = Upstream::start().await;
    upstream.always("/token", token("t1"));
    upstream.always("/api", Answer::status(200));
    let world = World::open();
    let input = json!({ "url": upstream.url("/api"), "credential": oauth2(&upstream) });
    let (first, second) = tokio::join!(world.request(input.clone()), world.request(input.clone()));
    assert!(first.is_ok() && second.is_ok() && world.request(input).await.is_ok());
    assert_eq!((upstream.count("/token"), upstream.count("/api")), (1, 3));
    let received = upstream.received();
    assert_eq!(received[0].header("authorization"), "Basic bWU6cyUyNmM=");
    assert_eq!(received[0].body, "grant_type=client_credentials&scope=a+b");
    assert!(received[1..].iter().all(|received| received.header("authorization") == "Bearer t1"));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let upstream = Upstream::start().await;
    upstream.next("/token", [token("old"), token("new")]);
    upstream.next("/api", [Answer::status(401), Answer::status(200)]);
    let world = World::open();
    let input = json!({ "url": upstream.url("/api"), "credential": oauth2(&upstream) });
    assert_eq!(world.request(input.clone()).await.unwrap()["status"], 200);
    assert_eq!(upstream.received().pop().unwrap().header("authorization"), "Bearer new");
    upstream.always("/api", Answer::status(401));
    upstream.always("/token", token("newer"));
    let failure = world.refused(input).await;
    assert_eq!((failure.code.as_str(), upstream.count("/token"), upstream.count("/api")), ("http_status", 3, 4));
}

#[tokio::test]
async fn a_token_that_is_not_given_is_explained_without_the_secret() {
    let upstream = Upstream::start().await;
    let world = World::open();
    for (answer, retryable) in [
        (Answer::json(&json!({ "error": "invalid_client", "error_description": "unknown" })), false),
        (Answer::status(401).body("{\"error\":\"invalid_client\"}"), false),
        (Answer::status(503).header("retry-after", "7"), true),
        (Answer::status(200).body("not json"), false),
        (Answer::status(200).repeated("x".repeat(1000), None), false),
        (Answer::status(302).header("location", "/elsewhere"), false),
    ] {
        upstream.always("/token", answer.clone());
        let failure = world.refused(json!({ "url": upstream.url("/api"), "credential": oauth2(&upstream) })).await;
        assert_eq!((failure.code.as_str(), failure.retryable), ("oauth_failed", retryable), "{answer:?}");
        assert!(!format!("{failure:?}").contains("s&c"));
    }
    assert_eq!(upstream.count("/api"), 0);
}
