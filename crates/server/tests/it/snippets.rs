//! The calls that senders are shown, each run by its language against a running server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::running::Running;

/// The key of the signatures: base64 behind `whsec_`, and hexadecimal digits elsewhere.
const BASE64_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const HEX_SECRET: &str = "00112233445566778899aabbccddeeff";

/// What a sender has in its environment.
type Environment = Vec<(&'static str, &'static str)>;

/// Name, trigger, and what its senders know.
fn hooks() -> Vec<(&'static str, Value, Environment)> {
    let nasty = "q\"'`$(id)\\ \n\t\u{7f}<!-- </script> ?> ${x} {{ \u{202e}\u{2028}\u{feff}\u{fc}\u{1F600} JSON;";
    vec![
        (
            "hostile",
            json!({
                "auth": { "any": [{ "shared_key": "key" }] },
                "schema": {
                    "type": "object",
                    "examples": [{
                        nasty: { "a": nasty, "__proto__": [1, null, true, 0.5], "big": 12345678901234567_u64, "0": {} },
                        "'; DROP": [[], [{ "1": "x" }]]
                    }]
                }
            }),
            vec![("WEBHOOK_KEY", "s p&c?i=a/l+'\"$\u{e9}")],
        ),
        (
            "plain",
            json!({
                "path": "plain/:who",
                "variables": {
                    "who": { "type": "string", "example": "a/b c" },
                    "count": { "type": "number", "required": true, "example": 3 },
                    "list": { "type": "array", "items": { "type": "string" } },
                    "dry": { "type": "boolean", "from": { "query": "d r&y" }, "required": true },
                    "trace": { "type": "string", "from": { "header": "X-Trace" }, "example": "it's \"1\" $x", "required": true }
                }
            }),
            vec![],
        ),
        (
            "combined",
            json!({ "auth": { "all": [{ "basic": { "user": "us'er", "secret": "basic" } }, { "header": { "name": "X-Tok", "secret": "tok" } }] } }),
            vec![("WEBHOOK_PASSWORD", "pa:ss $x"), ("WEBHOOK_TOKEN", "t'o\"k$")],
        ),
        ("bearer", json!({ "auth": { "any": [{ "bearer": "key2" }] }, "methods": ["PUT"] }), vec![("WEBHOOK_BEARER", "abc.def")]),
        (
            "query",
            json!({ "methods": ["GET"], "variables": { "n&m": { "type": "number", "required": true }, "t": { "type": "string", "example": "\u{e9} +&" } } }),
            vec![],
        ),
        ("app key", json!({ "preset": "hap", "secret": "pair" }), vec![("WEBHOOK_APP_KEY", "app"), ("WEBHOOK_SIGN", "sign")]),
        ("standard", json!({ "preset": "standard-webhooks", "secret": "whsec" }), vec![("WEBHOOK_SECRET", BASE64_SECRET)]),
        ("prefix", json!({ "preset": "github", "secret": "tok" }), vec![("WEBHOOK_SECRET", "t'o\"k$")]),
        ("pairs", json!({ "preset": "stripe", "secret": "tok" }), vec![("WEBHOOK_SECRET", "t'o\"k$")]),
        ("split", json!({ "split": "$.items", "variables": { "n": { "type": "number", "required": true } } }), vec![]),
        ("token", json!({ "preset": "gitlab", "secret": "tok" }), vec![("WEBHOOK_SECRET", "t'o\"k$")]),
        (
            "every axis",
            json!({
                "preset": "hmac", "secret": "hex",
                "signature": {
                    "header": "X-Sig", "grammar": "versions", "key": "v9", "algorithm": "sha512", "encoding": "base64url",
                    "secret_form": "hex", "timestamp": { "header": "X-Time" }, "timestamp_unit": "ms", "id": { "header": "X-Id" },
                    "signed": ["method", " ", "path", "'\"$\n", "timestamp", ":", "id", "body"]
                }
            }),
            vec![("WEBHOOK_SECRET", HEX_SECRET)],
        ),
    ]
}

/// What the hooks check with.
const SECRETS: [(&str, &str); 8] = [
    ("key", "s p&c?i=a/l+'\"$\u{e9}"),
    ("key2", "abc.def"),
    ("basic", "pa:ss $x"),
    ("tok", "t'o\"k$"),
    ("pair", "app:sign"),
    ("whsec", BASE64_SECRET),
    ("hex", HEX_SECRET),
    ("unused", "x"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a program in its language. `scripts/test-setup.sh` has put the languages in place.
fn run(lang: &str, source: &str, folder: &Path, env: &[(&str, &str)]) -> Output {
    let python = root().join("target/test-python/bin/python");
    let (file, program, arguments): (&str, PathBuf, &[&str]) = match lang {
        "curl" => ("call.sh", "sh".into(), &[]),
        "fetch" | "axios" => ("call.mjs", "node".into(), &[]),
        "python" => ("call.py", python, &[]),
        "php" => ("call.php", "php".into(), &[]),
        "go" => ("call.go", "go".into(), &["run"]),
        other => panic!("nobody runs {other}"),
    };
    std::fs::write(folder.join(file), source).unwrap();
    let cache = root().join("target/test-go");
    Command::new(program)
        .args(arguments)
        .arg(file)
        .current_dir(folder)
        .envs(env.iter().copied())
        .env("NO_PROXY", "*")
        .env("GOCACHE", std::path::absolute(cache).unwrap())
        .env("GO111MODULE", "off")
        .output()
        .unwrap_or_else(|error| panic!("{lang} cannot be run, see scripts/test-setup.sh: {error}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_accepted_as_it_stands() {
    // Twelve hooks, six languages: the delivery is accepted, and its body is the example.
    let server = Running::start().await;
    let client = &server.client;
    for (name, value) in SECRETS {
        client.secret(name, value).await;
    }
    // Below the packages of npm, so that programs find them.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (name, trigger, env) in hooks() {
        let document = json!({ "hookmill": 1, "name": name, "triggers": [{ "webhook": trigger }], "steps": [] });
        let published = client.publish(&document.to_string()).await;
        let workflow = client.get(&format!("/api/v1/workflows/{}", published.workflow)).await;
        let hook = workflow["hooks"][0]["id"].as_str().unwrap();
        let description = client.get(&format!("/api/v1/workspaces/main/openapi.json?workflow={}", published.workflow)).await;
        let operations = description["paths"].as_object().unwrap().values().next().unwrap();
        let operation = operations.as_object().unwrap().values().next().unwrap();
        let example = operation["requestBody"]["content"]["application/json"]["example"].clone();
        assert!(name != "hostile" || example.is_object(), "the example of the schema is taken: {operation}");
        let calls = client.get(&format!("/api/v1/hooks/{hook}/snippets")).await;
        assert_eq!(calls["items"], operation["x-codeSamples"], "{name}");
        for call in calls["items"].as_array().unwrap() {
            let (lang, source) = (call["lang"].as_str().unwrap().to_owned(), call["source"].as_str().unwrap().to_owned());
            let (path, env, text) = (folder.path().to_owned(), env.clone(), source.clone());
            let language = lang.clone();
            let output = tokio::task::spawn_blocking(move || run(&language, &text, &path, &env)).await.unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let errors = String::from_utf8_lossy(&output.stderr);
            let delivery = said.split('"').find(|part| part.starts_with("dlv_")).map(str::to_owned);
            let delivery = delivery.unwrap_or_else(|| panic!("{name} in {lang} was not answered:\n{source}\n{said}\n{errors}"));
            let kept = client.get(&format!("/api/v1/deliveries/{delivery}")).await;
            assert_eq!(kept["outcome"], "accepted", "{name} in {lang}:\n{source}\n{said}\n{kept}");
            if !example.is_null() {
                let body = client.call("GET", &format!("/api/v1/deliveries/{delivery}/body"), None).await;
                assert_eq!(body.json(), example, "{name} in {lang}:\n{source}");
            }
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn calls_are_given_for_one_language_and_for_hooks_that_answer() {
    // One language, an unknown one, an unknown hook, and a hook whose trigger is gone.
    let server = Running::start().await;
    let client = &server.client;
    let document = |triggers: &str| format!("hookmill: 1\nname: one\ntriggers: {triggers}\nsteps: []\n");
    let published = client.publish(&document("[{ webhook: { preset: sns, label: mine } }]")).await;
    let workflow = client.get(&format!("/api/v1/workflows/{}", published.workflow)).await;
    let path = format!("/api/v1/hooks/{}/snippets", workflow["hooks"][0]["id"].as_str().unwrap());
    let one = client.get(&format!("{path}?lang=go")).await;
    let items = one["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["lang"]), (1, &json!("go")));
    assert!(items[0]["source"].as_str().unwrap().contains("// Amazon SNS signs its requests"), "{one}");
    assert_eq!(client.call("GET", &format!("{path}?lang=cobol"), None).await.status, 400);
    assert_eq!(client.call("GET", "/api/v1/hooks/hook_0000000000077/snippets", None).await.status, 404);
    client.publish(&document("[{ webhook: { label: other } }]")).await;
    assert_eq!(client.call("GET", &path, None).await.status, 409);
    server.stop().await;
}
