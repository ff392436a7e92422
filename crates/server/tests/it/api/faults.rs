//! Bad input: problem details with a stable code, whatever it is.

use serde_json::{Value, json};

use crate::running::Running;

#[tokio::test]
async fn every_mistake_has_its_code() {
    // Method, path, content type, body: status and code.
    let server = Running::with(|config| config.server.api_body_max = "64KiB".parse().unwrap()).await;
    let deep = "[".repeat(100_000);
    let large = format!(r#"{{"text": "{}"}}"#, "x".repeat(70_000));
    let json = "application/json";
    let check = "/api/v1/workflows/check";
    let cases: Vec<(&str, &str, &str, &str, u16, &str)> = vec![
        ("GET", "/nothing", "", "", 404, "not_found"),
        ("GET", "/api/v1/nothing", "", "", 404, "not_found"),
        ("GET", "/api/v1/../../etc/passwd", "", "", 404, "not_found"),
        ("PATCH", "/api/v1/runs", "", "", 405, "method_not_allowed"),
        ("POST", check, json, "{", 400, "bad_json"),
        ("POST", check, json, "", 400, "bad_json"),
        ("POST", check, json, "\u{0}", 400, "bad_json"),
        ("POST", check, json, &deep, 413, "too_large"),
        ("POST", check, json, &deep[..60_000], 400, "bad_json"),
        ("POST", check, json, r#"{"text": 1}"#, 400, "bad_json"),
        ("POST", check, json, r#"{"text": "a", "txet": "b"}"#, 400, "bad_json"),
        ("POST", check, json, r#"{"text": "a", "text": "b"}"#, 400, "bad_json"),
        ("POST", check, json, &large, 413, "too_large"),
        ("POST", check, "text/plain", "{}", 415, "unsupported_media_type"),
        ("POST", check, "", "{}", 415, "unsupported_media_type"),
        ("GET", "/api/v1/runs/run_x", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs/dlv_0000000000001", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs/%F0%9F%98%80", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs/%FF", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs/run_0000000000001", "", "", 404, "not_found"),
        ("GET", "/api/v1/deliveries/dlv_0000000000001", "", "", 404, "not_found"),
        ("GET", "/api/v1/deliveries/dlv_0000000000001/body", "", "", 404, "not_found"),
        ("GET", "/api/v1/workflows/wf_0000000000001", "", "", 404, "not_found"),
        ("GET", "/api/v1/workflows/wf_0000000000001/revisions/9", "", "", 404, "not_found"),
        ("GET", "/api/v1/workflows/wf_0000000000001/revisions/x", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs?limit=0", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs?limit=501", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs?limit=many", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs?state=sleeping", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs?cursor=abc", "", "", 400, "bad_request"),
        ("GET", "/api/v1/runs?sate=failed", "", "", 400, "bad_request"),
        ("GET", "/api/v1/deliveries?outcome=lost", "", "", 400, "bad_request"),
        ("POST", "/api/v1/runs/run_0000000000001/cancel", "", "", 404, "not_found"),
        ("POST", "/api/v1/runs/run_0000000000001/rerun", json, r#"{"from": "middle"}"#, 400, "bad_json"),
        (
            "POST",
            "/api/v1/runs/run_0000000000001/resolve",
            json,
            r#"{"step": "a", "resolution": {"perhaps": {}}}"#,
            400,
            "bad_json",
        ),
        ("POST", "/api/v1/deliveries/dlv_0000000000001/replay", json, r#"{"revision": "newest"}"#, 400, "bad_request"),
        ("POST", "/api/v1/workflows/wf_0000000000001/runs", json, r#"{"input": {}}"#, 404, "not_found"),
        ("PUT", "/api/v1/secrets/9lives", json, r#"{"value": "x"}"#, 422, "invalid"),
        ("DELETE", "/api/v1/secrets/none", "", "", 404, "not_found"),
        ("POST", "/api/v1/keys", json, r#"{"name": "", "role": "viewer"}"#, 422, "invalid"),
        ("POST", "/api/v1/keys", json, r#"{"name": "x", "role": "king"}"#, 400, "bad_json"),
    ];
    for (method, path, media_type, body, status, code) in cases {
        let mut request = server.client.request(method, path).bearer_auth(server.client.key()).body(body.to_owned());
        if !media_type.is_empty() {
            request = request.header("content-type", media_type);
        }
        let answer = server.client.answer(request).await;
        let case = format!("{method} {path} {}", body.chars().take(60).collect::<String>());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{case}: {}", answer.text());
        let problem = answer.json();
        assert_eq!((answer.status, problem["code"].as_str().unwrap()), (status, code), "{case}: {problem}");
        assert_eq!(problem["status"], status, "{case}");
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{case}: {problem}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{case}");
    }
    server.stop().await;
}

#[tokio::test]
async fn answers_say_which_methods_where_and_how_much() {
    // The details that help.
    let server = Running::with(|config| config.server.api_body_max = "1KiB".parse().unwrap()).await;
    let wrong_method = server.client.call("DELETE", "/api/v1/runs", None).await;
    assert!(wrong_method.header("allow").unwrap().contains("GET"), "{:?}", wrong_method.headers);
    let broken = server.client.request("POST", "/api/v1/workflows/check").bearer_auth(server.client.key());
    let broken = broken.header("content-type", "application/json").body("{\n  \"text\": \"a\",\n  \"txet\": 1 }");
    let detail = server.client.answer(broken).await.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`txet`") && detail.contains("line 3"), "{detail}");
    let large = server.client.call("POST", "/api/v1/workflows/check", Some(&json!({ "text": "x".repeat(2_000) }))).await;
    assert_eq!(large.json()["limit_bytes"], Value::from(1024));
    server.stop().await;
}
