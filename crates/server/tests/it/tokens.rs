//! Bearer tokens that are more than a stored secret: API keys of the workspace, and JSON Web Tokens.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookmill_store::keys::Role;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::door::Door;
use crate::raw::Answer;

const RSA_KEY: &[u8] = include_bytes!("../../../signatures/tests/it/fixtures/sender.key.der");

fn document(auth: &str) -> String {
    format!("hookmill: 1\nname: T\ntriggers:\n  - webhook: {{ {auth} }}\nsteps: []\n")
}

async fn with_token(door: &Door, path: &str, token: &str) -> Answer {
    door.post(path, &format!("Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"), "{}").await
}

/// Refused with 401 and a challenge, without a word of the credential; what the owner is told.
async fn refused(door: &Door, answer: &Answer, secret: &str) -> String {
    let kept = door.refused(answer, 401, "unauthorized").await;
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"hook\""));
    let told = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(secret.is_empty() || !told.contains(secret), "{told}");
    let detail = kept.detail.unwrap();
    assert!(secret.is_empty() || !detail.contains(secret), "{detail}");
    assert!(!kept.headers.iter().any(|(_, value)| !secret.is_empty() && value.contains(secret)));
    detail
}

#[tokio::test]
async fn an_api_key_of_the_workspace_that_may_start_runs_lets_in_until_it_ends() {
    let door = Door::open().await;
    let path = door.publish(&document("auth: { any: [{ api_key: true }] }")).await;
    let now = hookmill_store::ids::system_clock()();
    let make = async |role, expires_at| door.store.create_key(FIRST_WORKSPACE, "k", role, expires_at, now).await.unwrap();
    // Before there is any key.
    assert!(refused(&door, &with_token(&door, &path, "hmk_guess").await, "hmk_guess").await.contains("no API key"));
    let (about, key) = make(Role::Operator, None).await;
    let (_, owner) = make(Role::Owner, None).await;
    let (_, viewer) = make(Role::Viewer, None).await;
    let soon = hookmill_engine::time::Timestamp(now.0 + 60_000);
    let (_, later) = make(Role::Editor, Some(soon)).await;
    let (_, past) = make(Role::Owner, Some(now)).await;
    for good in [&key, &owner, &later] {
        let answer = with_token(&door, &path, good).await;
        assert_eq!(answer.status, 202, "a new key is good at once: {answer:?}");
    }
    for (bad, why) in [
        (&*viewer, "viewer"),
        (&*past, "expired"),
        ("hmk_0000000000000000000000000000000000000000000", "no API key"),
        (&key[..key.len() - 1], "no API key"),
        (&key.to_uppercase(), "no API key"),
        ("x", "no API key"),
    ] {
        let detail = refused(&door, &with_token(&door, &path, bad).await, if bad.len() > 9 { bad } else { "" }).await;
        assert!(detail.contains(why), "{bad}: {detail}");
    }
    for headers in ["", "Authorization: Basic x\r\n", "Authorization: Bearer\r\n", "X-Api-Key: a\r\n"] {
        refused(&door, &door.post(&path, headers, "{}").await, "").await;
    }
    // The use of a key is noted, as with the API.
    hookmill_testkit::patience::until("the use is noted", async || {
        let keys = door.store.keys(FIRST_WORKSPACE).await.unwrap();
        keys.iter().find(|known| known.id == about.id)?.last_used
    })
    .await;
    door.store.delete_key(FIRST_WORKSPACE, about.id).await.unwrap();
    refused(&door, &with_token(&door, &path, &key).await, &key).await;
    assert_eq!(with_token(&door, &path, &owner).await.status, 202);
    door.close().await;
}

#[tokio::test]
async fn smartflow_asks_for_the_workspaces_own_key_unless_a_secret_is_named_or_nobody_is_asked() {
    let door = Door::open().await;
    let publish = async |more: &str| door.publish(&document(&format!("preset: smartflow, ids: {{ workflow: abc }}{more}"))).await;
    publish("").await;
    let now = hookmill_store::ids::system_clock()();
    let (_, key) = door.store.create_key(FIRST_WORKSPACE, "Web", Role::Operator, None, now).await.unwrap();
    assert_eq!(with_token(&door, "/webhooks/abc", &key).await.status, 200);
    refused(&door, &with_token(&door, "/webhooks/abc", "123456789").await, "123456789").await;
    refused(&door, &door.json("/webhooks/abc", "{}").await, "").await;
    publish(", auth: { any: [] }").await;
    assert_eq!(door.json("/webhooks/abc", "{}").await.status, 200);
    door.close().await;
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let text = format!("{}.{}", part(header), part(claims));
    let signature = sign(text.as_bytes());
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn hs256(key: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    move |text| ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn a_shared_secret_signs_tokens_and_every_claim_is_checked() {
    let door = Door::open().await;
    door.set_secrets(&[("old", "0ld-key-of-many-bytes"), ("new", "n3w-key-of-many-bytes")]);
    let jwt = "jwt: { algorithms: [HS256], secret: [old, new], issuer: 'https://id.example', audience: hooks }";
    let path = door.publish(&document(&format!("auth: {{ any: [{{ {jwt} }}] }}"))).await;
    let now = now_s();
    let good = json!({ "iss": "https://id.example", "aud": ["other", "hooks"], "exp": now + 60, "nbf": now - 60 });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    for key in ["0ld-key-of-many-bytes", "n3w-key-of-many-bytes"] {
        let answer = with_token(&door, &path, &signed(&header, &good, hs256(key.as_bytes()))).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    let key = hs256(b"n3w-key-of-many-bytes");
    let but = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signed(&header, &claims, &key)
    };
    let mut without_issuer = good.clone();
    without_issuer.as_object_mut().unwrap().remove("iss");
    let right = signed(&header, &good, &key);
    for (what, token) in [
        ("expired", but("exp", json!(now - 3_600))),
        ("not yet valid", but("nbf", json!(now + 3_600))),
        ("no time", but("exp", json!("tomorrow"))),
        ("another audience", but("aud", json!("others"))),
        ("another issuer", but("iss", json!("https://evil.example"))),
        ("no issuer", signed(&header, &without_issuer, &key)),
        ("another key", signed(&header, &good, hs256(b"wrong"))),
        ("a key of one letter", signed(&header, &good, hs256(b"x"))),
        ("no algorithm", signed(&json!({ "alg": "none" }), &good, |_| Vec::new())),
        ("no algorithm, written otherwise", signed(&json!({ "alg": "nOnE" }), &good, &key)),
        ("another algorithm", signed(&json!({ "alg": "HS512" }), &good, &key)),
        ("a critical extension", signed(&json!({ "alg": "HS256", "crit": ["b64"], "b64": false }), &good, &key)),
        ("no signature", right.rsplit_once('.').unwrap().0.to_owned() + "."),
        ("other claims", right.replace(&part(&good), &part(&json!({ "iss": "https://id.example", "aud": "hooks" })))),
        ("two parts", right.rsplit_once('.').unwrap().0.to_owned()),
        ("no token", "n3w-key-of-many-bytes".to_owned()),
    ] {
        let answer = with_token(&door, &path, &token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        let detail = refused(&door, &answer, &token).await;
        assert!(!detail.contains("n3w-key"), "{detail}");
    }
    door.set_secrets(&[]);
    assert_eq!(with_token(&door, &path, &right).await.status, 503, "without its secrets nobody can be checked");
    door.close().await;
}

struct Es256 {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Es256 {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { pair, random }
    }

    fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// SubjectPublicKeyInfo of RFC 5480 as PEM.
    fn pem(&self) -> String {
        let spki = [&hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap(), self.point()].concat();
        let text = base64::prelude::BASE64_STANDARD.encode(spki);
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &text[..64], &text[64..])
    }

    fn jwk(&self, kid: &str) -> Value {
        let coordinate = |from: usize| BASE64_URL_SAFE_NO_PAD.encode(&self.point()[from..from + 32]);
        json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": coordinate(1), "y": coordinate(33) })
    }

    fn token(&self, header: &Value) -> String {
        let claims = json!({ "exp": now_s() + 60 });
        signed(header, &claims, |text| self.pair.sign(&self.random, text).unwrap().as_ref().to_vec())
    }
}

#[tokio::test]
async fn a_public_key_checks_tokens_and_is_never_the_key_of_an_hmac() {
    let door = Door::open().await;
    let key = Es256::new();
    let pem = key.pem();
    let path = door
        .publish(&document(&format!("auth: {{ any: [{{ jwt: {{ algorithms: [ES256], public_key: {} }} }}] }}", json!(pem))))
        .await;
    assert_eq!(with_token(&door, &path, &key.token(&json!({ "alg": "ES256" }))).await.status, 202);
    let claims = json!({ "exp": now_s() + 60 });
    for secret in [pem.as_bytes(), pem.trim().as_bytes(), key.point()] {
        let confused = signed(&json!({ "alg": "HS256" }), &claims, hs256(secret));
        refused(&door, &with_token(&door, &path, &confused).await, &confused).await;
    }
    let other = Es256::new().token(&json!({ "alg": "ES256" }));
    refused(&door, &with_token(&door, &path, &other).await, &other).await;
    door.close().await;
}

#[tokio::test]
async fn a_set_of_keys_is_searched_by_the_name_that_the_token_gives() {
    let door = Door::open().await;
    let (one, two) = (Es256::new(), Es256::new());
    let rsa = RsaKeyPair::from_pkcs8(RSA_KEY).unwrap();
    let public: PublicKeyComponents<Vec<u8>> = rsa.public().into();
    let (n, e) = (BASE64_URL_SAFE_NO_PAD.encode(public.n), BASE64_URL_SAFE_NO_PAD.encode(public.e));
    let keys = json!({ "keys": [one.jwk("one"), two.jwk("two"), { "kty": "RSA", "kid": "three", "n": n, "e": e }] });
    let jwt = format!("jwt: {{ algorithms: [ES256, RS256], jwks: {keys} }}");
    let path = door.publish(&document(&format!("auth: {{ any: [{{ {jwt} }}] }}"))).await;
    let by_rsa = |header: &Value| {
        signed(header, &json!({ "exp": now_s() + 60 }), |text| {
            let mut signature = vec![0; rsa.public().modulus_len()];
            rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).unwrap();
            signature
        })
    };
    for token in [
        one.token(&json!({ "alg": "ES256", "kid": "one" })),
        two.token(&json!({ "alg": "ES256", "kid": "two" })),
        two.token(&json!({ "alg": "ES256" })),
        by_rsa(&json!({ "alg": "RS256", "kid": "three" })),
    ] {
        assert_eq!(with_token(&door, &path, &token).await.status, 202);
    }
    for token in [
        one.token(&json!({ "alg": "ES256", "kid": "two" })),
        one.token(&json!({ "alg": "ES256", "kid": "four" })),
        by_rsa(&json!({ "alg": "ES256", "kid": "three" })),
        by_rsa(&json!({ "alg": "RS512", "kid": "three" })),
    ] {
        refused(&door, &with_token(&door, &path, &token).await, &token).await;
    }
    door.close().await;
}

#[tokio::test]
async fn tokens_combine_with_other_credentials() {
    let door = Door::open().await;
    door.set_secrets(&[("k", "key-of-the-tokens"), ("shared", "s3cret")]);
    let auth = "auth: { all: [{ jwt: { algorithms: [HS256], secret: k } }, { shared_key: shared }] }";
    let path = door.publish(&document(auth)).await;
    let token = signed(&json!({ "alg": "HS256" }), &json!({}), hs256(b"key-of-the-tokens"));
    assert_eq!(with_token(&door, &format!("{path}?key=s3cret"), &token).await.status, 202);
    refused(&door, &with_token(&door, &path, &token).await, &token).await;
    refused(&door, &with_token(&door, &format!("{path}?key=s3cret"), "a.b.c").await, "s3cret").await;
    door.close().await;
}

#[tokio::test]
async fn a_token_with_a_hash_of_the_body_signs_the_body_wherever_it_stands() {
    // As LiveKit, Vonage and Netlify send theirs.
    let door = Door::open().await;
    door.set_secrets(&[("k", "key-of-the-tokens")]);
    let sha256 = |body: &str| ring::digest::digest(&ring::digest::SHA256, body.as_bytes()).as_ref().to_vec();
    let (body, other) = (r#"{"event":"room_started"}"#, r#"{"event":"room_finished"}"#);
    for (header, scheme, claim, encoding) in [
        ("header: Authorization, ", "", "sha256", "base64"),
        ("", "Bearer ", "payload_hash", "hex"),
        ("header: X-Webhook-Signature, ", "", "sha256", "hex"),
    ] {
        let hash = format!("body_hash: {{ claim: {claim}, encoding: {encoding} }}");
        let jwt = format!("auth: {{ any: [{{ jwt: {{ algorithms: [HS256], secret: k, {header}{hash} }} }}] }}");
        let path = door.publish(&document(&jwt)).await;
        let written = match encoding {
            "hex" => hex::encode(sha256(body)),
            _ => base64::prelude::BASE64_STANDARD.encode(sha256(body)),
        };
        let key = hs256(b"key-of-the-tokens");
        let token = signed(&json!({ "alg": "HS256" }), &json!({ claim: written }), &key);
        let name = if header.contains("X-Webhook-Signature") { "X-Webhook-Signature" } else { "Authorization" };
        let send = async |token: &str, body: &str| {
            door.post(&path, &format!("{name}: {scheme}{token}\r\nContent-Type: application/json\r\n"), body).await
        };
        assert_eq!(send(&token, body).await.status, 202, "{name} {claim}");
        let tampered = refused(&door, &send(&token, other).await, &token).await;
        assert!(tampered.contains("not the hash of this body"), "{tampered}");
        for claims in [json!({}), json!({ claim: 1 }), json!({ claim: "" })] {
            let bare = signed(&json!({ "alg": "HS256" }), &claims, &key);
            refused(&door, &send(&bare, body).await, &bare).await;
        }
        let forged = signed(&json!({ "alg": "HS256" }), &json!({ claim: written }), hs256(b"other"));
        refused(&door, &send(&forged, body).await, &forged).await;
    }
    door.close().await;
}
