use hookmill_engine::time::Timestamp;

use super::*;

fn credentials() -> Credentials {
    any(vec![
        Credential::SharedKey("shop".into()),
        Credential::Bearer("api".into()),
        Credential::Header { name: "X-Shop-Token".into(), secret: "shop".into() },
    ])
}

fn any(credentials: Vec<Credential>) -> Credentials {
    Credentials::new(Some(&Auth::Any(credentials)), None).unwrap()
}

fn presented<'a>(headers: &'a HeaderMap, query: &'a str, body: &'a [u8]) -> Presented<'a> {
    Presented { headers, query, body, signed: false, keys: None, now: Timestamp(0) }
}

fn live(value: &str) -> Held {
    Held::Live(std::sync::Arc::new(value.to_owned().into()))
}

fn secrets(name: &str) -> Held {
    match name {
        "shop" => live("p ä+ss"),
        "api" => live("t0ken"),
        "old" => Held::Expired(Timestamp(0)),
        _ => Held::Missing,
    }
}

fn check(query: &str, header: Option<(&'static str, &str)>) -> Verdict {
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = header {
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    credentials().check(&presented(&headers, query, b""), secrets)
}

#[test]
fn any_one_of_the_credentials_suffices() {
    for (query, header) in [
        ("key=p%20%C3%A4%2Bss", None),
        ("a=b&key=wrong&key=p+%c3%a4%2bss", None),
        ("", Some(("authorization", "Bearer t0ken"))),
        ("key=wrong", Some(("x-shop-token", "p ä+ss"))),
    ] {
        assert_eq!(check(query, header), Verdict::Welcome, "{query} {header:?}");
    }
}

#[test]
fn everything_else_is_wrong_and_the_reason_names_no_value() {
    for (query, header) in [
        ("", None),
        ("key=", None),
        ("key=t0ken", None),
        ("KEY=p%20%C3%A4%2Bss", None),
        ("", Some(("authorization", "t0ken"))),
        ("", Some(("authorization", "Bearer p ä+ss"))),
        ("", Some(("x-shop-token", "p ä+ss "))),
        ("key=%ff%00", None),
    ] {
        let Verdict::Wrong(reason) = check(query, header) else { panic!("{query} {header:?}") };
        assert!(!reason.contains("t0ken") && !reason.contains("ss "), "{reason}");
    }
}

#[test]
fn a_missing_secret_only_matters_when_nothing_else_fits() {
    let only_api = |name: &str| if name == "api" { secrets(name) } else { Held::Missing };
    let mut headers = HeaderMap::new();
    let missing = |names: usize| Verdict::SecretsAbsent(vec![Absent::missing("shop"); names]);
    assert_eq!(credentials().check(&presented(&headers, "key=x", b""), only_api), missing(1));
    // Nobody could say what would be missing to whoever presents nothing.
    assert!(matches!(credentials().check(&presented(&headers, "", b""), only_api), Verdict::Wrong(_)));
    headers.append("authorization", HeaderValue::from_static("Bearer t0ken"));
    assert_eq!(credentials().check(&presented(&headers, "key=x", b""), only_api), Verdict::Welcome);
    assert_eq!(Credentials::new(None, None).unwrap().check(&presented(&headers, "", b""), only_api), Verdict::Welcome);
}

#[test]
fn a_wrong_credential_is_wrong_whatever_else_is_missing() {
    let wrong = |rule: &Credentials, headers: &HeaderMap| {
        let Verdict::Wrong(reason) = rule.check(&presented(headers, "key=x", b""), secrets) else { panic!("{rule:?}") };
        assert!(reason.contains("nowhere"), "the owner is told what is missing: {reason}");
    };
    let none = HeaderMap::new();
    wrong(&any(vec![Credential::SharedKey(SecretNames(vec!["shop".into(), "nowhere".into()]))]), &none);
    let bearer = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer x"))]);
    let two = any(vec![Credential::SharedKey("shop".into()), Credential::Bearer("nowhere".into())]);
    wrong(&two, &none);
    wrong(&two, &bearer);
    let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer right"))]);
    let missing = Verdict::SecretsAbsent(vec![Absent::missing("nowhere")]);
    assert_eq!(two.check(&presented(&headers, "", b""), secrets), missing, "it could be right: it comes again");
    let signed = any(vec![Credential::Signature(Default::default()), Credential::Bearer("nowhere".into())]);
    assert_eq!(signed.check(&presented(&headers, "", b""), secrets), missing, "it has no signature, but could be right");
    assert!(matches!(signed.check(&presented(&none, "", b""), secrets), Verdict::Wrong(_)));
}

#[test]
fn an_expired_secret_is_not_compared_and_only_matters_when_it_was_the_last() {
    let headers = HeaderMap::new();
    let of = |names: &[&str]| {
        let names = SecretNames(names.iter().map(|name| (*name).to_owned()).collect());
        any(vec![Credential::SharedKey(names)]).check(&presented(&headers, "key=p%20%C3%A4%2Bss", b""), secrets)
    };
    assert_eq!(of(&["old", "shop"]), Verdict::Welcome);
    assert!(matches!(of(&["old", "api"]), Verdict::Wrong(_)));
    assert_eq!(of(&["old"]), Verdict::SecretsAbsent(vec![Absent::expired("old", Timestamp(0))]));
}

#[test]
fn credentials_combine_and_rotate() {
    let all = Auth::All(vec![
        Credential::SharedKey(SecretNames(vec!["old".into(), "shop".into()])),
        Credential::Any(vec![Credential::Bearer("api".into()), Credential::Basic { user: "ann".into(), secret: "api".into() }]),
    ]);
    let credentials = Credentials::new(Some(&all), None).unwrap();
    let with = |authorization: &'static str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(authorization))]);
    let check = |headers: &HeaderMap, query| credentials.check(&presented(headers, query, b""), secrets);
    let right = "key=p%20%C3%A4%2Bss";
    // ann:t0ken
    for authorization in ["Bearer t0ken", "basic YW5uOnQwa2Vu"] {
        assert_eq!(check(&with(authorization), right), Verdict::Welcome, "{authorization}");
        assert_ne!(check(&with(authorization), "key=t0ken"), Verdict::Welcome, "{authorization}");
    }
    // bob:t0ken, and no base64 at all
    for authorization in ["Basic Ym9iOnQwa2Vu", "Basic ???", "Bearer t0ke"] {
        assert_ne!(check(&with(authorization), right), Verdict::Welcome, "{authorization}");
    }
}

#[test]
fn app_key_and_sign_stand_in_head_query_or_body_in_both_spellings() {
    let secrets = |name: &str| if name == "app" { live("k1:s1=") } else { Held::Missing };
    let credentials = any(vec![Credential::AppKey("app".into())]);
    assert!(credentials.needs_body);
    let none = HeaderMap::new();
    let mut headers = HeaderMap::new();
    headers.insert("hap-appkey", HeaderValue::from_static("k1"));
    headers.insert("hap-sign", HeaderValue::from_static("s1="));
    for (headers, query, body) in [
        (&headers, "", ""),
        (&none, "AppKey=k1&Sign=s1%3D", ""),
        (&none, "HAP-Appkey=k1&HAP-Sign=s1%3D", ""),
        (&none, "", r#"{"appKey":"k1","sign":"s1=","a":1}"#),
        (&none, "", "a=1&appKey=k1&sign=s1%3D"),
    ] {
        assert_eq!(credentials.check(&presented(headers, query, body.as_bytes()), secrets), Verdict::Welcome, "{query}{body}");
    }
    for (query, body) in [("AppKey=k1", r#"{"sign":"s1="}"#), ("AppKey=k1&Sign=s1", ""), ("", r#"{"appKey":"k1:s1=","sign":""}"#)]
    {
        assert_ne!(credentials.check(&presented(&none, query, body.as_bytes()), secrets), Verdict::Welcome, "{query}{body}");
    }
}
