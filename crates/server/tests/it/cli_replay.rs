//! `hookmill replay`: one by one, all that match, and refused ones after all.

use hookmill_testkit::patience;
use serde_json::{Value, json};

use crate::cli::{code, greet, lines, with_hello};

#[tokio::test]
async fn deliveries_are_replayed_one_by_one_or_all_that_match() {
    let folder = tempfile::tempdir().unwrap();
    let (app, _, url) = with_hello(folder.path()).await;
    let (tested, _) = greet(&app, &url.replace("/hooks/", "/hooks/test/"), "T").await;
    let (first, run) = greet(&app, &url, "A").await;
    let (second, _) = greet(&app, &url, "B").await;
    app.finished(&run).await;
    let listed = lines(&app.remote_command(&["replay", "--all", "--since", "1h", "--dry-run", "--json"]).output());
    assert_eq!(listed.iter().map(|line| line["delivery"].clone()).collect::<Vec<_>>(), [json!(first), json!(second)]);
    let replayed = lines(&app.remote_command(&["replay", &first, "--json"]).output());
    let again = app.finished(replayed[0]["run_id"].as_str().unwrap()).await;
    assert_eq!((&again["delivery"], &again["state"]), (&json!(first), &json!("succeeded")));
    let all = lines(&app.remote_command(&["replay", "--all", "--outcome", "accepted", "--json"]).output());
    assert_eq!((&all[0]["state"], &all[0]["done"], &all[0]["failed"]), (&json!("finished"), &json!(2), &json!(0)));
    let tests = ["replay", "--all", "--test", "true", "--json"];
    assert_eq!(lines(&app.remote_command(&[&tests[..], &["--dry-run"]].concat()).output())[0]["delivery"], tested);
    let tests = lines(&app.remote_command(&tests).output());
    assert_eq!((&tests[0]["done"], &tests[0]["failed"]), (&json!(1), &json!(0)), "only if they are asked for");
    let one = app.remote_command(&["replay", "--all", "--limit", "1"]).output();
    assert!(one.stdout.contains("1 run, 0 failed") && one.stdout.contains("limit of 1"), "{}", one.stdout);
    let later = lines(&app.remote_command(&["replay", "--all", "--since", "2100-01-01T00:00:00Z", "--json"]).output());
    assert_eq!(later[0]["done"], 0);
    let mixed = app.remote_command(&["replay", "dlv_0000000000000", &second, "--json"]).output();
    assert_eq!((code(&mixed), mixed.stdout.lines().count()), (3, 1), "{}", mixed.stderr);
    assert_eq!(code(&app.remote_command(&["replay", &second, "--outcome", "accepted"]).output()), 2, "a filter without --all");
}

#[tokio::test]
async fn refused_deliveries_are_accepted_after_all() {
    let folder = tempfile::tempdir().unwrap();
    let (app, _, url) = with_hello(folder.path()).await;
    let path = url.strip_prefix(&format!("http://{}", app.address())).unwrap();
    for (key, body) in [("wrong", r#"{"name":"Ada"}"#), ("wrong", r#"{"name":"Bob"}"#), ("s3cret", "{")] {
        let request = app.client().request("POST", &format!("{path}?key={key}")).header("content-type", "application/json");
        assert_eq!(app.client().answer(request.body(body)).await.status / 100, 4);
    }
    let listed = patience::until("the refused ones are listed", async || {
        let listed = lines(&app.remote_command(&["replay", "--all", "--accept", "--dry-run", "--json"]).output());
        (listed.len() == 3).then_some(listed)
    })
    .await;
    let first = listed[0]["delivery"].as_str().unwrap();
    let run = lines(&app.remote_command(&["replay", first, "--accept", "--json"]).output())[0]["run_id"].clone();
    assert_eq!(app.finished(run.as_str().unwrap()).await["delivery"], first);
    let all = app.remote_command(&["replay", "--all", "--accept", "--json"]).output();
    let told: Value = serde_json::from_str(&all.stdout).unwrap();
    assert_eq!((code(&all), &told["done"], &told["failed"]), (1, &json!(1), &json!(1)), "one is no JSON: {}", all.stderr);
}
