//! Nested variables, the full body parameter, JSON Schema.

use bytes::Bytes;
use hookmill_engine::id::DeliveryId;
use hookmill_engine::request::{Parsed, Refusal, Request, VARIABLE_PROBLEMS_MAX, parse};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{Trigger, WebhookTrigger, read};
use serde_json::{Value, json};

fn trigger(webhook: &str) -> WebhookTrigger {
    let text = format!("hookmill: 1\nname: t\ntriggers:\n  - webhook: {webhook}\nsteps: []\n");
    let workflow = read(&text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let [Trigger::Webhook(trigger)] = workflow.triggers.as_slice() else { panic!("one trigger") };
    (**trigger).clone()
}

fn send(trigger: &WebhookTrigger, method: &str, query: &str, content_type: &str, body: &str) -> Result<Parsed, Refusal> {
    let request = Request {
        method,
        path_params: &[],
        query,
        headers: &[("content-type", content_type)].into_iter().collect(),
        body: &Bytes::copy_from_slice(body.as_bytes()),
        event: None,
        address: "203.0.113.9",
        received_at: Timestamp(0),
        delivery: DeliveryId(1),
    };
    parse(trigger, &request)
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

fn post(trigger: &WebhookTrigger, content_type: &str, body: &str) -> Result<Parsed, Refusal> {
    send(trigger, "POST", "", content_type, body)
}

fn told(refusal: &Refusal) -> Vec<(String, &'static str)> {
    refusal.findings().iter().map(|finding| (finding.name.to_owned(), finding.code)).collect()
}

fn get(parsed: &Parsed, name: &str) -> Value {
    serde_json::to_value(parsed.webhook.get_attr(name).expect(name)).expect("plain data")
}

const ORDER: &str = "{ variables: { order: { type: object, required: true, fields: {
    id: { required: true },
    total: { type: number },
    currency: { default: EUR },
    items: { type: array, required: true, items: { type: object, required: true, fields: {
        sku: { required: true }, count: { type: number, default: 1 }, gift: { type: boolean } } } },
    tags: { type: array, items: {} } } } } }";

#[test]
fn nested_values_are_checked_and_given_their_defaults() {
    let parsed = post(
        &trigger(ORDER),
        JSON,
        r#"{"order":{"items":[{"sku":"a","count":2,"more":[1]},{"sku":"b","gift":null}],"id":"7","total":1.5,"note":"kept"}}"#,
    )
    .unwrap_or_else(|refusal| panic!("{refusal}"));
    assert_eq!(
        get(&parsed, "order"),
        json!({
            "items": [{ "sku": "a", "count": 2, "more": [1] }, { "sku": "b", "gift": null, "count": 1 }],
            "id": "7", "total": 1.5, "note": "kept", "currency": "EUR"
        })
    );
    let body = get(&parsed, "body");
    assert_eq!(body["order"]["currency"], Value::Null, "the body itself stays as it was sent");
}

#[test]
fn nested_texts_of_a_form_become_what_is_declared() {
    let form = "order[id]=7&order[total]=1.50&order[items][0][sku]=a&order[items][0][count]=2&order[items][0][gift]=on\
                &order[items][1][sku]=b&order[items][1][gift]=&order[tags]=one&order[note]=5";
    let parsed = post(&trigger(ORDER), FORM, form).unwrap_or_else(|refusal| panic!("{refusal}"));
    assert_eq!(
        get(&parsed, "order"),
        json!({
            "id": "7", "total": 1.5, "items": [{ "sku": "a", "count": 2, "gift": true }, { "sku": "b", "count": 1 }],
            "tags": ["one"], "note": "5", "currency": "EUR"
        })
    );
    // A form field can hold JSON; inside of it values have types of their own.
    let parsed = post(&trigger(ORDER), FORM, "order=%7B%22id%22:%22x%22,%22items%22:[]%7D").expect("JSON in a form");
    assert_eq!(get(&parsed, "order"), json!({ "id": "x", "items": [], "currency": "EUR" }));
    let refusal = post(&trigger(ORDER), FORM, "order=%7B%22id%22:7,%22items%22:[]%7D").expect_err("7 is no string");
    assert_eq!(told(&refusal), [("order.id".to_owned(), "mistyped")]);
}

#[test]
fn every_problem_is_told_at_once_with_its_path_and_without_its_value() {
    let body = r#"{"order":{"total":"geheim","items":[{"sku":1},{"count":"2","gift":"yes"},null,5,{"sku":"c","count":null}],"tags":[1,"b",null]}}"#;
    let refusal = post(&trigger(ORDER), JSON, body).expect_err("nearly all is wrong");
    let expected = [
        ("order.id", "missing"),
        ("order.total", "mistyped"),
        ("order.items[0].sku", "mistyped"),
        ("order.items[1].sku", "missing"),
        ("order.items[1].count", "mistyped"),
        ("order.items[1].gift", "mistyped"),
        ("order.items[2]", "missing"),
        ("order.items[3]", "mistyped"),
        ("order.tags[0]", "mistyped"),
    ];
    assert_eq!(told(&refusal), expected.map(|(path, code)| (path.to_owned(), code)));
    let text = refusal.to_string();
    assert!(text.contains("`order.items[1].sku` is missing: expected a string;"), "{text}");
    assert!(text.contains("`order.total` must be a number; found a string"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
    let names = trigger("{ variables: { a: { type: object, fields: { 'b c': { required: true } } } } }");
    let refusal = post(&names, JSON, r#"{"a":{}}"#).expect_err("it is missing");
    assert_eq!(told(&refusal), [("a[\"b c\"]".to_owned(), "missing")]);
}

#[test]
fn a_flood_of_problems_is_counted_and_not_told() {
    let trigger = trigger("{ variables: { a: { type: array, items: { type: number } } } }");
    let body = json!({ "a": vec!["x"; 100_000] }).to_string();
    let refusal = post(&trigger, JSON, &body).expect_err("all are texts");
    let told = told(&refusal);
    assert_eq!(told.len(), VARIABLE_PROBLEMS_MAX + 1);
    assert_eq!(told[VARIABLE_PROBLEMS_MAX - 1], ("a[99]".to_owned(), "mistyped"));
    assert_eq!(told[VARIABLE_PROBLEMS_MAX], ("body".to_owned(), "more_problems"));
}

#[test]
fn the_whole_body_is_one_more_text_variable() {
    let trigger = trigger("{ methods: [GET, POST], full_body: everything, variables: { a: {} } }");
    for (method, query, content_type, body, expected) in [
        ("POST", "", JSON, r#"{ "a": "b" }"#, r#"{ "a": "b" }"#),
        ("POST", "", FORM, "a=b&c=%20", "a=b&c=%20"),
        ("POST", "", "application/octet-stream", "abc", "YWJj"),
        ("POST", "", JSON, "", ""),
        ("GET", "a=1", "", "", "a=1"),
    ] {
        let parsed = send(&trigger, method, query, content_type, body).unwrap_or_else(|refusal| panic!("{refusal}"));
        assert_eq!(get(&parsed, "everything"), json!(expected), "{method} {content_type} {body}");
    }
    let parsed = post(&trigger, JSON, r#"{"everything":1}"#).expect("it is fine");
    assert_eq!(get(&parsed, "everything"), json!(r#"{"everything":1}"#), "what is declared wins");
}

#[test]
fn the_schema_speaks_after_the_variables_and_tells_no_values() {
    let trigger = trigger(
        "{ variables: { id: { required: true } }, schema: { type: object, required: [kind], additionalProperties: false,
             properties: { kind: { enum: [a, b] }, id: {}, list: { items: { type: integer, maximum: 9007199254740993 } },
               mail: { pattern: '^[a-z]+@[a-z]+$' } } } }",
    );
    assert!(post(&trigger, JSON, r#"{"id":"1","kind":"a","list":[1,2],"mail":"a@b"}"#).is_ok());
    let refusal = post(&trigger, JSON, r#"{"kind":"geheim","list":[1,"geheim",18446744073709551616],"mail":"geheim","z":1}"#)
        .expect_err("it does not match");
    assert_eq!((refusal.status(), refusal.code()), (400, "bad_variables"));
    let mut told = told(&refusal);
    assert_eq!(told.remove(0), ("id".to_owned(), "missing"));
    told.sort();
    let expected = ["body", "kind", "list[1]", "list[2]", "mail"];
    assert_eq!(told, expected.map(|path| (path.to_owned(), "schema")));
    assert!(!refusal.to_string().contains("geheim"), "{refusal}");
    let refusal = post(&trigger, "text/plain", "geheim").expect_err("a text is no object");
    assert!(refusal.findings().iter().any(|finding| finding.name == "body" && finding.code == "schema"), "{refusal}");
}

#[test]
fn a_schema_that_is_none_lets_nobody_in() {
    // References that lead nowhere else than back are followed once.
    let round = trigger("{ schema: { properties: { a: { $ref: '#' } }, required: [b] } }");
    let deep = format!("{}{}", r#"{"b":1,"a":"#.repeat(120), "{}".to_owned() + &"}".repeat(120));
    let refusal = post(&round, JSON, &deep).expect_err("the innermost lacks `b`");
    assert_eq!(told(&refusal).len(), 1);
    for schema in ["{ type: 5 }", "{ $ref: 'https://example.com/schema.json' }", "{ pattern: '(' }", "7"] {
        let trigger = trigger(&format!("{{ schema: {schema} }}"));
        let refusal = post(&trigger, JSON, "{}").expect_err(schema);
        assert_eq!(told(&refusal), [("body".to_owned(), "bad_schema")], "{schema}");
    }
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    for (schema, matches) in [
        ("{ $ref: '#' }", true),
        ("{ allOf: [{ $ref: '#' }] }", true),
        ("{ $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' }", true),
        ("{ not: { $ref: '#' } }", false),
        ("{ $dynamicAnchor: x, $dynamicRef: '#x' }", true),
        ("{ $id: 'urn:x', anyOf: [{ $ref: 'urn:x' }, { type: string }] }", true),
    ] {
        let trigger = trigger(&format!("{{ schema: {schema} }}"));
        assert_eq!(post(&trigger, JSON, r#"{"a":1}"#).is_ok(), matches, "{schema}");
    }
}
