//! Every way to be wrong, for every scheme of every preset: a new preset is covered by its entry.

use hookmill_signatures::{Code, KeyForm, Need, Place, Preset, Proof, Scheme, Settings, Unit, preset, presets};

use crate::sender::{Keys, NOW_MS, Request, is_in_body, settings, signed};

const BODY: &[u8] = br#"{"id":"evt_1","type":"invoice.paid","amount":1250,"name":"J\u00fcrgen"}"#;

/// The preset ids that documents may name; the products' own are not signatures.
const IDS: &str = "github gitlab gitlab-signing bitbucket stripe slack shopify standard-webhooks standard-webhooks-v1a svix \
    twilio sendgrid mailgun paypal square hubspot zoom discord meta dropbox microsoft-graph azure-event-grid sns linear typeform \
    calendly intercom paddle telegram jira notion asana zendesk line razorpay mux sanity woocommerce sentry lemonsqueezy workos \
    gitea x cloudevents websub rfc9421 hmac ed25519";

const COMPATIBILITY: &str = include_str!("../../../../docs/compatibility.md");

fn schemes() -> impl Iterator<Item = (&'static Preset, &'static Scheme)> {
    presets().flat_map(|preset| preset.schemes.iter().map(move |scheme| (preset, scheme)))
}

fn secrets<'k>(keys: &[&'k Keys]) -> Vec<&'k [u8]> {
    keys.iter().map(|keys| keys.secret.as_slice()).collect()
}

fn code(request: &Request, preset: &Preset, keys: &Keys) -> Option<Code> {
    request.judge(preset, &settings(), &secrets(&[keys])).err().map(|failure| failure.code)
}

/// Whether the signature says anything about the body.
fn covers_body(preset: &Preset) -> bool {
    preset.id != "mailgun"
}

#[test]
fn there_is_exactly_one_entry_for_every_id() {
    let mut ids: Vec<&str> = presets().map(|preset| preset.id).collect();
    let mut expected: Vec<&str> = IDS.split_whitespace().collect();
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    for entry in presets() {
        assert_eq!(preset(entry.id).unwrap().name, entry.name);
        assert!(entry.source.starts_with("https://"), "{}", entry.id);
        assert!(COMPATIBILITY.contains(&format!("\n| `{}` | ", entry.id)), "{} has no row in docs/compatibility.md", entry.id);
        if !matches!(entry.proof, Proof::Configured | Proof::MessageSignature) {
            let row = format!("\n| `{}` | {} |\n", entry.id, entry.retries.unwrap_or("not documented"));
            assert!(COMPATIBILITY.contains(&row), "docs/compatibility.md does not tell:{row}");
        }
        assert_eq!(entry.proof == Proof::Signature, !entry.schemes.is_empty(), "{}", entry.id);
    }
    assert!(preset("nobody").is_none());
}

#[test]
fn a_genuine_request_is_genuine_with_any_live_secret() {
    for (preset, scheme) in schemes() {
        let (keys, other) = (Keys::new(scheme, 0), Keys::new(scheme, 1));
        let request = signed(scheme, &keys, BODY, NOW_MS);
        let genuine = request.judge(preset, &settings(), &secrets(&[&other, &keys]));
        let genuine = genuine.unwrap_or_else(|failure| panic!("{}: {failure}", preset.id));
        let expected = if scheme.key == KeyForm::Certificate { None } else { Some(1) };
        assert_eq!(genuine.secret, expected, "{}", preset.id);
        assert_eq!(genuine.signed_at_ms, scheme.timestamp.as_ref().map(|_| NOW_MS), "{}", preset.id);
    }
}

#[test]
fn an_empty_body_can_be_signed() {
    for (preset, scheme) in schemes().filter(|(preset, scheme)| !is_in_body(scheme) && !preset.signs_objects) {
        let keys = Keys::new(scheme, 0);
        let request = signed(scheme, &keys, b"", NOW_MS);
        assert_eq!(code(&request, preset, &keys), None, "{}", preset.id);
        let unsigned = Request { body: BODY.to_vec(), ..request };
        assert!(code(&unsigned, preset, &keys).is_some(), "{}: a body appeared", preset.id);
    }
}

#[test]
fn a_tampered_body_is_refused() {
    for (preset, scheme) in schemes() {
        let keys = Keys::new(scheme, 0);
        let request = signed(scheme, &keys, BODY, NOW_MS);
        let text = String::from_utf8(request.body.clone()).unwrap();
        for body in [text.replace("1250", "1251"), text.replace(":1250", ": 1250"), format!("{text}\n"), String::new()] {
            let tampered = Request { body: body.into_bytes(), ..request.clone() };
            let refused = code(&tampered, preset, &keys);
            // Mailgun's signature is not over the event: only the token tells a replay.
            assert_eq!(refused.is_some(), covers_body(preset) || tampered.body.is_empty(), "{}: {refused:?}", preset.id);
        }
    }
}

#[test]
fn tampered_members_of_the_signed_text_are_refused() {
    for (preset, scheme) in schemes() {
        let keys = Keys::new(scheme, 0);
        let request = signed(scheme, &keys, BODY, NOW_MS);
        for at in 0..request.headers.len() {
            let (name, value) = &request.headers[at];
            let mut changed = request.clone();
            let last = value.len() - 2;
            changed.headers[at].1[last] = if value[last] == b'1' { b'2' } else { b'1' };
            assert!(code(&changed, preset, &keys).is_some(), "{}: {name}", preset.id);
        }
        if request.query.is_empty() && preset.settings.iter().any(|setting| setting.name() == "public_url") {
            let changed = Request { query: "admin=1".into(), ..request.clone() };
            let signs_url = scheme.signed.iter().any(|part| matches!(part, hookmill_signatures::Part::Url(_)));
            assert_eq!(code(&changed, preset, &keys).is_some(), signs_url, "{}", preset.id);
        }
    }
}

#[test]
fn another_secret_is_refused_and_the_reason_names_none() {
    for (preset, scheme) in schemes().filter(|(_, scheme)| scheme.key != KeyForm::Certificate) {
        let (keys, other) = (Keys::new(scheme, 0), Keys::new(scheme, 1));
        let request = signed(scheme, &keys, BODY, NOW_MS);
        let failure = request.judge(preset, &settings(), &secrets(&[&other])).unwrap_err();
        assert_eq!(failure.code, Code::SignatureWrong, "{}", preset.id);
        let secret = String::from_utf8_lossy(&other.secret).into_owned();
        assert!(!failure.for_sender.contains(&secret) && !failure.for_owner.contains(&secret), "{}", preset.id);
        let none = request.judge(preset, &settings(), &[]).err().map(|failure| failure.code);
        let expected = if preset.secret == Need::Optional { None } else { Some(Code::SecretMissing) };
        assert_eq!(none, expected, "{}", preset.id);
        let empty = request.judge(preset, &settings(), &[b""]).unwrap_err().code;
        assert_eq!(empty, Code::SecretMalformed, "{}: an empty secret is nobody's", preset.id);
    }
}

#[test]
fn old_and_future_requests_are_refused_by_their_window() {
    for (preset, scheme) in schemes() {
        let Some(timestamp) = &scheme.timestamp else { continue };
        let keys = Keys::new(scheme, 0);
        let second = if timestamp.unit == Unit::Millis { 1 } else { 1000 };
        let at = |ms: i64| code(&signed(scheme, &keys, BODY, ms), preset, &keys);
        let Some(window) = timestamp.window else {
            assert_eq!(at(NOW_MS - 86_400_000), None, "{}", preset.id);
            let strict = Settings { tolerance_ms: Some(300_000), ..settings() };
            let old = signed(scheme, &keys, BODY, NOW_MS - 301_000).judge(preset, &strict, &secrets(&[&keys]));
            assert_eq!(old.unwrap_err().code, Code::TimestampStale, "{}", preset.id);
            continue;
        };
        let past = i64::try_from(window.past_ms).unwrap();
        assert_eq!(at(NOW_MS - past), None, "{}", preset.id);
        assert_eq!(at(NOW_MS - past - second), Some(Code::TimestampStale), "{}", preset.id);
        let future = window.future_ms.map(|ms| i64::try_from(ms).unwrap()).unwrap();
        assert_eq!(at(NOW_MS + future), None, "{}", preset.id);
        assert_eq!(at(NOW_MS + future + second), Some(Code::TimestampFuture), "{}", preset.id);
        let patient = Settings { tolerance_ms: Some(86_400_000), ..settings() };
        let old = signed(scheme, &keys, BODY, NOW_MS - 80_000_000);
        assert!(old.judge(preset, &patient, &secrets(&[&keys])).is_ok(), "{}", preset.id);
    }
}

#[test]
fn a_signature_under_another_name_is_missing() {
    for (preset, scheme) in schemes() {
        let Place::Header(signature) = &scheme.signature else { continue };
        let keys = Keys::new(scheme, 0);
        let mut request = signed(scheme, &keys, BODY, NOW_MS);
        request.headers.iter_mut().filter(|(name, _)| name == signature).for_each(|(name, _)| *name = "x-other".into());
        assert_eq!(code(&request, preset, &keys), Some(Code::SignatureMissing), "{}", preset.id);
        request.headers.push((signature.clone().into_owned(), Vec::new()));
        assert_eq!(code(&request, preset, &keys), Some(Code::SignatureMissing), "{}", preset.id);
        for value in ["nonsense!", "sha256=", "sha999=00", "t=1,v1=", "v1,", "=", ",;= "] {
            request.headers.last_mut().unwrap().1 = value.into();
            let found = code(&request, preset, &keys);
            assert!(found.is_some(), "{}: {value}", preset.id);
        }
    }
}

#[test]
fn timestamps_are_read_as_they_are_signed() {
    for (preset, scheme) in schemes() {
        let Some(Place::Header(name)) = scheme.timestamp.as_ref().map(|timestamp| timestamp.place.clone()) else { continue };
        let keys = Keys::new(scheme, 0);
        let mut request = signed(scheme, &keys, BODY, NOW_MS);
        request.headers.retain(|(header, _)| *header != name);
        assert_eq!(code(&request, preset, &keys), Some(Code::TimestampMissing), "{}", preset.id);
    }
}

#[test]
fn tokens_are_the_secret_itself() {
    let tokens = presets().filter_map(|preset| match preset.proof {
        Proof::Token(places) => Some((preset, places)),
        _ => None,
    });
    for (preset, places) in tokens {
        for place in places {
            let request = match place {
                Place::Header(name) => Request::post("{}").header(name, "s3cret"),
                Place::Bearer => Request::post("{}").header("authorization", "Bearer s3cret"),
                Place::Query(name) => Request { query: format!("{name}=s3cret"), ..Request::post("{}") },
                Place::Body(_) | Place::Pair(_) | Place::Numbered(_) => panic!("no token there"),
            };
            let judge = |secrets: &[&[u8]]| request.judge(preset, &settings(), secrets).map_err(|failure| failure.code);
            assert_eq!(judge(&[b"old", b"s3cret"]).unwrap().secret, Some(1), "{}", preset.id);
            assert_eq!(judge(&[b"S3cret"]), Err(Code::SignatureWrong), "{}", preset.id);
        }
        let missing = Request::post("{}").judge(preset, &settings(), &[b"s3cret"]).unwrap_err();
        assert_eq!(missing.code, Code::SignatureMissing, "{}", preset.id);
    }
}

#[test]
fn every_notification_of_microsoft_graph_repeats_the_client_state() {
    let graph = preset("microsoft-graph").unwrap();
    let judge = |body: &str| Request::post(body).judge(graph, &settings(), &[]).map(|_| ()).map_err(|failure| failure.code);
    assert_eq!(judge(r#"{"value":[{"clientState":"client state"},{"clientState":"client state"}]}"#), Ok(()));
    assert_eq!(judge(r#"{"value":[{"clientState":"client state"},{"clientState":"x"}]}"#), Err(Code::SignatureWrong));
    for body in ["", "{}", r#"{"value":[]}"#, r#"{"value":[{"clientState":"client state"},{}]}"#] {
        assert_eq!(judge(body), Err(Code::SignatureMissing), "{body}");
    }
    let unset = Request::post("{}").judge(graph, &Settings::default(), &[]).unwrap_err();
    assert_eq!(unset.code, Code::SettingMissing);
}
