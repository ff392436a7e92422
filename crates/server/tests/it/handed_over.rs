//! Secrets that senders hand over in their handshakes: on disk before the answer, sealed, compared with nobody until their
//! owner confirms them, and nowhere else.

use hookmill_store::args;
use hookmill_store::db::{Batch, Expect};
use hookmill_store::deliveries::{DeliveryFilter, Outcome};
use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Client, Database, Hook};
use hookmill_testkit::patience::until;
use hookmill_testkit::postgres::fresh_database;
use serde_json::{Value, json};

use crate::cli::code;
use crate::door::Door;
use crate::providers::{document, hmac_hex};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const ASANA: &str = "b537207f20cbfa02357cf448134da559e8bdd63d6597dcd5631b8012eae53e81";
const NOTION: &str = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl";

#[tokio::test]
async fn what_is_handed_over_stands_nowhere_in_the_ledger() {
    let door = Door::open().await;
    door.publish(&document("preset: asana, secret: later")).await;
    let answer = door.post("/hooks/main/p", &format!("X-Hook-Secret: {ASANA}\r\n"), "").await;
    assert_eq!((answer.status, answer.header("x-hook-secret")), (200, Some(ASANA)), "{answer:?}");
    door.publish(&document("preset: notion, secret: later")).await;
    let body = json!({ "verification_token": NOTION, "workspace": "Mine" }).to_string();
    assert_eq!(door.json("/hooks/main/p", &body).await.status, 200);
    // Nor where nobody wants the handshake.
    door.publish(&document("preset: notion, secret: later, handshake: false")).await;
    let refused = door.json("/hooks/main/p", &body).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    until("both handshakes are kept", async || (door.count_of(Outcome::Handshake).await == 2).then_some(())).await;
    door.delivery(&refused).await;
    let kept = door.store.deliveries(&DeliveryFilter::default(), 10).await.unwrap().items;
    for summary in &kept {
        let delivery = door.store.delivery(summary.id).await.unwrap().unwrap();
        let body = String::from_utf8(door.store.delivery_body(summary.id).await.unwrap().to_vec()).unwrap();
        let shown = format!("{delivery:?} {body}");
        assert!(!shown.contains(ASANA) && !shown.contains(NOTION), "{shown}");
        if delivery.outcome == Outcome::Handshake {
            let detail = delivery.detail.unwrap();
            assert!(detail.contains(&format!("hookmill secret confirm {} {}", delivery.hook, delivery.id)), "{detail}");
        }
    }
    let newest = door.store.pending_secrets_of(kept[0].hook).await.unwrap().remove(0);
    assert_eq!(newest.times, 2, "a hook has one pending secret");
    assert!(!newest.secret.sealed.windows(8).any(|part| NOTION.as_bytes().windows(8).any(|known| part == known)));
    door.close().await;
}

#[tokio::test]
async fn a_hook_that_is_gone_takes_nothing_over_though_the_door_still_knows_it() {
    let door = Door::open().await;
    door.publish(&document("preset: asana, secret: later")).await;
    assert_eq!(door.post("/hooks/main/p", "", "").await.status, 503, "the hook is known now");
    // As another node drops it, before its word has come.
    let mut batch = Batch::new();
    batch.execute("DELETE FROM hooks", args![], Expect::Exactly(1));
    door.store.db().write(batch).await.unwrap();
    let answer = door.post("/hooks/main/p", &format!("X-Hook-Secret: {ASANA}\r\n"), "").await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "hook_not_found"), "{answer:?}");
    assert_eq!(answer.header("x-hook-secret"), None);
    door.close().await;
}

#[tokio::test]
async fn strangers_cannot_hand_over_without_end_nor_where_nothing_can_be_stored() {
    let door = Door::open().await;
    door.publish(&document("preset: asana, secret: later")).await;
    let ask = async || door.post("/hooks/main/p", &format!("X-Hook-Secret: {ASANA}\r\n"), "").await;
    let mut answered = 0;
    let limited = loop {
        let answer = ask().await;
        match answer.status {
            200 => answered += 1,
            _ => break answer,
        }
        assert!(answered <= 60, "windows are fixed, so twice as many fall around a boundary at most");
    };
    assert_eq!((limited.status, limited.code().as_str()), (429, "rate_limited"), "{limited:?}");
    assert!(limited.header("retry-after").is_some() && answered >= 30);
    door.refused(&limited, 429, "rate_limited").await;
    door.close().await;

    let door = Door::open().await;
    door.publish(&document("preset: asana, secret: later")).await;
    assert_eq!(door.post("/hooks/main/p", "", "").await.status, 503, "the hook is known now");
    door.store.close().await;
    let answer = door.post("/hooks/main/p", &format!("X-Hook-Secret: {ASANA}\r\n"), "").await;
    assert_eq!((answer.status, answer.header("x-hook-secret")), (503, None), "{answer:?}");
    door.close().await;
}

async fn signed(client: &Client, hook: &Hook, secret: &str) -> u16 {
    let body = r#"{"events":[{"action":"changed"}]}"#;
    let request = client.to_hook(hook).header("x-hook-signature", hmac_hex(secret, body));
    client.answer(request.header("content-type", "application/json").body(body)).await.status
}

async fn hand_over(client: &Client, hook: &Hook, secret: &str) {
    let answer = client.answer(client.to_hook(hook).header("x-hook-secret", secret)).await;
    assert_eq!((answer.status, answer.header("x-hook-secret")), (200, Some(secret)));
}

async fn a_secret_survives_the_death_of_the_server_right_after_the_answer(database: Database) {
    let mut app = TestApp::builder(BINARY).database(database).start().await;
    let hook = app.publish(&document("preset: asana, secret: asana_key")).await.hook().clone();
    hand_over(app.client(), &hook, ASANA).await;
    app.kill_9();
    app.restart();
    let pending = app.client().list("/api/v1/pending-secrets").await;
    assert_eq!((pending.len(), &pending[0]["hook"], &pending[0]["times"]), (1, &json!(hook.id), &json!(1)), "{pending:?}");
    assert_eq!(signed(app.client(), &hook, ASANA).await, 503, "nobody is compared with it");
    let handshake = pending[0]["handshake"].as_str().unwrap().to_owned();
    let confirmed = app.remote_command(&["secret", "confirm", &hook.id, &handshake]).output();
    assert_eq!(code(&confirmed), 0, "{}", confirmed.stderr);
    assert!(confirmed.stdout.contains("asana_key") && !confirmed.stdout.contains(ASANA), "{}", confirmed.stdout);
    app.kill_9();
    app.restart();
    assert_eq!(signed(app.client(), &hook, ASANA).await, 200, "confirmed is stored");
    assert!(app.client().list("/api/v1/pending-secrets").await.is_empty());
    let again = app.remote_command(&["secret", "confirm", &hook.id, &handshake]).output();
    assert_eq!(code(&again), 3, "{}", again.stderr);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_survives_the_death_of_the_server_on_sqlite() {
    a_secret_survives_the_death_of_the_server_right_after_the_answer(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_survives_the_death_of_the_server_on_postgres() {
    a_secret_survives_the_death_of_the_server_right_after_the_answer(Database::Postgres(fresh_database().await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_handshake_replaces_nothing_that_is_live() {
    let app = TestApp::start(BINARY).await;
    let client = app.client();
    let hook = app.publish(&document("preset: asana, secret: asana_key")).await.hook().clone();
    app.secret("asana_key", "the owner's").await;
    hand_over(client, &hook, ASANA).await;
    assert_eq!((signed(client, &hook, ASANA).await, signed(client, &hook, "the owner's").await), (401, 200));
    let newest = async || client.list("/api/v1/pending-secrets").await[0]["handshake"].as_str().unwrap().to_owned();
    let looked_at = newest().await;
    hand_over(client, &hook, "strangers").await;
    let path = format!("/api/v1/hooks/{}/pending-secret", hook.id);
    let confirm = async |handshake: &str, more: Value| {
        let mut body = json!({ "handshake": handshake });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        client.call("POST", &format!("{path}/confirm"), Some(&body)).await
    };
    assert_eq!(confirm(&looked_at, json!({ "replace": true })).await.status, 404, "another one came since");
    let newest = newest().await;
    assert_eq!(confirm(&newest, json!({})).await.status, 409, "the name holds a live value");
    assert_eq!(confirm(&newest, json!({ "name": "other" })).await.status, 422, "the trigger does not name it");
    let discard = json!({ "handshake": newest });
    assert_eq!(client.call("POST", &format!("{path}/discard"), Some(&discard)).await.status, 204);
    assert_eq!(client.call("POST", &format!("{path}/discard"), Some(&discard)).await.status, 404);
    assert_eq!(signed(client, &hook, "strangers").await, 401);

    // A further name makes it a further live secret; `replace` ends the value that is named.
    app.publish(&document("preset: asana, secret: [ asana_key, asana_next ]")).await;
    hand_over(client, &hook, ASANA).await;
    let handshake = client.list("/api/v1/pending-secrets").await[0]["handshake"].as_str().unwrap().to_owned();
    let confirmed = confirm(&handshake, json!({ "show": true })).await;
    assert_eq!((confirmed.status, confirmed.json()["name"].as_str()), (200, Some("asana_next")), "{}", confirmed.text());
    assert_eq!(confirmed.json()["value"], ASANA, "shown once, for those who ask for it");
    assert_eq!((signed(client, &hook, ASANA).await, signed(client, &hook, "the owner's").await), (200, 200));
    hand_over(client, &hook, "third").await;
    let handshake = client.list("/api/v1/pending-secrets").await[0]["handshake"].as_str().unwrap().to_owned();
    assert_eq!(confirm(&handshake, json!({ "replace": true })).await.status, 409, "which one?");
    let replaced = confirm(&handshake, json!({ "replace": true, "name": "asana_key" })).await;
    assert_eq!((replaced.status, replaced.json()["version"].as_u64()), (200, Some(2)), "{}", replaced.text());
    assert_eq!((signed(client, &hook, "third").await, signed(client, &hook, "the owner's").await), (200, 401));
}

/// Registers at the URL and at the test URL: neither takes the other's place, and the draft names the secret of its test.
async fn tests_and_production_wait_beside_each_other(database: Database) {
    let mut app = TestApp::builder(BINARY).database(database).start().await;
    let hook = app.publish(&document("preset: asana, secret: asana_key")).await.hook().clone();
    let draft = document("preset: asana, secret: asana_test").replace("a: 1", "a: 2");
    let save = async |app: &TestApp, text: &str| {
        let saved = app.client().call("POST", "/api/v1/workflows/draft", Some(&json!({ "text": text }))).await;
        assert_eq!(saved.status, 200, "{}", saved.text());
        saved.json()["hooks"][0]["test_url"]
            .as_str()
            .unwrap()
            .strip_prefix(&format!("http://{}", app.address()))
            .unwrap()
            .to_owned()
    };
    let test_path = save(&app, &draft).await;
    let test = async |app: &TestApp, header: (&str, &str), body: &'static str| {
        let request = app.client().request("POST", &test_path).header(header.0, header.1);
        app.client().answer(request.header("content-type", "application/json").body(body)).await.status
    };
    hand_over(app.client(), &hook, ASANA).await;
    assert_eq!(test(&app, ("x-hook-secret", "tests"), "").await, 200);
    assert_eq!(test(&app, ("x-hook-secret", "tests-again"), "").await, 200);
    app.kill_9();
    app.restart();
    let pending = app.client().pages("/api/v1/pending-secrets?limit=1").await;
    let told: Vec<_> = pending.iter().map(|one| (&one["hook"], &one["test"], &one["times"])).collect();
    assert_eq!(told, [(&json!(hook.id), &json!(true), &json!(2)), (&json!(hook.id), &json!(false), &json!(1))]);
    let listed = app.remote_command(&["secret", "pending"]).output();
    assert_eq!(listed.stdout.matches(" test ").count(), 1, "one of them: {}", listed.stdout);
    let of = |at: usize| pending[at]["handshake"].as_str().unwrap();

    // A draft that says nothing names nothing; mended, it does.
    save(&app, "hookmill: 1\nname: P\ntriggers: 7\n").await;
    let confirm = |app: &TestApp, handshake: &str| app.remote_command(&["secret", "confirm", &hook.id, handshake]).output();
    let refused = confirm(&app, of(0));
    assert!(code(&refused) != 0 && refused.stderr.contains("not valid"), "{}", refused.stderr);
    save(&app, &draft).await;
    let confirmed = confirm(&app, of(0));
    assert!(code(&confirmed) == 0 && confirmed.stdout.contains("asana_test"), "{}{}", confirmed.stdout, confirmed.stderr);
    const BODY: &str = r#"{"events":[{"action":"changed"}]}"#;
    let signature = hmac_hex("tests-again", BODY);
    assert_eq!(test(&app, ("x-hook-signature", &signature), BODY).await, 200);
    assert_eq!(signed(app.client(), &hook, ASANA).await, 503, "what waits for production still waits");
    let confirmed = confirm(&app, of(1));
    assert!(code(&confirmed) == 0 && confirmed.stdout.contains("asana_key"), "{}{}", confirmed.stdout, confirmed.stderr);
    assert_eq!(signed(app.client(), &hook, ASANA).await, 200);

    // Without a draft the test URL leads to what is published, and so does its handshake.
    let workflow = app.client().get(&format!("/api/v1/hooks/{}", hook.id)).await["workflow"].as_str().unwrap().to_owned();
    assert_eq!(app.client().call("DELETE", &format!("/api/v1/workflows/{workflow}/draft"), None).await.status, 204);
    assert_eq!(test(&app, ("x-hook-secret", "another"), "").await, 200);
    let pending = app.client().list("/api/v1/pending-secrets").await;
    assert_eq!((pending.len(), &pending[0]["test"]), (1, &json!(true)));
    let handshake = pending[0]["handshake"].as_str().unwrap();
    let live = confirm(&app, handshake);
    assert!(code(&live) != 0 && live.stderr.contains("asana_key"), "the published trigger names it: {}", live.stderr);
    let discarded = app.remote_command(&["secret", "discard", &hook.id, handshake]).output();
    assert_eq!(code(&discarded), 0, "{}", discarded.stderr);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_handed_over_in_a_test_waits_beside_what_waits_for_production_on_sqlite() {
    tests_and_production_wait_beside_each_other(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_handed_over_in_a_test_waits_beside_what_waits_for_production_on_postgresql() {
    tests_and_production_wait_beside_each_other(Database::Postgres(fresh_database().await)).await;
}
