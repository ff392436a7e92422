//! The generic presets: a point on every axis that a document can describe.

use hookmill_signatures::{
    Algorithm, Code, Encoding, Grammar, Hash, KeyForm, Part, Place, Scheme, Settings, Timestamp, Unit, UrlForm, Window, preset,
};

use crate::sender::{Keys, NOW_MS, Request, settings, signed};

const BODY: &[u8] = br#"{"amount":1}"#;

fn literal(text: &str) -> Part {
    Part::Literal(text.to_owned().into())
}

fn scheme(signature: Place, grammar: Grammar, algorithm: Algorithm, encoding: Encoding, key: KeyForm) -> Scheme {
    Scheme { key, ..Scheme::of_body(signature, grammar, algorithm, encoding) }
}

/// Each axis at each of its values at least once.
fn schemes() -> Vec<(&'static str, Scheme)> {
    let header = || Place::Header("x-sig".into());
    let hmac = |hash, grammar, encoding| scheme(header(), grammar, Algorithm::Hmac(hash), encoding, KeyForm::Text);
    let timed = |unit| Timestamp { place: Place::Header("x-time".into()), unit, window: Some(Window::both(300_000)) };
    let mut found = Vec::new();
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        for encoding in [Encoding::Hex, Encoding::Base64, Encoding::Base64Url] {
            found.push(("hmac", hmac(hash, Grammar::Bare, encoding)));
            found.push(("hmac", hmac(hash, Grammar::Prefix(format!("{}=", hash.name()).into()), encoding)));
        }
    }
    let everything = vec![
        Part::Method,
        literal("\n"),
        Part::Path,
        literal("?"),
        Part::Query,
        literal("\n"),
        Part::Url(UrlForm::Exact),
        literal("\n"),
        Part::Id,
        literal(":"),
        Part::Timestamp,
        literal(":"),
        Part::BodyCrc32,
        literal(":"),
        Part::SortedForm,
        Part::Body,
    ];
    let base = hmac(Hash::Sha512, Grammar::Bare, Encoding::Base64);
    let id = Some(Place::Header("x-id".into()));
    found.push(("hmac", Scheme { signed: everything.into(), id, timestamp: Some(timed(Unit::Rfc3339)), ..base.clone() }));
    let pairs = Grammar::Pairs { separator: ';', key: "sig".into() };
    let pair_time = Timestamp { place: Place::Pair("at".into()), unit: Unit::Millis, window: Some(Window::both(600_000)) };
    let dotted = vec![Part::Timestamp, literal("."), Part::Body];
    found.push(("hmac", Scheme { grammar: pairs, timestamp: Some(pair_time), signed: dotted.clone().into(), ..base.clone() }));
    found.push(("hmac", Scheme { grammar: Grammar::Versions("v2".into()), ..base.clone() }));
    found.push(("hmac", Scheme { signature: Place::Query("signature".into()), encoding: Encoding::Hex, ..base.clone() }));
    found.push(("hmac", Scheme { signature: Place::Numbered("x-docusign-signature-".into()), ..base.clone() }));
    found.push(("hmac", Scheme { algorithm: Algorithm::SecretThenTextSha256, ..base.clone() }));
    let query_time = Timestamp { place: Place::Query("at".into()), ..timed(Unit::Seconds) };
    found.push(("hmac", Scheme { timestamp: Some(query_time), signed: dotted.clone().into(), ..base.clone() }));
    let urls = [UrlForm::Exact, UrlForm::EitherPort, UrlForm::Decoded];
    found.extend(urls.map(|form| ("hmac", Scheme { signed: vec![Part::Url(form), Part::Body].into(), ..base.clone() })));
    found.push(("ed25519", scheme(header(), Grammar::Bare, Algorithm::EcdsaP256, Encoding::Base64, KeyForm::Spki)));
    for encoding in [Encoding::Hex, Encoding::Base64, Encoding::Base64Url] {
        found.push(("hmac", Scheme { key: KeyForm::Encoded(encoding, "whsec_".into()), ..base.clone() }));
        let key = KeyForm::Encoded(encoding, "".into());
        found.push(("ed25519", scheme(header(), Grammar::Bare, Algorithm::Ed25519, encoding, key)));
    }
    let key = KeyForm::Spki;
    let telnyx = scheme(header(), Grammar::Bare, Algorithm::Ed25519, Encoding::Base64, key);
    found.push(("ed25519", Scheme { signed: dotted.into(), timestamp: Some(timed(Unit::Seconds)), ..telnyx }));
    found
}

#[test]
fn every_axis_verifies_and_refuses() {
    for (id, scheme) in schemes() {
        let entry = preset(id).unwrap();
        let keys = Keys::new(&scheme, 0);
        let other = Keys::new(&scheme, 1);
        let settings = Settings { scheme: Some(scheme.clone()), ..settings() };
        let request = signed(&scheme, &keys, BODY, NOW_MS);
        assert_eq!(request.judge(entry, &settings, &[&other.secret, &keys.secret]).unwrap().secret, Some(1), "{scheme:?}");
        assert_eq!(request.judge(entry, &settings, &[&other.secret]).unwrap_err().code, Code::SignatureWrong, "{scheme:?}");
        let mut tampered = request.clone();
        tampered.body[2] = b'b';
        assert_eq!(tampered.judge(entry, &settings, &[&keys.secret]).unwrap_err().code, Code::SignatureWrong, "{scheme:?}");
        if scheme.timestamp.is_some() {
            let old = signed(&scheme, &keys, BODY, NOW_MS - 700_000);
            assert_eq!(old.judge(entry, &settings, &[&keys.secret]).unwrap_err().code, Code::TimestampStale, "{scheme:?}");
        }
        let undescribed = request.judge(entry, &crate::sender::settings(), &[&keys.secret]).unwrap_err().code;
        assert_eq!(undescribed, Code::SettingMissing);
    }
}

#[test]
fn an_id_may_not_hold_the_separator_that_follows_it() {
    let standard = preset("standard-webhooks").unwrap();
    let keys = Keys::new(&standard.schemes[0], 0);
    let mut request = signed(&standard.schemes[0], &keys, BODY, NOW_MS);
    request.headers.iter_mut().filter(|(name, _)| name == "webhook-id").for_each(|(_, value)| *value = b"msg.1".to_vec());
    let refused = request.judge(standard, &settings(), &[&keys.secret]).unwrap_err().code;
    assert_eq!(refused, Code::PartMissing);
}

#[test]
fn several_signatures_are_alternatives_up_to_a_limit() {
    let stripe = preset("stripe").unwrap();
    let keys = Keys::new(&stripe.schemes[0], 0);
    let request = signed(&stripe.schemes[0], &keys, BODY, NOW_MS);
    let value = String::from_utf8(request.headers[0].1.clone()).unwrap();
    let judge = |value: String| {
        let mut changed = request.clone();
        changed.headers[0].1 = value.into_bytes();
        changed.judge(stripe, &settings(), &[&keys.secret]).map(|_| ()).map_err(|failure| failure.code)
    };
    assert_eq!(judge(value.replace(",v1=", ",v1=00,v1=zz,v1=")), Ok(()));
    assert_eq!(judge(value.replace("v1=", "v0=")), Err(Code::SignatureMalformed), "other versions are skipped");
    assert_eq!(judge(format!("{value}{}", ",v1=00".repeat(16))), Err(Code::SignatureMalformed));
    assert_eq!(judge(format!("{value},t=1")), Err(Code::TimestampMalformed), "two times");
}

#[test]
fn a_signed_member_of_the_body_counts() {
    let signed_parts = vec![Part::Member("$.order.id".into()), literal("."), Part::Body];
    let base = scheme(Place::Header("x-sig".into()), Grammar::Bare, Algorithm::Hmac(Hash::Sha256), Encoding::Hex, KeyForm::Text);
    let settings = Settings { scheme: Some(Scheme { signed: signed_parts.into(), ..base }), ..settings() };
    let body = r#"{"order":{"id":7}}"#;
    let tag = |text: String| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"secret");
        hex::encode(ring::hmac::sign(&key, text.as_bytes()))
    };
    let judge = |signature: String, body: &str| {
        Request::post(body).header("x-sig", signature).judge(preset("hmac").unwrap(), &settings, &[b"secret"])
    };
    assert!(judge(tag(format!("7.{body}")), body).is_ok());
    assert_eq!(judge(tag(format!("8.{body}")), body).unwrap_err().code, Code::SignatureWrong);
    assert_eq!(judge(tag(".{}".to_owned()), "{}").unwrap_err().code, Code::PartMissing);
}

#[test]
fn a_described_sender_has_the_handshake_that_the_document_names() {
    let hmac = preset("hmac").unwrap();
    let ask = |of: Option<&str>, request: &Request| {
        let settings = Settings { handshake_of: of.and_then(preset), ..settings() };
        request.with(|sent| hmac.handshake(&settings, &[b"secret"], sent))
    };
    let question = Request::post(r#"{"type":"url_verification","challenge":"abc"}"#);
    let reply = ask(Some("slack"), &question).unwrap();
    assert!(reply.after_verification && reply.body == b"abc", "it is answered once it is proven");
    assert_eq!((ask(None, &question), ask(Some("dropbox"), &question)), (None, None));
    let github = preset("github").unwrap();
    let settings = Settings { handshake_of: preset("slack"), ..settings() };
    assert_eq!(question.with(|sent| github.handshake(&settings, &[], sent)), None, "other presets have their own");
}
