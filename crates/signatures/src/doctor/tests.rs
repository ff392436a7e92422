//! One mistake at a time, and what the doctor says to it.

use super::*;
use crate::key::Key;
use crate::preset;
use crate::scheme::{Algorithm, Encoding, Hash};
use crate::signed_text::Text;

const SECRET: &str = "the secret";
const NOW_MS: i64 = 1_780_000_000_000;

fn mac(hash: Hash, secret: &[u8], text: &[u8]) -> Vec<u8> {
    Key::new(Algorithm::Hmac(hash), &KeyForm::Text, secret).unwrap().tag(&Text::of(text)).unwrap()
}

fn ask(id: &str, secret: &str, header: (&str, &str), body: &str) -> Option<String> {
    let headers: &[(&str, &[u8])] = &[("content-type", b"application/json"), (header.0, header.1.as_bytes())];
    let sent =
        Sent { method: "POST", url: None, path_and_query: "/h", headers, query: "", body: body.as_bytes(), now_ms: NOW_MS };
    doctor(preset(id).unwrap(), &Settings::default(), &[secret.as_bytes()], &sent)
}

fn github(secret: &str, name: &str, value: &str, body: &str) -> String {
    ask("github", secret, (name, value), body).unwrap_or_else(|| "nothing".into())
}

#[test]
fn each_single_mistake_is_named() {
    let name = "x-hub-signature-256";
    let body = r#"{"a":1,"b":[1,2]}"#;
    let tag = mac(Hash::Sha256, SECRET.as_bytes(), body.as_bytes());
    let right = format!("sha256={}", hex::encode(&tag));
    assert_eq!(github(SECRET, name, &right, body), "nothing", "a genuine request has no explanation");
    for (said, expected) in [
        (github(SECRET, name, &hex::encode(&tag), body), "without the prefix `sha256=`"),
        (github(SECRET, name, &format!("sha256={}", Encoding::Base64.encode(&tag)), body), "read as base64 instead of hex"),
        (github(SECRET, "x-signature", &right, body), "from the header x-signature"),
        (github("the secret\n", name, &right, body), "white space around it"),
        (github("whsec_the secret", name, &right, body), "without its prefix `whsec_`"),
        (github(SECRET, name, &right, &format!("{body}\n")), "line break at the end of the body is taken off"),
        (github(SECRET, name, &right, r#"{"a": 1, "b": [1, 2]}"#), "again without spaces"),
        (github("dGhlIHNlY3JldA==", name, &right, body), "taken as base64"),
        (github("another", name, &right, body), "nothing"),
    ] {
        assert!(said.contains(expected), "{said} / {expected}");
        assert!(!said.contains(SECRET), "{said}");
    }
    let spaced = r#"{"a": 1, "b": [1, 2]}"#;
    let tag = mac(Hash::Sha256, SECRET.as_bytes(), spaced.as_bytes());
    assert!(github(SECRET, name, &format!("sha256={}", hex::encode(tag)), body).contains("a space after each"));
    let tag = mac(Hash::Sha1, SECRET.as_bytes(), body.as_bytes());
    assert!(github(SECRET, name, &format!("sha1={}", hex::encode(tag)), body).contains("sha1 instead of sha256"));
}

#[test]
fn a_clock_and_a_token_in_the_wrong_place_are_named() {
    let text = format!("{}.{{}}", NOW_MS / 1000 - 4000);
    let value = format!("t={},v1={}", NOW_MS / 1000 - 4000, hex::encode(mac(Hash::Sha256, SECRET.as_bytes(), text.as_bytes())));
    let said = ask("stripe", SECRET, ("stripe-signature", &value), "{}").unwrap();
    assert!(said.contains("The signature is right") && said.contains("4000.000 s ago"), "{said}");
    let said = ask("gitlab", SECRET, ("authorization", "Bearer the secret"), "{}").unwrap();
    assert!(said.contains("header authorization") && said.contains("x-gitlab-token"), "{said}");
}

#[test]
fn the_secret_of_another_hook_is_named() {
    let tag = mac(Hash::Sha256, b"other", b"{}");
    let value = format!("sha256={}", hex::encode(tag));
    let headers: &[(&str, &[u8])] = &[("x-hub-signature-256", value.as_bytes())];
    let sent = Sent { method: "POST", url: None, path_and_query: "/h", headers, query: "", body: b"{}", now_ms: NOW_MS };
    let others: &[(&str, &[u8])] = &[("shop", b"x"), ("old_github", b"other")];
    let others = others.iter().copied();
    let github = preset("github").unwrap();
    assert_eq!(doctor_among(github, &Settings::default(), others.clone(), &sent), Some("old_github"));
    assert_eq!(doctor_among(github, &Settings::default(), others.take(1), &sent), None);
}
