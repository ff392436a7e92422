//! Variables inferred from examples, and what the inferred ones accept.

use bytes::Bytes;
use hookmill_engine::id::DeliveryId;
use hookmill_engine::request::{Headers, Request, parse};
use hookmill_engine::sample::{
    Variables, example, infer, infer_headers, infer_pairs, infer_query, infer_request, to_yaml as variables_yaml,
};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{Source, Trigger, Variable, WebhookTrigger, Workflow, preset, read, to_yaml};
use serde_json::{Value, json};

fn shown(variables: &Variables) -> Value {
    variables
        .iter()
        .map(|(name, variable)| (name.clone(), serde_json::to_value(variable).expect("plain")))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn order() -> Value {
    json!({
        "id": "A-1", "total": 12.5, "paid": true, "note": null, "tags": ["new", "eu"], "mixed": [1, "a"], "none": [],
        "customer": { "email": "ada@example.com", "address": { "city": "Ulm" } },
        "items": [{ "sku": "x", "count": 1 }, null, { "sku": "y", "gift": false, "count": "two" }]
    })
}

#[test]
fn a_json_example_gives_names_types_and_examples_all_the_way_down() {
    let text = |example: &str| json!({ "type": "string", "example": example });
    assert_eq!(
        shown(&infer(&order())),
        json!({
            "id": text("A-1"),
            "total": { "type": "number", "example": 12.5 },
            "paid": { "type": "boolean", "example": true },
            "note": { "type": "string" },
            "tags": { "type": "array", "items": text("new") },
            "mixed": { "type": "array" },
            "none": { "type": "array" },
            "customer": { "type": "object", "fields": {
                "email": text("ada@example.com"),
                "address": { "type": "object", "fields": { "city": text("Ulm") } }
            } },
            // `count` is of two types: nothing can be said about it.
            "items": { "type": "array", "items": { "type": "object", "fields": {
                "sku": text("x"), "gift": { "type": "boolean", "example": false }
            } } }
        })
    );
    assert!(infer(&json!([1])).is_empty() && infer(&json!("text")).is_empty());
}

#[test]
fn what_was_the_sample_is_accepted_by_the_inferred_trigger() {
    let variables: Variables = infer(&order());
    let trigger = WebhookTrigger { variables: variables.into_iter().collect(), ..WebhookTrigger::default() };
    let workflow = Workflow {
        format: 1,
        name: "t".to_owned(),
        description: None,
        triggers: vec![Trigger::Webhook(Box::new(trigger.clone()))],
        settings: hookmill_engine::workflow::Settings::default(),
        steps: vec![],
    };
    assert_eq!(read(&to_yaml(&workflow)), Ok(workflow));
    let body = Bytes::from(order().to_string());
    let headers = [("content-type", "application/json")].into_iter().collect();
    let parsed = parse(&trigger, &request("POST", "", &headers, &body));
    assert!(parsed.is_ok(), "{parsed:?}");
}

fn request<'a>(method: &'a str, query: &'a str, headers: &'a Headers, body: &'a Bytes) -> Request<'a> {
    Request {
        method,
        path_params: &[],
        query,
        headers,
        body,
        event: None,
        address: "203.0.113.9",
        received_at: Timestamp(0),
        delivery: DeliveryId(1),
    }
}

#[test]
fn pairs_are_texts_that_can_only_be_meant_in_one_way() {
    let pairs = [
        ("name", "Ada"),
        ("count", "42"),
        ("price", "-1.5"),
        ("paid", "true"),
        ("zip", "01067"),
        ("phone", "+49731"),
        ("card", "4111111111111111"),
        ("exp", "1e5"),
        ("tag", "a"),
        ("tag", "b"),
        ("address[city]", "Ulm"),
        ("yes", "yes"),
        ("empty", ""),
    ];
    let text = |example: &str| json!({ "type": "string", "example": example });
    assert_eq!(
        shown(&infer_pairs(pairs).expect("pairs")),
        json!({
            "name": text("Ada"), "count": { "type": "number", "example": 42 }, "price": { "type": "number", "example": -1.5 },
            "paid": { "type": "boolean", "example": true }, "zip": text("01067"), "phone": text("+49731"),
            "card": text("4111111111111111"), "exp": text("1e5"), "tag": { "type": "array", "items": text("a") },
            "address": { "type": "object", "fields": { "city": text("Ulm") } }, "yes": text("yes"), "empty": text("")
        })
    );
    assert!(infer_pairs([("a", "1"), ("a[b]", "2")]).is_err(), "a value and a container");
}

#[test]
fn query_and_headers_say_where_they_were_found_and_hide_credentials() {
    let query = infer_query("page=2&method=x").expect("a query");
    assert_eq!(
        shown(&query),
        json!({
            "page": { "type": "number", "example": 2, "from": { "query": "page" } },
            "sent_method": { "type": "string", "example": "x", "from": { "query": "method" } }
        })
    );
    let headers: Headers = [
        ("host", "h"),
        ("content-type", "application/json"),
        ("authorization", "Bearer x"),
        ("x-hub-signature-256", "s"),
        ("x-shop-token", "t"),
        ("x-github-event", "push"),
        ("x-total", "3"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("sec-fetch-mode", "cors"),
    ]
    .into_iter()
    .collect();
    assert_eq!(
        shown(&infer_headers(&headers)),
        json!({
            "x_github_event": { "type": "string", "example": "push", "from": { "header": "x-github-event" } },
            "x_total": { "type": "number", "example": 3, "from": { "header": "x-total" } },
            "x_a": { "type": "string", "example": "1, 2", "from": { "header": "x-a" } }
        })
    );
}

#[test]
fn a_request_gives_the_variables_of_all_its_parts() {
    let headers: Headers = [("content-type", "application/x-www-form-urlencoded"), ("x-event", "paid")].into_iter().collect();
    let body = Bytes::from_static(b"count=3&x_event=mine");
    let variables = infer_request(&request("POST", "shop=ulm&count=9", &headers, &body), None).expect("a request");
    let names: Vec<(&str, bool)> = variables.iter().map(|(name, variable)| (name.as_str(), variable.source.is_some())).collect();
    assert_eq!(names, [("count", false), ("x_event", false), ("shop", true)]);
    assert_eq!(variables[2].1.source, Some(Source::Query("shop".to_owned())));
    let got = infer_request(&request("GET", "a=1", &Headers::default(), &Bytes::new()), None).expect("a request");
    assert_eq!(shown(&got), json!({ "a": { "type": "number", "example": 1 } }));
}

#[test]
fn json_that_its_sender_calls_text_is_json_where_the_preset_says_so() {
    let headers: Headers = [("content-type", "text/plain; charset=UTF-8")].into_iter().collect();
    let body = Bytes::from_static(br#"{"Type":"Notification","Message":"hello"}"#);
    let infer = |id: Option<&str>| infer_request(&request("POST", "", &headers, &body), id.and_then(preset)).expect("a request");
    let names: Vec<String> = infer(Some("sns")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Type", "Message"]);
    assert!(infer(Some("github")).is_empty() && infer(None).is_empty(), "text is text of everybody else");
}

#[test]
fn names_that_no_variable_can_have_are_left_out_and_limits_kept() {
    let long = "n".repeat(65);
    let sample = json!({ "": 1, "a\nb": 1, long: 1, "body": 1, "raw": { "x": 1 }, "a.b": 1 });
    let names: Vec<String> = infer(&sample).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["sent_body", "sent_raw", "a.b"]);
    let wide: Value = (0..5_000).map(|n| (format!("m{n}"), json!({ "x": n }))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(infer(&wide).len(), 200);
    let deep = (0..100).fold(json!(1), |inner, _| json!({ "a": inner }));
    let mut level = &infer(&deep)[0].1;
    let mut depth = 0;
    while let Some(inner) = level.fields.get("a") {
        (level, depth) = (inner, depth + 1);
    }
    assert_eq!(depth, 16);
    let cut = infer(&json!({ "a": "é".repeat(500) }))[0].1.example.clone();
    assert_eq!(cut.as_ref().and_then(Value::as_str).map(|text| text.chars().count()), Some(200));
}

#[test]
fn an_example_is_put_together_from_those_inside() {
    let built = |value: &Value| {
        infer(value)
            .iter()
            .map(|(name, variable)| (name.clone(), example(variable).unwrap_or_default()))
            .collect::<serde_json::Map<_, _>>()
    };
    let sample = json!({ "a": { "b": [{ "c": 1, "d": null }, { "e": "x" }] }, "f": [] });
    assert_eq!(Value::from(built(&sample)), json!({ "a": { "b": [{ "c": 1, "e": "x" }] }, "f": null }));
    assert_eq!(example(&Variable::default()), None);
    let default = Variable { default: Some(json!("d")), ..Variable::default() };
    assert_eq!(example(&default), Some(json!("d")));
}

#[test]
fn inferred_variables_are_ready_text_for_a_document() {
    // What is told as text is read as exactly these declarations, odd names included.
    let variables =
        infer(&json!({ "id": "A-1", "yes": true, "a: b": "# {{ x }}", "007": 1.5, "items": [{ "sku": "\u{1F600}\n" }] }));
    let block = variables_yaml(&variables);
    let indented: String = block.lines().map(|line| format!("      {line}\n")).collect();
    let text = format!("hookmill: 1\nname: t\ntriggers:\n  - webhook:\n{indented}steps: []\n");
    let workflow = read(&text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    let Trigger::Webhook(trigger) = &workflow.triggers[0];
    assert_eq!(trigger.variables.clone().into_iter().collect::<Variables>(), variables);
}
