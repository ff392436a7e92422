//! Redirects: counted, checked like new requests, and never carrying secrets to another origin.

use hookmill_actions::net::{Net, NetPolicy};
use hookmill_testkit::{Answer, Upstream};
use serde_json::json;

use crate::world::{Names, World};

fn to(status: u16, location: &str) -> Answer {
    Answer::status(status).header("location", location)
}

#[tokio::test]
async fn redirects_are_followed_only_as_far_as_asked() {
    let upstream = Upstream::start().await;
    for step in 0..7 {
        upstream.always(&format!("/{step}"), to(302, &format!("/{}", step + 1)));
    }
    upstream.always("/5", Answer::json(&json!("there")));
    let world = World::open();
    let not_followed = world.refused(json!({ "url": upstream.url("/0") })).await;
    assert_eq!((not_followed.code.as_str(), not_followed.details.unwrap()["status"].as_u64()), ("http_status", Some(302)));
    let too_far = world.refused(json!({ "url": upstream.url("/0"), "redirects": 4 })).await;
    assert_eq!((too_far.code.as_str(), too_far.retryable), ("redirect_refused", false));
    let followed = world.request(json!({ "url": upstream.url("/0"), "redirects": 5 })).await.unwrap();
    assert_eq!((&followed["body"], &followed["url"]), (&json!("there"), &json!(upstream.url("/5"))));
    assert_eq!(world.refused(json!({ "url": upstream.url("/0"), "redirects": 6 })).await.code, "invalid_input");
}

#[tokio::test]
async fn a_redirect_into_a_private_network_is_refused() {
    let upstream = Upstream::start().await;
    let world = World::with(Net::with_lookup(NetPolicy::allowing(["shop.example"]).unwrap(), Names::always(upstream.address())));
    for (location, code) in [
        (upstream.url("/secret"), "address_not_allowed"),
        (format!("http://localhost:{}/secret", upstream.address().port()), "address_not_allowed"),
        (format!("http://[::ffff:127.0.0.1]:{}/secret", upstream.address().port()), "address_not_allowed"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "address_not_allowed"),
        ("file:///etc/passwd".to_owned(), "redirect_refused"),
        ("http://user:pass@shop.example/".to_owned(), "redirect_refused"),
        ("http://[".to_owned(), "redirect_refused"),
    ] {
        upstream.always("/go", to(307, &location));
        let failure = world.refused(json!({ "url": "http://shop.example/go", "redirects": 5 })).await;
        assert_eq!(failure.code, code, "{location}: {}", failure.message);
    }
    assert_eq!(upstream.count("/secret"), 0);
}

#[tokio::test]
async fn another_origin_gets_no_credentials_and_the_same_origin_does() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.always("/same", to(307, "/target"));
    first.always("/other", to(307, &second.url("/target")));
    first.always("/target", Answer::status(200));
    second.always("/target", Answer::status(200));
    let world = World::open();
    for path in ["/same", "/other"] {
        let input = json!({
            "method": "POST", "url": first.url(path), "redirects": 1, "json": { "a": 1 },
            "credential": { "bearer": "tok" },
            "headers": { "Cookie": "session=1", "X-Api-Key": "k", "Accept": "application/json" }
        });
        world.request(input).await.unwrap();
    }
    let same = first.received().into_iter().find(|received| received.path == "/target").unwrap();
    assert_eq!((same.header("authorization"), same.header("x-api-key"), same.json()), ("Bearer tok", "k", json!({ "a": 1 })));
    let other = &second.received()[0];
    for name in ["authorization", "cookie", "x-api-key", "idempotency-key"] {
        assert_eq!(other.header(name), "", "{name} reached another origin");
    }
    assert_eq!((other.header("accept"), other.header("content-type")), ("application/json", "application/json"));
}

#[tokio::test]
async fn a_see_other_turns_a_post_into_a_get_without_a_body() {
    let upstream = Upstream::start().await;
    upstream.always("/done", Answer::status(200));
    let world = World::open();
    for status in [301, 302, 303, 307, 308] {
        upstream.always("/form", to(status, "/done"));
        world.request(json!({ "method": "POST", "url": upstream.url("/form"), "redirects": 1, "json": 1 })).await.unwrap();
        let last = upstream.received().pop().unwrap();
        let expected = if status < 307 { ("GET", "", 0) } else { ("POST", "application/json", 1) };
        assert_eq!((last.method.as_str(), last.header("content-type"), last.body.len()), expected, "{status}");
    }
}
