//! Publishing, checking, exporting.

use serde_json::{Value, json};

use super::{DOUBLE, steady};
use crate::running::Running;

#[tokio::test]
async fn a_document_is_published_once_and_every_change_is_a_revision() {
    // Publish, again, changed; list, revisions, export.
    let server = Running::with(|config| config.server.public_url = Some("https://hooks.example/".into())).await;
    let client = &server.client;
    let publish =
        async |text: &str| client.call("POST", "/api/v1/workflows/publish", Some(&json!({ "text": text }))).await.json();
    let first = publish(DOUBLE).await;
    assert_eq!((&first["revision"], &first["unchanged"]), (&json!(1), &json!(false)));
    let hook = &first["hooks"][0];
    assert!(hook["url"].as_str().unwrap().starts_with("https://hooks.example/hooks/"), "{hook}");
    assert_eq!(hook["path_url"], "https://hooks.example/hooks/main/double/:who");
    let again = publish(DOUBLE).await;
    assert_eq!((&again["revision"], &again["unchanged"]), (&json!(1), &json!(true)));
    let changed = publish(&DOUBLE.replace("* 2", "* 3")).await;
    assert_eq!((&changed["revision"], &changed["unchanged"]), (&json!(2), &json!(false)));
    assert_eq!(changed["hooks"], first["hooks"], "URLs stay");
    let id = first["workflow"].as_str().unwrap();
    let listed = client.list("/api/v1/workflows").await;
    assert_eq!(listed.len(), 1);
    let detail = client.get(&format!("/api/v1/workflows/{id}")).await;
    assert_eq!(detail["hooks"], first["hooks"]);
    let revisions = client.list(&format!("/api/v1/workflows/{id}/revisions")).await;
    let numbers: Vec<&Value> = revisions.iter().map(|revision| &revision["revision"]).collect();
    assert_eq!(numbers, [2, 1]);
    let old = client.get(&format!("/api/v1/workflows/{id}/revisions/1")).await;
    assert!(old["text"].as_str().unwrap().contains("half * 2"), "{old}");
    let yaml = client.call("GET", &format!("/api/v1/workflows/{id}/export"), None).await;
    assert_eq!(yaml.header("content-type"), Some("application/yaml; charset=utf-8"));
    let json = client.call("GET", &format!("/api/v1/workflows/{id}/export?format=json"), None).await;
    assert_eq!(json.json()["name"], "Double");
    for exported in [yaml.text(), json.text()] {
        assert_eq!(publish(&exported).await["unchanged"], true, "an export is the same document");
    }
    server.stop().await;
}

#[tokio::test]
async fn all_problems_of_a_document_are_listed_with_suggestions() {
    // Shape first, then meaning; checking finds what publishing refuses.
    let server = Running::start().await;
    for (text, codes) in [
        ("hookmill: 1\nname: A\ndesciption: x\nsteps: []\n", vec!["unknown_key"]),
        ("hookmill: 1\nname: A\nsteps: [{ id: a, use: lgo, with: {} }]\n", vec!["unknown_action"]),
        ("{", vec![]),
    ] {
        let body = json!({ "text": text });
        let refused = server.client.call("POST", "/api/v1/workflows/publish", Some(&body)).await;
        assert_eq!(refused.status, 422, "{text}: {}", refused.text());
        let refused = refused.json();
        assert_eq!(refused["code"], "invalid_workflow");
        let problems = refused["problems"].as_array().unwrap();
        assert!(!problems.is_empty());
        for code in codes {
            assert!(
                problems.iter().any(|problem| problem["code"] == code && problem["suggestion"].is_string()),
                "{code}: {refused}"
            );
        }
        let checked = server.client.call("POST", "/api/v1/workflows/check", Some(&body)).await;
        assert_eq!((checked.status, &checked.json()["problems"]), (200, &refused["problems"]), "{text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_path_belongs_to_one_workflow() {
    // The second workflow with the same path is refused, naming the first.
    let server = Running::start().await;
    server.client.publish(DOUBLE).await;
    let other = DOUBLE.replace("name: Double", "name: Other").replace(":who", ":name");
    let refused = server.client.call("POST", "/api/v1/workflows/publish", Some(&json!({ "text": other }))).await;
    assert_eq!(refused.status, 409);
    assert!(refused.json()["detail"].as_str().unwrap().contains("`Double`"), "{}", refused.text());
    server.stop().await;
}

#[tokio::test]
async fn shapes_of_catalogue_and_server_stay() {
    // What clients are generated against.
    let server = Running::start().await;
    let actions = server.client.list("/api/v1/actions").await;
    let names: Vec<&str> = actions.iter().map(|action| action["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"http.request") && names.contains(&"log"), "{names:?}");
    assert!(actions.iter().all(|action| action["input_schema"]["type"] == "object"));
    let mut about = server.client.get("/api/v1/server").await;
    for member in ["free_bytes", "floor_bytes"] {
        assert!(about["disk"][member].as_u64().unwrap() > 0);
        about["disk"][member] = json!(0);
    }
    about["version"] = json!("[version]");
    insta::assert_json_snapshot!("server", steady(about));
    server.stop().await;
}
