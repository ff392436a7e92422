//! How much is taken in: rate limits of hooks, workspaces and failing addresses, and the backlog.

use hookmill_server::config::Intake;
use hookmill_store::deliveries::Outcome;
use hookmill_store::hooks::TEST_PATHS;
use hookmill_testkit::TestApp;
use hookmill_testkit::app::Hook;
use hookmill_testkit::patience::until;
use hookmill_testkit::postgres::fresh_database;
use serde_json::json;

use crate::door::Door;
use crate::raw::Answer;

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");

/// A hook with a rate limit.
fn limited(name: &str, trigger: &str) -> String {
    format!("hookmill: 1\nname: {name}\ntriggers:\n  - webhook: {{ {trigger} }}\nsteps: []\n")
}

fn standing(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    let left = answer.header("ratelimit").and_then(|field| field.split(';').nth(1));
    (answer.status, answer.header("ratelimit-policy"), left)
}

async fn a_hook_takes_what_it_says_and_tells_how_much_is_left(url: Option<String>) {
    let door = Door::open_taking(url, Intake::default()).await;
    door.set_secret("k", "open");
    let path = door.publish(&limited("L", "rate_limit: { requests: 2, per: 1h }, auth: { any: [{ shared_key: k }] }")).await;
    let open = format!("{path}?key=open");
    assert_eq!(door.json(&path, "{}").await.status, 401, "who may not come in uses nothing up");
    let policy = Some("\"hook\";q=2;w=3600");
    assert_eq!(standing(&door.json(&open, "{}").await), (202, policy, Some("r=1")));
    assert_eq!(standing(&door.json(&open, "{}").await), (202, policy, Some("r=0")));
    let refused = door.json(&open, r#"{"n":3}"#).await;
    assert_eq!(standing(&refused), (429, policy, Some("r=0")));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit").unwrap(), format!("\"hook\";r=0;t={wait}"));
    let kept = door.refused(&refused, 429, "rate_limited").await;
    assert_eq!(door.store.delivery_body(kept.id).await.unwrap(), r#"{"n":3}"#, "so that it can be accepted after all");
    let next = door.json(&open, "{}").await;
    assert_eq!((next.status, next.json().get("delivery_id")), (429, None), "the ledger keeps the first of a window");
    let other = door.publish(&limited("O", "rate_limit: { requests: 1, per: 1h }")).await;
    assert_eq!(door.json(&other, "{}").await.status, 202, "each hook for itself");
    door.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_takes_what_it_says_and_tells_how_much_is_left_on_sqlite() {
    a_hook_takes_what_it_says_and_tells_how_much_is_left(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_takes_what_it_says_and_tells_how_much_is_left_on_postgresql() {
    a_hook_takes_what_it_says_and_tells_how_much_is_left(Some(fresh_database().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_across_nodes() {
    let url = fresh_database().await;
    let first = Door::open_taking(Some(url.clone()), Intake::default()).await;
    let second = Door::open_taking(Some(url), Intake::default()).await;
    let path = first.publish(&limited("N", "rate_limit: { requests: 10, per: 1h }")).await;
    let sends = (0..40).map(|n| if n % 2 == 0 { first.json(&path, "{}") } else { second.json(&path, "{}") });
    let answers = futures_util::future::join_all(sends).await;
    let taken = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!((taken, answers.len()), (10, 40));
    assert!(answers.iter().all(|answer| matches!(answer.status, 202 | 429)));
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn a_window_ends_and_what_was_refused_in_it_is_counted() {
    let door = Door::open().await;
    let path = door.publish(&limited("W", "rate_limit: { requests: 1, per: 1s }")).await;
    let mut refused = Vec::new();
    until("two windows have ended", async || {
        let answer = door.json(&path, "{}").await;
        if answer.status == 429 {
            refused.push(answer);
            return None;
        }
        (refused.iter().filter(|answer| answer.json().get("delivery_id").is_some()).count() >= 2).then_some(())
    })
    .await;
    let kept: Vec<&Answer> = refused.iter().filter(|answer| answer.json().get("delivery_id").is_some()).collect();
    let (first, second) = (door.delivery(kept[0]).await, door.delivery(kept[1]).await);
    let between = refused.iter().take_while(|answer| answer.body != kept[1].body).count() - 1;
    assert_eq!((first.outcome, second.outcome), (Outcome::Refused, Outcome::Refused));
    let told = second.detail.unwrap();
    let unkept = if between == 0 { String::new() } else { format!(" {between} more ") };
    assert!(told.contains(&unkept), "{told}, {between} between");
    door.close().await;
}

#[tokio::test]
async fn a_workspace_and_an_address_that_fails_have_limits_too() {
    let intake = Intake { workspace_rate: "4/1h".parse().unwrap(), failing_rate: "3/1h".parse().unwrap() };
    let door = Door::open_taking(None, intake).await;
    door.set_secret("k", "open");
    let path = door.publish(&limited("A", "auth: { any: [{ shared_key: k }] }")).await;
    let open = format!("{path}?key=open");
    assert_eq!(door.json(&open, "{}").await.status, 202);
    for _ in 0..3 {
        assert_eq!(door.json(&path, "{}").await.status, 401);
    }
    let unseen = door.json(&open, "{}").await;
    assert_eq!(standing(&unseen), (429, Some("\"address\";q=3;w=3600"), Some("r=0")), "even with the right key");
    let other = door.publish(&limited("B", "")).await;
    for _ in 0..3 {
        assert_eq!(door.json(&other, "{}").await.status, 202, "at another hook the address is as good as any");
    }
    let refused = door.json(&other, "{}").await;
    assert_eq!(standing(&refused), (429, Some("\"workspace\";q=4;w=3600"), Some("r=0")));
    door.close().await;
}

#[tokio::test]
async fn wrong_credentials_for_a_draft_count_for_its_tests_alone() {
    // Without a draft they are guesses at what is published.
    let intake = Intake { failing_rate: "2/1h".parse().unwrap(), ..Intake::default() };
    let door = Door::open_taking(None, intake).await;
    door.set_secret("k", "open");
    let text = limited("Drafted", "auth: { any: [{ shared_key: k }] }");
    let path = door.publish(&text).await;
    let test = path.replace("/hooks/", TEST_PATHS);
    let workflow = door.draft(&text.replace("steps: []", "steps: [{ set: { a: 1 } }]")).await.0;
    for expected in [401, 401, 429] {
        assert_eq!(door.json(&test, "{}").await.status, expected);
    }
    assert_eq!(door.json(&format!("{path}?key=open"), "{}").await.status, 202, "senders of the address go on");
    door.store.drop_draft(workflow).await.unwrap();
    for expected in [401, 401, 429] {
        assert_eq!(door.json(&test, "{}").await.status, expected);
    }
    assert_eq!(door.json(&format!("{path}?key=open"), "{}").await.status, 429);
    door.close().await;
}

#[tokio::test]
async fn products_tell_it_in_their_own_words() {
    let door = Door::open().await;
    for (preset, expected) in [
        ("vectense", json!({ "error": "Too many requests" })),
        (
            "smashsend",
            json!({ "error": "Too many requests", "message": "This hook takes 1 requests in 1h. Send again later.", "statusCode": 429 }),
        ),
    ] {
        let path = door.publish(&limited(preset, &format!("preset: {preset}, rate_limit: {{ requests: 1, per: 1h }}"))).await;
        assert_eq!(door.json(&path, r#"{"email":"a@example.com"}"#).await.status, 200, "{preset}");
        let refused = door.json(&path, r#"{"email":"a@example.com"}"#).await;
        assert_eq!((refused.status, refused.json()), (429, expected), "{preset}");
        assert!(refused.header("retry-after").is_some());
    }
    door.close().await;
}

/// Sends until it is refused because too many runs wait; what was accepted before.
async fn fill(app: &TestApp, hook: &Hook, limit: &str) -> usize {
    let mut accepted = 0;
    let refused = app
        .wait_for("a limit is reached", async || {
            let answer = app.send(hook, &json!({})).await;
            accepted += usize::from(answer.status == 202);
            (answer.status != 202).then_some(answer)
        })
        .await;
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("backlog_full")));
    let path = format!("/api/v1/deliveries/{}", refused.json()["delivery_id"].as_str().unwrap());
    let kept = app
        .wait_for("the refusal is kept", async || {
            let kept = app.client().call("GET", &path, None).await;
            (kept.status == 200).then(|| kept.text())
        })
        .await;
    assert!(kept.contains(&format!("`worker.{limit}`")), "{kept}");
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paused_hooks_hold_so_many_and_others_go_on() {
    let mut app = TestApp::builder(BINARY).config("[worker]\nheld_runs_max = 3\n").start().await;
    let hook = app.publish(&limited("Held", "path: held")).await.hook().clone();
    let other = app.publish(&limited("Other", "path: other")).await.hook().clone();
    assert_eq!(app.client().call("POST", &format!("/api/v1/hooks/{}/pause", hook.id), None).await.status, 200);
    assert_eq!(fill(&app, &hook, "held_runs_max").await, 3);
    assert_eq!(app.send(&other, &json!({})).await.status, 202);
    app.stop().await;
    app.restart();
    fill(&app, &hook, "held_runs_max").await;
    assert_eq!(app.client().call("POST", &format!("/api/v1/hooks/{}/resume", hook.id), None).await.status, 200);
    app.wait_for("it takes requests again", async || (app.send(&hook, &json!({})).await.status == 202).then_some(())).await;
    app.wait_for("what was held runs", async || app.client().no_run_is(&["held", "ready", "running"]).await.then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_wait_behind_a_stuck_lane_and_what_has_none_goes_on() {
    let config = "[worker]\nblocked_runs_max = 3\nresident_wait = \"1s\"\n";
    let app = TestApp::builder(BINARY).config(config).leftovers_allowed().start().await;
    let laned = "hookmill: 1\nname: Laned\ntriggers:\n  - webhook: {}\nsettings: { lane: one }\nsteps:\n  - wait: { for: 1d }\n";
    let hook = app.publish(laned).await.hook().clone();
    let other = app.publish(&limited("Other", "path: other")).await.hook().clone();
    let first = app.send(&hook, &json!({})).await.run_id();
    app.wait_for("the holder waits in the database", async || (app.run(&first).await["state"] == "waiting").then_some(())).await;
    assert!(fill(&app, &hook, "blocked_runs_max").await >= 3);
    assert_eq!(app.send(&other, &json!({})).await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_the_backlog_may_hold_is_refused_and_nothing_of_it_is_lost() {
    let config = "[worker]\nruns_at_once = 1\nqueue_runs_max = 2\nbacklog_runs_max = 5\n";
    let app = TestApp::builder(BINARY).config(config).start().await;
    let slow = "hookmill: 1\nname: Slow\ntriggers:\n  - webhook: {}\nsteps:\n  - wait: { for: 100ms }\n";
    let hook = app.publish(slow).await.hook().clone();
    let mut accepted = Vec::new();
    let refused = app
        .wait_for("the backlog is full", async || {
            let answer = app.send(&hook, &json!({})).await;
            if answer.status == 202 {
                accepted.push(answer.run_id());
                return None;
            }
            Some(answer)
        })
        .await;
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("backlog_full")));
    assert_eq!(refused.header("retry-after"), Some("10"));
    assert!((5..30).contains(&accepted.len()), "{}", accepted.len());
    app.wait_for("there is room again", async || (app.send(&hook, &json!({})).await.status == 202).then_some(())).await;
    for run in &accepted {
        assert_eq!(app.finished(run).await["state"], "succeeded");
    }
    // The first of its second is in the ledger, and can be accepted after all.
    let path = format!("/api/v1/deliveries/{}", refused.json()["delivery_id"].as_str().unwrap());
    let kept = app
        .wait_for("the refusal is kept", async || {
            let kept = app.client().call("GET", &path, None).await;
            (kept.status == 200).then(|| kept.json())
        })
        .await;
    assert_eq!((&kept["outcome"], &kept["reason"], &kept["status"]), (&json!("refused"), &json!("backlog_full"), &json!(503)));
    let accepted = app.client().call("POST", &format!("{path}/accept"), None).await;
    assert!(accepted.status < 300, "{}", accepted.text());
    assert_eq!(app.finished(accepted.json()["run_id"].as_str().unwrap()).await["state"], "succeeded");
}
