//! Whatever is sent or written, nothing panics, overflows the stack, or takes time out of proportion.

use bytes::Bytes;
use hookmill_engine::id::DeliveryId;
use hookmill_engine::request::{FORM_FIELDS_MAX, Headers, JSON_DEPTH_MAX, Parsed, Refusal, Request, parse};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{DOCUMENT_BYTES_MAX, Encoding, PROBLEMS_MAX, Problem, WebhookTrigger, read};
use proptest::prelude::*;

fn document(text: &str) -> Vec<Problem> {
    read(text).expect_err("the document is wrong")
}

#[test]
fn documents_that_are_too_deep_or_too_large_are_refused() {
    let nested = |open: &str, count: usize| open.repeat(count);
    for (text, code) in [
        (nested("[", 100_000), "too_deep"),
        (nested("{\"a\":", 100_000), "too_deep"),
        (format!("x: {}", nested("[", 100_000)), "too_deep"),
        (format!("x: {}", nested("{a: ", 100_000)), "too_deep"),
        (nested("- ", 100_000), "too_deep"),
        ("x".repeat(DOCUMENT_BYTES_MAX + 1), "too_large"),
    ] {
        let problems = document(&text);
        let start: String = text.chars().take(10).collect();
        assert_eq!(problems.len(), 1, "{start}: {:?}", problems[0]);
        assert!(problems[0].code == code || problems[0].code == "invalid_yaml", "{start}: {problems:?}");
    }
}

#[test]
fn aliases_cannot_blow_a_document_up() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let problems = document(&bomb);
    assert_eq!(problems[0].code, "too_large", "{problems:?}");
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(400_000), vec!["*a"; 100_000].join(","));
    assert_eq!(document(&long)[0].code, "too_large");
    let own = document("a: &a [*a]");
    assert!(!own.is_empty());
}

#[test]
fn invalid_documents_tell_line_and_column() {
    for (text, part) in [
        ("hookmill: 1\nname: [a\nsteps: []\n", "line 3"),
        ("hookmill: 1\nname: x\nsteps:\n  - if: {{ webhook.a }}\n", "needs quotes"),
        ("{\"hookmill\": 1,\n \"name\": \"a\" \"b\"}", "line 2 column 14"),
        ("a: b: c", "line 1"),
        ("a: \"\\q\"", "line 1"),
        ("? [a]\n: b\n", "line 1"),
        ("--- 1\n--- 2\n", "more than one document"),
        ("a: *b", "line 1"),
    ] {
        let problems = document(text);
        assert!(problems[0].message.contains(part), "{text:?}: {}", problems[0].message);
    }
    for text in ["", "   ", "null", "[]", "7", "text", "\u{feff}", "\0", "\t\t"] {
        assert!(!document(text).is_empty(), "{text:?}");
    }
}

#[test]
fn of_very_many_problems_the_first_are_told_and_the_rest_counted() {
    let keys: String = (0..20_000).map(|n| format!("k{n}: 1\n")).collect();
    let problems = document(&keys);
    assert_eq!(problems.len(), PROBLEMS_MAX + 1);
    assert!(problems[PROBLEMS_MAX].message.contains("more problems"), "{:?}", problems[PROBLEMS_MAX]);
}

fn send(content_type: &str, query: &str, body: &[u8]) -> Result<Parsed, Refusal> {
    read_request(&[("content-type", content_type)].into_iter().collect(), query, body)
}

fn read_request(headers: &Headers, query: &str, body: &[u8]) -> Result<Parsed, Refusal> {
    let body = Bytes::copy_from_slice(body);
    let request = Request {
        method: "POST",
        path_params: &[],
        query,
        headers,
        body: &body,
        event: None,
        address: "::1",
        received_at: Timestamp(0),
        delivery: DeliveryId(1),
    };
    parse(&WebhookTrigger { encodings: Encoding::ALL.to_vec(), ..WebhookTrigger::default() }, &request)
}

fn bad_body(content_type: &str, body: &[u8]) -> (String, Option<(usize, usize)>) {
    match send(content_type, "", body) {
        Err(Refusal::BadBody { message, position }) => (message, position.map(|at| (at.line, at.column))),
        other => panic!("{content_type} {:?}: {other:?}", &body[..body.len().min(40)]),
    }
}

#[test]
fn broken_json_is_refused_with_what_and_where() {
    for (body, what, position) in [
        (&b"{\"a\": 1,\n \"b\": }"[..], "expected value", (2, 7)),
        (b"{\"a\": 1", "EOF", (1, 7)),
        (b"[1,2", "EOF", (1, 4)),
        (b"{} {}", "trailing characters", (1, 4)),
        (b"{\"a\":\"\xff\"}", "not valid UTF-8", (1, 7)),
        (b"\"\n\"", "control character", (2, 0)),
        (b"\"a\0b\"", "control character", (1, 3)),
        (b"\"\\ud800\"", "hex escape", (1, 8)),
        (b"\"\\udc00\\ud800\"", "surrogate", (1, 7)),
        (b"{a:1}", "key must be a string", (1, 2)),
        (b"[1,]", "trailing comma", (1, 4)),
        (b"NaN", "expected value", (1, 1)),
        (b"01", "invalid number", (1, 2)),
        (b"1e999", "out of range", (1, 5)),
        (b"'a'", "expected value", (1, 1)),
        (b"   ", "EOF", (1, 3)),
    ] {
        let (message, found) = bad_body("application/json", body);
        assert!(message.contains(what), "{}: {message}", String::from_utf8_lossy(body));
        assert_eq!(found, Some(position), "{}: {message}", String::from_utf8_lossy(body));
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(send("application/json", "", nested(JSON_DEPTH_MAX).as_bytes()).is_ok());
    let (message, _) = bad_body("application/json", nested(JSON_DEPTH_MAX + 1).as_bytes());
    assert!(message.contains("deeper than 128"), "{message}");
    bad_body("application/json", "[".repeat(100_000).as_bytes());
    bad_body("application/json", "{\"a\":".repeat(100_000).as_bytes());
    let untyped = send("", "", "[".repeat(100_000).as_bytes()).expect("without a type it is text");
    assert!(untyped.webhook.get_attr("body").expect("body").as_str().is_some());
    let form = format!("a{}=1", "[b]".repeat(10_000));
    let (message, _) = bad_body("application/x-www-form-urlencoded", form.as_bytes());
    assert!(message.contains("brackets"), "{message}");
}

#[test]
fn many_keys_cost_in_proportion() {
    let same = format!("{{{}}}", vec!["\"k\":1"; 200_000].join(","));
    let parsed = send("application/json", "", same.as_bytes()).expect("duplicate keys are allowed");
    assert!(parsed.notes.len() <= 21, "notes are bounded");
    assert!(parsed.notes.last().is_some_and(|note| note.starts_with("199979 more")), "{:?}", parsed.notes.last());
    let list = format!("[{}1]", "1,".repeat(2_500_000));
    let parsed = send("application/json", "", list.as_bytes()).expect("5 MB are fine");
    assert_eq!(parsed.webhook.get_attr("body").expect("body").len(), Some(2_500_001));
    let wide = format!("[{}1]", "18446744073709551616,".repeat(200_000));
    let parsed = send("application/json", "", wide.as_bytes()).expect("wide integers are fine");
    assert_eq!(parsed.webhook.get_attr("body").expect("body").len(), Some(200_001));
}

#[test]
fn forms_are_bounded_and_strict() {
    let fields = |count: usize| (0..count).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join("&");
    assert!(send("application/x-www-form-urlencoded", "", fields(FORM_FIELDS_MAX).as_bytes()).is_ok());
    let (message, _) = bad_body("application/x-www-form-urlencoded", fields(100_000).as_bytes());
    assert!(message.contains("more than 10000 fields"), "{message}");
    let (message, _) = bad_body("application/x-www-form-urlencoded", b"a=%ff%fe");
    assert!(message.contains("not valid UTF-8"), "{message}");
    let (message, _) = bad_body("application/x-www-form-urlencoded", b"a=1&a[b]=2");
    assert!(message.contains("`a`"), "{message}");
    assert!(send("application/x-www-form-urlencoded", "", b"a=%&b=%4&c=%zz&%00=%00").is_ok(), "stray percent signs stay");
    assert!(matches!(send("text/plain", "a=%ff", b"x"), Err(Refusal::BadBody { .. })), "the query is data too");
}

#[test]
fn charsets_are_known_or_refused() {
    let (message, _) = bad_body("text/plain; charset=klingon", b"x");
    assert!(message.contains("`klingon`"), "{message}");
    let (message, position) = bad_body("text/plain", b"ok\n\xc3(");
    assert_eq!(position, Some((2, 1)), "{message}");
    bad_body("text/plain; charset=shift_jis", b"\x81");
    bad_body("application/json; charset=utf-7", b"{}");
}

/// Bodies that are nearly right for their content type.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let any_type = proptest::sample::select(vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "text/xml; charset=utf-16",
        "application/xml",
        "text/csv",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "multipart/form-data; boundary=x",
        "image/png",
        "",
    ]);
    let piece = |pieces: &'static [&'static str]| {
        proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..25)
            .prop_map(|pieces| pieces.concat().into_bytes())
    };
    let multipart = piece(&[
        "--x",
        "--x--",
        "--x\r\n",
        "\r\n",
        "\n",
        "\r\n\r\n",
        "Content-Disposition: form-data; name=a",
        "; filename=b",
        "; filename*=",
        "utf-8''",
        "%ff",
        "Content-Type: text/plain",
        "; charset=utf-16",
        "\"",
        "\\",
        ";",
        "\u{e9}",
        "a[b]",
        "_charset_",
        "latin1",
        ":",
        " ",
    ]);
    let xml = piece(&[
        "<a>",
        "</a>",
        "<a/>",
        "<b",
        " c='1'",
        " c=\"&lt;\"",
        ">",
        "/>",
        "<!--",
        "-->",
        "--",
        "<![CDATA[",
        "]]>",
        "&amp;",
        "&#65;",
        "&x;",
        "&",
        ";",
        "x",
        " ",
        "\n",
        "<?xml version='1.0'",
        "?>",
        "<!DOCTYPE",
        "<!",
        "</",
        "\u{e9}",
        "'",
        "[",
        "]",
    ]);
    let event = piece(&[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"specversion\":\"1.0\",",
        "\"id\":\"1\",",
        "\"source\":\"s\",",
        "\"type\":\"t\"",
        "\"data\"",
        "null",
        "1",
    ]);
    let typed =
        |content_type: &'static str, body: BoxedStrategy<Vec<u8>>| body.prop_map(move |body| (content_type.to_owned(), body));
    prop_oneof![
        (any_type, bytes).prop_map(|(content_type, body)| (content_type.to_owned(), body)),
        typed("multipart/form-data; boundary=x", multipart.boxed()),
        typed("application/xml", xml.boxed()),
        typed("application/cloudevents+json", event.clone().boxed()),
        typed("application/cloudevents-batch+json", event.boxed()),
        ("[a-z/+;=\"\\\\ ]{0,40}", proptest::collection::vec(any::<u8>(), 0..50)),
    ]
}

fn encoding() -> impl Strategy<Value = Option<String>> {
    let named = proptest::sample::select(vec!["gzip", "deflate", "br", "zstd", "gzip, br", "identity", ",", "x"]);
    proptest::option::weighted(0.3, named.prop_map(str::to_owned))
}

fn cloud_headers() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = proptest::sample::select(vec!["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-x", "ce-"]);
    let header = (name.prop_map(str::to_owned), "1\\.0|[\"%\\\\a-f0-9 \u{e9}]{0,8}");
    proptest::option::weighted(0.3, proptest::collection::vec(header, 0..7)).prop_map(Option::unwrap_or_default)
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}|[-:{}\\[\\]&*!|>'\"%@`#,? \n\ta-c0-9]{0,120}") {
        let _ = read(&text);
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        content_type in "(application/json|application/x-www-form-urlencoded|text/plain|x)?(; ?charset=(utf-8|utf-16|iso-8859-1|gbk))?",
        query in "[a-c\\[\\]=&%+0-9\\PC]{0,60}",
    ) {
        let _ = send(&content_type, &query, &bytes);
    }

    #[test]
    fn no_body_of_any_type_makes_a_parser_panic(sent in body(), encoding in encoding(), event in cloud_headers()) {
        let (content_type, body) = sent;
        let mut headers = vec![("content-type".to_owned(), content_type)];
        headers.extend(encoding.map(|encoding| ("content-encoding".to_owned(), encoding)));
        headers.extend(event);
        if let Ok(parsed) = read_request(&headers.iter().cloned().collect(), "", &body) {
            // All that is made only when it is asked for.
            let shown = serde_json::to_value(&parsed.webhook).expect("it is plain data");
            for file in parsed.webhook.get_attr("files").expect("files").try_iter().expect("a list") {
                prop_assert!(file.get_attr("base64").expect("a file").as_str().is_some());
                file.get_attr("text").expect("a file");
            }
            let again = read_request(&headers.into_iter().collect(), "", &body).expect("the same bytes say the same");
            prop_assert_eq!(shown, serde_json::to_value(&again.webhook).expect("it is plain data"));
        }
    }

    #[test]
    fn no_json_like_text_makes_the_parser_panic(text in "[{}\\[\\]:,\"\\\\a-fu0-9.eE+\\- \n]{0,200}") {
        let ours = send("application/json", "", text.as_bytes());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        if !text.is_empty() {
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        }
    }
}
