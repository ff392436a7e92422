//! Test URLs: the draft answers there, with the same checks as what is published.

use hookmill_server::listen::Limits;
use hookmill_store::deliveries::Outcome;
use hookmill_store::hook_states::{OffAnswer, Switch};
use hookmill_store::hooks::{Hook, TEST_PATHS};
use hookmill_store::ids::system_clock;
use hookmill_store::runs::{RunFilter, RunRow};
use hookmill_store::workflows::Publication;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_testkit::postgres::fresh_database;
use hookmill_worker::Which;
use serde_json::json;

use crate::door::{Door, succeeded};

/// A document whose runs give this number.
fn giving(number: u32) -> String {
    format!(
        "hookmill: 1\nname: Drafted\ntriggers:\n  - webhook: {{}}\nsteps:\n  - stop: {{ success: {{ gives: '{{{{ {number} }}}}' }} }}\n"
    )
}

/// The same with this in its trigger.
fn with(trigger: &str) -> String {
    format!("hookmill: 1\nname: Drafted\ntriggers:\n  - webhook: {{ {trigger} }}\nsteps:\n  - set: {{ a: 1 }}\n")
}

fn test_path(path: &str) -> String {
    path.replace("/hooks/", TEST_PATHS)
}

fn test_url(hook: &Hook) -> String {
    format!("{TEST_PATHS}{}", hook.token)
}

fn gave(run: &RunRow) -> &str {
    succeeded(run);
    run.output.as_deref().unwrap_or_default()
}

async fn the_draft_answers(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    let path = door.publish(&giving(1)).await;
    let test = test_path(&path);
    let run = door.ended(&door.json(&test, "{}").await).await;
    assert_eq!((run.revision, gave(&run)), (1, r#"{"gives":1}"#), "without a draft, what is published");
    for (number, revision) in [(2, 2), (3, 3)] {
        door.draft(&giving(number)).await;
        for _ in 0..2 {
            let run = door.ended(&door.json(&test, "{}").await).await;
            assert_eq!((run.revision, gave(&run)), (revision, format!(r#"{{"gives":{number}}}"#).as_str()));
        }
        let run = door.ended(&door.json(&path, "{}").await).await;
        assert_eq!((run.revision, gave(&run)), (1, r#"{"gives":1}"#), "elsewhere, what is published");
    }
    door.draft(&giving(1)).await;
    assert_eq!(door.ended(&door.json(&test, "{}").await).await.revision, 1, "it says what is published");
    let workflow = door.draft(&giving(4)).await.0;
    assert_eq!(door.ended(&door.json(&test, "{}").await).await.revision, 4);
    door.store.drop_draft(workflow).await.unwrap();
    assert_eq!(door.ended(&door.json(&test, "{}").await).await.revision, 1);
    door.close().await;
}

#[tokio::test]
async fn the_draft_answers_at_the_test_url_and_every_edit_takes_effect_at_once_on_sqlite() {
    the_draft_answers(None).await;
}

#[tokio::test]
async fn the_draft_answers_at_the_test_url_and_every_edit_takes_effect_at_once_on_postgresql() {
    the_draft_answers(Some(fresh_database().await)).await;
}

#[tokio::test]
async fn a_workflow_is_tested_before_it_is_ever_published_and_keeps_its_urls() {
    // Draft, test, publish: the token is the same all along.
    let door = Door::open().await;
    let (workflow, hooks) = door.draft(&giving(7)).await;
    let (test, path) = (test_url(&hooks[0]), format!("/hooks/{}", hooks[0].token));
    assert_eq!(door.json(&path, "{}").await.status, 404, "nothing is published");
    let accepted = door.json(&test, "{}").await;
    let run = door.ended(&accepted).await;
    assert_eq!((run.revision, run.workflow, gave(&run)), (1, workflow, r#"{"gives":7}"#));
    let delivery = door.delivery(&accepted).await;
    assert!(delivery.is_test() && delivery.hook == hooks[0].id);
    let runs = door.store.runs(&RunFilter::default(), 10).await.unwrap().items;
    assert_eq!(runs.iter().map(|run| run.test).collect::<Vec<_>>(), [true]);
    assert_eq!(door.publish(&giving(7)).await, path);
    let run = door.ended(&door.json(&path, "{}").await).await;
    assert_eq!((run.revision, gave(&run)), (2, r#"{"gives":7}"#));
    door.close().await;
}

#[tokio::test]
async fn a_draft_that_is_not_valid_is_kept_and_its_problems_are_in_the_ledger() {
    // What is published goes on; the mended draft answers again.
    let door = Door::open().await;
    let path = door.publish(&giving(1)).await;
    let broken =
        "hookmill: 1\nname: Drafted\ntriggers: [{ webhook: { methods: [TRACE] } }]\nsteps: [{ use: nothing, with: {} }]\n";
    for (text, told) in [
        (broken, &["triggers[0].webhook.methods[0]: ", "steps[0].use: "][..]),
        ("{", &["The draft is not valid. "]),
        (&giving(2).replace("name: Drafted", "name: Another"), &["name: the document is called `Another`"]),
    ] {
        door.draft_of("Drafted", text).await;
        for _ in 0..2 {
            let refused = door.json(&test_path(&path), "{}").await;
            let delivery = door.refused(&refused, 503, "hook_not_ready").await;
            let detail = delivery.detail.unwrap();
            assert!(told.iter().all(|told| detail.contains(told)), "{text}: {detail}");
            assert!(!String::from_utf8_lossy(&refused.body).contains("draft"), "senders are not told: {refused:?}");
        }
        assert_eq!(door.ended(&door.json(&path, "{}").await).await.revision, 1);
    }
    door.draft(&giving(2)).await;
    assert_eq!(gave(&door.ended(&door.json(&test_path(&path), "{}").await).await), r#"{"gives":2}"#);
    door.close().await;
}

#[tokio::test]
async fn nothing_answers_where_neither_draft_nor_publication_has_the_trigger() {
    // 404 like any URL that leads nowhere, until a draft has the trigger.
    let door = Door::open().await;
    let (workflow, hooks) = door.draft(&with("label: a")).await;
    let test = test_url(&hooks[0]);
    let nothing = async |path: &str| {
        let answer = door.json(path, "{}").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "hook_not_found"), "{path}");
    };
    door.draft(&with("label: b")).await;
    nothing(&test).await;
    nothing(&test).await;
    door.store.drop_draft(workflow).await.unwrap();
    nothing(&test).await;
    door.publish(&with("label: b")).await;
    nothing(&test).await;
    nothing(&format!("{TEST_PATHS}0123456789abcdefghijkl")).await;
    let (workflow, hooks) = door.draft(&with("label: a")).await;
    nothing(&test).await;
    assert_eq!(door.json(&test_url(&hooks[0]), "{}").await.status, 202, "a workflow that is gone takes its URLs with it");
    assert_eq!(door.store.revisions(workflow, None, 10).await.unwrap().len(), 2, "what answers nowhere was not tried");
    door.close().await;
}

#[tokio::test]
async fn a_draft_checks_everything_that_a_published_trigger_does() {
    // The published trigger asks for nothing; each draft asks for something.
    let door = Door::open().await;
    let path = door.publish(&with("")).await;
    let test = test_path(&path);
    door.set_secrets(&[("key", "k3y"), ("github", "It's a Secret to Everybody")]);

    door.draft(&with("auth: { any: [{ bearer: key }] }")).await;
    door.refused(&door.json(&test, "{}").await, 401, "unauthorized").await;
    let let_in = door.post(&test, "Authorization: Bearer k3y\r\nContent-Type: application/json\r\n", "{}").await;
    succeeded(&door.ended(&let_in).await);
    assert!(door.delivery(&let_in).await.headers.iter().all(|(_, value)| !value.contains("k3y")), "redacted as always");

    // GitHub's own example.
    door.draft(&with("preset: github, secret: github")).await;
    let signed = |signature: &str| {
        format!("Content-Type: application/json\r\nX-GitHub-Delivery: d1\r\nX-Hub-Signature-256: sha256={signature}\r\n")
    };
    let good = signed("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    let wrong = signed("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e18");
    door.refused(&door.post(&test, &wrong, "Hello, World!").await, 401, "bad_signature").await;
    let accepted = door.post(&test, &good, "Hello, World!").await;
    // The body of the example is no JSON; its signature was looked at first.
    door.refused(&accepted, 400, "bad_body").await;

    door.draft(&with("variables: { n: { type: number, required: true } }, methods: [POST]")).await;
    door.refused(&door.json(&test, r#"{"n":"x"}"#).await, 400, "invalid_variables").await;
    assert_eq!(door.get(&test).await.status, 405);
    assert_eq!(door.json(&test, r#"{"n":1}"#).await.status, 202);

    door.draft(&with("allow_ips: ['203.0.113.7']")).await;
    door.refused(&door.json(&test, "{}").await, 403, "address_not_allowed").await;

    door.draft(&with("only_if: '{{ webhook.body.go }}'")).await;
    let filtered = door.json(&test, r#"{"go":false}"#).await;
    assert_eq!((filtered.status, &filtered.json()["filtered"]), (200, &json!(true)));

    door.draft(&with("split: '$.items', response: { body: { ok: true } }")).await;
    let split = door.json(&test, r#"{"items":[1,2,3]}"#).await;
    assert_eq!((split.status, split.json()), (200, json!({ "ok": true })));

    door.draft(&with("preset: microsoft-graph, client_state: key")).await;
    let greeted = door.post(&format!("{test}?validationToken=t0ken"), "", "").await;
    assert_eq!((greeted.status, greeted.body.as_slice()), (200, &b"t0ken"[..]), "handshakes are answered: {greeted:?}");
    assert_eq!(door.json(&path, "{}").await.status, 202, "what is published asks for nothing all the while");
    door.close().await;
}

async fn keys_and_limits_are_apart(url: Option<String>) {
    let door = Door::open_with(url, Limits::default()).await;
    let text = with("dedupe: { path: '$.id' }, rate_limit: { requests: 2, per: 1h }");
    let path = door.publish(&text).await;
    let test = test_path(&path);
    let is_copy = |answer: &crate::raw::Answer| (answer.status, answer.header("hookmill-duplicate").is_some());
    assert_eq!(is_copy(&door.json(&path, r#"{"id":1}"#).await), (202, false));
    assert_eq!(is_copy(&door.json(&test, r#"{"id":1}"#).await), (202, true), "without a draft, keys are the same");
    let limited = door.json(&test, r#"{"id":2}"#).await;
    door.refused(&limited, 429, "rate_limited").await;
    door.draft(&text.replace("a: 1", "a: 0")).await;
    let tested = door.json(&test, r#"{"id":1}"#).await;
    assert_eq!(is_copy(&tested), (202, false));
    assert_eq!(is_copy(&door.json(&test, r#"{"id":1}"#).await), (202, true), "a test remembers its keys");
    let limited = door.json(&test, r#"{"id":1}"#).await;
    door.refused(&limited, 429, "rate_limited").await;
    assert!(limited.header("ratelimit-policy").unwrap().starts_with("\"hook\""), "{limited:?}");
    let text = with("dedupe: { path: '$.id' }");
    door.publish(&text).await;
    door.draft(&text.replace("a: 1", "a: 2")).await;
    assert_eq!(is_copy(&door.json(&test, r#"{"id":3}"#).await), (202, false));
    assert_eq!(is_copy(&door.json(&path, r#"{"id":3}"#).await), (202, false), "no test stands in for a real request");
    assert_eq!(is_copy(&door.json(&path, r#"{"id":3}"#).await), (202, true));

    // The same request can be sent again to each draft.
    for number in [3, 4] {
        door.draft(&text.replace("a: 1", &format!("a: {number}"))).await;
        assert_eq!(is_copy(&door.json(&test, r#"{"id":1}"#).await), (202, false), "{number}");
        assert_eq!(is_copy(&door.json(&test, r#"{"id":1}"#).await), (202, true), "{number}");
    }

    // One that was refused as a test and is accepted after all is a test to its copies.
    let guarded = with("dedupe: { path: '$.id' }, auth: { any: [{ bearer: key }] }");
    let workflow = door.draft(&guarded).await.0;
    door.set_secret("key", "k3y");
    let refused = door.refused(&door.json(&test, r#"{"id":9}"#).await, 401, "unauthorized").await;
    let revision = door.store.workflow_by_name(FIRST_WORKSPACE, "Drafted").await.unwrap().unwrap().last_revision;
    let run = door.worker.accept_after_all(refused.id, Which::Same, "somebody").await.unwrap();
    assert_eq!(door.store.run(run).await.unwrap().unwrap().revision, revision, "the draft that refused it");
    let headers = "Authorization: Bearer k3y\r\nContent-Type: application/json\r\n";
    assert_eq!(is_copy(&door.post(&test, headers, r#"{"id":9}"#).await), (202, true));

    // Without a draft it is a request like any other.
    door.store.drop_draft(workflow).await.unwrap();
    door.publish(&guarded).await;
    let refused = door.refused(&door.json(&test, r#"{"id":10}"#).await, 401, "unauthorized").await;
    door.worker.accept_after_all(refused.id, Which::Same, "somebody").await.unwrap();
    assert_eq!(is_copy(&door.post(&path, headers, r#"{"id":10}"#).await), (202, true));
    door.close().await;
}

#[tokio::test]
async fn keys_and_rate_limits_of_tests_are_apart_from_those_of_senders_on_sqlite() {
    keys_and_limits_are_apart(None).await;
}

#[tokio::test]
async fn keys_and_rate_limits_of_tests_are_apart_from_those_of_senders_on_postgresql() {
    keys_and_limits_are_apart(Some(fresh_database().await)).await;
}

#[tokio::test]
async fn a_draft_is_tested_while_the_hook_is_paused_or_off_or_has_a_new_token() {
    // What keeps senders away keeps nobody from testing a draft; the test URL is no way around it to what is published.
    let door = Door::open().await;
    let path = door.publish(&giving(1)).await;
    let test = test_path(&path);
    door.switch(&path, Switch::Pause).await;
    let held = door.json(&test, "{}").await;
    assert_eq!((held.status, door.delivery(&held).await.outcome), (202, Outcome::Held));
    door.switch(&path, Switch::Off(OffAnswer::Unavailable)).await;
    door.refused(&door.json(&test, "{}").await, 503, "hook_away").await;
    door.switch(&path, Switch::On).await;
    door.draft(&giving(2)).await;
    for switch in [Switch::Pause, Switch::Off(OffAnswer::NotFound)] {
        door.switch(&path, switch).await;
        assert_eq!(gave(&door.ended(&door.json(&test, "{}").await).await), r#"{"gives":2}"#, "{switch:?}");
    }
    assert_eq!(door.json(&path, "{}").await.status, 404);
    let hook = door.store.hook_by_token(path.trim_start_matches("/hooks/")).await.unwrap().unwrap().hook;
    let now = system_clock()();
    let keep = now.plus(hookmill_engine::time::Span(60_000));
    let rotated = door.store.rotate_hook(hook.id, Some(keep), now).await.unwrap();
    for url in [&test, &test_url(&rotated)] {
        assert_eq!(door.ended(&door.json(url, "{}").await).await.revision, 2);
    }
    door.store.end_old_tokens(hook.id, None, now).await.unwrap();
    assert_eq!(door.json(&test, "{}").await.status, 404);
    door.close().await;
}

#[tokio::test]
async fn a_test_is_replayed_on_the_revision_that_is_asked_for() {
    // On what it ran on, on what is published, and never with its token for a parameter.
    let door = Door::open().await;
    let text = |gives: &str| {
        format!(
            "hookmill: 1\nname: Drafted\ntriggers:\n  - webhook: {{ path: ':id' }}\nsteps:\n  \
             - stop: {{ success: {{ gives: '{gives} {{{{ webhook.path.id | default(\"nobody\") }}}}' }} }}\n"
        )
    };
    let (workflow, hooks) = door.draft(&text("draft")).await;
    let tested = door.json(&test_url(&hooks[0]), "{}").await;
    assert_eq!(gave(&door.ended(&tested).await), r#"{"gives":"draft nobody"}"#);
    let delivery = door.delivery(&tested).await.id;
    let replay = async |which| {
        let runs = door.worker.replay(delivery, which).await.unwrap();
        let run = hookmill_testkit::patience::until("it ends", async || {
            door.store.run(runs[0]).await.unwrap().filter(|run| run.state.is_final())
        });
        run.await
    };
    assert_eq!(gave(&replay(Which::Same).await), r#"{"gives":"draft nobody"}"#);
    let never = door.worker.replay(delivery, Which::Latest).await.unwrap_err();
    assert!(never.to_string().contains("never published"), "{never}");
    assert!(door.worker.start_by_hand(workflow, Which::Latest, "{}".into()).await.is_err());
    door.publish(&text("published")).await;
    assert_eq!(gave(&replay(Which::Latest).await), r#"{"gives":"published nobody"}"#);
    assert_eq!(gave(&replay(Which::Same).await), r#"{"gives":"draft nobody"}"#);
    assert_eq!(gave(&replay(Which::Number(1)).await), r#"{"gives":"draft nobody"}"#);
    door.close().await;
}

#[tokio::test]
async fn drafts_that_are_saved_while_they_are_tested_are_each_tried_as_what_they_say() {
    // Senders, a writer and a publisher at once: every run is on a revision that says what it gave.
    let door = Door::open().await;
    let path = door.publish(&giving(0)).await;
    let test = test_path(&path);
    let writer = async {
        for number in 1..=20 {
            door.draft(&giving(number)).await;
            // Nobody saves faster than that.
            assert_eq!(door.json(&test, "{}").await.status, 202);
            if number % 7 == 0 {
                door.publish(&giving(number)).await;
            }
        }
    };
    let ((), first, second) = tokio::join!(writer, sender(&door, &test), sender(&door, &test));
    for answer in first.iter().chain(&second) {
        let run = door.ended(answer).await;
        let document = door.store.document(run.workflow, run.revision).await.unwrap().unwrap();
        let number: u32 = gave(&run).trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        assert!(document.contains(&format!("{{{{ {number} }}}}")), "{document}");
    }
    assert_eq!(gave(&door.ended(&door.json(&test, "{}").await).await), r#"{"gives":20}"#);
    assert_eq!(door.count_of(Outcome::Accepted).await, 81);
    door.close().await;
}

async fn sender(door: &Door, test: &str) -> Vec<crate::raw::Answer> {
    let mut answers = Vec::new();
    for _ in 0..30 {
        answers.push(door.json(test, "{}").await);
    }
    answers
}

#[tokio::test]
async fn publishing_the_draft_ends_it() {
    // The test URL leads to what is published from then on.
    let door = Door::open().await;
    let (workflow, hooks) = door.draft(&giving(1)).await;
    let version = door.store.draft(workflow).await.unwrap().unwrap().version;
    assert_eq!(door.ended(&door.json(&test_url(&hooks[0]), "{}").await).await.revision, 1);
    let publication = Publication {
        workspace: FIRST_WORKSPACE,
        name: "Drafted".into(),
        document: giving(1),
        author: "somebody".into(),
        hooks: vec![hookmill_store::hooks::WantedHook { label: "webhook".into(), path: None, alias: None }],
        draft: Some(version),
    };
    assert_eq!(door.store.publish(&publication, system_clock()()).await.unwrap().revision, 2);
    assert_eq!(door.ended(&door.json(&test_url(&hooks[0]), "{}").await).await.revision, 2);
    door.close().await;
}
