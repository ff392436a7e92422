//! The command line as its users and their scripts meet it: the real binary, its output and its exit codes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Invocation, Output};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");

const HELLO: &str = r#"
hookmill: 1
name: Hello
triggers:
  - webhook:
      label: Greeting
      auth: { any: [{ shared_key: greeting_key }] }
      variables: { name: { type: string, required: true } }
steps:
  - id: greet
    set: { text: "Hello {{ webhook.name }}" }
  - id: note
    use: log
    with: { message: "{{ text }}" }
"#;

const FAILS: &str = "hookmill: 1\nname: Fails\nsteps:\n  - stop: { failure: on purpose }\n";

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", output.stderr))
}

pub(crate) fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}: {}{}", output.status, output.stdout, output.stderr);
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect()
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A command without a server.
pub(crate) fn alone(arguments: &[&str]) -> Output {
    Invocation::new(BINARY, arguments).output()
}

/// A server with the workflow published by the command line, and its hook's URL.
pub(crate) async fn with_hello(folder: &Path) -> (TestApp, String, String) {
    let app = TestApp::start(BINARY).await;
    assert_eq!(code(&app.remote_command(&["secret", "set", "greeting_key", "--value", "s3cret"]).output()), 0);
    let path = file(folder, "hello.yaml", HELLO);
    let published = lines(&app.remote_command(&["apply", &path, "--json"]).output());
    let [published] = published.as_slice() else { panic!("one line a workflow: {published:?}") };
    assert_eq!((&published["name"], &published["revision"]), (&json!("Hello"), &json!(1)));
    assert_eq!(published["hooks"][0]["label"], "Greeting");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (app, text(&published["workflow"]), text(&published["hooks"][0]["url"]))
}

pub(crate) async fn greet(app: &TestApp, url: &str, name: &str) -> (String, String) {
    let path = url.strip_prefix(&format!("http://{}", app.address())).unwrap();
    let request = app.client().request("POST", &format!("{path}?key=s3cret")).json(&json!({ "name": name }));
    let answer = app.client().answer(request).await;
    (answer.delivery_id(), answer.run_id())
}

#[tokio::test]
async fn a_webhook_can_be_followed_from_delivery_to_run_with_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let (app, workflow, url) = with_hello(folder.path()).await;
    let (delivery, run) = greet(&app, &url, "Ada").await;
    app.finished(&run).await;
    let runs = lines(&app.remote_command(&["runs", "--json", "--workflow", &workflow, "--limit", "10"]).output());
    assert_eq!(runs.len(), 1);
    for (name, value) in [
        ("id", json!(run)),
        ("workflow", json!(workflow)),
        ("revision", json!(1)),
        ("state", json!("succeeded")),
        ("delivery", json!(delivery)),
        ("error", Value::Null),
    ] {
        assert_eq!(runs[0][name], value, "{name}");
    }
    assert!(runs[0]["started_at"].is_string() && runs[0]["finished_at"].is_string());
    let deliveries = lines(&app.remote_command(&["deliveries", "--json", "--limit", "10"]).output());
    assert_eq!(deliveries.len(), 1);
    assert_eq!(
        (&deliveries[0]["id"], &deliveries[0]["outcome"], &deliveries[0]["runs"]),
        (&json!(delivery), &json!("accepted"), &json!([run]))
    );
    for name in ["hook", "status", "reason", "received_at"] {
        assert!(deliveries[0].get(name).is_some(), "{name} is missing");
    }
    let searched = ["deliveries", "--json", "--workflow", &workflow, "--text", "\"ADA\"", "--from", "1h", "--id", &run];
    assert_eq!(lines(&app.remote_command(&searched).output()), deliveries, "the same line, however it is found");
    assert!(lines(&app.remote_command(&["deliveries", "--json", "--reason", "unauthorized"]).output()).is_empty());
    let curl = app.remote_command(&["deliveries", "curl", &delivery]).output();
    assert!(curl.stdout.starts_with("curl ") && curl.stdout.contains(r#"--data-raw '{"name":"Ada"}'"#), "{}", curl.stdout);
    assert!(!curl.stdout.contains("s3cret"), "{}", curl.stdout);
    let failed = lines(&app.remote_command(&["runs", "--json", "--state", "failed"]).output());
    assert!(failed.is_empty());
    let one = lines(&app.remote_command(&["runs", &run, "--json"]).output());
    assert_eq!(one[0]["steps"][0]["output"], json!({ "text": "Hello Ada" }));
    let table = app.remote_command(&["runs", "--workflow", "Hello"]).output();
    assert!(table.stdout.contains(&run) && table.stdout.contains("succeeded"), "{}", table.stdout);
    assert!(!table.stdout.contains('\u{1b}'), "no colours into a pipe");
}

#[tokio::test]
async fn lists_are_followed_over_pages() {
    let folder = tempfile::tempdir().unwrap();
    let (app, workflow, url) = with_hello(folder.path()).await;
    let mut last = String::new();
    for number in 0..510 {
        last = greet(&app, &url, &number.to_string()).await.1;
    }
    app.finished(&last).await;
    let all = lines(&app.remote_command(&["runs", "--json", "--workflow", &workflow, "--limit", "1000"]).output());
    let mut ids: Vec<&str> = all.iter().map(|run| run["id"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), ids[0]), (510, last.as_str()), "the newest first");
    ids.dedup();
    assert_eq!(ids.len(), 510);
    assert_eq!(lines(&app.remote_command(&["deliveries", "--json", "--limit", "3"]).output()).len(), 3);
}

#[tokio::test]
async fn apply_takes_folders_tells_every_problem_and_publishes_what_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let app = TestApp::start(BINARY).await;
    file(folder.path(), "a/one.yaml", FAILS);
    file(folder.path(), "a/deep/two.json", r#"{"hookmill":1,"name":"Two","steps":[]}"#);
    file(folder.path(), "a/.hidden/three.yaml", "nonsense");
    file(folder.path(), "a/read.me", "nonsense");
    let bad = file(
        folder.path(),
        "a/x.yml",
        "hookmill: 1\nname: Bad\nsteps:\n  - id: a\n    use: http.requst\n  - id: a\n    use: log\n    with: { mesage: 1 }\n",
    );
    let output = app.remote_command(&["apply", folder.path().join("a").to_str().unwrap(), "--json"]).output();
    assert_eq!(code(&output), 6, "{}", output.stderr);
    let names: Vec<Value> =
        output.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["name"].clone()).collect();
    assert_eq!(names, ["Two", "Fails"]);
    let problems = output.stderr.lines().filter(|line| line.starts_with(&format!("{bad}: "))).count();
    assert!(problems >= 3, "{}", output.stderr);
    assert!(output.stderr.contains("steps[0]") && output.stderr.contains("http.request"), "{}", output.stderr);
    let workflows = app.client().list("/api/v1/workflows").await;
    assert_eq!(workflows.len(), 2, "nothing of an invalid file is published");
    let checked = app.remote_command(&["apply", "--check", &bad]).output();
    assert_eq!(code(&checked), 6, "{}", checked.stderr);
    let missing = app.remote_command(&["apply", "/nonexistent/x.yaml"]).output();
    assert_eq!(code(&missing), 3, "{}", missing.stderr);
    let binary = folder.path().join("latin.yaml");
    std::fs::write(&binary, b"name: \xe9").unwrap();
    assert_eq!(code(&app.remote_command(&["apply", binary.to_str().unwrap()]).output()), 6);
}

#[tokio::test]
async fn export_gives_back_what_apply_takes() {
    let folder = tempfile::tempdir().unwrap();
    let (app, workflow, _) = with_hello(folder.path()).await;
    let yaml = app.remote_command(&["export", "Hello"]).output();
    let again = file(folder.path(), "again.yaml", &yaml.stdout);
    assert_eq!(lines(&app.remote_command(&["apply", &again, "--json"]).output())[0]["unchanged"], true);
    let all = folder.path().join("all");
    let output = app.remote_command(&["export", "--all", all.to_str().unwrap(), "--format", "json"]).output();
    assert_eq!(code(&output), 0, "{}", output.stderr);
    let files: Vec<PathBuf> = std::fs::read_dir(&all).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let applied = lines(&app.remote_command(&["apply", all.to_str().unwrap(), "--json"]).output());
    assert_eq!((&applied[0]["workflow"], &applied[0]["unchanged"]), (&json!(workflow), &json!(true)));
    assert_eq!(code(&app.remote_command(&["export", "Nope"]).output()), 3);
}

#[tokio::test]
async fn run_waits_and_its_exit_code_tells_the_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let (app, ..) = with_hello(folder.path()).await;
    let input = file(folder.path(), "input.json", r#"{"name":"Bob"}"#);
    let done = app.remote_command(&["run", "Hello", "--input", &format!("@{input}")]).output();
    assert_eq!(code(&done), 0, "{}", done.stderr);
    assert!(done.stdout.contains("succeeded") && done.stdout.contains("Hello Bob"), "{}", done.stdout);
    file(folder.path(), "fails.yaml", FAILS);
    assert_eq!(code(&app.remote_command(&["apply", folder.path().join("fails.yaml").to_str().unwrap()]).output()), 0);
    let failed = app.remote_command(&["run", "Fails", "--json"]).output();
    assert_eq!(code(&failed), 1);
    let run: Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!((&run["state"], &run["error"]["message"]), (&json!("failed"), &json!("on purpose")));
    let started = lines(&app.remote_command(&["run", "Hello", "--input", r#"{"name":"C"}"#, "--no-wait", "--json"]).output());
    app.finished(started[0]["run_id"].as_str().unwrap()).await;
    for (arguments, expected) in [
        (["run", "Hello", "--input", "{"], 6),
        (["run", "Hello", "--input", "@/nonexistent"], 3),
        (["run", "Nope", "--input", "{}"], 3),
    ] {
        assert_eq!(code(&app.remote_command(&arguments).output()), expected, "{arguments:?}");
    }
}

#[tokio::test]
async fn keys_are_made_with_the_server_running_stopped_or_never_started() {
    let mut app = TestApp::start(BINARY).await;
    let viewer = app.create_key("looks", "viewer");
    let read = |key: &str, arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--key", key]);
        app.remote_command(&all).output()
    };
    assert_eq!(code(&read(&viewer, &["runs"])), 0);
    assert_eq!(code(&read(&viewer, &["secret", "set", "a", "--value", "b"])), 4, "a viewer changes nothing");
    assert_eq!(code(&read("hmk_wrong", &["runs"])), 4);
    let made = lines(&app.remote_command(&["key", "create", "--name", "remote", "--role", "operator", "--json"]).output());
    assert_eq!(code(&read(made[0]["key"].as_str().unwrap(), &["deliveries"])), 0);
    let listed = lines(&app.remote_command(&["key", "list", "--json"]).output());
    assert_eq!(listed.iter().map(|key| key["name"].clone()).collect::<Vec<_>>(), ["test", "looks", "remote"]);
    let id = listed[1]["id"].as_str().unwrap();
    assert_eq!(code(&app.remote_command(&["key", "revoke", id]).output()), 0);
    assert_eq!(code(&read(&viewer, &["runs"])), 4, "a revoked key is refused");
    assert_eq!(code(&app.remote_command(&["key", "revoke", id]).output()), 3);
    app.stop().await;
    let stopped = app.create_key("stopped", "editor");
    assert!(stopped.starts_with("hmk_"));
    app.restart();
    assert_eq!(code(&app.remote_command(&["runs", "--key", &stopped]).output()), 0);

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new");
    let fresh = alone(&["key", "create", "--data", data.to_str().unwrap(), "--name", "first", "--role", "owner"]);
    assert!(fresh.stdout.trim().starts_with("hmk_") && fresh.stdout.lines().count() == 1, "{}{}", fresh.stdout, fresh.stderr);
    assert_eq!(lines(&alone(&["key", "list", "--data", data.to_str().unwrap(), "--json"])).len(), 1);
    let expired = [
        "key",
        "create",
        "--data",
        data.to_str().unwrap(),
        "--name",
        "x",
        "--role",
        "owner",
        "--expires",
        "2020-01-01T00:00:00Z",
    ];
    assert_eq!(code(&alone(&expired)), 2);
}

#[tokio::test]
async fn secrets_come_from_standard_input_and_never_back() {
    let app = TestApp::start(BINARY).await;
    let mut child = Command::new(BINARY)
        .args(["secret", "set", "pipe", "--value", "-", "--json"])
        .env("HOOKMILL_URL", format!("http://{}", app.address()))
        .env("HOOKMILL_KEY", app.client().key())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"-v\xc3\xa4lue\r\n").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(code(&app.remote_command(&["secret", "set", "dash", "--value", "--x"]).output()), 0);
    let listed = app.remote_command(&["secret", "list", "--json"]).output();
    assert_eq!(lines(&listed).iter().map(|secret| secret["name"].clone()).collect::<Vec<_>>(), ["dash", "pipe"]);
    assert!(!listed.stdout.contains("lue"));
    let expiring = app.remote_command(&["secret", "set", "old", "--value", "x", "--expires", "30d"]).output();
    assert!(code(&expiring) == 0 && expiring.stdout.contains("until 20"), "{expiring:?}");
    let past = app.remote_command(&["secret", "set", "old", "--value", "x", "--expires", "2020-01-01T00:00:00Z"]).output();
    assert_ne!(code(&past), 0);
    assert_eq!(code(&app.remote_command(&["secret", "set", "old", "--value", "x", "--expires", "soon"]).output()), 2);
    let listed = lines(&app.remote_command(&["secret", "list", "--json"]).output());
    assert!(listed.iter().any(|secret| secret["name"] == "old" && secret["expires_at"].is_string()), "{listed:?}");
    assert_eq!(code(&app.remote_command(&["secret", "delete", "pipe"]).output()), 0);
    assert_eq!(code(&app.remote_command(&["secret", "delete", "pipe"]).output()), 3);
}

#[tokio::test]
async fn a_backup_of_a_running_server_serves_again_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (app, _, url) = with_hello(folder.path()).await;
    let (_, run) = greet(&app, &url, "Ada").await;
    app.finished(&run).await;
    let stored = format!("{run}/file_{}_{}", run.strip_prefix("run_").unwrap(), "ab".repeat(16));
    let about = json!({ "id": stored.split_once('/').unwrap().1, "name": "a.txt", "media_type": "text/plain", "bytes": 7 });
    file(&app.data().join("files"), &format!("{stored}.data"), "content");
    file(&app.data().join("files"), &format!("{stored}.json"), &about.to_string());
    file(&app.data().join("files"), &format!("{stored}0.part"), "half");
    let backup = folder.path().join("backup.db");
    let backup = backup.to_str().unwrap();
    let made = app.command(&["backup", backup, "--json"]).output();
    assert_eq!(lines(&made)[0]["files"], 1, "complete ones only");
    assert_eq!(code(&app.command(&["backup", backup]).output()), 1, "nothing is overwritten");
    assert_eq!(code(&app.command(&["verify"]).output()), 0);
    let restored = folder.path().join("restored");
    let key = app.data().join("master.key");
    let restore = ["restore", backup, "--data", restored.to_str().unwrap(), "--master-key", key.to_str().unwrap()];
    assert_eq!(code(&alone(&restore)), 0);
    let again = alone(&restore);
    assert!(code(&again) == 1 && again.stderr.contains("not empty"), "{}", again.stderr);
    assert_eq!(code(&alone(&["verify", "--data", restored.to_str().unwrap()])), 0);
    let content = restored.join("files").join(format!("{stored}.data"));
    assert_eq!(std::fs::read_to_string(&content).unwrap(), "content");
    std::fs::write(&content, "conten").unwrap();
    let found = alone(&["verify", "--data", restored.to_str().unwrap()]);
    assert!(code(&found) == 1 && found.stdout.contains("another length"), "{}", found.stdout);
    let second = TestApp::builder(BINARY).data(&restored).start().await;
    assert_eq!(second.run(&run).await["state"], "succeeded");
    let moved = url.replace(&app.address().to_string(), &second.address().to_string());
    let (_, fresh) = greet(&second, &moved, "Bob").await;
    assert_eq!(second.finished(&fresh).await["state"], "succeeded", "the hook, its secret and the workflow came along");
    let nothing = file(folder.path(), "x.db", "not a database");
    let refused = alone(&["restore", &nothing, "--data", folder.path().join("new").to_str().unwrap()]);
    assert!(code(&refused) == 6 && !folder.path().join("new").exists(), "{}", refused.stderr);
}

#[tokio::test]
async fn verify_finds_what_was_damaged_behind_the_servers_back() {
    let folder = tempfile::tempdir().unwrap();
    let (mut app, _, url) = with_hello(folder.path()).await;
    let (delivery, run) = greet(&app, &url, "Ada").await;
    let (_, other) = greet(&app, &url, "Bob").await;
    app.finished(&run).await;
    app.finished(&other).await;
    app.stop().await;
    app.execute_sql("UPDATE deliveries SET crc = crc + 1 WHERE id = (SELECT MIN(id) FROM deliveries)").await;
    app.execute_sql("UPDATE runs SET state = 'failed' WHERE id = (SELECT MAX(id) FROM runs)").await;
    let found = app.command(&["verify", "--json"]).output();
    assert_eq!(code(&found), 1, "{}", found.stderr);
    let found: Vec<Value> = found.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids: Vec<&str> = found.iter().filter_map(|finding| finding["id"].as_str()).collect();
    assert!(ids.contains(&delivery.as_str()) && ids.contains(&other.as_str()), "{found:?}");
    assert_eq!(found.last().unwrap()["ok"], false);
}

#[tokio::test]
async fn doctor_config_openapi_and_completions_help_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let config = alone(&["config", "--data", data, "--database", "postgres://me:hidden@db.example/mill"]);
    assert!(config.stdout.contains("[server]") && !config.stdout.contains("hidden"), "{}", config.stdout);
    assert_eq!(lines(&alone(&["config", "--data", data, "--json"]))[0]["store"]["data"], data);
    assert_eq!(code(&alone(&["config", "--config", &file(folder.path(), "x.toml", "[server]\nlissten = 1\n")])), 2);
    let openapi: Value = serde_json::from_str(&alone(&["openapi"]).stdout).unwrap();
    assert_eq!(openapi["openapi"], "3.1.0");
    for shell in ["bash", "zsh", "fish"] {
        assert!(alone(&["completions", shell]).stdout.contains("hookmill"), "{shell}");
    }
    let checks = lines(&alone(&["doctor", "--data", data, "--url", "http://127.0.0.1:1", "--json"]));
    assert!(checks.iter().all(|check| check["result"] != "problem"), "nothing made yet is no problem: {checks:?}");
    std::fs::create_dir_all(data).unwrap();
    std::fs::write(Path::new(data).join("master.key"), "half a key").unwrap();
    let found = alone(&["doctor", "--data", data, "--url", "http://127.0.0.1:1"]);
    assert!(code(&found) == 1 && found.stdout.contains("problem"), "{}", found.stdout);
}

#[tokio::test]
async fn the_data_may_be_in_postgresql() {
    let url = hookmill_testkit::postgres::fresh_database().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--database", url.as_str(), "--data", folder.path().to_str().unwrap()]);
        alone(&all)
    };
    let made = at(&["key", "create", "--name", "first", "--role", "owner", "--json"]);
    assert!(lines(&made)[0]["key"].as_str().unwrap().starts_with("hmk_"));
    assert_eq!(lines(&at(&["key", "list", "--json"])).len(), 1);
    assert_eq!(code(&at(&["verify"])), 0);
    for (command, tool) in [("backup", "pg_dump"), ("restore", "pg_restore")] {
        let refused = at(&[command, "/nonexistent/x.db"]);
        assert!(code(&refused) != 0 && refused.stderr.contains(tool), "{}", refused.stderr);
    }
}
