//! `hookmill send`: a hook called as its provider or product would, with a secret that the caller knows.

use std::path::Path;
use std::process::Command;

use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Invocation, Output};
use serde_json::{Value, json};

use crate::cli::{code, lines};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const SECRET: &str = "s3cret:of both";

/// A workflow with one hook of a preset at a path of its own.
fn flow(path: &str, trigger: &str) -> String {
    format!("hookmill: 1\nname: {path}\ntriggers:\n  - webhook:\n      path: {path}\n      secret: key\n{trigger}steps: []\n")
}

async fn with(flows: &[(&str, &str)]) -> TestApp {
    let app = TestApp::start(BINARY).await;
    app.secret("key", SECRET).await;
    for (path, trigger) in flows {
        app.publish(&flow(path, trigger)).await;
    }
    app
}

fn send(app: &TestApp, secret: &str, arguments: &[&str]) -> Output {
    let mut invocation = app.remote_command(&[&["send"], arguments].concat());
    invocation.environment.push(("HOOKMILL_SEND_SECRET".into(), secret.into()));
    invocation.output()
}

/// A command that knows no server.
fn send_alone(secret: &str, arguments: &[&str]) -> Output {
    let mut invocation = Invocation::new(BINARY, &[&["send"], arguments].concat());
    invocation.environment.push(("HOOKMILL_SEND_SECRET".into(), secret.into()));
    invocation.output()
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    std::fs::write(folder.join(name), text).unwrap();
    folder.join(name).to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_and_a_preset_are_enough_and_the_hook_takes_what_is_sent() {
    let app = with(&[("gh", "      preset: github\n"), ("st", "      preset: stripe\n"), ("tw", "      preset: twilio\n")]).await;
    let url = |path: &str| format!("http://{}/hooks/main/{path}", app.address());
    let folder = tempfile::tempdir().unwrap();
    let secret = file(folder.path(), "secret", &format!("{SECRET}\n"));
    let body = file(folder.path(), "body.json", r#"{"zen": "Keep it logically awesome."}"#);
    let sent = send_alone(
        "",
        &[
            &url("gh"),
            "--preset",
            "github",
            "--secret-file",
            &secret,
            "--file",
            &body,
            "--event",
            "push",
            "--id",
            "d-1",
            "--json",
        ],
    );
    let [answer] = lines(&sent).try_into().unwrap();
    assert_eq!((&answer["status"], answer["body"]["run_id"].is_string()), (&json!(202), true), "{answer}");
    let delivery = answer["body"]["delivery_id"].as_str().unwrap();
    let stored = app.client().get(&format!("/api/v1/deliveries/{delivery}")).await;
    assert_eq!((&stored["event"], &stored["outcome"]), (&json!("push"), &json!("accepted")));
    let again = send_alone(SECRET, &[&url("gh"), "--preset", "github", "--file", &body, "--event", "push", "--id", "d-1"]);
    assert!(again.stdout.starts_with("202 Accepted, a repetition"), "{}", again.stdout);
    for arguments in [&["--preset", "stripe"][..], &["--preset", "stripe", "--event", "invoice.paid"]] {
        let sent = send_alone(SECRET, &[&[url("st").as_str()], arguments].concat());
        assert_eq!((code(&sent), &sent.stdout[..12]), (0, "202 Accepted"), "{}", sent.stderr);
    }
    for data in ["From=%2B1&To=%2B2", r#"{"json": true}"#] {
        let sent = send_alone(SECRET, &[&url("tw"), "--preset", "twilio", "--data", data]);
        assert_eq!(code(&sent), 0, "{data}: {}", sent.stdout);
    }
    let refused = send_alone("another", &[&url("gh"), "--preset", "github"]);
    assert_eq!((code(&refused), refused.stdout.starts_with("401 ")), (1, true), "{}", refused.stdout);
    assert!(!refused.stdout.contains(SECRET) && !refused.stderr.contains("another"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_is_asked_how_it_is_called_and_never_for_its_secret() {
    let described = "      preset: hmac\n      signature: { header: X-Sum, grammar: prefix, prefix: 'v1=', algorithm: sha512, \
                     encoding: base64, signed: [timestamp, ':', body], timestamp: { header: X-Time }, timestamp_unit: ms }\n";
    let app = with(&[
        ("described", described),
        ("hap", "      preset: hap\n"),
        ("vectense", "      preset: vectense\n"),
        ("smarttalk", "      preset: smarttalk\n"),
        ("public", "      preset: square\n      public_url: https://shop.example/in\n"),
    ])
    .await;
    for path in ["described", "hap", "vectense", "smarttalk", "public"] {
        let hooks = app.client().get(&format!("/api/v1/hooks?search=main/{path}")).await;
        let hook = hooks["items"][0]["id"].as_str().unwrap().to_owned();
        for named in [hook.clone(), format!("http://{}/hooks/main/{path}", app.address())] {
            let sent = send(&app, SECRET, &[&named]);
            assert_eq!(code(&sent), 0, "{path} {named}: {}{}", sent.stdout, sent.stderr);
        }
        let wrong = send(&app, "wrong:key", &[&hook]);
        assert_eq!(code(&wrong), 1, "{path}: {}", wrong.stdout);
        let none = send(&app, "", &[&hook]);
        assert_eq!(code(&none), 2, "{path}: {}", none.stdout);
        assert!(none.stderr.contains("HOOKMILL_SEND_SECRET"), "{path}: {}", none.stderr);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_printed_is_a_command_that_the_hook_takes() {
    let app = with(&[("gh", "      preset: standard-webhooks\n"), ("v", "      preset: vectense\n")]).await;
    app.secret("key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").await;
    for (path, preset) in [("gh", "standard-webhooks"), ("v", "vectense")] {
        let url = format!("http://{}/hooks/main/{path}", app.address());
        let arguments = [&url, "--preset", preset, "--data", "{\"it's\": \"$(a) `test`\"}", "-H", "X-Own: a b", "--print"];
        let printed = send_alone("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &arguments);
        assert_eq!(code(&printed), 0, "{}", printed.stderr);
        assert_eq!(app.client().list("/api/v1/deliveries").await.len(), usize::from(path == "v"), "nothing was sent");
        let shown = format!("{} -s -o /dev/null -w '%{{http_code}}'", printed.stdout.trim_end());
        let ran = Command::new("sh").args(["-c", &shown]).output().unwrap();
        let status = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(status == "202" || status == "200", "{status}: {}", printed.stdout);
        let delivery = &app.client().list("/api/v1/deliveries").await[0];
        let stored = app.client().get(&format!("/api/v1/deliveries/{}", delivery["id"].as_str().unwrap())).await;
        assert!(stored["headers"].as_array().unwrap().contains(&json!(["x-own", "a b"])), "{stored}");
    }
}

#[test]
fn what_cannot_be_sent_is_told_with_the_exit_code_that_scripts_know() {
    let url = "http://127.0.0.1:9/hooks/main/x";
    for (arguments, expected, said) in [
        (&[url][..], 2, "--preset"),
        (&[url, "--preset", "github"], 2, "HOOKMILL_SEND_SECRET"),
        (&[url, "--preset", "nobody"], 2, "there is no preset `nobody`"),
        (&[url, "--preset", "sendgrid", "--secret-file", "/nowhere"], 3, "/nowhere"),
        (&[url, "--preset", "azure-event-grid", "--file", "/nowhere"], 3, "/nowhere"),
        (&[url, "--preset", "azure-event-grid"], 5, "cannot be reached"),
        (&[url, "--preset", "azure-event-grid", "-H", "nonsense"], 2, "not like `Name: value`"),
        (&["hook_1", "--preset", "github"], 3, "`hook_1` is not an id"),
    ] {
        let output = send_alone("", arguments);
        assert_eq!(code(&output), expected, "{arguments:?}: {}", output.stderr);
        assert!(output.stderr.contains(said), "{arguments:?}: {}", output.stderr);
    }
    let output = send_alone("not a private key", &[url, "--preset", "sendgrid"]);
    assert_eq!(code(&output), 2);
    assert!(output.stderr.contains("private key that nobody else has"), "{}", output.stderr);
    assert!(!output.stderr.contains("not a private key"), "{}", output.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_of_the_document_are_presented_where_there_is_no_preset() {
    let app = TestApp::start(BINARY).await;
    app.secret("key", SECRET).await;
    for (path, auth) in [
        ("shared", "any: [{ shared_key: key }]"),
        ("bearer", "any: [{ bearer: key }]"),
        ("header", "all: [{ header: { name: X-Token, secret: key } }]"),
        ("basic", "any: [{ basic: { user: me, secret: key } }]"),
        ("own", "any: [{ api_key: true }]"),
        ("jwt", "any: [{ jwt: { algorithms: [HS384], secret: key, issuer: me, audience: you } }]"),
    ] {
        let document =
            format!("hookmill: 1\nname: {path}\ntriggers: [{{ webhook: {{ path: {path}, auth: {{ {auth} }} }} }}]\nsteps: []\n");
        app.publish(&document).await;
        let url = format!("http://{}/hooks/main/{path}", app.address());
        let secret = if path == "own" { "" } else { SECRET };
        let [answer]: [Value; 1] = lines(&send(&app, secret, &[&url, "--json"])).try_into().unwrap();
        assert_eq!(answer["status"], 202, "{path}: {answer}");
    }
}
