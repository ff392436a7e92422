//! Whatever is sent or written, nothing panics, overflows the stack, or takes time out of proportion.

use bytes::Bytes;
use hookmill_engine::id::DeliveryId;
use hookmill_engine::request::{FORM_FIELDS_MAX, JSON_DEPTH_MAX, Parsed, Refusal, Request, parse};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{DOCUMENT_BYTES_MAX, PROBLEMS_MAX, Problem, WebhookTrigger, read};
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
    let headers = [("content-type", content_type)].into_iter().collect();
    let body = Bytes::copy_from_slice(body);
    let request = Request {
        method: "POST",
        path_params: &[],
        query,
        headers: &headers,
        body: &body,
        address: "::1",
        received_at: Timestamp(0),
        delivery: DeliveryId(1),
    };
    parse(&WebhookTrigger::default(), &request)
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
    fn no_json_like_text_makes_the_parser_panic(text in "[{}\\[\\]:,\"\\\\a-fu0-9.eE+\\- \n]{0,200}") {
        let ours = send("application/json", "", text.as_bytes());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        if !text.is_empty() {
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        }
    }
}
