//! CloudEvents 1.0: structured, binary, batches.

use hookmill_engine::workflow::WebhookTrigger;
use minijinja::Value;
use serde_json::json;

use crate::sent::{Sent, pairs, plain, trigger};

const ONE: &str = "application/cloudevents+json; charset=utf-8";
const BATCH: &str = "application/cloudevents-batch+json";

fn binary(headers: &[(&str, &str)], content_type: &str, body: &'static [u8]) -> Sent {
    let mut all = pairs(&[
        ("content-type", content_type),
        ("ce-specversion", "1.0"),
        ("ce-id", "7"),
        ("ce-source", "/s"),
        ("ce-type", "t.v1"),
    ]);
    all.retain(|(name, _)| !headers.iter().any(|(replaced, _)| replaced == name));
    all.extend(pairs(headers).into_iter().filter(|(_, value)| value != "-"));
    Sent { headers: all, ..Sent::post("", body) }
}

fn get(sent: &Sent, name: &str) -> serde_json::Value {
    let value = sent.webhook(&WebhookTrigger::default()).get_attr(name).expect("a webhook can be asked");
    if value.is_undefined() { json!("not defined") } else { plain(&value) }
}

fn refused(sent: &Sent) -> String {
    let refusal = sent.refusal();
    assert_eq!((refusal.status(), refusal.code()), (400, "bad_body"));
    refusal.to_string()
}

#[test]
fn structured_events_are_the_body() {
    let event = json!({"specversion": "1.0", "id": "7", "source": "/s", "type": "t.v1", "subject": "x",
                       "time": "2026-03-14T09:26:53Z", "comexampleextension": 5, "data": {"total": 3}});
    let sent = Sent::post(ONE, event.to_string());
    assert_eq!(get(&sent, "body"), event);
    assert_eq!(get(&sent, "cloudevent"), event);
    assert_eq!(get(&sent, "cloudevents"), json!([event]));
    assert_eq!(get(&sent, "event"), json!("t.v1"));
    let trigger = trigger("{ variables: { total: { type: number, required: true, from: { body: data.total } } } }");
    assert_eq!(plain(&sent.webhook(&trigger).get_attr("total").expect("total")), json!(3));
    let large = json!({"specversion": "1.0", "id": "7", "source": "/s", "type": "t.v1", "data": "x".repeat(100_000)});
    assert_eq!(get(&Sent::post(ONE, large.to_string()), "event"), json!("t.v1"));
    let bytes = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t","data_base64":"AA==","subject":null}"#;
    assert_eq!(get(&Sent::post(ONE, bytes), "cloudevent")["data_base64"], json!("AA=="));
}

#[test]
fn structured_events_must_be_complete() {
    for (body, part) in [
        ("[]", "is not an object"),
        ("7", "is not an object"),
        ("{}", "has no `specversion`"),
        (r#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#, "is not of version 1.0"),
        (r#"{"specversion":1.0,"id":"1","source":"s","type":"t"}"#, "`specversion` that is not a text"),
        (r#"{"specversion":"1.0","source":"s","type":"t"}"#, "has no `id`"),
        (r#"{"specversion":"1.0","id":"","source":"s","type":"t"}"#, "`id` that is not a text"),
        (r#"{"specversion":"1.0","id":{},"source":"s","type":"t"}"#, "`id` that is not a text"),
        (r#"{"specversion":"1.0","id":"1","source":null,"type":"t"}"#, "has no `source`"),
        (r#"{"specversion":"1.0","id":"1","source":"s"}"#, "has no `type`"),
        (r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data_base64":""}"#, "has both"),
        (r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":[]}"#, "`data_base64` that is not a text"),
        ("{", "not valid JSON"),
    ] {
        let message = refused(&Sent::post(ONE, body));
        assert!(message.contains(part), "{body}: {message}");
    }
}

#[test]
fn batches_are_lists_of_events() {
    let event = |id: &str| json!({"specversion": "1.0", "id": id, "source": "/s", "type": "t.v1"});
    let batch = json!([event("1"), event("2")]);
    let sent = Sent::post(BATCH, batch.to_string());
    assert_eq!((get(&sent, "body"), get(&sent, "cloudevents")), (batch.clone(), batch));
    assert_eq!((get(&sent, "cloudevent"), get(&sent, "event")), (json!("not defined"), json!("not defined")));
    assert_eq!(get(&Sent::post(BATCH, "[]"), "cloudevents"), json!([]));
    for (body, part) in [
        (event("1").to_string(), "is not an array"),
        (json!([event("1"), 2]).to_string(), "at position 1 of the batch is not an object"),
        (json!([event("1"), {"id": "2"}]).to_string(), "at position 1 of the batch has no `specversion`"),
    ] {
        let message = refused(&Sent::post(BATCH, body.clone()));
        assert!(message.contains(part), "{body}: {message}");
    }
}

#[test]
fn the_headers_of_the_binary_mode_are_the_attributes() {
    let sent = binary(
        &[("ce-subject", "Euro%20%E2%82%AC"), ("ce-quoted", "\"a\\\"b\""), ("ce-datacontenttype", "x/y"), ("ce-odd_name", "x")],
        "Application/JSON",
        br#"{"total":3}"#,
    );
    let event = json!({"specversion": "1.0", "id": "7", "source": "/s", "type": "t.v1", "subject": "Euro \u{20ac}",
                       "quoted": "a\"b", "datacontenttype": "Application/JSON", "data": {"total": 3}});
    assert_eq!(get(&sent, "cloudevent"), event);
    assert_eq!(get(&sent, "cloudevents"), json!([event]));
    assert_eq!(get(&sent, "body"), json!({"total": 3}));
    assert_eq!(get(&sent, "event"), json!("t.v1"));
    assert_eq!(get(&binary(&[], "text/plain", b"hi"), "cloudevent")["data"], json!("hi"));
    let bytes = get(&binary(&[], "image/png", b"\0"), "cloudevent");
    assert_eq!((&bytes["data_base64"], &bytes["data"]), (&json!("AA=="), &json!(null)));
    assert_eq!(get(&binary(&[], "application/json", b""), "cloudevent").get("data"), None);
}

#[test]
fn headers_of_the_binary_mode_must_be_complete_and_valid() {
    for (headers, part) in [
        (&[("ce-id", "-")][..], "no header ce-id"),
        (&[("ce-source", "")], "no header ce-source"),
        (&[("ce-type", "-")], "no header ce-type"),
        (&[("ce-specversion", "0.3")], "not of version 1.0"),
        (&[("ce-specversion", "")], "no header ce-specversion"),
        (&[("ce-subject", "%C0%A0")], "the header ce-subject is not valid UTF-8"),
        (&[("ce-subject", "a"), ("ce-subject", "b")], "ce-subject stands twice"),
    ] {
        let message = refused(&binary(headers, "application/json", b"{}"));
        assert!(message.contains(part), "{headers:?}: {message}");
    }
    let other = Sent { headers: pairs(&[("ce-id", "%ff"), ("ce-type", "t")]), ..Sent::post("", "{}") };
    assert_eq!(get(&other, "cloudevent"), json!("not defined"), "without a version it is none");
}

#[test]
fn declared_variables_and_what_the_preset_says_win() {
    let event = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t.v1","event":"theirs"}"#;
    let sent = Sent { event: Some("push"), ..Sent::post(ONE, event) };
    assert_eq!(get(&sent, "event"), json!("push"));
    let mine = trigger("{ variables: { event: { type: string, from: { body: id } }, cloudevent: { type: string } } }");
    let webhook = sent.webhook(&mine);
    let found = |name: &str| webhook.get_attr(name).expect("a webhook can be asked");
    assert_eq!(found("event"), Value::from("7"));
    assert!(found("cloudevent").is_undefined(), "it was declared and not sent");
    let plain_json = Sent::post("application/json", r#"{"event":"theirs"}"#);
    assert_eq!(get(&plain_json, "event"), json!("theirs"), "nobody else says what it is");
    let names: Vec<String> = webhook.try_iter().expect("it has names").map(|name| name.to_string()).collect();
    assert_eq!(names.iter().filter(|name| *name == "event").count(), 1, "{names:?}");
    assert!(names.contains(&"cloudevents".to_owned()) && !names.contains(&"cloudevent".to_owned()), "{names:?}");
}
