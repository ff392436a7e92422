//! Every route asks for its role, whoever calls.

use hookmill_server::api::{Access, Route, routes};
use hookmill_store::keys::Role;
use hookmill_testkit::app::Client;
use serde_json::json;

use crate::running::Running;

/// Ids that nothing has.
fn address(route: &Route) -> String {
    let id = match route.path {
        path if path.contains("/workflows/") => "wf_0000000000001",
        path if path.contains("/runs/") => "run_0000000000001",
        path if path.contains("/deliveries/") => "dlv_0000000000001",
        path if path.contains("/hooks/") => "hook_0000000000001",
        path if path.contains("/replays/") => "rpl_0000000000001",
        path if path.contains("/contacts/") => "ctc_0000000000001",
        path if path.contains("/keys/") => "key_0000000000001",
        path if path.contains("/workspaces/") => "main",
        _ => "",
    };
    route
        .path
        .replace("{id}", id)
        .replace("{name}", "nothing")
        .replace("{workspace}", "main")
        .replace("{revision}", "1")
        .replace("{code}", "internal")
}

async fn status(client: &Client, route: &Route, key: Option<&str>) -> reqwest::Response {
    let mut request = client.request(route.method.as_str(), &address(route));
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn every_route_lets_in_exactly_those_it_declares() {
    // All routes, without a key, with a wrong one, and with every role.
    let server = Running::start().await;
    for route in routes() {
        let name = format!("{} {}", route.method, route.path);
        let without = status(&server.client, &route, None).await;
        let needed = match route.access {
            Access::Needs(needed) | Access::May(needed) => needed,
            Access::Public => {
                assert!(without.status().is_success(), "{name}: {}", without.status());
                continue;
            }
        };
        for key in [None, Some("hmk_wrong"), Some("nonsense"), Some(""), Some("hmk_\u{e9}")] {
            let answer = status(&server.client, &route, key).await;
            assert_eq!(answer.status(), 401, "{name} with {key:?}");
            assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{name}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json", "{name}");
        }
        for role in Role::ALL {
            let client = server.client_as(*role).await;
            let got = status(&client, &route, Some(client.key())).await.status();
            if role.allows(needed) {
                assert!(got != 401 && got != 403, "{name} as {role}: {got}");
            } else {
                assert_eq!(got, 403, "{name} as {role}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn keys_work_until_they_are_revoked_or_expire_and_are_shown_once() {
    // A key's whole life.
    let server = Running::start().await;
    let made = server.client.call("POST", "/api/v1/keys", Some(&json!({ "name": "ci", "role": "viewer" }))).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    let text = made["key"].as_str().unwrap();
    assert!(text.starts_with("hmk_") && text.len() == 47, "{text}");
    let client = server.client.with_key(text);
    assert_eq!(client.call("GET", "/api/v1/runs", None).await.status, 200);
    let listed = server.client.call("GET", "/api/v1/keys", None).await.text();
    assert!(listed.contains("\"ci\"") && !listed.contains(text), "{listed}");
    let path = format!("/api/v1/keys/{}", made["id"].as_str().unwrap());
    assert_eq!(server.client.call("DELETE", &path, None).await.status, 204);
    assert_eq!(client.call("GET", "/api/v1/runs", None).await.status, 401, "revoked on this node: at once");
    assert_eq!(server.client.call("DELETE", &path, None).await.status, 404);
    let past = json!({ "name": "old", "role": "viewer", "expires_at": "2001-01-01T00:00:00Z" });
    assert_eq!(server.client.call("POST", "/api/v1/keys", Some(&past)).await.status, 422);
    server.stop().await;
}
