//! `hookmill listen`: deliveries printed as they come, forwarded, over a restart of the server, from a kept cursor.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use hookmill_testkit::TestApp;
use hookmill_testkit::patience::until;
use hookmill_testkit::upstream::{Answer, Upstream};
use serde_json::{Value, json};

use crate::cli::code;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const FLOW: &str = "
hookmill: 1
name: Flow
triggers:
  - webhook: { path: open }
  - webhook: { label: closed, path: closed, allow_ips: [203.0.113.7] }
steps: []
";

/// A line may take as long as any other wait of the tests.
const LINE_WITHIN: Duration = Duration::from_secs(30);

/// The command while it listens.
struct Listening {
    child: Child,
    lines: Receiver<Value>,
}

impl Listening {
    /// Starts it and waits until it listens.
    async fn start(app: &TestApp, arguments: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .args(["listen", "--json", "--url", &format!("http://{}", app.address()), "--key", app.client().key()])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines() {
                let line = line.unwrap();
                let _ = send.send(serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}")));
            }
        });
        let mut complaints = BufReader::new(child.stderr.take().unwrap()).lines();
        let (begun, waiting) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let _ = begun.send(complaints.next().map(Result::unwrap));
            // Read to its end, so that nothing it says stops it.
            complaints.for_each(drop);
        });
        let said = tokio::time::timeout(LINE_WITHIN, waiting).await.expect("it begins").unwrap();
        assert!(said.as_deref().is_some_and(|said| said.starts_with("Waiting for deliveries")), "{said:?}");
        Self { child, lines }
    }

    fn line(&self) -> Value {
        self.lines.recv_timeout(LINE_WITHIN).expect("it prints a line")
    }

    /// Ends it with Ctrl-C; what it printed after what was read.
    async fn end(mut self) -> Vec<Value> {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        let ended = until("it has ended", async || self.child.try_wait().unwrap()).await;
        assert_eq!(ended.code(), Some(0), "Ctrl-C is how it ends");
        self.lines.iter().collect()
    }
}

async fn deliver(app: &TestApp, path: &str, n: u64) -> String {
    let request =
        app.client().request("POST", &format!("/hooks/main/{path}?n={n}")).header("x-own", "a").json(&json!({ "n": n }));
    let answer = app.client().answer(request).await;
    answer.json()["delivery_id"].as_str().map(str::to_owned).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deliveries_are_printed_once_each_also_over_a_restart_of_the_server() {
    let mut app = TestApp::start(BINARY).await;
    app.publish(FLOW).await;
    let before = deliver(&app, "open", 0).await;
    // The server's clock is told to the second.
    let listening = Listening::start(&app, &[]).await;
    let first = deliver(&app, "open", 1).await;
    deliver(&app, "closed", 2).await;
    let mut seen = vec![listening.line(), listening.line()];
    // What came within the second in which listening began may be told as well.
    if seen[0]["id"] == before.as_str() {
        seen.remove(0);
        seen.push(listening.line());
    }
    assert_eq!((&seen[0]["id"], &seen[0]["outcome"]), (&json!(first), &json!("accepted")));
    assert_eq!((&seen[1]["outcome"], &seen[1]["reason"]), (&json!("refused"), &json!("address_not_allowed")));
    app.kill_9();
    app.restart();
    let third = deliver(&app, "open", 3).await;
    assert_eq!(listening.line()["id"], third.as_str());
    app.stop().await;
    app.restart();
    let fourth = deliver(&app, "open", 4).await;
    assert_eq!(listening.line()["id"], fourth.as_str());
    assert_eq!(listening.end().await, Vec::<Value>::new(), "nothing is told twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_is_forwarded_as_it_was_received() {
    let (app, upstream) = (TestApp::start(BINARY).await, Upstream::start().await);
    app.publish(FLOW).await;
    upstream.always("/local", Answer::status(201));
    let listening = Listening::start(&app, &["--forward", &upstream.url("/local?own=1")]).await;
    deliver(&app, "closed", 1).await;
    let id = deliver(&app, "open", 2).await;
    assert_eq!(listening.line()["outcome"], "refused");
    assert_eq!(listening.line()["id"], id.as_str());
    let forwarded = listening.line();
    assert_eq!((&forwarded["forwarded"], &forwarded["status"]), (&json!(id), &json!(201)));
    let received = upstream.received();
    let [received] = received.as_slice() else { panic!("what was refused is not forwarded: {received:?}") };
    assert_eq!((received.header("x-own"), received.header("hookmill-delivery")), ("a", id.as_str()));
    assert_eq!(received.json(), json!({ "n": 2 }));
    assert_eq!(received.query, "own=1&n=2");
    listening.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_cursor_goes_on_where_listening_ended() {
    let app = TestApp::start(BINARY).await;
    app.publish(FLOW).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor");
    let arguments = ["--cursor", file.to_str().unwrap(), "--outcome", "accepted"];
    let listening = Listening::start(&app, &arguments).await;
    let first = deliver(&app, "open", 1).await;
    assert_eq!(listening.line()["id"], first.as_str());
    // It is kept after the line is printed.
    until("the cursor is kept", async || std::fs::read_to_string(&file).ok().filter(|text| text.contains(&first)).map(drop))
        .await;
    listening.end().await;
    let missed = [deliver(&app, "open", 2).await, deliver(&app, "open", 3).await];
    deliver(&app, "closed", 4).await;
    let listening = Listening::start(&app, &arguments).await;
    for id in &missed {
        assert_eq!(listening.line()["id"], id.as_str(), "in the order of reception");
    }
    assert_eq!(listening.end().await, Vec::<Value>::new());
    let listening = Listening::start(&app, &["--since", "1h", "--outcome", "refused"]).await;
    assert_eq!(listening.line()["outcome"], "refused");
    listening.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_listen_is_told_at_once() {
    let app = TestApp::start(BINARY).await;
    let listen = |arguments: &[&str]| code(&app.remote_command(&[&["listen"], arguments].concat()).output());
    assert_eq!(listen(&["--hook", "nothing"]), 3);
    assert_eq!(listen(&["--workflow", "nobody"]), 3);
    assert_eq!(listen(&["--outcome", "nonsense"]), 2);
    assert_eq!(listen(&["--forward", "nonsense"]), 2);
    assert_eq!(listen(&["--since", "yesterday"]), 2);
    assert_eq!(listen(&["--url", "http://127.0.0.1:9"]), 5);
    assert_eq!(listen(&["--key", "hmk_wrong"]), 4);
}
