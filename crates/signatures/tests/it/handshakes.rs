//! What senders ask before they send, and that nobody else gets an answer.

use hookmill_signatures::{Code, Reply, Settings, preset};

use crate::sender::{Request, settings};

fn ask(id: &str, request: &Request) -> Option<Reply> {
    request.with(|sent| preset(id).unwrap().handshake(&settings(), &[b"secret"], sent))
}

fn get(query: &str) -> Request {
    Request { method: "GET".into(), query: query.into(), ..Request::post("") }
}

fn body(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

#[test]
fn unsigned_challenges_come_back_as_plain_text_that_is_not_sniffed() {
    for (id, request) in [
        ("meta", get("hub.mode=subscribe&hub.challenge=%3Cb%3E+1&hub.verify_token=verify+token")),
        ("websub", get("hub.mode=subscribe&hub.topic=t&hub.challenge=%3Cb%3E+1&hub.verify_token=verify+token")),
        ("dropbox", get("challenge=%3Cb%3E+1")),
        ("microsoft-graph", Request { query: "validationToken=%3Cb%3E+1".into(), ..Request::post("") }),
    ] {
        let reply = ask(id, &request).unwrap();
        assert_eq!((reply.status, body(&reply), reply.after_verification), (200, "<b> 1", false), "{id}");
        assert_eq!(reply.content_type, Some("text/plain; charset=utf-8"), "{id}");
        assert!(reply.headers.contains(&("x-content-type-options", "nosniff".into())), "{id}");
        let off = Settings { handshake: Some(false), ..settings() };
        assert_eq!(request.with(|sent| preset(id).unwrap().handshake(&off, &[], sent)), None, "{id}");
        let long = Request { query: request.query.replace("%3Cb", &"a".repeat(5000)), ..request };
        assert_eq!(ask(id, &long).unwrap().status, 400, "{id}");
    }
}

#[test]
fn a_wrong_verify_token_is_declined() {
    assert_eq!(ask("meta", &get("hub.mode=subscribe&hub.challenge=1&hub.verify_token=x")).unwrap().status, 403);
    assert_eq!(ask("meta", &get("hub.mode=subscribe&hub.challenge=1")).unwrap().status, 403);
    assert_eq!(ask("websub", &get("hub.mode=subscribe&hub.topic=t&hub.challenge=1")).unwrap().status, 404);
    assert_eq!(ask("websub", &get("hub.mode=denied&hub.topic=t&hub.reason=no")).unwrap().status, 200);
}

#[test]
fn signed_challenges_wait_for_verification() {
    let slack = ask("slack", &Request::post(r#"{"type":"url_verification","token":"x","challenge":"abc"}"#)).unwrap();
    assert!(slack.after_verification && body(&slack) == "abc");
    let discord = ask("discord", &Request::post(r#"{"type":1}"#)).unwrap();
    assert!(discord.after_verification && body(&discord) == r#"{"type":1}"#);
    assert_eq!(ask("discord", &Request::post(r#"{"type":0}"#)).map(|reply| reply.status), Some(204));
    assert_eq!(ask("discord", &Request::post(r#"{"type":2}"#)), None);
}

#[test]
fn an_event_of_discord_is_no_ping() {
    // Interactions ping with the type that events of webhooks have.
    let event = r#"{"version":1,"application_id":"12","type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"2026-11-21T10:00:00Z"}}"#;
    assert_eq!(ask("discord", &Request::post(event)), None);
    let ping = r#"{"version":1,"application_id":"12","type":0}"#;
    assert_eq!(ask("discord", &Request::post(ping)).map(|reply| (reply.status, reply.body.len())), Some((204, 0)));
}

#[test]
fn zoom_is_answered_with_the_secret_that_signed_the_question() {
    let zoom = preset("zoom").unwrap();
    let scheme = &zoom.schemes[0];
    let keys = crate::sender::Keys::new(scheme, 0);
    let question = br#"{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}"#;
    let request = crate::sender::signed(scheme, &keys, question, crate::sender::NOW_MS);
    let reply = request.with(|sent| zoom.handshake(&settings(), &[b"old", &keys.secret], sent)).unwrap();
    let expected = hex::encode(keys.sign(b"qgg8vlvZRS6UYooatFL8Aw"));
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(answer, serde_json::json!({"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": expected}));
    assert!(reply.after_verification);
    let forged = request.with(|sent| zoom.handshake(&settings(), &[b"other"], sent)).unwrap();
    assert!(forged.status == 401 && forged.body.is_empty(), "nobody may have tokens signed");
}

#[test]
fn secrets_that_are_handed_over_are_told_to_the_owner() {
    let asana = ask("asana", &Request::post("").header("x-hook-secret", "b537207f20cbfa02357cf448134da559")).unwrap();
    assert_eq!(asana.headers, [("x-hook-secret", "b537207f20cbfa02357cf448134da559".to_owned())]);
    assert_eq!(asana.learned_secret.as_deref(), Some("b537207f20cbfa02357cf448134da559"));
    let notion =
        ask("notion", &Request::post(r#"{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}"#)).unwrap();
    assert_eq!(notion.status, 200);
    assert!(notion.learned_secret.is_some_and(|secret| secret.starts_with("secret_")));
    let odd = ask("asana", &Request::post("").header("x-hook-secret", "a\u{e9}b")).unwrap();
    assert_eq!((odd.status, odd.learned_secret), (400, None));
    assert!(ask("asana", &Request::post("").header("x-hook-secret", "")).is_none(), "nothing is no secret");
    assert!(ask("notion", &Request::post(r#"{"verification_token":""}"#)).is_none());
}

#[test]
fn cloud_events_and_event_grid_learn_that_they_may_send() {
    let mut options =
        Request::post("").header("webhook-request-origin", "eventemitter.example.com").header("webhook-request-rate", "120");
    options.method = "OPTIONS".into();
    for id in ["cloudevents", "azure-event-grid"] {
        let reply = ask(id, &options).unwrap();
        assert!(reply.headers.contains(&("webhook-allowed-origin", "eventemitter.example.com".into())), "{id}");
        assert!(reply.headers.contains(&("webhook-allowed-rate", "*".into())), "{id}");
        assert!(reply.headers.contains(&("allow", "POST".into())), "{id}");
    }
    let validation =
        Request::post(r#"[{"data":{"validationCode":"512d38b6"}}]"#).header("aeg-event-type", "SubscriptionValidation");
    assert_eq!(body(&ask("azure-event-grid", &validation).unwrap()), r#"{"validationResponse":"512d38b6"}"#);
    assert_eq!(ask("cloudevents", &Request::post("{}")), None);
}

#[test]
fn x_is_answered_with_the_signed_token() {
    let reply = ask("x", &get("crc_token=challenge")).unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"secret");
    let expected = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, ring::hmac::sign(&key, b"challenge"));
    assert_eq!(body(&reply), format!(r#"{{"response_token":"sha256={expected}"}}"#));
    assert_eq!(ask("x", &get("other=1")), None);
}

#[test]
fn what_x_lets_strangers_have_signed_is_never_taken_for_a_delivery() {
    for forged in ["{}", r#"{"tweet_create_events":[]}"#, "[]", "a b", "", "é", &"a".repeat(129)] {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("crc_token", forged).finish();
        assert_eq!(ask("x", &get(&query)).unwrap().status, 400, "{forged}");
    }
    // These are tokens, and JSON or a form as well.
    for token in ["0", "null", "true", "12-3", "a=1", "MGYtMzA5/Y+w=="] {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("crc_token", token).finish();
        let answer: serde_json::Value = serde_json::from_slice(&ask("x", &get(&query)).unwrap().body).unwrap();
        let signature = answer["response_token"].as_str().unwrap();
        let forged = Request::post(token).header("x-twitter-webhooks-signature", signature);
        let refused = forged.judge(preset("x").unwrap(), &settings(), &[b"secret"]).unwrap_err();
        assert_eq!(refused.code, Code::PartMissing, "{token}");
    }
}

#[test]
fn ids_and_events_are_found_where_senders_put_them() {
    let id = |preset_id: &str, request: &Request| {
        request.with(|sent| preset(preset_id).unwrap().delivery_id(&Settings::default(), sent))
    };
    let event =
        |preset_id: &str, request: &Request| request.with(|sent| preset(preset_id).unwrap().event(&Settings::default(), sent));
    let github = Request::post("{}").header("x-github-delivery", "72d3162e").header("x-github-event", "push");
    assert_eq!((id("github", &github).as_deref(), event("github", &github).as_deref()), (Some("72d3162e"), Some("push")));
    let stripe = Request::post(r#"{"id":"evt_1","type":"invoice.paid"}"#);
    assert_eq!((id("stripe", &stripe).as_deref(), event("stripe", &stripe).as_deref()), (Some("evt_1"), Some("invoice.paid")));
    let telegram = Request::post(r#"{"update_id":10000}"#);
    assert_eq!(id("telegram", &telegram).as_deref(), Some("10000"));
    let cloud_event = Request::post("").header("ce-source", "/s").header("ce-id", "1").header("ce-type", "t");
    assert_eq!(
        (id("cloudevents", &cloud_event).as_deref(), event("cloudevents", &cloud_event).as_deref()),
        (Some("/s 1"), Some("t"))
    );
    let one = Request::post(r#"[{"sg_event_id":"a","event":"open"}]"#);
    let two = Request::post(r#"[{"sg_event_id":"a"},{"sg_event_id":"b"}]"#);
    assert_eq!((id("sendgrid", &one).as_deref(), id("sendgrid", &two)), (Some("a"), None), "a batch has no id of its own");
    assert_eq!(id("zoom", &stripe), None);
}

#[test]
fn the_token_that_mailgun_signs_tells_a_delivery_not_the_event_that_it_does_not_sign() {
    let id = |event: &str| {
        let body = format!(r#"{{"signature":{{"timestamp":"1780000000","token":"tok","signature":"00"}},"event-data":{event}}}"#);
        Request::post(body).with(|sent| preset("mailgun").unwrap().delivery_id(&Settings::default(), sent))
    };
    assert_eq!(id(r#"{"id":"a"}"#).as_deref(), Some("tok"));
    assert_eq!(id(r#"{"id":"forged"}"#).as_deref(), Some("tok"), "one signature is good for one event");
}
