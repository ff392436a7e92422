//! The quick reader says what the thorough one says, or nothing.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::tests::{WANTED, document};
use super::super::{SCANNED_KEYS_MAX, Stop, explained};
use super::scan;
use crate::request::json::{Duplicates, JSON_DEPTH_MAX};

/// Checks that a text gets one answer, and returns the scanner's: whether it is good, or why the scanner stopped.
fn same(text: &str) -> Result<(), Stop> {
    let mut duplicates = Duplicates::default();
    let explained = explained::read(text, WANTED, &mut duplicates);
    let mut notes = Vec::new();
    duplicates.tell(&mut notes);
    match scan(text, WANTED) {
        Ok(scanned) => {
            let explained = explained.unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(notes, [""; 0], "{text}");
            // Not by equality, to which 1 and 1.0 are one.
            assert_eq!(format!("{scanned:?}"), format!("{explained:?}"), "{text}");
            Ok(())
        }
        Err(Stop::Refused) => {
            explained.expect_err(text);
            Err(Stop::Refused)
        }
        Err(Stop::Unsure) => {
            assert!(explained.is_err() || !notes.is_empty() || text.contains('\\'), "the scanner could have known: {text}");
            Err(Stop::Unsure)
        }
    }
}

/// A change of a text: one byte flipped, put in or taken out, or the rest cut off.
fn change() -> impl Strategy<Value = (Index, u8, u8)> {
    let telling = proptest::sample::select(br#"{}[]":,\u0123456789abcdefE+-. tfn"#.to_vec());
    (any::<Index>(), 0..8_u8, prop_oneof![2 => telling, 1 => any::<u8>()])
}

fn changed(text: &str, changes: &[(Index, u8, u8)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (at, what, byte) in changes {
        let at = at.index(bytes.len() + 1);
        match what {
            0 => bytes.truncate(at),
            1..=3 => bytes.insert(at, *byte),
            4..=5 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] ^= 1 << (byte % 8),
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn documents_get_one_answer(text in document(), changes in proptest::collection::vec(change(), 0..4)) {
        _ = same(&changed(&text, &changes));
    }

    #[test]
    fn noise_gets_one_answer(text in r#"[\[\]{}:,"0-9eE+.\\untrfalse \n\t\x00-\x1f€]{0,24}"#) {
        _ = same(&text);
        _ = same(&format!("{{\"a\":{text}}}"));
    }
}

/// Calls with all texts of up to so many of these parts.
fn every(parts: &[&str], count: usize, check: &mut impl FnMut(&str), text: &mut String) {
    check(text);
    if count > 0 {
        for part in parts {
            let length = text.len();
            text.push_str(part);
            every(parts, count - 1, check, text);
            text.truncate(length);
        }
    }
}

#[test]
fn every_short_text_gets_one_answer() {
    let parts = ["{", "}", "[", "]", ",", ":", "\"a\"", "\"", "0", "-", "null", " ", "\\", "b"];
    let mut good = 0;
    every(&parts, 4, &mut |text| good += usize::from(same(text).is_ok()), &mut String::new());
    assert!(good > 50, "{good} were valid");
}

#[test]
fn every_short_spelling_of_a_number_gets_one_answer() {
    let check = &mut |number: &str| {
        _ = same(number);
        _ = same(&format!("{{\"a\":{number}}}"));
    };
    every(&["0", "1", "9", "-", "+", ".", "e", "E"], 5, check, &mut String::new());
}

#[test]
fn numbers_are_in_range_or_refused() {
    let (nines, zeros) = ("9".repeat(400), "0".repeat(400));
    for (number, good) in [
        ("1e308", true),
        ("1e309", false),
        ("-1.7976931348623157e308", true),
        ("1.7976931348623159e308", false),
        ("1e400", false),
        ("1e-400", true),
        ("0e999999999999", true),
        ("1e999999999999", false),
        ("1e-999999999999", true),
        ("1e00000000000000000001", true),
        (&format!("{}e99", &nines[..200]), true),
        (&format!("{}e99", &nines[..210]), false),
        (&nines[..308], true),
        (&nines[..309], false),
        (&nines, false),
        (&format!("0.{zeros}1e400"), true),
        (&format!("1{zeros}e-400"), true),
        (&format!("-0.{nines}"), true),
        ("18446744073709551615", true),
        ("18446744073709551616", true),
        ("-9223372036854775808", true),
        ("-9223372036854775809", true),
        ("9200000000000000000.5", true),
        ("-0", true),
        ("-0.0", true),
        ("0.1", true),
    ] {
        for text in [number.to_owned(), format!("[{number}, 1]"), format!("{{\"a\":{number}}}")] {
            assert_eq!(same(&text), if good { Ok(()) } else { Err(Stop::Refused) }, "{text}");
        }
    }
}

#[test]
fn strings_end_where_they_end() {
    // Every character at every place of the words of eight that are looked at, with and without one before it.
    for character in (0..=0xFF_u8).map(char::from).chain(['\u{2028}', '\u{ffff}', '\u{1f600}']) {
        for before in 0..18 {
            for after in [0, 1, 12] {
                let string = format!("\"{}{character}{}\"", "x".repeat(before), "\u{e9}".repeat(after));
                let good = same(&string).is_ok();
                assert_eq!(good, character >= ' ' && !matches!(character, '"' | '\\'), "{string}");
                _ = same(&format!("{{\"a\":{string}}}"));
                _ = same(&format!("{{{string}:{string},\"\u{e9}\":1}}"));
            }
        }
    }
}

#[test]
fn escapes_are_checked() {
    for (string, good) in [
        (r#""\"\\\/\b\f\n\r\t\u00e9\uD834\udd1E""#, true),
        (r#""\u0000""#, true),
        (r#""\uFFFF""#, true),
        (r#""\ud834""#, false),
        (r#""\udd1e""#, false),
        (r#""\udd1e\ud834""#, false),
        (r#""\ud834\ud834\udd1e""#, false),
        (r#""\ud834\n""#, false),
        (r#""\ud834x""#, false),
        (r#""\ud834\u""#, false),
        (r#""\ud834\u00e9""#, false),
        (r#""\a""#, false),
        (r#""\U00e9""#, false),
        (r#""\u00g9""#, false),
        (r#""\u+0e9""#, false),
        (r#""\u00e""#, false),
        (r#""\u00"#, false),
        (r#""\u00é""#, false),
        (r#""\"#, false),
        ("\"\\\u{e9}\"", false),
        ("\"\\\n\"", false),
        (r#"""#, false),
    ] {
        for text in [string.to_owned(), format!("[1, {string}]"), format!("{{\"a\":{string}}}")] {
            assert_eq!(same(&text), if good { Ok(()) } else { Err(Stop::Refused) }, "{text}");
        }
        _ = same(&format!("{{{string}:1}}"));
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        " ",
        "\u{feff}1",
        "\u{a0}1",
        "\u{b}1",
        "\0",
        "1\0",
        "nul",
        "nullnull",
        "truE",
        "falsee",
        "True",
        "NaN",
        "-",
        "--1",
        "+1",
        ".5",
        "5.",
        "1.e1",
        "01",
        "-01",
        "1e",
        "1e+",
        "0x1",
        "1_0",
        "Infinity",
        "-Infinity",
        "'a'",
        "a",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1,,1]",
        "[1 1]",
        "[1:1]",
        "[}",
        "{]",
        "[[]",
        "[]]",
        "{}}",
        "[1}",
        "{\"a\":1]",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\" 1}",
        "{\"a\",1}",
        "{\"a\"::1}",
        "{a:1}",
        "{1:1}",
        "{null:1}",
        "{\"a\":}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\"}",
        "{[]:1}",
        "[1]x",
        "[1] [2]",
        "{} {}",
        "1 2",
        "\"a\" \"b\"",
        "[1]//",
        "[1/**/]",
        "[1]\0",
        "[\"\t\"]",
        "[\"\n\"]",
        "{\"a\u{1}\":1}",
        "\"\u{1f}\"",
    ] {
        assert_eq!(same(text), Err(Stop::Refused), "{text:?}");
    }
}

#[test]
fn what_is_json_is_read() {
    for text in [
        " \t\r\n1\t \r\n",
        "[ ]",
        "{ }",
        "[[],{}]",
        "{\"a\" : 1 , \"k3\" : [ { } ] }",
        "\"\u{7f}\"",
        "\"\u{2028}\"",
        "{\"\":0}",
        "{\"\":{\"\":{\"\":[]}}}",
        "[{\"a\":1},{\"a\":2}]",
        "{\"a\":{\"a\":null},\"k3\":true,\"0\":false}",
        "null",
        "[true,false,null]",
        "{\"keylength\":1,\"keylength2\":2,\"keylengt\":3}",
        "{\"a\":\"\u{1f600}\",\"0\":\"text of more than twenty-two bytes\"}",
    ] {
        assert_eq!(same(text), Ok(()), "{text:?}");
    }
}

#[test]
fn depth_is_counted_as_when_building() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"b\":", "}]")] {
        let each = open.matches(['[', '{']).count();
        for levels in [JSON_DEPTH_MAX - each, JSON_DEPTH_MAX] {
            let text = format!("{}1{}", open.repeat(levels / each), close.repeat(levels / each));
            assert_eq!(same(&text), Ok(()), "{levels} levels of {open}");
            assert_eq!(same(&format!("[{text}]")), if levels < JSON_DEPTH_MAX { Ok(()) } else { Err(Stop::Refused) });
        }
    }
}

#[test]
fn keys_that_stand_twice_are_left_to_the_thorough_reader() {
    let keys = |count: usize| (0..count).map(|n| format!("\"a key of many {n}\":{n}")).collect::<Vec<_>>().join(",");
    for count in [1, SCANNED_KEYS_MAX - 1, SCANNED_KEYS_MAX, SCANNED_KEYS_MAX + 1, 300] {
        let keys = keys(count);
        assert_eq!(same(&format!("{{{keys}}}")), Ok(()));
        assert_eq!(same(&format!("{{\"x\":{{{keys}}},{keys}}}")), Ok(()));
        for n in [0, count / 2, count - 1] {
            assert_eq!(same(&format!("{{{keys},\"a key of many {n}\":0}}")), Err(Stop::Unsure));
            assert_eq!(same(&format!("[{{{keys},\"x\":{{}},\"a key of many {n}\":0}}]")), Err(Stop::Unsure));
        }
    }
    assert_eq!(same(r#"{"":1,"":1}"#), Err(Stop::Unsure));
    assert_eq!(same(r#"{"\u0061":1}"#), Err(Stop::Unsure));
    assert_eq!(same(r#"{"a":1,"a":"#), Err(Stop::Refused));
}
