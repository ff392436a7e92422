//! `hookmill listen --sample`, `hookmill sample`, `hookmill contacts`.

use std::process::{Command, Stdio};

use hookmill_testkit::TestApp;
use hookmill_testkit::patience::until;
use serde_json::json;

use crate::cli::{code, lines};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const FLOW: &str = "
hookmill: 1
name: Flow
triggers: [{ webhook: { preset: smashsend, ids: { workspace: w, workflow: f } } }]
steps: [{ set: { x: 1 } }]
";

async fn with_flow() -> (TestApp, String, String) {
    let app = TestApp::start(BINARY).await;
    let published = app.publish(FLOW).await;
    let workflow = app.client().get(&format!("/api/v1/workflows/{}", published.workflow)).await;
    let hook = workflow["hooks"][0]["id"].as_str().unwrap().to_owned();
    (app, hook.clone(), format!("/api/v1/hooks/{hook}/listen"))
}

/// Waits until the hook is armed.
async fn armed(app: &TestApp, path: &str) {
    until("the hook is armed", async || {
        let feed = app.client().request("GET", path).bearer_auth(app.client().key()).send().await.unwrap();
        (feed.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listening_prints_what_was_captured_and_its_variables_and_keeps_it() {
    let (app, hook, path) = with_flow().await;
    let listening = app.remote_command(&["listen", "--sample", &hook, "--keep"]);
    let listening = tokio::task::spawn_blocking(move || listening.output());
    armed(&app, &path).await;
    let sent = app.client().request("POST", "/v1/flows/f/w/call").json(&json!({ "email": "a@b.c", "age": 7 }));
    assert_eq!(app.client().answer(sent).await.json()["captured"], true);
    let output = listening.await.unwrap();
    assert_eq!(code(&output), 0, "{}", output.stderr);
    let yaml = "variables:\n  email:\n    type: string\n    example: a@b.c\n  age:\n    type: number\n    example: 7\n";
    assert_eq!(output.stdout, yaml);
    assert!(output.stderr.contains("POST") && output.stderr.contains(r#"{"email":"a@b.c","age":7}"#), "{}", output.stderr);
    assert_eq!(app.remote_command(&["sample", "--of", &hook]).output().stdout, yaml, "it is kept");
    assert_eq!(code(&app.remote_command(&["listen", "--sample", "hook_0000000000001"]).output()), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_cancels_listening() {
    let (app, hook, path) = with_flow().await;
    let mut listening = Command::new(BINARY)
        .args(["listen", "--sample", &hook, "--url", &format!("http://{}", app.address()), "--key", app.client().key()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    armed(&app, &path).await;
    assert!(Command::new("kill").args(["-INT", &listening.id().to_string()]).status().unwrap().success());
    let ended = until("it has cancelled and ended", async || listening.try_wait().unwrap()).await;
    assert_eq!(ended.code(), Some(1));
    let feed = app.client().request("GET", &path).bearer_auth(app.client().key()).send().await.unwrap();
    assert!(feed.text().await.unwrap().contains("event: cancelled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_become_variables_and_contacts_are_listed() {
    let (app, hook, _) = with_flow().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sample.json");
    std::fs::write(&file, r#"{"a": 1, "b": "two"}"#).unwrap();
    let file = file.to_str().unwrap();
    let yaml =
        "variables:\n  a:\n    type: number\n    required: true\n    example: 1\n  b:\n    type: string\n    example: two\n";
    for arguments in [&["--json", file][..], &["--pairs", "a=1", "b=two"], &["--form", "a=1&b=two"]] {
        let output = app.remote_command(&[&["sample", "--required", "a"], arguments].concat()).output();
        assert_eq!((code(&output), output.stdout.as_str()), (0, yaml), "{arguments:?}: {}", output.stderr);
    }
    for (arguments, exit) in [(&["--pairs", "a"][..], 2), (&["--delivery", "dlv_0000000000001"], 3), (&["--json", "/nowhere"], 3)]
    {
        let output = app.remote_command(&[&["sample"], arguments].concat()).output();
        assert_eq!(code(&output), exit, "{arguments:?}: {}", output.stderr);
    }
    assert_eq!(code(&app.remote_command(&["sample", "--form", "x=1", "--keep", &hook]).output()), 0);
    let sent = app.client().request("POST", "/v1/flows/f/w/call").json(&json!({ "email": "a@b.c", "age": 7 }));
    assert_eq!(app.client().answer(sent).await.status, 200);
    let listed = lines(&app.remote_command(&["contacts", "--text", "A@B", "--json"]).output());
    assert_eq!((listed.len(), &listed[0]["fields"]), (1, &json!({ "age": 7 })));
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(code(&app.remote_command(&["contacts", "delete", id]).output()), 0);
    assert_eq!(code(&app.remote_command(&["contacts", "delete", id]).output()), 3);
}
