//! The examples that providers and standards publish, each through the preset of its sender.

use hookmill_signatures::{Algorithm, Code, Encoding, Grammar, Part, Place, Scheme, Settings, UrlForm, preset};

use crate::sender::Request;

pub(crate) struct Vector {
    pub(crate) preset: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) method: &'static str,
    pub(crate) url: Option<&'static str>,
    pub(crate) body: &'static str,
    pub(crate) now_ms: i64,
}

const NOTHING: Vector = Vector { preset: "", secret: "", headers: &[], method: "POST", url: None, body: "", now_ms: 0 };
const SLACK: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

pub(crate) const VECTORS: &[Vector] = &[
    Vector {
        preset: "github",
        secret: "It's a Secret to Everybody",
        headers: &[("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")],
        body: "Hello, World!",
        ..NOTHING
    },
    Vector {
        preset: "bitbucket",
        secret: "It's a Secret to Everybody",
        headers: &[("x-hub-signature", "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9")],
        body: "Hello World!",
        ..NOTHING
    },
    Vector {
        preset: "slack",
        secret: "8f742231b10e8888abcd99yyyzzz85a5",
        headers: &[
            ("x-slack-request-timestamp", "1531420618"),
            ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ],
        body: SLACK,
        now_ms: 1_531_420_618_000,
        ..NOTHING
    },
    Vector {
        preset: "standard-webhooks",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        body: r#"{"test": 2432232314}"#,
        now_ms: 1_614_265_330_000,
        ..NOTHING
    },
    Vector {
        preset: "standard-webhooks",
        secret: "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        headers: &[
            ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
            ("webhook-timestamp", "1649367553"),
            ("webhook-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
        ],
        body: r#"{"email":"test@example.com","username":"test_user"}"#,
        now_ms: 1_649_367_553_000,
        ..NOTHING
    },
    Vector {
        preset: "svix",
        secret: "whsec_plJ3nmyCDGBKInavdOK15jsl",
        headers: &[
            ("svix-id", "msg_loFOjxBNrRLzqYUf"),
            ("svix-timestamp", "1731705121"),
            ("svix-signature", "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="),
        ],
        body: r#"{"event_type":"ping","data":{"success":true}}"#,
        now_ms: 1_731_705_121_000,
        ..NOTHING
    },
    Vector {
        preset: "twilio",
        secret: "12345",
        headers: &[("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")],
        url: Some("https://mycompany.com/myapp.php?foo=1&bar=2"),
        body: "To=%2B18005551212&Digits=1234&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE",
        ..NOTHING
    },
    Vector {
        preset: "sendgrid",
        secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA==",
        headers: &[
            ("x-twilio-email-event-webhook-timestamp", "1588788367"),
            (
                "x-twilio-email-event-webhook-signature",
                "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH2j/0=",
            ),
        ],
        body: r#"{"category":"example_payload","event":"test_event","message_id":"message_id"}"#,
        ..NOTHING
    },
    Vector {
        preset: "dropbox",
        secret: "the_secret",
        headers: &[("x-dropbox-signature", "0a8c16b085420b960dc78664279fe09e936a2a01b1f91064869d9e77dfd64529")],
        body: r#"{"delta": {"users": [12345]}}"#,
        ..NOTHING
    },
    // Made with the providers' own libraries: stripe 23.1.0, twilio 6.2.0, @sanity/webhook 4.0.4 and http-message-signatures 1.0.6.
    Vector {
        preset: "stripe",
        secret: "whsec_test_secret",
        headers: &[("stripe-signature", "t=1780000000,v1=e43fb66bec256b7de831f84ffec0e71a680518be7f4b7f3c1eeb3fd6691f00d0")],
        body: "{\n  \"id\": \"evt_1\"\n}",
        now_ms: 1_780_000_000_000,
        ..NOTHING
    },
    Vector {
        preset: "twilio",
        secret: "12345",
        headers: &[("content-type", "application/json"), ("x-twilio-signature", "OMWidUzU/ZYwUDGNb7TqZU/S45g=")],
        url: Some(
            "https://mycompany.com/myapp.php?foo=1&bodySHA256=d5729c000e5de6b3a10698fec78d482db85d744f1be820d1382b6bda1cfb7795",
        ),
        body: r#"{"property":"value","boolean":true}"#,
        ..NOTHING
    },
    Vector {
        preset: "sanity",
        secret: "test",
        headers: &[("sanity-webhook-signature", "t=1780000000000,v1=oIUG-PtuMpUM3sQdWaN9PPvFchzwYB5AOfYm1DW3bPw")],
        body: r#"{"_id":"resume"}"#,
        now_ms: 1_780_000_000_000,
        ..NOTHING
    },
    Vector {
        preset: "rfc9421",
        secret: "a secret of the two sides",
        headers: &[
            (
                "content-digest",
                "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
            ),
            (
                "signature-input",
                r#"sig=("@method" "@target-uri" "content-digest");created=1618884473;alg="hmac-sha256";keyid="k""#,
            ),
            ("signature", "sig=:m0rRmThxy1No+BeasuHSsQW83jI+d9wttfesCtO8ku4=:"),
        ],
        url: Some("https://example.com/foo?param=Value&Pet=dog"),
        body: r#"{"hello": "world"}"#,
        now_ms: 1_618_884_473_000,
        ..NOTHING
    },
];

#[test]
fn published_examples_are_genuine_and_one_byte_more_is_not() {
    for vector in VECTORS {
        let entry = preset(vector.preset).unwrap();
        let settings = Settings { public_url: vector.url.map(str::to_owned), ..Settings::default() };
        let query = vector.url.and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
        let mut request =
            Request { method: vector.method.into(), query: query.into(), now_ms: vector.now_ms, ..Request::post(vector.body) };
        for (name, value) in vector.headers {
            request = request.header(name, value);
        }
        let judged = request.judge(entry, &settings, &[vector.secret.as_bytes()]);
        assert_eq!(judged.as_ref().map(|genuine| genuine.secret), Ok(Some(0)), "{}", vector.preset);
        request.body.push(b' ');
        assert!(request.judge(entry, &settings, &[vector.secret.as_bytes()]).is_err(), "{}", vector.preset);
    }
}

/// The examples of HubSpot's versions 1 and 2, which its preset does not take but a document can describe.
#[test]
fn versions_1_and_2_of_hubspot_are_genuine_where_the_document_asks_for_them_alone() {
    let header = || Place::Header("x-hubspot-signature".into());
    let plain = Scheme::of_body(header(), Grammar::Bare, Algorithm::SecretThenTextSha256, Encoding::Hex);
    let v1 = r#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]"#;
    let v2 = Scheme { signed: vec![Part::Method, Part::Url(UrlForm::Exact), Part::Body].into(), ..plain.clone() };
    for (scheme, method, body, signature) in [
        (plain, "POST", v1, "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"),
        (v2, "GET", "", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"),
    ] {
        let public_url = Some("https://www.example.com/webhook_uri".into());
        let settings = Settings { public_url, scheme: Some(scheme), ..Settings::default() };
        let request = Request { method: method.into(), ..Request::post(body) }.header("x-hubspot-signature", signature);
        let judge = |id: &str| request.judge(preset(id).unwrap(), &settings, &[b"yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"]);
        assert_eq!(judge("hmac").map(|genuine| genuine.secret), Ok(Some(0)), "{method}");
        let stripped = judge("hubspot").unwrap_err();
        assert_eq!(stripped.code, Code::SignatureMissing, "version 3 cannot be taken off a request");
    }
}
