//! Amazon SNS: both versions of its signature, and the addresses it may name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_signatures::{Code, Reading, Settings, preset};
use serde_json::{Value, json};

use crate::sender::{Keys, Request, settings};

/// Made with `openssl dgst -sha1 -sign` over the canonical text of the message.
const VERSION_1: &str = "RWJyW7avEVe6DKl6txsIQE+T4YcszFw6X1+GkHDGSPT8i7vH/7xiV7JRvzUehzuIXupP16KoPhsCInNyk2Hyd0e5na3bO2p/T2ITMQKXNCcGoeiiw5F0xFT8mti5EeHIPCpUjU2nmlWxVTMhySWPXLzZadj/bstwmjhgLuxdBBzz30GsDg4WEXrpd+0cpKDFfr2Oo6cFu2BAK63pI9+k8uj2FZNrsv/+OGOS9/KDKpDEhXfyCBe4IHSBKXOrtcivI3splJYrJz/PhuC/7Z1+4QdjGzFcIfkEn6ptcv/YIVBfeqr5t75o99yoC9tFnrsdD02oYJlgu0vtLe+GTLOQDw==";

fn notification() -> Value {
    json!({
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic",
        "Subject": "My First Message",
        "Message": "Hello",
        "Timestamp": "2012-05-02T00:54:06.655Z",
        "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
    })
}

fn judge(body: &Value) -> Result<(), Code> {
    let sns = preset("sns").unwrap();
    Request::post(body.to_string()).judge(sns, &settings(), &[]).map(|_| ()).map_err(|failure| failure.code)
}

pub(crate) fn confirmation(kind: &str) -> Value {
    let mut body = notification();
    body["Type"] = json!(kind);
    body["Token"] = json!("2336412f37");
    body["SubscribeURL"] = json!("https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37");
    body.as_object_mut().unwrap().remove("Subject");
    let text: String = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        .iter()
        .map(|name| format!("{name}\n{}\n", body[*name].as_str().unwrap()))
        .collect();
    body["SignatureVersion"] = json!("2");
    body["Signature"] = json!(STANDARD.encode(Keys::rsa().sign(text.as_bytes())));
    body
}

#[test]
fn a_signature_of_version_1_is_over_the_canonical_text() {
    let mut body = notification();
    body["SignatureVersion"] = json!("1");
    body["Signature"] = json!(VERSION_1);
    assert_eq!(judge(&body), Ok(()));
    for (member, value) in
        [("Message", json!("Hallo")), ("Type", json!("SubscriptionConfirmation")), ("SignatureVersion", json!("2"))]
    {
        let mut changed = body.clone();
        changed[member] = value;
        assert!(judge(&changed).is_err(), "{member}");
    }
    body.as_object_mut().unwrap().remove("Subject");
    assert_eq!(judge(&body), Err(Code::SignatureWrong), "the subject is signed where there is one");
}

#[test]
fn confirmations_are_signed_and_answered_only_then() {
    let sns = preset("sns").unwrap();
    for (kind, confirms) in [("SubscriptionConfirmation", true), ("UnsubscribeConfirmation", false)] {
        let body = confirmation(kind);
        assert_eq!(judge(&body), Ok(()), "{kind}");
        let reply = Request::post(body.to_string()).with(|sent| sns.handshake(&settings(), &[], sent)).unwrap();
        assert!(reply.after_verification && reply.status == 200);
        assert_eq!(reply.confirm_url.is_some(), confirms, "{kind}");
    }
    let mut elsewhere = confirmation("SubscriptionConfirmation");
    elsewhere["SubscribeURL"] = json!("https://sns.us-west-2.amazonaws.com.evil.test/?Action=ConfirmSubscription");
    let reply = Request::post(elsewhere.to_string()).with(|sent| sns.handshake(&settings(), &[], sent)).unwrap();
    assert_eq!(reply.confirm_url, None);
}

#[test]
fn certificates_come_from_amazon_or_are_pinned() {
    let sns = preset("sns").unwrap();
    let mut body = notification();
    let found = |body: &Value, settings: &Settings| {
        Request::post(body.to_string())
            .with(|sent| sns.certificate_source(settings, &Reading::new(sent)))
            .map(|source| source.map(|source| source.url))
            .map_err(|failure| failure.code)
    };
    assert_eq!(found(&body, &settings()), Ok(None));
    assert_eq!(found(&body, &Settings::default()), Ok(body["SigningCertURL"].as_str().map(str::to_owned)));
    body["SigningCertURL"] = json!("https://evil.test/x.pem");
    assert_eq!(found(&body, &Settings::default()), Err(Code::CertificateNotAllowed));
    body["Signature"] = json!(VERSION_1);
    body["SignatureVersion"] = json!("1");
    let unpinned = Request::post(body.to_string()).judge(sns, &Settings::default(), &[]).unwrap_err();
    assert_eq!(unpinned.code, Code::CertificateMissing);
}
