//! Hooks: listed, shown, found by whatever is known of their URLs.

use hookmill_testkit::app::Client;
use hookmill_testkit::patience::until;
use serde_json::{Value, json};

use super::DOUBLE;
use crate::running::Running;

const VECTENSE: &str = "
hookmill: 1
name: From Vectense
triggers:
  - webhook: { preset: vectense, secret: key, ids: { workspace: acme, workflow: intake } }
steps: []
";

const HAP: &str = "
hookmill: 1
name: From HAP
triggers:
  - webhook: { label: row, preset: hap, ids: { workflow: 0123456789abcdef01234567 } }
steps: []
";

async fn publish(client: &Client, text: &str) -> Value {
    let published = client.call("POST", "/api/v1/workflows/publish", Some(&json!({ "text": text }))).await;
    assert_eq!(published.status, 200, "{}", published.text());
    published.json()
}

#[tokio::test]
async fn a_hook_is_listed_and_shown_with_its_urls_and_what_it_takes() {
    // Newest first, by pages, of one workflow, and after its trigger is gone.
    let server = Running::start().await;
    let client = &server.client;
    client.call("PUT", "/api/v1/secrets/key", Some(&json!({ "value": "k" }))).await;
    let double = publish(client, DOUBLE).await;
    publish(client, VECTENSE).await;
    let hap = publish(client, HAP).await;
    let listed = client.list("/api/v1/hooks").await;
    let names: Vec<&str> = listed.iter().map(|hook| hook["workflow_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["From HAP", "From Vectense", "Double"]);
    let page = client.get("/api/v1/hooks?limit=2").await;
    let rest = client.get(&format!("/api/v1/hooks?limit=2&cursor={}", page["next"].as_str().unwrap())).await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    let workflow = double["workflow"].as_str().unwrap();
    let of_one = client.list(&format!("/api/v1/hooks?workflow={workflow}")).await;
    assert_eq!(of_one, listed[2..]);
    let shown = client.get(&format!("/api/v1/hooks/{}", of_one[0]["id"].as_str().unwrap())).await;
    assert_eq!((&shown["state"], &shown["label"], &shown["methods"]), (&json!("active"), &json!("number"), &json!(["POST"])));
    assert_eq!((&shown["workflow"], &shown["revision"]), (&double["workflow"], &json!(1)));
    assert_eq!(shown["url"], double["hooks"][0]["url"]);
    let of_hap = client.get(&format!("/api/v1/hooks/{}", hap["hooks"][0]["id"].as_str().unwrap())).await;
    assert_eq!((&of_hap["preset"], &of_hap["methods"]), (&json!("hap"), &json!(["GET", "POST"])));

    publish(client, &DOUBLE.replace("label: number", "label: other")).await;
    let gone = client.get(&format!("/api/v1/hooks/{}", shown["id"].as_str().unwrap())).await;
    assert_eq!((&gone["state"], &gone["methods"]), (&json!("removed"), &json!([])));
    assert_eq!(client.call("GET", "/api/v1/hooks/hook_0000000000000", None).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_pasted_url_finds_its_hook_in_every_style() {
    // Whole URLs with host and query, paths, tokens, ids of other products.
    let server = Running::start().await;
    let client = &server.client;
    client.call("PUT", "/api/v1/secrets/key", Some(&json!({ "value": "k" }))).await;
    let double = publish(client, DOUBLE).await;
    publish(client, VECTENSE).await;
    publish(client, HAP).await;
    let url = double["hooks"][0]["url"].as_str().unwrap();
    let token = url.rsplit('/').next().unwrap();
    for (text, workflow) in [
        (url.to_owned(), "Double"),
        (format!("{url}?key=secret#top"), "Double"),
        (format!("https://another.example/hooks/{token}"), "Double"),
        (format!("/hooks/test/{token}"), "Double"),
        (token.to_owned(), "Double"),
        (double["hooks"][0]["id"].as_str().unwrap().to_owned(), "Double"),
        ("https://x.example/hooks/main/double/anybody".to_owned(), "Double"),
        ("double/:who".to_owned(), "Double"),
        ("https://x.example/api/webhook/acme/intake?key=k".to_owned(), "From Vectense"),
        ("/workflow/hooks/MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3".to_owned(), "From HAP"),
        ("0123456789abcdef01234567".to_owned(), "From HAP"),
    ] {
        let query = format!("/api/v1/hooks?search={}", url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>());
        let found = client.list(&query).await;
        assert_eq!(found.iter().map(|hook| &hook["workflow_name"]).collect::<Vec<_>>(), [workflow], "{text}");
    }
    for text in ["nobody", "https://x.example/hooks/main/double", "%2F%2F", "https%3A%2F%2F"] {
        assert_eq!(client.list(&format!("/api/v1/hooks?search={text}")).await, Vec::<Value>::new(), "{text}");
    }
    assert_eq!(client.call("GET", "/api/v1/hooks?search=", None).await.status, 400);
    server.stop().await;
}

/// The status that a request to a URL gets.
async fn status(method: &str, url: &str) -> u16 {
    let request = reqwest::Client::new().request(method.parse().unwrap(), url).header("content-type", "application/json");
    request.body(r#"{"n":1}"#).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_rotated_url_works_until_its_date_and_the_new_one_at_once() {
    // With a date, past it without any publication, ended by hand; the URL of another product goes along.
    let server = Running::start().await;
    let client = &server.client;
    let published = publish(client, "hookmill: 1\nname: A\ntriggers: [{ webhook: { preset: hap } }]\nsteps: []\n").await;
    let hook = &published["hooks"][0];
    let id = hook["id"].as_str().unwrap();
    let rotate = async |body: Value| {
        let answer = client.call("POST", &format!("/api/v1/hooks/{id}/rotate"), Some(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let urls = |hook: &Value| ["url", "product_url"].map(|name| hook[name].as_str().unwrap().to_owned());
    let first = urls(hook);
    let soon = jiff::Timestamp::now() + std::time::Duration::from_secs(3);
    let rotated = rotate(json!({ "keep_old_until": soon.to_string() })).await;
    let second = urls(&rotated);
    assert_ne!(first, second);
    assert_eq!((&rotated["old_urls"][0]["url"], &rotated["old_urls"][0]["works"]), (&json!(first[0]), &json!(true)));
    for url in first.iter().chain(&second) {
        assert_eq!(status("POST", url).await, 200, "{url}");
    }
    until("the old URL ends by itself", async || (status("POST", &first[0]).await == 404).then_some(())).await;
    assert!(jiff::Timestamp::now() >= soon);
    assert_eq!((status("POST", &first[1]).await, status("POST", &second[1]).await), (404, 200));

    let far = jiff::Timestamp::now() + std::time::Duration::from_secs(3_600);
    let third = urls(&rotate(json!({ "keep_old_until": far.to_string() })).await);
    assert_eq!((status("POST", &second[0]).await, status("POST", &third[0]).await), (200, 200));
    let token = second[0].rsplit('/').next().unwrap();
    let end = format!("/api/v1/hooks/{id}/end-old-urls");
    assert_eq!(client.call("POST", &end, Some(&json!({ "token": "x" }))).await.status, 404);
    let ended = client.call("POST", &end, Some(&json!({ "token": token }))).await.json();
    assert!(ended["old_urls"].as_array().unwrap().iter().all(|old| old["works"] == false), "{ended}");
    assert_eq!((status("POST", &second[0]).await, status("POST", &third[0]).await), (404, 200));
    // Without a date it ends at once, and searching still finds the hook.
    rotate(json!({})).await;
    assert_eq!(status("POST", &third[0]).await, 404);
    assert_eq!(client.list(&format!("/api/v1/hooks?search={}", third[0])).await[0]["id"], hook["id"]);
    server.stop().await;
}

#[tokio::test]
async fn a_request_is_explained_by_the_hook_that_takes_it_or_the_one_reason_against() {
    // Each reason once, and the door gives the same status.
    let server = Running::start().await;
    let client = &server.client;
    client.call("PUT", "/api/v1/secrets/key", Some(&json!({ "value": "sesame" }))).await;
    let double = publish(client, DOUBLE).await;
    let guarded = "hookmill: 1\nname: Guarded\ntriggers: [{ webhook: { path: guarded, allow_ips: [192.0.2.0/24], \
                   auth: { any: [ { header: { name: X-Key, secret: key } } ] } } }]\nsteps: []\n";
    publish(client, guarded).await;
    let url = double["hooks"][0]["url"].as_str().unwrap().to_owned();
    let base = url.rsplit_once("/hooks/").unwrap().0.to_owned();
    let explain = async |method: &str, url: &str, more: Value| {
        let mut asked = json!({ "method": method, "url": url });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = client.call("POST", "/api/v1/hooks/explain", Some(&asked)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let taken = explain("post", "https://elsewhere.example/hooks/main/double/me?x=1", json!({})).await;
    assert_eq!(
        (&taken["answers"], &taken["style"], &taken["parameters"]),
        (&json!(true), &json!("path"), &json!({ "who": "me" }))
    );
    assert_eq!((&taken["workflow"], &taken["revision"]), (&double["workflow"], &json!(1)));
    let guarded = format!("{base}/hooks/main/guarded");
    for (method, url, more, code, says, suggestion) in [
        ("GET", url.clone(), json!({}), "method_not_allowed", "GET", None),
        ("POST", format!("{url}/"), json!({}), "hook_not_found", "slash", Some(url.clone())),
        ("POST", format!("{base}/hooks/unknown"), json!({}), "hook_not_found", "token", None),
        (
            "POST",
            format!("{base}/hooks/main/Double/me"),
            json!({}),
            "hook_not_found",
            "case",
            Some(format!("{base}/hooks/main/double/:who")),
        ),
        (
            "POST",
            format!("{base}/hooks/main/treble/me"),
            json!({}),
            "hook_not_found",
            "one segment",
            Some(format!("{base}/hooks/main/double/:who")),
        ),
        (
            "POST",
            format!("{base}/hooks/double/me"),
            json!({}),
            "hook_not_found",
            "workspace",
            Some(format!("{base}/hooks/main/double/:who")),
        ),
        ("POST", format!("{base}/webhooks/nobody"), json!({}), "hook_not_found", "another product", None),
        ("POST", guarded.clone(), json!({ "address": "203.0.113.1" }), "address_not_allowed", "203.0.113.1", None),
        ("POST", guarded.clone(), json!({ "headers": { "x-key": "wrong" } }), "unauthorized", "X-Key", None),
    ] {
        let told = explain(method, &url, more.clone()).await;
        assert_eq!((&told["answers"], &told["reason"]["code"]), (&json!(false), &json!(code)), "{method} {url}: {told}");
        assert!(told["reason"]["detail"].as_str().unwrap().contains(says), "{says}: {told}");
        assert_eq!(told["suggestion"], json!(suggestion), "{told}");
        assert!(!told.to_string().contains("sesame"));
        if more == json!({}) {
            assert_eq!(json!(status(method, &url).await), told["reason"]["status"], "{method} {url}");
        }
    }
    assert_eq!(explain("GET", &url, json!({})).await["reason"]["allow"], "POST, HEAD, OPTIONS");
    let headers = json!({ "headers": { "X-Key": "sesame" }, "address": "192.0.2.9" });
    assert_eq!(explain("POST", &guarded, headers).await["answers"], true);

    let id = double["hooks"][0]["id"].as_str().unwrap();
    client.call("POST", &format!("/api/v1/hooks/{id}/off"), Some(&json!({ "answer": 503 }))).await;
    assert_eq!(explain("POST", &url, json!({})).await["reason"]["status"], 503);
    client.call("POST", &format!("/api/v1/hooks/{id}/on"), None).await;
    client.call("POST", &format!("/api/v1/hooks/{id}/rotate"), None).await;
    let replaced = explain("POST", &url, json!({})).await;
    assert!(replaced["reason"]["detail"].as_str().unwrap().contains("replaced at"), "{replaced}");
    assert_eq!(replaced["hook"], double["hooks"][0]["id"]);
    for (method, url) in [("P ST", "/hooks/x"), ("POST", "/hooks/ x")] {
        let asked = json!({ "method": method, "url": url });
        assert_eq!(client.call("POST", "/api/v1/hooks/explain", Some(&asked)).await.status, 400, "{method} {url}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_hook_tells_what_is_known_of_its_sender_and_what_does_not_go_well_with_it() {
    let server = Running::start().await;
    let client = &server.client;
    let document = |trigger: &str| format!("hookmill: 1\nname: S\ntriggers: [{{ webhook: {trigger} }}]\nsteps: []\n");
    let sender = async |trigger: &str| {
        let published = publish(client, &document(trigger)).await;
        let id = published["hooks"][0]["id"].as_str().unwrap().to_owned();
        client.get(&format!("/api/v1/hooks/{id}")).await["sender"].clone()
    };
    let meta = sender("{ preset: meta, secret: s, verify_token: s }").await;
    assert_eq!((&meta["name"], &meta["success"]), (&json!("Meta, WhatsApp"), &json!([200])));
    assert_eq!((&meta["answer_within_ms"], &meta["tries_for_ms"]), (&json!(250), &json!(604_800_000)));
    assert!(meta["retries"].as_str().unwrap().contains("7 days") && meta["source"].as_str().unwrap().starts_with("https://"));
    assert!(meta["advice"][0].as_str().unwrap().contains("`dedupe.window` to 7d"), "{meta}");
    let github = sender("{ preset: github, secret: s }").await;
    assert_eq!((&github["advice"], &github["success"]), (&json!([]), &json!([])));
    assert_eq!(sender("{ preset: hap }").await, json!(null), "of a product nothing is known");
    assert_eq!(sender("{}").await, json!(null));
    server.stop().await;
}
