//! Amazon SNS and PayPal at the door: certificates are fetched, subscriptions confirmed, within limits.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hookmill_server::ingress::{Fetched, Outside};
use hookmill_server::listen::Limits;
use hookmill_signatures::Roots;
use hookmill_store::deliveries::Outcome;
use parking_lot::Mutex;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::door::Door;
use crate::issuer::{Authority, pem};

const PEM: &[u8] = include_bytes!("../../../signatures/tests/it/fixtures/sender.crt.pem");
const KEY: &[u8] = include_bytes!("../../../signatures/tests/it/fixtures/sender.key.der");
const CERTIFICATE: &str = "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-a.pem";
const SUBSCRIBE: &str = "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336";

/// The providers' hosts, as far as they answer.
#[derive(Default)]
struct Hosts {
    answers: Mutex<HashMap<String, Fetched>>,
    asked: Mutex<Vec<String>>,
    roots: Mutex<Arc<Roots>>,
}

impl Hosts {
    fn answer(&self, url: &str, answer: Fetched) {
        self.answers.lock().insert(url.to_owned(), answer);
    }

    fn asked(&self, url: &str) -> usize {
        self.asked.lock().iter().filter(|asked| *asked == url).count()
    }
}

impl Outside for Hosts {
    fn get(&self, url: &str, _: usize) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        self.asked.lock().push(url.to_owned());
        let answer = self.answers.lock().get(url).cloned();
        Box::pin(async move { answer.unwrap_or_else(|| Err("there is nobody".to_owned())) })
    }

    fn roots(&self) -> Pin<Box<dyn Future<Output = Arc<Roots>> + Send>> {
        let roots = Arc::clone(&self.roots.lock());
        Box::pin(async move { roots })
    }
}

async fn door(webhook: &str) -> (Door, Arc<Hosts>) {
    let hosts = Arc::new(Hosts::default());
    let door = Door::open_beside(None, Limits::default(), Arc::clone(&hosts) as Arc<dyn Outside>).await;
    let text = format!("hookmill: 1\nname: P\ntriggers:\n  - webhook: {{ path: p, {webhook} }}\nsteps:\n  - set: {{ a: 1 }}\n");
    door.publish(&text).await;
    (door, hosts)
}

fn rsa(text: &[u8]) -> String {
    let pair = RsaKeyPair::from_pkcs8(KEY).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
    BASE64_STANDARD.encode(signature)
}

fn sns(kind: &str, certificate: &str) -> String {
    let mut body = json!({
        "Type": kind, "MessageId": "22b80b92", "TopicArn": "arn:aws:sns:us-west-2:1:t", "Message": "Hello",
        "Timestamp": "2026-05-02T00:54:06.655Z", "SignatureVersion": "2", "SigningCertURL": certificate,
    });
    let mut names = vec!["Message", "MessageId", "Timestamp", "TopicArn", "Type"];
    if kind != "Notification" {
        body["Token"] = json!("2336");
        body["SubscribeURL"] = json!(SUBSCRIBE);
        names = vec!["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    }
    let text: String = names.iter().map(|name| format!("{name}\n{}\n", body[*name].as_str().unwrap())).collect();
    body["Signature"] = Value::String(rsa(text.as_bytes()));
    body.to_string()
}

const PLAIN: &str = "Content-Type: text/plain; charset=UTF-8\r\n";

#[tokio::test]
async fn a_certificate_of_sns_is_fetched_once_and_a_missing_one_is_tried_later() {
    let (door, hosts) = door("preset: sns, dedupe: false").await;
    let notification = sns("Notification", CERTIFICATE);
    let unavailable = door.post("/hooks/main/p", PLAIN, &notification).await;
    assert_eq!((unavailable.status, unavailable.code().as_str()), (503, "hook_not_ready"), "{unavailable:?}");
    assert!(unavailable.header("retry-after").is_some());
    let detail = door.delivery(&unavailable).await.detail.unwrap();
    assert!(detail.contains(CERTIFICATE) && detail.contains("there is nobody"), "{detail}");
    assert!(!String::from_utf8_lossy(&unavailable.body).contains("amazonaws"), "only the owner is told");

    let other = CERTIFICATE.replace("-a.pem", "-b.pem");
    hosts.answer(&other, Ok(Bytes::from_static(PEM)));
    let notification = sns("Notification", &other);
    for _ in 0..3 {
        let accepted = door.post("/hooks/main/p", PLAIN, &notification).await;
        assert_eq!(accepted.status, 202, "{accepted:?}");
    }
    assert_eq!(hosts.asked(&other), 1);
    let forged = door.post("/hooks/main/p", PLAIN, notification.replace("Hello", "Hallo")).await;
    assert_eq!((forged.status, forged.code().as_str()), (401, "bad_signature"), "{forged:?}");
    let elsewhere = notification.replace("https://sns.us-west-2.amazonaws.com", "https://sns.us-west-2.amazonaws.com.evil.test");
    let refused = door.post("/hooks/main/p", PLAIN, elsewhere).await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "bad_signature"), "{refused:?}");
    assert_eq!(hosts.asked.lock().len(), 2, "nothing but the provider's own is asked for");
    door.close().await;
}

#[tokio::test]
async fn a_subscription_is_confirmed_before_it_is_acknowledged() {
    let (door, hosts) = door("preset: sns").await;
    hosts.answer(CERTIFICATE, Ok(Bytes::from_static(PEM)));
    let confirmation = sns("SubscriptionConfirmation", CERTIFICATE);
    let failed = door.post("/hooks/main/p", PLAIN, &confirmation).await;
    assert_eq!((failed.status, failed.code().as_str()), (503, "hook_not_ready"), "{failed:?}");
    assert!(door.delivery(&failed).await.detail.unwrap().contains("could not be confirmed: there is nobody"));
    assert_eq!(hosts.asked(SUBSCRIBE), 2, "it was tried again");

    hosts.answer(SUBSCRIBE, Ok(Bytes::from_static(b"<ConfirmSubscriptionResponse/>")));
    let forged = door.post("/hooks/main/p", PLAIN, confirmation.replace("Hello", "Hallo")).await;
    assert_eq!(forged.status, 401);
    assert_eq!(hosts.asked(SUBSCRIBE), 2, "nothing is confirmed for a forger");
    let confirmed = door.post("/hooks/main/p", PLAIN, &confirmation).await;
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    assert_eq!(hosts.asked(SUBSCRIBE), 3);
    assert_eq!(door.count_of(Outcome::Handshake).await, 1);
    door.close().await;
}

#[tokio::test]
async fn without_the_handshake_nothing_is_called_and_a_pinned_certificate_is_not_fetched() {
    let pem = String::from_utf8_lossy(PEM).replace('\n', "\\n");
    let (door, hosts) = door(&format!("preset: sns, handshake: false, certificate: \"{pem}\"")).await;
    let answer = door.post("/hooks/main/p", PLAIN, sns("SubscriptionConfirmation", CERTIFICATE)).await;
    assert_eq!(answer.status, 202, "it is a delivery like any other: {answer:?}");
    assert!(hosts.asked.lock().is_empty());
    door.close().await;
}

#[tokio::test]
async fn paypals_certificate_is_fetched_from_paypal_alone_and_leads_to_a_trusted_root() {
    let (door, hosts) = door("preset: paypal, webhook_id: WH-1").await;
    let body = r#"{"id":"WH-EVENT-1","event_type":"PAYMENT.SALE.COMPLETED"}"#;
    let send = async |url: &str| {
        let text = format!("tr-1|2026-05-02T00:54:06Z|WH-1|{}", crc32(body.as_bytes()));
        let headers = format!(
            "Content-Type: application/json\r\nPAYPAL-TRANSMISSION-ID: tr-1\r\nPAYPAL-TRANSMISSION-TIME: 2026-05-02T00:54:06Z\r\n\
             PAYPAL-TRANSMISSION-SIG: {}\r\nPAYPAL-CERT-URL: {url}\r\nPAYPAL-AUTH-ALGO: SHA256withRSA\r\n",
            rsa(text.as_bytes())
        );
        door.post("/hooks/main/p", &headers, body).await
    };
    let dates = (1_700_000_000_000, 2_500_000_000_000);
    let root = Authority::root("Root", dates);
    let between = root.authority("Between", dates);
    let rsa_key = RsaKeyPair::from_pkcs8(KEY).unwrap().public_key().as_ref().to_vec();
    let own = between.certify("messageverificationcerts.paypal.com", dates, &rsa_key);
    let chain = Bytes::from(pem(&[&own, &between.der]));
    let url = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42";
    let others = ["CERT-selfsigned", "CERT-untrusted", "CERT-elses"].map(|name| url.replace("CERT-360caa42", name));
    let elses = between.certify("shop.example", dates, &rsa_key);
    for (url, answer) in others.iter().zip([Bytes::from_static(PEM), chain.clone(), Bytes::from(pem(&[&elses, &between.der]))]) {
        hosts.answer(url, Ok(answer));
    }
    let why = async |url: &str| {
        let unproven = send(url).await;
        assert_eq!((unproven.status, unproven.code().as_str()), (503, "hook_not_ready"), "{unproven:?}");
        door.delivery(&unproven).await.detail.unwrap()
    };
    assert!(why(&others[1]).await.contains("trusts no root"));
    *hosts.roots.lock() = Arc::new(Roots::of([root.der.as_slice()]));
    assert!(why(&others[0]).await.contains("not a certificate that can be used"));
    assert!(why(&others[2]).await.contains("is not for messageverificationcerts.paypal.com"));
    hosts.asked.lock().clear();
    hosts.answer(url, Ok(chain));
    assert_eq!(send(url).await.status, 202);
    let elsewhere = send("https://api.paypal.com.evil.test/v1/notifications/certs/CERT-360caa42").await;
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (401, "bad_signature"));
    assert_eq!(hosts.asked.lock().len(), 1);
    door.close().await;
}

/// CRC-32 as PayPal has it (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[tokio::test]
async fn what_sns_calls_text_is_read_as_the_json_that_it_is() {
    let only = "only_if: \"{{ webhook.body.TopicArn == 'arn:aws:sns:us-west-2:1:t' }}\"";
    let variable = "variables: { Message: { type: string, required: true } }";
    let (door, hosts) = door(&format!("preset: sns, {only}, {variable}")).await;
    hosts.answer(CERTIFICATE, Ok(Bytes::from_static(PEM)));
    let answer = door.post("/hooks/main/p", PLAIN, sns("Notification", CERTIFICATE)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(door.delivery(&answer).await.outcome, Outcome::Accepted);
    crate::door::succeeded(&door.ended(&answer).await);
    door.close().await;
}
