//! A skimmed text says what the built one says. Whether `json::parse` skims is told by how it is given the text.

use std::borrow::Cow;

use bytes::Bytes;
use proptest::prelude::*;

use super::SCANNED_KEYS_MAX;
use crate::request::Refusal;
use crate::request::body::{Body, Container, Member};
use crate::request::json;
use minijinja::value::ValueKind;

pub(super) const WANTED: &[&str] = &["a", "k3", "", "0", "a"];
const PATHS: &[&str] = &["a", "a.a", "a.0", "a.k3.a", "0", "0.a", "k3", "", ".a", "a.", "a..a"];

type Outcome = Result<Body<'static>, Refusal>;

fn both(text: &str) -> ((Outcome, Vec<String>), (Outcome, Vec<String>)) {
    let (mut skim_notes, mut build_notes) = (Vec::new(), Vec::new());
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let kept = std::str::from_utf8(&bytes).expect("it was a text");
    let skimmed = json::parse(Cow::Borrowed(kept), &bytes, WANTED, &mut skim_notes);
    let built = json::parse(Cow::Owned(text.to_owned()), &bytes, WANTED, &mut build_notes);
    ((skimmed, skim_notes), (built, build_notes))
}

/// What a member says, also when it is not built: then it must be built as what it was said to be.
fn shown(body: &Body<'_>, path: &str, member: Option<Member>) -> String {
    let value = match member {
        Some(Member::Unbuilt(container)) => {
            // The test's paths with one segment may be empty; a path's first segment is a name also in an object.
            let value = crate::request::body::member(body.content.value(), path).expect("it was found");
            let kind = if container == Container::Array { ValueKind::Seq } else { ValueKind::Map };
            assert_eq!(value.kind(), kind, "{path}");
            Some(value)
        }
        Some(Member::Value(value)) => Some(value),
        None => None,
    };
    format!("{value:?}")
}

/// Checks that both say the same, and tells whether the text was accepted.
fn agree(text: &str) -> bool {
    let ((skimmed, skim_notes), (built, build_notes)) = both(text);
    assert_eq!(skim_notes, build_notes, "{text}");
    let (skimmed, built) = match (skimmed, built) {
        (Ok(skimmed), Ok(built)) => (skimmed, built),
        (skimmed, built) => {
            let refused = skimmed.expect_err("the built text was refused");
            assert_eq!(refused, built.expect_err("the skimmed text was refused"), "{text}");
            return false;
        }
    };
    // Not by equality, to which 1 and 1.0 are one.
    for name in WANTED {
        assert_eq!(shown(&skimmed, name, skimmed.member(name)), shown(&built, name, built.member(name)), "{name} of {text}");
    }
    for path in PATHS {
        assert_eq!(shown(&skimmed, path, skimmed.at(path)), shown(&built, path, built.at(path)), "{path} of {text}");
    }
    assert_eq!(skimmed.kind, built.kind, "{text}");
    assert_eq!(format!("{:?}", skimmed.content.value()), format!("{:?}", built.content.value()), "{text}");
    true
}

fn number() -> impl Strategy<Value = String> {
    let odd = ["-0", "9223372036854775808", "36893488147419103232", "1e19", "0.1", "1E+2"];
    prop_oneof![any::<i64>().prop_map(|n| n.to_string()), any::<i32>().prop_map(|n| format!("{n}.5")), sample(&odd)]
}

fn text() -> impl Strategy<Value = String> {
    sample(&[r#""""#, r#""plain""#, r#""\u00e9\n\"""#, r#""\ud83d\ude00""#, "\"\u{1f600}\"", r#""1.5}]""#])
}

fn key() -> impl Strategy<Value = String> {
    let odd = [r#""a""#, r#""\u0061""#, r#""b""#, r#""""#, r#""0""#, r#""key that is longer than 22 bytes""#];
    prop_oneof![3 => (0..40).prop_map(|n| format!("\"k{n}\"")), 2 => sample(&odd)]
}

fn sample(texts: &[&str]) -> impl Strategy<Value = String> + use<> {
    proptest::sample::select(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
}

pub(super) fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![sample(&["null", "true", "false"]), number(), text()];
    let nested = leaf.prop_recursive(5, 120, 40, |inner| {
        let member = (key(), inner.clone()).prop_map(|(key, value)| format!("{key}:{value}"));
        prop_oneof![
            1 => proptest::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(", "))),
            3 => proptest::collection::vec(member, 0..40).prop_map(|members| format!("{{{}}}", members.join(",\n"))),
        ]
    });
    let nested = nested.boxed();
    let at = any::<proptest::sample::Index>;
    let wrong =
        [",", ":", "]", "}", "[", "{", "\"", "\\", " ", "1", "00", "nul", "1e400,", r"\ud83d", r"\x", "\u{1}", "\"a\":1,"];
    prop_oneof![
        // As it is, cut off, with something put in, and deep.
        4 => nested.clone(),
        1 => (nested.clone(), at()).prop_map(|(text, at)| text.chars().take(at.index(text.len() + 1)).collect()),
        4 => (nested.clone(), at(), sample(&wrong)).prop_map(|(text, at, put)| {
            let chars: Vec<char> = text.chars().collect();
            let (before, after) = chars.split_at(at.index(chars.len() + 1));
            before.iter().copied().chain(put.chars()).chain(after.iter().copied()).collect()
        }),
        1 => (nested, 120_usize..130).prop_map(|(text, depth)| {
            format!("{{\"a\":{}{text}{}}}", "[".repeat(depth), "]".repeat(depth))
        }),
    ]
}

proptest! {
    #[test]
    fn skimming_finds_what_building_finds(text in document()) {
        agree(&text);
    }
}

#[test]
fn both_agree_where_it_matters_most() {
    let wide = |count: usize| (0..count).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(",");
    let many = wide(SCANNED_KEYS_MAX + 3);
    for (text, accepted) in [
        (r#"{"a":1,"k3":"x","a":[2],"\u0061":{"a":{"a":1,"a":2}}}"#.to_owned(), true),
        (r#"{"a":36893488147419103232,"b":{"a":1,"a":36893488147419103233}}"#.to_owned(), true),
        (r#"{"b":36893488147419103232,"a":1}"#.to_owned(), true),
        (format!("{{{},\"k3\":9,\"k1\":{{{many},{many}}}}}", wide(SCANNED_KEYS_MAX)), true),
        (format!("{{{many},{many},{many}}}"), true),
        (r#"[{"a":1},{"a":2,"a":3}]"#.to_owned(), true),
        (" \"a\" ".to_owned(), true),
        ("{\"b\":[1,\n 1e999]}".to_owned(), false),
        (r#"{"b":"\ud83d"}"#.to_owned(), false),
        (r#"{"b":1,}"#.to_owned(), false),
        (r#"{"b":1} x"#.to_owned(), false),
        (String::new(), false),
    ] {
        assert_eq!(agree(&text), accepted, "{text}");
    }
    for (depth, accepted) in [(json::JSON_DEPTH_MAX - 1, true), (json::JSON_DEPTH_MAX, false)] {
        for name in ["a", "b"] {
            let text = format!("{{\"{name}\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(agree(&text), accepted, "{depth} levels in {name}");
        }
    }
}

#[test]
fn what_is_not_asked_for_is_not_built() {
    let ((skimmed, _), (built, _)) = both(r#"{"a":1,"b":[2],"k3":{"a":[]}}"#);
    let (skimmed, built) = (skimmed.expect("it is valid"), built.expect("it is valid"));
    assert!(!skimmed.content.is_built() && built.content.is_built());
    assert!(matches!(skimmed.member("a"), Some(Member::Value(value)) if value.as_i64() == Some(1)));
    assert!(matches!(skimmed.member("k3"), Some(Member::Unbuilt(Container::Object))));
    assert!(!skimmed.content.is_built(), "a wanted member is at hand");
    assert_eq!(skimmed.content.value(), built.content.value());
    assert!(skimmed.content.is_built());
}
