//! Runs: started by hand, looked at, cancelled, repeated.

use serde_json::json;

use super::{BROKEN, DOUBLE, SLOW, run_in, steady};
use crate::running::Running;

#[tokio::test]
async fn a_run_by_hand_shows_its_steps() {
    // Start with input, wait for the end, look.
    let server = Running::start().await;
    let workflow = server.client.publish(DOUBLE).await.workflow;
    let path = format!("/api/v1/workflows/{workflow}/runs");
    let started = server.client.call("POST", &path, Some(&json!({ "input": { "n": 21 } }))).await;
    let run = run_in(&server.client, &started.run_id(), &["succeeded", "failed"]).await;
    insta::assert_json_snapshot!("run_by_hand", steady(run));
    let refused = server.client.call("POST", &path, Some(&json!({ "input": { "n": "many" } }))).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_eq!(refused.json()["problems"][0]["name"], "n", "{}", refused.text());
    let nowhere = server.client.call("POST", &path, Some(&json!({ "input": { "n": 1 }, "revision": 9 }))).await;
    assert_eq!(nowhere.status, 404, "{}", nowhere.text());
    server.stop().await;
}

#[tokio::test]
async fn a_failed_run_is_repeated_from_its_failed_step_or_the_start() {
    // Fail, publish the remedy, rerun on the new revision.
    let server = Running::start().await;
    let published = server.client.publish(BROKEN).await;
    let failed = server.client.send(published.hook(), &json!({})).await.run_id();
    let seen = run_in(&server.client, &failed, &["succeeded", "failed"]).await;
    insta::assert_json_snapshot!("failed_run", steady(seen));
    server.client.publish(&BROKEN.replace("webhook.body.missing.deeper", "1")).await;
    for from in ["failed", "start"] {
        let path = format!("/api/v1/runs/{failed}/rerun");
        let again = server.client.call("POST", &path, Some(&json!({ "from": from, "revision": "same" }))).await.run_id();
        assert_eq!(run_in(&server.client, &again, &["succeeded", "failed"]).await["state"], "failed", "{from}");
        let again = server.client.call("POST", &path, Some(&json!({ "from": from, "revision": "latest" }))).await.run_id();
        let run = run_in(&server.client, &again, &["succeeded", "failed"]).await;
        assert_eq!((&run["state"], &run["revision"]), (&json!("succeeded"), &json!(2)), "{from}: {run}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_waiting_run_is_cancelled_once() {
    // Cancel it; a second time, and a rerun from a failed step, are conflicts.
    let server = Running::start().await;
    let published = server.client.publish(SLOW).await;
    let id = server.client.send(published.hook(), &json!({})).await.run_id();
    run_in(&server.client, &id, &["waiting"]).await;
    let cancel = format!("/api/v1/runs/{id}/cancel");
    assert_eq!(server.client.call("POST", &cancel, Some(&json!({ "reason": "not needed" }))).await.status, 202);
    let run = run_in(&server.client, &id, &["cancelled"]).await;
    assert!(run["error"].to_string().contains("not needed"), "{run}");
    assert_eq!(server.client.call("POST", &cancel, None).await.status, 409);
    let rerun = format!("/api/v1/runs/{id}/rerun");
    assert_eq!(server.client.call("POST", &rerun, Some(&json!({ "from": "failed" }))).await.status, 409);
    let resolve = json!({ "step": "pause", "resolution": { "done": { "output": 1 } } });
    assert_eq!(server.client.call("POST", &format!("/api/v1/runs/{id}/resolve"), Some(&resolve)).await.status, 409);
    server.stop().await;
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    // Seven runs in pages of three, each once, newest first.
    let server = Running::start().await;
    let double = server.client.publish(DOUBLE).await;
    let slow = server.client.publish(SLOW).await;
    let mut sent = Vec::new();
    for n in 0..7 {
        sent.push(server.client.send(double.hook(), &json!({ "n": n })).await.run_id());
    }
    let other = server.client.send(slow.hook(), &json!({})).await;
    let of_double = format!("/api/v1/runs?workflow={}&limit=3", double.workflow);
    sent.reverse();
    hookmill_testkit::patience::until("the list has all runs", async || {
        let ids: Vec<String> =
            server.client.pages(&of_double).await.iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect();
        (ids == sent).then_some(())
    })
    .await;
    run_in(&server.client, &other.run_id(), &["waiting"]).await;
    let waiting = server.client.list("/api/v1/runs?state=waiting").await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["id"], other.run_id());
    let of_delivery = server.client.list(&format!("/api/v1/runs?delivery={}", other.delivery_id())).await;
    assert_eq!(of_delivery.len(), 1);
    server.stop().await;
}
