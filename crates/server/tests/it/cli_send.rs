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
    let mut invocation = Invocation::new(BINARY, [&["send"], arguments].concat());
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
        (
            "hashed",
            "any: [{ jwt: { algorithms: [HS256], secret: key, header: X-Pass, body_hash: { claim: sum, encoding: base64 } } }]",
        ),
        ("hex", "any: [{ jwt: { algorithms: [HS256], secret: key, header: Authorization, body_hash: { claim: iss } } }]"),
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_key_is_shown_to_its_own_server_alone() {
    let config = "[server]\npublic_url = \"https://hooks.example\"\n";
    let app = TestApp::builder(BINARY).config(config).start().await;
    app.publish(
        "hookmill: 1\nname: own\ntriggers: [{ webhook: { path: own, auth: { any: [{ api_key: true }] } } }]\nsteps: []\n",
    )
    .await;
    let key = app.client().key();
    for own in [format!("http://{}", app.address()), "https://hooks.example".to_owned()] {
        let printed = send(&app, "", &[&format!("{own}/hooks/main/own"), "--print"]);
        assert!(printed.stdout.contains(key), "{own}: {}{}", printed.stdout, printed.stderr);
    }
    for elsewhere in [
        "https://elsewhere.example",
        "http://hooks.example",
        "https://hooks.example:8443",
        "https://hooks.example@elsewhere.example",
        "http://127.0.0.1:9",
    ] {
        let url = format!("{elsewhere}/hooks/main/own");
        for arguments in [&[url.as_str(), "--print"][..], &[url.as_str(), "--print", "--preset", "smartflow"]] {
            let refused = send(&app, "", arguments);
            assert_eq!((code(&refused), refused.stdout.as_str()), (2, ""), "{arguments:?}");
            assert!(refused.stderr.contains("--secret-file"), "{arguments:?}: {}", refused.stderr);
            assert!(!refused.stderr.contains(key), "{arguments:?}");
        }
        let given = send(&app, "meant-for-it", &[&url, "--print"]);
        assert!(given.stdout.contains("Bearer meant-for-it") && !given.stdout.contains(key), "{elsewhere}: {}", given.stdout);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_in_the_url_is_not_part_of_an_error() {
    let app = TestApp::start(BINARY).await;
    app.secret("key", SECRET).await;
    app.publish(
        "hookmill: 1\nname: shared\ntriggers: [{ webhook: { path: shared, auth: { any: [{ shared_key: key }] } } }]\nsteps: []\n",
    )
    .await;
    // Whoever takes the connection goes away without an answer; nobody is at port 9.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let ending = tokio::spawn(async move {
        loop {
            drop(silent.accept().await);
        }
    });
    for host in ["127.0.0.1:9".to_owned(), address.to_string()] {
        let url = format!("http://{host}/hooks/main/shared?a=b");
        let output = send(&app, SECRET, &[&url]);
        assert_eq!(code(&output), 5, "{host}: {}", output.stderr);
        assert!(output.stderr.contains(&format!("{url} cannot be reached")), "{host}: {}", output.stderr);
        assert!(!output.stderr.contains("key=") && !output.stderr.contains("s3cret"), "{host}: {}", output.stderr);
    }
    ending.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_a_test_url_the_draft_says_how_it_is_called() {
    let app = TestApp::start(BINARY).await;
    app.secret("key", SECRET).await;
    let document = |auth: &str| {
        format!("hookmill: 1\nname: both\ntriggers: [{{ webhook: {{ path: both, auth: {{ any: [{auth}] }} }} }}]\nsteps: []\n")
    };
    app.publish(&document("{ bearer: key }")).await;
    let hook = app.client().get("/api/v1/hooks?search=main/both").await["items"][0].take();
    let (url, test_url) = (hook["url"].as_str().unwrap(), hook["test_url"].as_str().unwrap());
    let path = test_url.strip_prefix(&format!("http://{}", app.address())).unwrap();
    let prints = |named: &str, credential: &str| {
        let printed = send(&app, SECRET, &[named, "--print"]).stdout;
        assert!(printed.contains(credential), "{named}: {printed}");
    };
    let starts = async |named: &str, test: bool| {
        let [answer]: [Value; 1] = lines(&send(&app, SECRET, &[named, "--json"])).try_into().unwrap();
        assert_eq!(answer["status"], 202, "{named}: {answer}");
        let run = app.run(answer["body"]["run_id"].as_str().unwrap()).await;
        assert_eq!(run["test"], test, "{named}: {run}");
    };
    prints(test_url, "authorization: Bearer");
    starts(test_url, true).await;

    let draft = json!({ "text": document("{ header: { name: X-New, secret: key } }") });
    assert_eq!(app.client().call("POST", "/api/v1/workflows/draft", Some(&draft)).await.status, 200);
    for named in [test_url, path, &format!("{test_url}?a=b")] {
        prints(named, "x-new: ");
        starts(named, true).await;
    }
    prints(url, "authorization: Bearer");
    starts(url, false).await;

    let broken = json!({ "text": "hookmill: 1\nname: both\ntriggers: 7\n" });
    assert_eq!(app.client().call("POST", "/api/v1/workflows/draft", Some(&broken)).await.status, 200);
    let refused = send(&app, SECRET, &[test_url]);
    assert_eq!(code(&refused), 6, "{}", refused.stderr);
    assert!(refused.stderr.contains("the draft cannot be read"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_only_a_draft_has_is_called_at_its_test_url() {
    let app = TestApp::start(BINARY).await;
    app.secret("key", SECRET).await;
    let draft = json!({ "text": flow("drafted", "      preset: github\n") });
    let saved = app.client().call("POST", "/api/v1/workflows/draft", Some(&draft)).await.json();
    let hook = &saved["hooks"][0];
    let (id, url, test_url) = (hook["id"].as_str().unwrap(), hook["url"].as_str().unwrap(), hook["test_url"].as_str().unwrap());
    let sent = send(&app, SECRET, &[id, "--event", "push", "--json"]);
    assert!(code(&sent) == 0 && sent.stderr.contains("test URL"), "{}{}", sent.stdout, sent.stderr);
    let [answer]: [Value; 1] = lines(&sent).try_into().unwrap();
    assert_eq!(app.run(answer["body"]["run_id"].as_str().unwrap()).await["test"], true, "{answer}");
    let printed = send(&app, SECRET, &[id, "--print"]);
    assert!(printed.stdout.contains(test_url) && printed.stdout.contains("x-hub-signature-256"), "{}", printed.stdout);
    // Who names the URL itself means that one.
    let nothing = send(&app, SECRET, &[url]);
    assert!(code(&nothing) == 3 && nothing.stderr.contains(test_url), "{}", nothing.stderr);

    // Published, it is called at its own URL; without its trigger where the draft has it again.
    app.publish(&flow("drafted", "      preset: github\n")).await;
    let printed = send(&app, SECRET, &[id, "--print"]);
    assert!(!printed.stdout.contains("/hooks/test/") && printed.stderr.is_empty(), "{}{}", printed.stdout, printed.stderr);
    app.publish("hookmill: 1\nname: drafted\ntriggers: [{ webhook: { label: other } }]\nsteps: []\n").await;
    let removed = send(&app, SECRET, &[id]);
    assert!(code(&removed) == 3 && removed.stderr.contains("not in the published document"), "{}", removed.stderr);
    assert_eq!(app.client().call("POST", "/api/v1/workflows/draft", Some(&draft)).await.status, 200);
    assert_eq!(code(&send(&app, SECRET, &[id, "--event", "push", "--id", "another"])), 0);
}
