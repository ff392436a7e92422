//! Fingerprints: `sha256`, `hmac_sha256("key")` … as hexadecimal text, or with `encoding="base64"`.

use base64::Engine as _;
use hmac::{Hmac, Mac};
use md5::Digest as _;
use minijinja::Error;
use minijinja::value::{Kwargs, Value};

use super::builtin::printable;
use super::{Entry, invalid};

pub(super) fn filters() -> Vec<Entry> {
    fn hash(bytes: fn(&[u8]) -> Vec<u8>) -> Value {
        Value::from_function(move |value: &Value, kwargs: Kwargs| encoded(&bytes(&input(value)), &kwargs))
    }
    fn hmac(bytes: fn(&[u8], &[u8]) -> Vec<u8>) -> Value {
        Value::from_function(move |value: &Value, key: &Value, kwargs: Kwargs| {
            encoded(&bytes(&input(key), &input(value)), &kwargs)
        })
    }
    vec![
        ("md5", hash(|input| md5::Md5::digest(input).to_vec()), Some(printable)),
        ("sha1", hash(|input| sha1::Sha1::digest(input).to_vec()), Some(printable)),
        ("sha256", hash(|input| sha2::Sha256::digest(input).to_vec()), Some(printable)),
        ("sha512", hash(|input| sha2::Sha512::digest(input).to_vec()), Some(printable)),
        ("hmac_sha1", hmac(mac::<Hmac<sha1::Sha1>>), Some(printable)),
        ("hmac_sha256", hmac(mac::<Hmac<sha2::Sha256>>), Some(printable)),
        ("hmac_sha512", hmac(mac::<Hmac<sha2::Sha512>>), Some(printable)),
    ]
}

fn mac<M: Mac + hmac::digest::KeyInit>(key: &[u8], input: &[u8]) -> Vec<u8> {
    let mut mac = <M as hmac::digest::KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(input);
    mac.finalize().into_bytes().to_vec()
}

/// The bytes of a value: those of a text as they are, of anything else as it is written.
pub(super) fn input(value: &Value) -> Vec<u8> {
    match (value.as_str(), value.as_bytes()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(bytes)) => bytes.to_vec(),
        (None, None) => super::super::to_json(value).to_string().into_bytes(),
    }
}

fn encoded(bytes: &[u8], kwargs: &Kwargs) -> Result<String, Error> {
    let encoding = kwargs.get::<Option<&str>>("encoding")?;
    kwargs.assert_all_used()?;
    match encoding {
        None | Some("hex") => Ok(hex::encode(bytes)),
        Some("base64") => Ok(base64::engine::general_purpose::STANDARD.encode(bytes)),
        Some("base64url") => Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)),
        Some(other) => Err(invalid(format!("`{other}` is not an encoding; there are hex, base64 and base64url"))),
    }
}
