//! The ledger searched, and a delivery sent again as a shell would.

use hookmill_testkit::patience::until;
use serde_json::{Value, json};

use super::{DOUBLE, SLOW};
use crate::running::Running;

/// Takes whatever comes, by any method.
const ANYTHING: &str = "
hookmill: 1
name: Anything
triggers: [{ webhook: { path: 'any/:thing', methods: [GET, POST, PUT, DELETE] } }]
steps: []
";

async fn ids(server: &Running, query: &str) -> Vec<String> {
    let page = server.client.get(&format!("/api/v1/deliveries?{query}")).await;
    assert_eq!(page["complete"], true, "{query}");
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn deliveries_are_found_by_everything_that_is_known_of_them() {
    let server = Running::start().await;
    let double = server.client.publish(DOUBLE).await;
    let slow = server.client.publish(SLOW).await;
    let refused = server.client.answer(server.client.to_hook(double.hook()).json(&json!({ "x": "Zebra" }))).await;
    let refused = refused.json()["delivery_id"].as_str().unwrap().to_owned();
    let first = server.client.answer(server.client.to_hook(double.hook()).json(&json!({ "n": 4 }))).await;
    let (run, first) = (first.run_id(), first.delivery_id());
    let request = server.client.to_hook(slow.hook()).header("x-animal", "zebra").json(&json!({}));
    let second = server.client.answer(request).await.delivery_id();
    until("the refused one is stored", async || (ids(&server, "").await.len() == 3).then_some(())).await;
    for (query, wanted) in [
        (format!("id={first}"), vec![&first]),
        (format!("id={run}"), vec![&first]),
        ("id=run_0000000000001".to_owned(), vec![]),
        (format!("workflow={}", slow.workflow), vec![&second]),
        (format!("workflow={}&outcome=refused", double.workflow), vec![&refused]),
        ("reason=invalid_variables".to_owned(), vec![&refused]),
        ("text=zebra".to_owned(), vec![&second, &refused]),
        (format!("text=ZEBRA&workflow={}", slow.workflow), vec![&second]),
        ("from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00%2B01:00&status=202".to_owned(), vec![&second, &first]),
        ("to=2020-01-01T00:00:00Z".to_owned(), vec![]),
        ("from=2100-01-01T00:00:00Z".to_owned(), vec![]),
    ] {
        let found = ids(&server, &query).await;
        assert_eq!(found.iter().collect::<Vec<_>>().len(), wanted.len(), "{query}: {found:?}");
        assert!(wanted.iter().all(|id| found.contains(id)), "{query}: {found:?}");
    }
    for wrong in ["from=yesterday", "id=nonsense", "text=", "workflow=1", "outcome=odd", "colour=red"] {
        let answer = server.client.call("GET", &format!("/api/v1/deliveries?{wrong}"), None).await;
        assert!(matches!(answer.status, 400 | 422), "{wrong}: {}", answer.text());
    }
    server.stop().await;
}

/// Runs a text with `sh` in a folder.
async fn shell(folder: &std::path::Path, script: &str) -> String {
    let mut sh = tokio::process::Command::new("sh");
    let output = sh.arg("-ec").arg(script).current_dir(folder).env_remove("http_proxy").output().await.unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What is stored of a delivery, without what differs from request to request.
async fn stored(server: &Running, id: &str) -> (Value, Vec<u8>) {
    let mut delivery = server.client.get(&format!("/api/v1/deliveries/{id}")).await;
    for member in ["id", "runs", "received_at", "duration_us"] {
        delivery[member] = Value::Null;
    }
    let headers = delivery["headers"].as_array_mut().unwrap();
    headers.sort_by_key(|pair| pair.to_string());
    (delivery, server.client.call("GET", &format!("/api/v1/deliveries/{id}/body"), None).await.body.to_vec())
}

#[tokio::test]
async fn a_shell_sends_a_delivery_again_exactly_as_it_was() {
    // Quotes, dollars, line ends, brackets, empty headers, bytes that are no text, a long body: the hook gets the same.
    let server = Running::start().await;
    server.client.publish(ANYTHING).await;
    let folder = tempfile::tempdir().unwrap();
    let odd = "it's $(touch pwned) `x` \\ \"q\" \r\n !* \u{1F600} @file";
    let long = format!("{{\"x\": \"{}\"}}", "'".repeat(50_000));
    type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)], Vec<u8>);
    let cases: [Case; 6] = [
        ("POST", "/it's[1-3]?a={b,c}&x=$HOME", &[("content-type", "text/plain"), ("x-odd", "a 'b' $c \"d\"")], odd.into()),
        ("POST", "/at?q=%27%22", &[("content-type", "application/json"), ("user-agent", "sender/1.0")], b"{\"a\": 1}\n".into()),
        ("PUT", "/a", &[("content-type", "text/plain"), ("x-empty", "")], b"@/etc/passwd".into()),
        ("DELETE", "/a", &[], Vec::new()),
        ("POST", "/a", &[("content-type", "application/octet-stream"), ("accept", "text/x")], vec![0, 1, 255, 10, 39]),
        ("POST", "/a", &[("content-type", "application/json")], long.into()),
    ];
    for (method, path, headers, body) in cases {
        let mut request = server.client.request(method, &format!("/hooks/main/any{path}")).body(body.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let original = server.client.answer(request).await.delivery_id();
        let text = server.client.call("GET", &format!("/api/v1/deliveries/{original}/curl"), None).await;
        assert_eq!((text.status, text.header("content-type")), (200, Some("text/plain; charset=utf-8")));
        let command = text.text();
        if command.contains("--data-binary @") {
            std::fs::write(folder.path().join(format!("{original}.bin")), &body).unwrap();
        }
        let said = shell(folder.path(), &command).await;
        let again: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{command}\n{said}"));
        let again = again["delivery_id"].as_str().unwrap();
        assert_eq!(stored(&server, again).await, stored(&server, &original).await, "{command}");
    }
    assert!(!folder.path().join("pwned").exists());
    server.stop().await;
}

#[tokio::test]
async fn credentials_are_not_in_the_command() {
    let server = Running::start().await;
    let published = server.client.publish(DOUBLE).await;
    let path = published.hook().url.split_once("/hooks/").unwrap().1.to_owned();
    let request = server.client.request("POST", &format!("/hooks/{path}?access_token=s3cret-1")).bearer_auth("s3cret-2");
    let delivery = server.client.answer(request.json(&json!({ "n": 1 }))).await.delivery_id();
    let command = server.client.call("GET", &format!("/api/v1/deliveries/{delivery}/curl"), None).await.text();
    assert!(
        !command.contains("s3cret") && command.contains("access_token=***") && command.contains("'authorization: ***'"),
        "{command}"
    );
    let missing = server.client.call("GET", "/api/v1/deliveries/dlv_0000000000001/curl", None).await;
    assert_eq!(missing.status, 404);
    server.stop().await;
}
