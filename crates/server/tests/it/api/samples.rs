//! Samples: every way to write one down ends in the same variables.

use hookmill_testkit::patience::until;
use serde_json::{Value, json};

use super::listening::hook_id;
use crate::running::Running;

const INFER: &str = "/api/v1/samples/infer";
const OPEN: &str = "
hookmill: 1
name: Open
triggers: [{ webhook: {} }]
steps: []
";

#[tokio::test]
async fn json_pairs_form_and_delivery_give_the_same_variables() {
    let server = Running::start().await;
    let client = &server.client;
    let published = client.publish(OPEN).await;
    let sent = json!({ "name": "Ada", "age": 36, "paid": true, "tags": ["a", "b"] });
    let delivery = client.send(published.hook(), &sent).await.delivery_id();
    let samples = [
        json!({ "json": sent }),
        json!({ "json": sent.to_string() }),
        json!({ "pairs": { "name": "Ada", "age": 36, "paid": "true", "tags[0]": "a", "tags[1]": "b" } }),
        json!({ "pairs": [["name", "Ada"], ["age", "36"], ["paid", "true"], ["tags[]", "a"], ["tags[]", "b"]] }),
        json!({ "form": "name=Ada&age=36&paid=true&tags=a&tags=b" }),
        json!({ "delivery_id": delivery }),
    ];
    for mut sample in samples {
        sample["required"] = json!(["name"]);
        let answer = client.call("POST", INFER, Some(&sample)).await;
        assert_eq!(answer.status, 200, "{sample}: {}", answer.text());
        let inferred = answer.json();
        assert_eq!(
            inferred["variables"],
            json!([
                { "name": "name", "type": "string", "required": true, "example": "Ada" },
                { "name": "age", "type": "number", "example": 36 },
                { "name": "paid", "type": "boolean", "example": true },
                { "name": "tags", "type": "array", "items": { "type": "string", "example": "a" } },
            ]),
            "{sample}"
        );
        let text = OPEN.replace("{ webhook: {} }", &format!("{{ webhook: {} }}", flow(&inferred["yaml"])));
        let checked = client.call("POST", "/api/v1/workflows/check", Some(&json!({ "text": text }))).await.json();
        let errors = checked["problems"].as_array().unwrap().iter().filter(|problem| problem["severity"] == "error").count();
        assert_eq!(errors, 0, "{text}: {checked}");
    }
    let nameless = client.call("POST", INFER, Some(&json!({ "json": [1, 2] }))).await.json();
    assert_eq!((&nameless["variables"], nameless["notes"].as_array().unwrap().len()), (&json!([]), 1));
    server.stop().await;
}

/// The block of YAML as a flow value, by way of JSON, which is YAML too.
fn flow(yaml: &Value) -> String {
    let value: Value = serde_yaml_ng::from_str(yaml.as_str().unwrap()).unwrap();
    value.to_string()
}

#[tokio::test]
async fn bad_samples_are_refused_with_the_reason() {
    let server = Running::start().await;
    for (sample, status, part) in [
        (json!({}), 400, "exactly one"),
        (json!({ "json": {}, "form": "a=1" }), 400, "exactly one"),
        (json!({ "json": "{\"a\":" }), 422, "line 1"),
        (json!({ "form": "a[b]=1&a=2" }), 422, "a"),
        (json!({ "delivery_id": "dlv_0000000000001" }), 404, "dlv_"),
        (json!({ "delivery_id": "nonsense" }), 400, "dlv_"),
        (json!({ "json": {}, "required": ["nothing"] }), 422, "nothing"),
        (json!({ "json": {}, "unknown": 1 }), 400, "unknown"),
    ] {
        let answer = server.client.call("POST", INFER, Some(&sample)).await;
        assert_eq!(answer.status, status, "{sample}: {}", answer.text());
        assert!(answer.text().contains(part), "{sample}: {}", answer.text());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_hook_keeps_its_sample_until_it_is_taken_away() {
    let server = Running::start().await;
    let client = &server.client;
    let published = client.publish(OPEN).await;
    let path = format!("/api/v1/hooks/{}/sample", hook_id(client, &published).await);
    assert_eq!(client.call("GET", &path, None).await.status, 404);
    let put = client.call("PUT", &path, Some(&json!({ "pairs": { "email": "a@b.c" } }))).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let seen = client.get(&path).await;
    assert_eq!((&seen["origin"], &seen["request"]["body"]), (&"pairs".into(), &"email=a%40b.c".into()));
    assert_eq!(seen["variables"], json!([{ "name": "email", "type": "string", "example": "a@b.c" }]));
    let delivery = client.send(published.hook(), &json!({ "n": 1 })).await.delivery_id();
    client.call("PUT", &path, Some(&json!({ "delivery_id": delivery }))).await;
    let seen = client.get(&path).await;
    assert_eq!((&seen["origin"], &seen["variables"][0]["name"]), (&"delivery".into(), &"n".into()));
    assert_eq!(client.call("PUT", &path, Some(&json!({ "json": "{" }))).await.status, 422, "the old one stays");
    assert_eq!(client.get(&path).await["origin"], "delivery");
    let large = json!({ "json": { "text": "x".repeat(300_000) } });
    assert_eq!(client.call("PUT", &path, Some(&large)).await.status, 422);
    assert_eq!(client.call("DELETE", &path, None).await.status, 204);
    assert_eq!(client.call("DELETE", &path, None).await.status, 404);
    let nowhere = "/api/v1/hooks/hook_0000000000001/sample";
    assert_eq!(client.call("PUT", nowhere, Some(&json!({ "form": "a=1" }))).await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn what_a_sender_calls_text_is_read_as_its_preset_says() {
    // Amazon SNS sends JSON as text/plain: as a past delivery, whatever became of it, and as the sample that a hook keeps.
    let server = Running::start().await;
    let client = &server.client;
    let published = client.publish("hookmill: 1\nname: T\ntriggers: [{ webhook: { preset: sns } }]\nsteps: []\n").await;
    let plain = client.publish(OPEN).await;
    let body = r#"{"Type":"Notification","Message":"hello"}"#;
    let infer = async |hook| {
        let sent = client.to_hook(hook).header("content-type", "text/plain; charset=UTF-8").body(body);
        let answer = client.answer(sent).await.json();
        let sample = json!({ "delivery_id": answer["delivery_id"] });
        // What is refused is kept after it is answered.
        let inferred = until("it is kept", async || {
            let inferred = client.call("POST", INFER, Some(&sample)).await;
            (inferred.status == 200).then(|| inferred.json())
        });
        (inferred.await["variables"].clone(), sample)
    };
    let (variables, sample) = infer(published.hook()).await;
    assert_eq!((&variables[0]["name"], &variables[1]["name"]), (&json!("Type"), &json!("Message")));
    let path = format!("/api/v1/hooks/{}/sample", hook_id(client, &published).await);
    assert_eq!(client.call("PUT", &path, Some(&sample)).await.json()["variables"], variables);
    assert_eq!(client.get(&path).await["variables"], variables);
    assert_eq!(infer(plain.hook()).await.0, json!([]), "text of anybody else is text");
    server.stop().await;
}
