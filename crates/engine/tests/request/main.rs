//! Reading requests: content types, variables, the `webhook` object.

mod cloudevents;
mod encodings;
mod multipart;
mod sent;
mod xml;

use hookmill_engine::workflow::WebhookTrigger;
use minijinja::Value;
use serde_json::json;

use crate::sent::{Sent, pairs, plain, trigger};

#[test]
fn the_content_type_alone_picks_the_parser() {
    let (text, null) = (|text: &str| json!(text), json!(null));
    for (content_type, body, expected) in [
        ("application/json", &br#"{"b":[1,2.5,"x"],"a":null}"#[..], json!({"b": [1, 2.5, "x"], "a": null})),
        ("application/vnd.api+json; charset=utf-8", b"[true]", json!([true])),
        ("APPLICATION/JSON", b"\"x\"", text("x")),
        ("application/json; charset=iso-8859-1", b"{\"a\":\"\xe9\"}", json!({"a": "\u{e9}"})),
        ("application/json", b"\xef\xbb\xbf{}", json!({})),
        ("application/json", b"", null.clone()),
        ("application/x-www-form-urlencoded", b"a=1&b=x+y%21&c", json!({"a": "1", "b": "x y!", "c": ""})),
        ("application/x-www-form-urlencoded; charset=windows-1252", b"a=%80", json!({"a": "\u{20ac}"})),
        ("text/plain", b"{\"a\":1}", text("{\"a\":1}")),
        ("text/plain; charset=\"iso-8859-1\"", b"\xe9", text("\u{e9}")),
        ("text/csv", b"a,b\n1,2", text("a,b\n1,2")),
        ("text/plain", b"\xff\xfeh\x00i\x00", text("hi")),
        ("text/plain", b"nul \0 \xf0\x9f\x98\x80", text("nul \0 \u{1f600}")),
        ("application/csv", b"a,b\n1,2", text("a,b\n1,2")),
        ("application/x-ndjson", b"{}\n{}", text("{}\n{}")),
        ("application/json; charset; x=\"", b"{}", json!({})),
        ("application/octet-stream", b"{}", null.clone()),
        ("multipart/mixed; boundary=x", b"--x--", null.clone()),
        ("image/png", b"\x89PNG", null.clone()),
        ("", b"{\"a\":1}", json!({"a": 1})),
        ("", b"not json", text("not json")),
        ("", b"\xff\x00\x01", null.clone()),
        (" ; charset=utf-8", b"7", json!(7)),
    ] {
        let sent = Sent::post(content_type, body);
        assert_eq!(plain(&sent.body()), expected, "{content_type} {body:?}");
    }
}

#[test]
fn numbers_keep_their_value_as_far_as_128_bits_reach() {
    let body = "{\"s\":\"-1\\\"2\",\"a\":[9007199254740993,18446744073709551615,18446744073709551616,\
                -9223372036854775809,-170141183460469231731687303715884105728,1e2,1e300,\
                999999999999999999999999999999999999999999,-0.5,36893488147419103232.0],\"b\":1}";
    let value = Sent::post("application/json", body).body();
    let list = value.get_attr("a").expect("a").try_iter().expect("a list").map(|v| v.to_string()).collect::<Vec<_>>();
    assert_eq!(
        list[..6],
        [
            "9007199254740993",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775809",
            "-170141183460469231731687303715884105728",
            "100.0",
        ]
    );
    assert_eq!(value.get_attr("a").expect("a").get_item_by_index(6).expect("6"), Value::from(1e300));
    assert_eq!(value.get_attr("a").expect("a").get_item_by_index(7).expect("7"), Value::from(1e42));
    assert_eq!(value.get_attr("a").expect("a").get_item_by_index(9).expect("9"), Value::from(36_893_488_147_419_103_232.0));
    assert_eq!(value.get_attr("b").expect("b"), Value::from(1));
}

#[test]
fn the_order_of_keys_is_kept_and_of_duplicates_the_last_wins() {
    let parsed =
        Sent::post("application/json", r#"{"z":1,"a":{"x":1,"x":2},"z":3}"#).to(&WebhookTrigger::default()).expect("it is valid");
    let body = parsed.webhook.get_attr("body").expect("body");
    assert_eq!(serde_json::to_string(&body).expect("plain"), r#"{"z":3,"a":{"x":2}}"#);
    assert_eq!(parsed.notes.len(), 2);
    assert!(parsed.notes[0].contains("`x`") && parsed.notes[1].contains("`z`"), "{:?}", parsed.notes);
}

#[test]
fn forms_nest_and_repeat() {
    for (form, expected) in [
        ("a[b]=1&a[c]=2", json!({"a": {"b": "1", "c": "2"}})),
        ("a[]=1&a[]=2", json!({"a": ["1", "2"]})),
        ("a=1&a=2&a=3", json!({"a": ["1", "2", "3"]})),
        ("a=1&a[]=2", json!({"a": ["1", "2"]})),
        ("a[0][x]=1&a[1][x]=2", json!({"a": [{"x": "1"}, {"x": "2"}]})),
        ("a[1]=x", json!({"a": {"1": "x"}})),
        ("a[][x]=1&a[][x]=2", json!({"a": [{"x": "1"}, {"x": "2"}]})),
        ("a[b=1&]x[=2&[c]=3&a[b]c=4", json!({"a[b": "1", "]x[": "2", "[c]": "3", "a[b]c": "4"})),
        ("a%5Bb%5D=1", json!({"a": {"b": "1"}})),
        ("=x&&a==b", json!({"": "x", "a": "=b"})),
        ("", json!(null)),
    ] {
        let sent = Sent::post("application/x-www-form-urlencoded", form);
        assert_eq!(plain(&sent.body()), expected, "{form}");
    }
}

#[test]
fn variables_are_found_converted_and_given_defaults() {
    let trigger = trigger(
        "{ variables: { id: { required: true }, total: { type: number }, paid: { type: boolean, from: { query: p } },
           tags: { type: array }, extra: { type: object, from: { header: X-Extra } }, shop: { type: number, from: { path: shop } },
           city: { from: { body: customer.addresses.1.city } }, lang: { default: de }, gone: { type: number }, nil: { type: object } } }",
    );
    let json = r#"{"id":"A","total":1.5,"tags":[1],"customer":{"addresses":[{},{"city":"Bonn"}]},"nil":null,"more":7}"#;
    let form = "id=A&total=1.5&tags=x&customer[addresses][0][city]=Ulm&customer[addresses][1][city]=Bonn&more=7&gone=";
    for (content_type, body, tags) in
        [("application/json", json, json!([1])), ("application/x-www-form-urlencoded", form, json!(["x"]))]
    {
        let sent = Sent {
            query: "p=Yes",
            path: pairs(&[("shop", "42")]),
            headers: pairs(&[("content-type", content_type), ("x-extra", "{\"a\":[1]}")]),
            ..Sent::post("", body)
        };
        let webhook = sent.webhook(&trigger);
        let get = |name: &str| webhook.get_attr(name).expect(name);
        assert_eq!(plain(&get("id")), json!("A"));
        assert_eq!(plain(&get("total")), json!(1.5));
        assert_eq!(plain(&get("paid")), json!(true));
        assert_eq!(plain(&get("tags")), tags);
        assert_eq!(plain(&get("extra")), json!({"a": [1]}));
        assert_eq!(plain(&get("shop")), json!(42));
        assert_eq!(plain(&get("city")), json!("Bonn"));
        assert_eq!(plain(&get("lang")), json!("de"));
        assert!(get("gone").is_undefined());
        assert_eq!(get("more").to_string(), "7", "what is not declared is reachable too");
    }
    let webhook = Sent { path: pairs(&[("shop", "1")]), ..Sent::post("application/json", json) }.webhook(&trigger);
    assert!(webhook.get_attr("nil").expect("nil").is_none(), "sent as null");
}

#[test]
fn every_problem_of_the_variables_is_told_at_once_without_their_values() {
    let trigger = trigger(
        "{ variables: { a: { required: true }, b: { type: number, required: true }, c: { type: boolean },
           d: { type: object, from: { query: d } }, e: { type: array }, f: { required: true, from: { header: X-F } },
           g: { required: true, from: { body: x.y } }, h: { type: number, from: { query: h } }, i: { type: number, required: true } } }",
    );
    let sent =
        Sent { query: "d=geheim&h=1e999", ..Sent::post("application/json", r#"{"b":"7","c":1,"e":{"geheim":1},"i":null}"#) };
    let refusal = sent.to(&trigger).expect_err("nearly all is wrong");
    assert_eq!((refusal.status(), refusal.code()), (400, "bad_variables"));
    let told: Vec<(&str, &str)> = refusal.findings().iter().map(|f| (f.name, f.code)).collect();
    let (missing, mistyped) = ("missing", "mistyped");
    assert_eq!(
        told,
        [
            ("a", missing),
            ("b", mistyped),
            ("c", mistyped),
            ("d", mistyped),
            ("e", mistyped),
            ("f", missing),
            ("g", missing),
            ("h", mistyped),
            ("i", missing)
        ]
    );
    let text = refusal.to_string();
    assert!(text.contains("`b` must be a number; found a string"), "{text}");
    assert!(text.contains("`g` is missing: expected a string in the body at `x.y`"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
}

#[test]
fn texts_convert_to_numbers_and_booleans_only_as_people_write_them() {
    let trigger = trigger("{ variables: { n: { type: number, required: true }, b: { type: boolean, default: true } } }");
    for (text, expected) in [
        ("1", Some("1")),
        ("-2.50", Some("-2.5")),
        (" 7 ", Some("7")),
        ("1e3", Some("1000.0")),
        ("123456789012345678901", Some("123456789012345678901")),
        ("", None),
        ("NaN", None),
        ("inf", None),
        ("0x10", None),
        ("1_000", None),
        ("1,5", None),
        ("--1", None),
        ("\u{0661}", None),
    ] {
        let sent = Sent::post("application/x-www-form-urlencoded", format!("n={text}"));
        let found = sent.to(&trigger).ok().map(|parsed| parsed.webhook.get_attr("n").expect("n").to_string());
        assert_eq!(found.as_deref(), expected, "{text}");
    }
    for (text, expected) in [("TRUE", Some(true)), ("off", Some(false)), ("0", Some(false)), ("", Some(true)), ("2", None)] {
        let sent = Sent::post("application/x-www-form-urlencoded", format!("n=1&b={text}"));
        let found = sent.to(&trigger).ok().map(|parsed| parsed.webhook.get_attr("b").expect("b").is_true());
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn of_a_get_the_query_is_the_data() {
    let trigger = trigger("{ methods: [GET], variables: { total: { type: number, required: true } } }");
    let sent = Sent { method: "GET", query: "total=3&a[b]=%F0%9F%98%80", ..Sent::post("", "") };
    let webhook = sent.webhook(&trigger);
    assert_eq!(plain(&webhook.get_attr("total").expect("total")), json!(3));
    assert_eq!(plain(&webhook.get_attr("body").expect("body")), json!({"total": "3", "a": {"b": "\u{1f600}"}}));
    assert_eq!(plain(&webhook.get_attr("query").expect("query")), json!({"total": "3", "a": {"b": "\u{1f600}"}}));
}

#[test]
fn the_webhook_object_has_its_members_and_memory_keeps_headers_and_body() {
    let trigger = trigger("{ memory: { headers: requestHeaders, body: requestBody } }");
    let sent = Sent {
        headers: pairs(&[("content-type", "application/json"), ("x-a", "1"), ("x-b", "2"), ("x-a", "3")]),
        path: pairs(&[("shop", "9")]),
        ..Sent::post("", r#"{"method":"theirs","event":"push"}"#)
    };
    let parsed = sent.to(&trigger).expect("it is valid");
    let headers = json!({"content-type": "application/json", "x-a": "1, 3", "x-b": "2"});
    assert_eq!(
        plain(&parsed.webhook),
        json!({
            "body": {"method": "theirs", "event": "push"},
            "headers": headers,
            "query": {},
            "path": {"shop": "9"},
            "method": "POST",
            "raw": r#"{"method":"theirs","event":"push"}"#,
            "ip": "203.0.113.9",
            "received_at": "2026-03-14T09:26:53.589Z",
            "delivery_id": "dlv_0000000000001",
            "files": [],
            "event": "push",
        })
    );
    let memory: Vec<(&str, serde_json::Value)> = parsed.variables.iter().map(|(n, v)| (n.as_str(), plain(v))).collect();
    assert_eq!(memory, [("requestHeaders", headers), ("requestBody", json!({"method": "theirs", "event": "push"}))]);
    let asked = parsed.webhook.get_attr("headers").and_then(|headers| headers.get_item(&Value::from("X-B")));
    assert_eq!(asked.expect("headers are asked for without regard to case"), Value::from("2"));
}

#[test]
fn raw_is_text_or_base64() {
    for (content_type, body, expected) in [
        ("application/json", &b"{ }"[..], "{ }"),
        ("application/octet-stream", b"abc", "YWJj"),
        ("text/plain; charset=iso-8859-1", b"\xe9", "6Q=="),
    ] {
        let webhook = Sent::post(content_type, body).webhook(&WebhookTrigger::default());
        assert_eq!(webhook.get_attr("raw").expect("raw").as_str(), Some(expected), "{content_type}");
    }
    let parsed = Sent::post("image/png", &b"abc"[..]).to(&trigger("{ memory: { body: b } }")).expect("it is valid");
    assert_eq!(parsed.variables[0].1.as_str(), Some("YWJj"));
}

#[test]
fn a_sender_that_calls_its_json_text_is_understood() {
    let sns = trigger("{ preset: sns, variables: { Subject: { type: string, required: true } } }");
    let sent = Sent::post("text/plain; charset=UTF-8", r#"{"Subject":"s","TopicArn":"a"}"#);
    let webhook = sent.webhook(&sns);
    assert_eq!(plain(&webhook.get_attr("Subject").expect("a variable")), json!("s"));
    assert_eq!(plain(&webhook.get_attr("body").expect("a body")), json!({"Subject": "s", "TopicArn": "a"}));
    assert_eq!(
        plain(&sent.webhook(&trigger("{ preset: github, secret: s }")).get_attr("body").expect("a body")).as_str().map(str::len),
        Some(30)
    );
    assert_eq!(Sent::post("text/plain", "no JSON").to(&sns).expect_err("it is refused").code(), "bad_body");
}
