//! Deliveries run again, edited, on another revision; refused ones accepted after all.

use hookmill_testkit::app::Published;
use hookmill_testkit::patience::until;
use serde_json::{Value, json};

use super::{DOUBLE, run_in};
use crate::running::Running;

/// Asks for a key, and doubles a number.
const GUARDED: &str = "
hookmill: 1
name: Double
triggers:
  - webhook:
      label: number
      auth: { any: [{ shared_key: the_key }] }
      variables: { n: { type: number, required: true } }
steps:
  - id: first
    set: { whole: '{{ webhook.n * 2 }}' }
";

async fn post(server: &Running, path: &str, body: Value) -> (u16, Value) {
    let answer = server.client.call("POST", path, Some(&body)).await;
    (answer.status, answer.json())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Sends a body that is refused; the id of the delivery once it is stored.
async fn refused(server: &Running, published: &Published, body: &str) -> String {
    let request = server.client.to_hook(published.hook()).header("content-type", "application/json").body(body.to_owned());
    let answer = server.client.answer(request).await;
    assert!(answer.status >= 400, "{}", answer.text());
    let id = text(&answer.json()["delivery_id"]);
    let path = format!("/api/v1/deliveries/{id}");
    until("it is in the ledger", async || (server.client.call("GET", &path, None).await.status == 200).then_some(())).await;
    id
}

async fn guarded() -> (Running, Published) {
    let server = Running::start().await;
    assert_eq!(server.client.call("PUT", "/api/v1/secrets/the_key", Some(&json!({ "value": "s3cret" }))).await.status, 204);
    let published = server.client.publish(GUARDED).await;
    (server, published)
}

#[tokio::test]
async fn an_edited_delivery_is_stored_beside_the_one_that_came_in() {
    let server = Running::start().await;
    let published = server.client.publish(DOUBLE).await;
    let answer = server.client.answer(server.client.to_hook(published.hook()).json(&json!({ "n": 2 }))).await;
    let (original, first) = (answer.delivery_id(), answer.run_id());
    let path = format!("/api/v1/deliveries/{original}/replay");
    let edit = json!({ "body": "n=21", "headers": [["Content-Type", "application/x-www-form-urlencoded"], ["x-a", "b"]] });
    let (status, again) = post(&server, &path, edit).await;
    assert_eq!(status, 202, "{again}");
    let run = run_in(&server.client, &text(&again["run_id"]), &["succeeded"]).await;
    assert_eq!((&run["steps"][1]["output"]["whole"], &run["delivery"]), (&json!(42), &again["delivery_id"]));
    let edited = server.client.get(&format!("/api/v1/deliveries/{}", text(&again["delivery_id"]))).await;
    assert_eq!(edited["headers"], json!([["content-type", "application/x-www-form-urlencoded"], ["x-a", "b"]]));
    assert!(text(&edited["detail"]).starts_with(&original), "{edited}");
    let kept = server.client.get(&format!("/api/v1/deliveries/{original}")).await;
    assert_eq!(kept["runs"], json!([first]), "the one that came in is as it came in");

    // Only the body: the headers stay. Bytes go as base64.
    let (status, again) = post(&server, &path, json!({ "body_base64": "eyJuIjogOH0=" })).await;
    assert_eq!(status, 202);
    let run = run_in(&server.client, &text(&again["run_id"]), &["succeeded"]).await;
    assert_eq!(run["steps"][1]["output"]["whole"], 16);
    for (wrong, wanted) in [
        (json!({ "body": "{" }), 422),
        (json!({ "body": "{}" }), 422),
        (json!({ "body": "", "body_base64": "" }), 400),
        (json!({ "body_base64": "?" }), 400),
        (json!({ "headers": [["a b", "c"]] }), 400),
        (json!({ "headers": [["a", "b\r\nc: d"]] }), 400),
        (json!({ "revision": "older" }), 400),
        (json!({ "revision": 7 }), 404),
    ] {
        let (status, said) = post(&server, &path, wrong.clone()).await;
        assert_eq!(status, wanted, "{wrong}: {said}");
    }
    assert_eq!(server.client.list("/api/v1/deliveries").await.len(), 3);
    server.stop().await;
}

#[tokio::test]
async fn a_delivery_runs_on_the_original_the_published_or_a_chosen_revision() {
    let server = Running::start().await;
    let published = server.client.publish(DOUBLE).await;
    let answer = server.client.answer(server.client.to_hook(published.hook()).json(&json!({ "n": 2 }))).await;
    server.client.publish(&DOUBLE.replace("half * 2", "half * 20")).await;
    let path = format!("/api/v1/deliveries/{}/replay", answer.delivery_id());
    for (revision, number) in [
        (json!("original"), 1),
        (json!("published"), 2),
        (json!(1), 1),
        (json!("same"), 1),
        (json!("latest"), 2),
        (Value::Null, 2),
    ] {
        let (status, again) = post(&server, &path, json!({ "revision": revision })).await;
        assert_eq!(status, 202, "{again}");
        let run = run_in(&server.client, &text(&again["run_id"]), &["succeeded"]).await;
        assert_eq!(run["revision"], number, "{revision}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_refused_delivery_is_accepted_after_all_and_once() {
    let (server, published) = guarded().await;
    let id = refused(&server, &published, "{\"n\": 4}").await;
    let path = format!("/api/v1/deliveries/{id}/accept");
    let both = tokio::join!(post(&server, &path, json!({})), post(&server, &path, json!({})));
    let third = post(&server, &path, json!({ "revision": "published" })).await;
    assert_eq!((both.0.0, both.1.0, third.0), (202, 202, 202), "{both:?}");
    assert_eq!((&both.0.1["run_id"], &both.0.1["run_id"]), (&both.1.1["run_id"], &third.1["run_id"]), "one run");
    let run = run_in(&server.client, &text(&third.1["run_id"]), &["succeeded"]).await;
    assert_eq!((&run["steps"][0]["output"]["whole"], &run["delivery"]), (&json!(8), &json!(id)));
    let delivery = server.client.get(&format!("/api/v1/deliveries/{id}")).await;
    assert_eq!((&delivery["outcome"], &delivery["reason"]), (&json!("refused"), &json!("unauthorized")), "what happened stays");
    assert_eq!(delivery["accepted_after_all"]["run_id"], third.1["run_id"]);
    assert!(text(&delivery["accepted_after_all"]["author"]).contains("key_"), "{delivery}");
    assert_eq!(delivery["runs"], json!([third.1["run_id"]]));
    assert_eq!(server.client.list("/api/v1/runs").await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_accepted_after_all_says_why() {
    let (server, published) = guarded().await;
    let accepted = server.client.request("POST", &format!("{}?key=s3cret", hook_path(&published)));
    let accepted = server.client.answer(accepted.json(&json!({ "n": 1 }))).await.delivery_id();
    let (status, said) = post(&server, &format!("/api/v1/deliveries/{accepted}/accept"), json!({})).await;
    assert_eq!(status, 409, "{said}");
    let broken = refused(&server, &published, "{\"n\": ").await;
    let (status, said) = post(&server, &format!("/api/v1/deliveries/{broken}/accept"), json!({})).await;
    assert_eq!(status, 422, "{said}");
    // Without its body there is nothing to accept.
    let large = refused(&server, &published, &format!("{{\"n\": 1, \"x\": \"{}\"}}", "x".repeat(300_000))).await;
    let (status, said) = post(&server, &format!("/api/v1/deliveries/{large}/accept"), json!({})).await;
    assert_eq!(status, 409, "{said}");
    assert!(text(&said["detail"]).contains("not kept"), "{said}");
    let (status, _) = post(&server, "/api/v1/deliveries/dlv_0000000000001/accept", json!({})).await;
    assert_eq!(status, 404);
    // What the trigger asks for is missing; once it asks for less, the same delivery is taken.
    let lacking = refused(&server, &published, "{}").await;
    let path = format!("/api/v1/deliveries/{lacking}/accept");
    let (status, said) = post(&server, &path, json!({})).await;
    assert_eq!((status, &said["problems"][0]["name"]), (422, &json!("n")), "{said}");
    server.client.publish(&GUARDED.replace("required: true", "default: 3")).await;
    let (status, said) = post(&server, &path, json!({})).await;
    assert_eq!(status, 202, "{said}");
    let run = run_in(&server.client, &text(&said["run_id"]), &["succeeded"]).await;
    assert_eq!(run["steps"][0]["output"]["whole"], 6);
    server.stop().await;
}

fn hook_path(published: &Published) -> String {
    format!("/hooks/{}", published.hook().url.split_once("/hooks/").unwrap().1)
}

async fn ended(server: &Running, id: &str) -> Value {
    until("the replay has ended", async || {
        let bulk = server.client.get(&format!("/api/v1/replays/{id}")).await;
        (bulk["state"] != "running").then_some(bulk)
    })
    .await
}

#[tokio::test]
async fn all_that_match_are_accepted_after_all_in_the_order_of_reception_and_once() {
    let (server, published) = guarded().await;
    let mut wanted = Vec::new();
    for n in 0..5 {
        wanted.push(refused(&server, &published, &format!("{{\"n\": {n}}}")).await);
    }
    refused(&server, &published, "{ broken").await;
    let body = json!({ "kind": "accept", "filter": { "workflow": published.workflow, "reason": "unauthorized" } });
    let both = tokio::join!(post(&server, "/api/v1/replays", body.clone()), post(&server, "/api/v1/replays", body));
    let (mut done, mut failed) = (0, 0);
    for (status, bulk) in [&both.0, &both.1] {
        assert_eq!((*status, &bulk["kind"], &bulk["filter"]["outcome"]), (202, &json!("accept"), &json!("refused")), "{bulk}");
        let bulk = ended(&server, &text(&bulk["id"])).await;
        assert_eq!(bulk["state"], "finished", "{bulk}");
        assert!(text(&bulk["error"]).contains("dlv_"), "{bulk}");
        done += bulk["done"].as_u64().unwrap();
        failed += bulk["failed"].as_u64().unwrap();
    }
    assert_eq!((done, failed), (5, 2), "each is accepted by one of the two, the broken one by none");
    let runs = server.client.list("/api/v1/runs").await;
    let order: Vec<Value> = runs.iter().rev().map(|run| run["delivery"].clone()).collect();
    assert_eq!(order, wanted.iter().map(|id| json!(id)).collect::<Vec<_>>());
    for run in runs {
        run_in(&server.client, &text(&run["id"]), &["succeeded"]).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn copies_of_a_refused_delivery_are_accepted_after_all_once() {
    let (server, _) = guarded().await;
    let published = server.client.publish(&GUARDED.replace("      label:", "      dedupe: { path: '$.id' }\n      label:")).await;
    let mut copies = Vec::new();
    for attempt in 0..3 {
        copies.push(refused(&server, &published, &format!(r#"{{"id": "evt_1", "n": 4, "attempt": {attempt}}}"#)).await);
    }
    let other = refused(&server, &published, r#"{"id": "evt_2", "n": 5}"#).await;
    let wanted = json!({ "kind": "accept", "filter": { "workflow": published.workflow } });
    let bulk = ended(&server, &text(&post(&server, "/api/v1/replays", wanted).await.1["id"])).await;
    assert_eq!((&bulk["done"], &bulk["failed"]), (&json!(2), &json!(0)), "{bulk}");
    let runs = server.client.list("/api/v1/runs").await;
    let deliveries: Vec<_> = runs.iter().map(|run| text(&run["delivery"])).collect();
    assert_eq!(deliveries, [other, copies[0].clone()]);
    // One by one, a copy names the run that counts.
    let (status, said) = post(&server, &format!("/api/v1/deliveries/{}/accept", copies[1]), json!({})).await;
    assert_eq!((status, &said["run_id"]), (202, &runs[1]["id"]));
    // And the sender's next attempt repeats it.
    let request = server.client.request("POST", &format!("{}?key=s3cret", hook_path(&published)));
    let next = server.client.answer(request.json(&json!({ "id": "evt_1", "n": 4, "attempt": 3 }))).await;
    assert_eq!((next.status, &next.json()["run_id"]), (202, &runs[1]["id"]));
    assert_eq!(server.client.list("/api/v1/runs").await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn what_was_refused_for_its_key_is_accepted_for_itself() {
    let server = Running::start().await;
    let published = server.client.publish(DOUBLE).await;
    let send = async |key: &str, n: u32| {
        let request = server.client.to_hook(published.hook()).header("idempotency-key", key).json(&json!({ "n": n }));
        server.client.answer(request).await
    };
    assert_eq!(send("k", 1).await.status, 202);
    for (key, n, status) in [("k", 2, 422), ("\"", 3, 400)] {
        let answer = send(key, n).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let id = text(&answer.json()["delivery_id"]);
        let path = format!("/api/v1/deliveries/{id}");
        until("it is in the ledger", async || (server.client.call("GET", &path, None).await.status == 200).then_some(())).await;
        let (status, said) = post(&server, &format!("{path}/accept"), json!({})).await;
        assert_eq!(status, 202, "{said}");
        let run = run_in(&server.client, &text(&said["run_id"]), &["succeeded"]).await;
        assert_eq!(run["delivery"], json!(id), "another request than the one that had the key");
    }
    server.stop().await;
}

#[tokio::test]
async fn many_deliveries_are_run_again_up_to_a_limit() {
    let server = Running::start().await;
    let published = server.client.publish(DOUBLE).await;
    let mut sent = Vec::new();
    for n in 0..7 {
        let request = server.client.to_hook(published.hook()).json(&json!({ "n": n, "even": n % 2 == 0 }));
        sent.push(server.client.answer(request).await.delivery_id());
    }
    let body = json!({ "filter": { "text": "\"even\":true" }, "limit": 3, "revision": "original" });
    let (status, bulk) = post(&server, "/api/v1/replays", body).await;
    assert_eq!((status, &bulk["limit"], &bulk["filter"]["outcome"]), (202, &json!(3), &json!("accepted")), "{bulk}");
    let id = text(&bulk["id"]);
    let bulk = ended(&server, &id).await;
    assert_eq!((&bulk["done"], &bulk["failed"], &bulk["error"]), (&json!(3), &json!(0), &Value::Null), "{bulk}");
    for (n, delivery) in sent.iter().enumerate() {
        let seen = server.client.get(&format!("/api/v1/deliveries/{delivery}")).await;
        let runs = if n % 2 == 0 && n < 5 { 2 } else { 1 };
        assert_eq!(seen["runs"].as_array().unwrap().len(), runs, "the oldest three that match: {n}");
    }
    assert_eq!(server.client.list("/api/v1/replays").await.len(), 1);
    let (status, _) = post(&server, &format!("/api/v1/replays/{id}/cancel"), json!({})).await;
    assert_eq!(status, 409, "it has ended");
    for wrong in [
        json!({ "filter": { "text": "" } }),
        json!({ "filter": { "colour": "red" } }),
        json!({ "filter": {}, "limit": 0 }),
        json!({ "filter": { "outcome": "accepted" }, "kind": "accept" }),
        json!({ "filter": {}, "kind": "odd" }),
        json!({}),
    ] {
        let (status, said) = post(&server, "/api/v1/replays", wrong.clone()).await;
        assert!(matches!(status, 400 | 422), "{wrong}: {said}");
    }
    server.stop().await;
}
