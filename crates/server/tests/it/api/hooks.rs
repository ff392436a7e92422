//! Hooks: listed, shown, found by whatever is known of their URLs.

use hookmill_testkit::app::Client;
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
