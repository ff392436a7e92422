//! Amazon SNS: a canonical text of members of the body, signed with the key of a certificate
//! (<https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>).

use serde_json::{Value, json};

use crate::certificate;
use crate::failure::{Code, Failure, Genuine};
use crate::scheme::{Algorithm, Encoding, Hash};
use crate::sent::Reading;
use crate::settings::Settings;
use crate::sign::{Outgoing, PrivateKey, Sender, Unsignable, Way, own_pair, rfc3339};
use crate::signed_text::Text;

/// The topic of a notification that names none: of an account that AWS keeps for examples.
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:example";
/// Where the certificate would be, had the hook not pinned one.
const CERTIFICATE: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem";

const NOTIFICATION: &[&str] = &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const CONFIRMATION: &[&str] = &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

pub(crate) fn verify(settings: &Settings, reading: &Reading<'_>) -> Result<Genuine, Failure> {
    let missing = |text: &str| Failure::plain(Code::SignatureMissing, text);
    let body = reading.json().ok_or_else(|| missing("The body is not the JSON of an SNS message."))?;
    let signature = body["Signature"].as_str().ok_or_else(|| missing("The body has no member Signature."))?;
    let hash = match body["SignatureVersion"].as_str() {
        Some("1") => Hash::Sha1,
        Some("2") => Hash::Sha256,
        _ => return Err(Failure::plain(Code::SignatureMalformed, "SignatureVersion must be 1 or 2.")),
    };
    let signature = Encoding::Base64.decode(signature.as_bytes());
    let signature = signature.ok_or_else(|| Failure::plain(Code::SignatureMalformed, "Signature must be base64."))?;
    let text = canonical(body)?;
    let key = certificate::key(Algorithm::Rsa(hash), settings, reading.sent.now_ms)?;
    if key.accepts(&Text::of(text.as_bytes()), &[signature]) {
        return Ok(Genuine { secret: None, signed_at_ms: None });
    }
    Err(Failure::plain(Code::SignatureWrong, "The member Signature is not right for this message."))
}

/// `Key\nValue\n` for the members of the message's type, in alphabetical order.
fn canonical(body: &Value) -> Result<String, Failure> {
    let members = match body["Type"].as_str() {
        Some("Notification") => NOTIFICATION,
        Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") => CONFIRMATION,
        _ => return Err(Failure::plain(Code::PartMissing, "Type is not one of SNS's.")),
    };
    let mut text = String::new();
    for name in members {
        match body.get(name) {
            Some(Value::String(value)) => text.extend([name, "\n", value, "\n"]),
            None | Some(Value::Null) if *name == "Subject" => {}
            _ => return Err(Failure::plain(Code::PartMissing, format!("The signed member {name} is missing."))),
        }
    }
    Ok(text)
}

/// Puts the body into a notification, or signs the one that it is, with the key of a certificate that the hook has pinned.
pub(crate) fn sign(sender: &Sender<'_>, request: &mut Outgoing) -> Result<(), Unsignable> {
    let key = PrivateKey::new(Way::Rsa(Hash::Sha256), sender.secret).map_err(|why| own_pair("Amazon SNS", true, why))?;
    let given = serde_json::from_slice::<Value>(&request.body).ok().filter(|body| body["Type"].is_string());
    let mut message = match given {
        Some(message) => message,
        None => {
            let text = std::str::from_utf8(&request.body);
            let text = text.map_err(|_| Unsignable::Body("The message of a notification must be text.".into()))?;
            json!({ "Type": "Notification", "TopicArn": TOPIC, "Message": text })
        }
    };
    let defaults =
        [("MessageId", sender.id.to_owned()), ("Timestamp", rfc3339(sender.at_ms)), ("SigningCertURL", CERTIFICATE.into())];
    for (name, value) in defaults {
        if message[name].is_null() {
            message[name] = value.into();
        }
    }
    let text = canonical(&message).map_err(|failure| Unsignable::Body(failure.for_owner))?;
    message["SignatureVersion"] = "2".into();
    message["Signature"] = Encoding::Base64.encode(&key.sign(text.as_bytes())?).into();
    request.tell("x-amz-sns-message-type", message["Type"].as_str().unwrap_or_default());
    request.body = message.to_string().into_bytes();
    Ok(())
}
