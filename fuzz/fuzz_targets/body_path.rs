//! Any path into any body. Input: the path, line, a JSON body.
#![no_main]

use hookmill_engine::expression::from_json;
use hookmill_engine::workflow::BodyPath;
use hookmill_fuzz::line_and_rest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((text, body)) = line_and_rest(input) else { return };
    // The signatures' own reader of such paths.
    let _ = hookmill_signatures::path_is_valid(text);
    let Ok(path) = text.parse::<BodyPath>() else { return };
    assert_eq!(path.to_string().parse::<BodyPath>().as_ref(), Ok(&path), "{text} is read as it was written");
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return };
    let found = path.find(&from_json(&body));
    if path.segments().is_empty() {
        assert!(found.is_some(), "`$` is the whole body");
    }
});
