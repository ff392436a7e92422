//! Drafts over the API: saved whatever they say, tested at their URLs, published when nothing is wrong.

use hookmill_testkit::app::{Answer, Client};
use hookmill_testkit::patience::until;
use serde_json::{Value, json};

use super::{DOUBLE, run_in};
use crate::running::Running;

const DRAFTS: &str = "/api/v1/workflows/draft";
/// Two things are wrong with it.
const WRONG: &str = "hookmill: 1\nname: Double\ndesciption: x\nsteps: [{ id: a, use: lgo, with: {} }]\n";

async fn save(client: &Client, text: &str) -> Value {
    let saved = client.call("POST", DRAFTS, Some(&json!({ "text": text }))).await;
    assert_eq!(saved.status, 200, "{}", saved.text());
    saved.json()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Posts to a URL of the server.
async fn post(client: &Client, url: &Value, body: &Value) -> Answer {
    let path = text(url).strip_prefix(&format!("http://{}", client.address())).unwrap();
    client.answer(client.request("POST", path).json(body)).await
}

fn codes(said: &Value) -> Vec<&str> {
    said["problems"].as_array().unwrap().iter().map(|problem| text(&problem["code"])).collect()
}

#[tokio::test]
async fn a_workflow_is_drafted_tested_and_published() {
    // From nothing to revision 2, the URL the same all along.
    let server = Running::start().await;
    let client = &server.client;
    let saved = save(client, DOUBLE).await;
    assert_eq!((&saved["name"], &saved["publishable"], codes(&saved).len()), (&json!("Double"), &json!(true), 0));
    let (id, hook) = (text(&saved["workflow"]), &saved["hooks"][0]);
    assert_eq!(text(&hook["test_url"]), text(&hook["url"]).replace("/hooks/", "/hooks/test/"));
    let workflow = client.get(&format!("/api/v1/workflows/{id}")).await;
    assert_eq!((&workflow["revision"], &workflow["hooks"]), (&Value::Null, &json!([])));
    assert!(workflow["drafted_at"].is_string());
    let listed = client.list("/api/v1/hooks").await;
    assert_eq!((&listed[0]["state"], &listed[0]["revision"]), (&json!("draft"), &Value::Null));
    let shown = client.get(&format!("/api/v1/hooks/{}", text(&hook["id"]))).await;
    assert_eq!((&shown["test_url"], &shown["state"]), (&hook["test_url"], &json!("draft")));

    assert_eq!(post(client, &hook["url"], &json!({ "n": 1 })).await.status, 404);
    let tested = post(client, &hook["test_url"], &json!({ "n": 4 })).await;
    let run = run_in(client, &tested.run_id(), &["succeeded"]).await;
    assert_eq!((&run["steps"][1]["output"]["whole"], &run["test"], &run["revision"]), (&json!(8), &json!(true), &json!(1)));
    let draft = client.get(&format!("/api/v1/workflows/{id}/draft")).await;
    assert_eq!((&draft["text"], &draft["revision"], &draft["hooks"]), (&json!(DOUBLE), &json!(1), &saved["hooks"]));
    assert!(text(&draft["author"]).starts_with("test (key_") && draft["publishable"] == true, "{draft}");

    let published = client.call("POST", &format!("/api/v1/workflows/{id}/draft/publish"), None).await;
    assert_eq!(published.status, 200, "{}", published.text());
    let published = published.json();
    assert_eq!((&published["revision"], &published["unchanged"]), (&json!(2), &json!(false)));
    assert_eq!((&published["hooks"][0]["url"], &published["hooks"][0]["id"]), (&hook["url"], &hook["id"]));
    assert_eq!(client.call("GET", &format!("/api/v1/workflows/{id}/draft"), None).await.status, 404, "it is done with");
    assert_eq!(post(client, &hook["url"], &json!({ "n": 1 })).await.status, 202);
    let revisions = client.list(&format!("/api/v1/workflows/{id}/revisions")).await;
    let told: Vec<_> = revisions.iter().map(|one| (&one["revision"], &one["published"])).collect();
    assert_eq!(told, [(&json!(2), &json!(true)), (&json!(1), &json!(false))]);
    let tried = client.get(&format!("/api/v1/workflows/{id}/revisions/1")).await;
    assert!(text(&tried["text"]).contains("name: Double"));
    server.stop().await;
}

#[tokio::test]
async fn a_draft_is_saved_whatever_is_wrong_with_it_and_published_only_when_nothing_is() {
    // All problems, each with its path; the same ones as publishing lists.
    let server = Running::start().await;
    let client = &server.client;
    let id = client.publish(DOUBLE).await.workflow;
    let path = format!("/api/v1/workflows/{id}/draft");
    for (wrong, wanted) in [
        (WRONG, &["unknown_key", "unknown_action"][..]),
        ("{", &[]),
        ("", &[]),
        (&DOUBLE.replace("name: Double", "name: Other"), &["other_name"]),
    ] {
        let saved = client.call("PUT", &path, Some(&json!({ "text": wrong }))).await;
        assert_eq!(saved.status, 200, "{}", saved.text());
        let saved = saved.json();
        assert!(saved["publishable"] == false && wanted.iter().all(|code| codes(&saved).contains(code)), "{saved}");
        assert_eq!(text(&saved["hooks"][0]["label"]), "number", "the URLs that there are");
        let draft = client.get(&path).await;
        assert_eq!((&draft["text"], &draft["problems"]), (&json!(wrong), &saved["problems"]));
        let refused = client.call("POST", &format!("{path}/publish"), None).await;
        assert_eq!((refused.status, &refused.json()["problems"]), (422, &saved["problems"]), "{}", refused.text());
        assert_eq!(refused.json()["code"], "invalid_workflow");
        assert_eq!(client.get(&path).await["text"], wrong, "it stays");
    }
    let workflow = client.get(&format!("/api/v1/workflows/{id}")).await;
    assert_eq!(workflow["revision"], 1);
    assert_eq!(client.call("DELETE", &path, None).await.status, 204);
    assert_eq!(client.call("DELETE", &path, None).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn a_draft_belongs_to_the_workflow_of_its_name() {
    // By name, by what the text says, or not at all.
    let server = Running::start().await;
    let client = &server.client;
    let first = save(client, WRONG).await;
    assert_eq!((text(&first["name"]), &first["publishable"]), ("Double", &json!(false)), "the name is read all the same");
    let nameless = client.call("POST", DRAFTS, Some(&json!({ "text": "{" }))).await;
    assert_eq!((nameless.status, &nameless.json()["code"]), (422, &json!("invalid")), "{}", nameless.text());
    let named = client.call("POST", DRAFTS, Some(&json!({ "text": "{", "name": "Double" }))).await.json();
    assert_eq!(named["workflow"], first["workflow"]);
    for (body, status) in [
        (json!({ "text": "{", "name": "" }), 422),
        (json!({ "text": "{", "name": "x".repeat(201) }), 422),
        (json!({ "text": "a\0", "name": "x" }), 422),
        (json!({ "name": "x" }), 400),
        (json!({ "text": "x", "nme": "x" }), 400),
    ] {
        let refused = client.call("POST", DRAFTS, Some(&body)).await;
        assert!(refused.status == status || refused.status == 422, "{body}: {}", refused.text());
    }
    assert_eq!(client.list("/api/v1/workflows").await.len(), 1, "nothing was made of what was refused");
    let published = client.publish(DOUBLE).await;
    assert_eq!(published.workflow, text(&first["workflow"]));
    assert!(
        client.get(&format!("/api/v1/workflows/{}", published.workflow)).await["drafted_at"].is_string(),
        "it says something else"
    );
    save(client, &DOUBLE.replace("name: Double", "name:   Double # the same")).await;
    client.publish(DOUBLE).await;
    assert!(client.get(&format!("/api/v1/workflows/{}", published.workflow)).await["drafted_at"].is_null(), "it said the same");
    server.stop().await;
}

#[tokio::test]
async fn what_needs_a_publication_says_so_while_there_is_none() {
    // Export, start, snippets, the senders' documentation.
    let server = Running::start().await;
    let client = &server.client;
    let saved = save(client, DOUBLE).await;
    let (id, hook) = (text(&saved["workflow"]), text(&saved["hooks"][0]["id"]));
    for (method, path) in [
        ("GET", format!("/api/v1/workflows/{id}/export")),
        ("POST", format!("/api/v1/workflows/{id}/runs")),
        ("GET", format!("/api/v1/hooks/{hook}/snippets")),
    ] {
        let refused = client.call(method, &path, None).await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("conflict")), "{path}: {}", refused.text());
    }
    let described = client.get("/api/v1/workspaces/main/openapi.json").await;
    assert!(!described.to_string().contains("/hooks/"), "senders are told of nothing that is not published: {described}");
    let tested = post(client, &saved["hooks"][0]["test_url"], &json!({ "n": 1 })).await;
    run_in(client, &tested.run_id(), &["succeeded"]).await;
    let by_hand =
        client.call("POST", &format!("/api/v1/workflows/{id}/runs"), Some(&json!({ "revision": 1, "input": { "n": 2 } }))).await;
    assert_eq!(by_hand.status, 202, "what was tried can be named: {}", by_hand.text());
    let run = run_in(client, text(&by_hand.json()["run_id"]), &["succeeded"]).await;
    assert_eq!(run["test"], false, "nothing came to a test URL");
    let again = format!("/api/v1/deliveries/{}/replay", tested.delivery_id());
    let refused = client.call("POST", &again, None).await;
    assert!(refused.status == 409 && refused.text().contains("never published"), "{}", refused.text());
    let original = client.call("POST", &again, Some(&json!({ "revision": "original" }))).await;
    assert_eq!(original.status, 202, "{}", original.text());
    let run = run_in(client, text(&original.json()["run_id"]), &["succeeded"]).await;
    assert_eq!((&run["test"], &run["revision"]), (&json!(true), &json!(1)));
    server.stop().await;
}

#[tokio::test]
async fn tests_are_told_from_everything_else() {
    // In lists, in the search, in metrics.
    let server = Running::start().await;
    let client = &server.client;
    let hook = client.publish(DOUBLE).await.hook().clone();
    let test_url = json!(hook.url.replace("/hooks/", "/hooks/test/"));
    let real = client.send(&hook, &json!({ "n": 1 })).await;
    let test = post(client, &test_url, &json!({ "n": 1 })).await;
    let refused = post(client, &test_url, &json!({})).await;
    assert_eq!(refused.status, 400);
    let ids = async |query: &str| -> Vec<String> {
        let items = client.list(&format!("/api/v1/deliveries?{query}")).await;
        items.iter().map(|one| text(&one["id"]).to_owned()).collect()
    };
    until("the refused one is stored", async || (ids("").await.len() == 3).then_some(())).await;
    assert_eq!(ids("test=false").await, [real.delivery_id()]);
    assert_eq!(ids("test=true&outcome=accepted").await, [test.delivery_id()]);
    assert_eq!(ids("test=true").await.len(), 2);
    for (answer, is_test) in [(&real, false), (&test, true)] {
        assert_eq!(client.get(&format!("/api/v1/deliveries/{}", answer.delivery_id())).await["test"], is_test);
        run_in(client, &answer.run_id(), &["succeeded"]).await;
    }
    let runs = client.list("/api/v1/runs").await;
    let told: Vec<_> = runs.iter().map(|run| (text(&run["id"]), &run["test"])).collect();
    assert_eq!(told, [(test.run_id().as_str(), &json!(true)), (real.run_id().as_str(), &json!(false))]);
    let metrics = client.call("GET", "/metrics", None).await.text();
    for line in [
        "hookmill_test_deliveries_total{outcome=\"accepted\",reason=\"\"}",
        "hookmill_test_deliveries_total{outcome=\"refused\",reason=\"invalid_variables\"}",
    ] {
        // Other servers of this process count into the same.
        assert!(metrics.lines().any(|known| known.starts_with(line) && !known.ends_with(" 0")), "{line}\n{metrics}");
    }
    // Tests are run again only if they are asked for.
    for (filter, is_test, delivery) in [(json!({}), false, &real), (json!({ "test": true }), true, &test)] {
        let bulk = json!({ "filter": filter, "limit": 10 });
        let bulk = client.call("POST", "/api/v1/replays", Some(&bulk)).await.json();
        let bulk = until("it is finished", async || {
            let now = client.get(&format!("/api/v1/replays/{}", text(&bulk["id"]))).await;
            (now["state"] == "finished").then_some(now)
        })
        .await;
        assert_eq!((&bulk["done"], &bulk["failed"], &bulk["filter"]["test"]), (&json!(1), &json!(0), &json!(is_test)), "{bulk}");
        let again = client.get(&format!("/api/v1/deliveries/{}", delivery.delivery_id())).await;
        assert_eq!(again["runs"].as_array().map(Vec::len), Some(2), "{again}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_explainer_tells_what_a_test_url_leads_to() {
    // Draft, published revision, neither.
    let server = Running::start().await;
    let client = &server.client;
    let saved = save(client, DOUBLE).await;
    let (id, hook) = (text(&saved["workflow"]), &saved["hooks"][0]);
    let explain = async |url: &Value| {
        let asked = json!({ "method": "POST", "url": url, "headers": {} });
        let told = client.call("POST", "/api/v1/hooks/explain", Some(&asked)).await;
        assert_eq!(told.status, 200, "{}", told.text());
        told.json()
    };
    let told = explain(&hook["test_url"]).await;
    assert_eq!((&told["style"], &told["hook"], &told["reason"]), (&json!("test"), &hook["id"], &Value::Null));
    assert!(told["notes"].to_string().contains("the draft answers") && told["revision"].is_null(), "{told}");
    assert!(client.list(&format!("/api/v1/workflows/{id}/revisions")).await.is_empty(), "explaining stores nothing");
    assert_eq!(post(client, &hook["test_url"], &json!({ "n": 1 })).await.status, 202);
    assert_eq!(explain(&hook["test_url"]).await["revision"], 1);
    let told = explain(&hook["url"]).await;
    assert_eq!((&told["reason"]["code"], &told["suggestion"]), (&json!("hook_not_found"), &hook["test_url"]));
    assert!(text(&told["reason"]["detail"]).contains("never published"), "{told}");
    save(client, WRONG).await;
    let told = explain(&hook["test_url"]).await;
    assert!(told["reason"]["code"] == "hook_not_ready" && text(&told["reason"]["detail"]).contains("desciption"), "{told}");
    client.publish(&DOUBLE.replace("label: number", "label: other")).await;
    assert_eq!(client.call("DELETE", &format!("/api/v1/workflows/{id}/draft"), None).await.status, 204);
    let told = explain(&hook["test_url"]).await;
    assert!(text(&told["reason"]["detail"]).contains("There is no draft"), "{told}");
    client.publish(DOUBLE).await;
    let told = explain(&hook["test_url"]).await;
    assert!(told["reason"].is_null() && told["notes"].to_string().contains("published revision answers"), "{told}");
    save(client, &DOUBLE.replace("label: number", "label: other")).await;
    let told = explain(&hook["test_url"]).await;
    assert!(text(&told["reason"]["detail"]).contains("The draft has no trigger `number`"), "{told}");
    server.stop().await;
}

#[tokio::test]
async fn a_hook_that_only_a_draft_has_listens_for_a_sample() {
    // At the only URL at which it answers.
    let server = Running::start().await;
    let client = &server.client;
    client.publish(&DOUBLE.replace("label: number", "label: other")).await;
    let saved = save(client, DOUBLE).await;
    let hook = &saved["hooks"][0];
    let listen = format!("/api/v1/hooks/{}/listen", text(&hook["id"]));
    let armed = client.call("POST", &listen, None).await;
    assert_eq!(armed.status, 200, "{}", armed.text());
    let captured = post(client, &hook["test_url"], &json!({ "anything": true })).await;
    assert_eq!((captured.status, &captured.json()["captured"]), (200, &json!(true)));
    let path = format!("/api/v1/workflows/{}/draft", text(&saved["workflow"]));
    assert_eq!(client.call("DELETE", &path, None).await.status, 204);
    assert_eq!(client.call("POST", &listen, None).await.status, 409, "nothing can reach it any more");
    server.stop().await;
}

#[tokio::test]
async fn a_workflow_that_was_never_published_goes_with_its_draft() {
    // It is in no list, its id leads nowhere, nothing answers at its URLs; its tests stay in the ledger.
    let server = Running::start().await;
    let client = &server.client;
    let saved = save(client, DOUBLE).await;
    let (id, hook) = (text(&saved["workflow"]), &saved["hooks"][0]);
    let tested = post(client, &hook["test_url"], &json!({ "n": 4 })).await;
    let run = run_in(client, &tested.run_id(), &["succeeded"]).await;
    assert_eq!(client.call("DELETE", &format!("/api/v1/workflows/{id}/draft"), None).await.status, 204);
    assert!(client.list("/api/v1/workflows").await.is_empty() && client.list("/api/v1/hooks").await.is_empty());
    let hook_id = text(&hook["id"]);
    for path in [
        format!("workflows/{id}"),
        format!("workflows/{id}/draft"),
        format!("workflows/{id}/revisions"),
        format!("hooks/{hook_id}"),
    ] {
        assert_eq!(client.call("GET", &format!("/api/v1/{path}"), None).await.status, 404, "{path}");
    }
    assert_eq!(client.call("DELETE", &format!("/api/v1/workflows/{id}/draft"), None).await.status, 404);
    assert_eq!(post(client, &hook["test_url"], &json!({ "n": 4 })).await.status, 404);
    assert_eq!(client.get(&format!("/api/v1/runs/{}", tested.run_id())).await["state"], run["state"]);
    assert_eq!(client.list("/api/v1/deliveries").await.len(), 1);
    let replay = format!("/api/v1/deliveries/{}/replay", tested.delivery_id());
    let again = client.call("POST", &replay, Some(&json!({ "revision": "original" }))).await;
    assert_eq!(again.status, 404, "{}", again.text());
    let begun = save(client, DOUBLE).await;
    assert!(begun["workflow"] != saved["workflow"] && begun["hooks"][0]["url"] != hook["url"], "{begun}");
    server.stop().await;
}
