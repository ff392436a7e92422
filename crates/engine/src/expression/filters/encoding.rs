//! Texts in other clothes: `base64`, `base64url`, `base64_decode`, `hex`, `url_decode` (`urlencode` is Jinja's own).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use minijinja::Error;
use minijinja::value::Value;

use super::builtin::printable;
use super::hash::input;
use super::{Entry, invalid};

pub(super) fn filters() -> Vec<Entry> {
    vec![
        ("base64", Value::from_function(|value: &Value| general_purpose::STANDARD.encode(input(value))), Some(printable)),
        (
            "base64url",
            Value::from_function(|value: &Value| general_purpose::URL_SAFE_NO_PAD.encode(input(value))),
            Some(printable),
        ),
        ("base64_decode", Value::from_function(base64_decode), None),
        ("hex", Value::from_function(|value: &Value| hex::encode(input(value))), Some(printable)),
        ("url_decode", Value::from_function(url_decode), None),
    ]
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const DECODER: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// Takes both alphabets, with and without padding.
fn base64_decode(text: &str) -> Result<String, Error> {
    let standard: String = text
        .trim()
        .chars()
        .map(|c| {
            if c == '-' {
                '+'
            } else if c == '_' {
                '/'
            } else {
                c
            }
        })
        .collect();
    let bytes = DECODER.decode(standard).map_err(|e| invalid(format!("not base64: {e}")))?;
    String::from_utf8(bytes).map_err(|_| invalid("the decoded bytes are not a text in UTF-8"))
}

fn url_decode(text: &str) -> Result<String, Error> {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| invalid("the decoded bytes are not a text in UTF-8"))
}
