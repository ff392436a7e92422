//! `Authorization` from a credential.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hookmill_engine::run::Failure;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use super::head::header_value;
use super::input::{Basic, ClientAuth, Credential, OAuth2};
use super::pause;
use crate::failure::{failed, failed_for_now, with_details, with_pause};
use crate::net::{Net, Outgoing, next_chunk};

/// The most tokens kept; beyond it all are fetched anew.
const TOKENS_MAX: usize = 1000;
/// The largest answer of a token endpoint.
const TOKEN_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// A token is renewed this long before it expires, so that it does not expire on its way.
const TOKEN_MARGIN: Duration = Duration::from_secs(30);
/// How long a token without an expiry is kept.
const TOKEN_LIFE_DEFAULT: Duration = Duration::from_secs(300);
/// No token is kept longer than this.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Tokens by where and for whom they were fetched. Requests that need the same token wait for one fetch.
#[derive(Default)]
pub(super) struct Tokens {
    kept: Mutex<HashMap<OAuth2, Arc<tokio::sync::Mutex<Option<Token>>>>>,
}

struct Token {
    authorization: HeaderValue,
    expires: Instant,
}

impl Tokens {
    /// The `Authorization` header for `credential`.
    pub(super) async fn authorization(&self, credential: &Credential, net: &Net) -> Result<HeaderValue, Failure> {
        match credential {
            Credential::Basic(basic) => basic_header(basic),
            Credential::Bearer(token) => secret_value(&format!("Bearer {token}")),
            Credential::Oauth2(oauth2) => self.token(oauth2, net).await,
        }
    }

    /// Drops a token that was refused. True if a new one may do better.
    pub(super) async fn refused(&self, credential: &Credential, authorization: &HeaderValue) -> bool {
        let Credential::Oauth2(oauth2) = credential else { return false };
        let slot = self.slot(oauth2);
        let mut token = slot.lock().await;
        if token.as_ref().is_some_and(|token| token.authorization == *authorization) {
            *token = None;
        }
        true
    }

    async fn token(&self, oauth2: &OAuth2, net: &Net) -> Result<HeaderValue, Failure> {
        let slot = self.slot(oauth2);
        let mut token = slot.lock().await;
        if let Some(token) = token.as_ref().filter(|token| token.expires > Instant::now()) {
            return Ok(token.authorization.clone());
        }
        let fetched = fetch(oauth2, net).await?;
        let authorization = fetched.authorization.clone();
        *token = Some(fetched);
        Ok(authorization)
    }

    fn slot(&self, oauth2: &OAuth2) -> Arc<tokio::sync::Mutex<Option<Token>>> {
        let mut kept = self.kept.lock();
        if kept.len() >= TOKENS_MAX && !kept.contains_key(oauth2) {
            kept.clear();
        }
        Arc::clone(kept.entry(oauth2.clone()).or_default())
    }
}

fn basic_header(basic: &Basic) -> Result<HeaderValue, Failure> {
    if basic.username.contains(':') {
        return Err(failed("invalid_input", "a user name for basic authentication cannot hold a colon"));
    }
    secret_value(&format!("Basic {}", STANDARD.encode(format!("{}:{}", basic.username, basic.password))))
}

fn secret_value(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = header_value(&AUTHORIZATION, text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a token endpoint answers (RFC 6749, 5.1 and 5.2).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<serde_json::Value>,
    error: Option<String>,
    error_description: Option<String>,
}

async fn fetch(oauth2: &OAuth2, net: &Net) -> Result<Token, Failure> {
    let mut answer = net.send(request(oauth2)?).await.map_err(|error| about_token(error.failure()))?;
    let status = answer.status();
    let pause = pause::requested(answer.headers(), jiff::Timestamp::now());
    let mut body = Vec::new();
    while let Some(chunk) = next_chunk(&mut answer).await.map_err(|error| about_token(error.failure()))? {
        if body.len() + chunk.len() > TOKEN_ANSWER_BYTES_MAX {
            return Err(failed("oauth_failed", format!("the token answer is larger than {TOKEN_ANSWER_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    let said: Answer = serde_json::from_slice(&body).unwrap_or_default();
    if let (true, Some(token)) = (status.is_success(), &said.access_token) {
        let expires = Instant::now() + life(said.expires_in.as_ref());
        return Ok(Token { authorization: secret_value(&format!("Bearer {token}"))?, expires });
    }
    let details = json!({ "status": status.as_u16(), "error": said.error, "error_description": said.error_description });
    let message =
        format!("no token was given: status {}{}", status.as_u16(), said.error.map(|e| format!(", {e}")).unwrap_or_default());
    let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
    let failure = if may_pass { failed_for_now("oauth_failed", message) } else { failed("oauth_failed", message) };
    Err(with_details(with_pause(failure, pause), details))
}

fn about_token(failure: Failure) -> Failure {
    Failure { message: format!("no token could be fetched: {}", failure.message), ..failure }
}

fn life(expires_in: Option<&serde_json::Value>) -> Duration {
    // Some providers send the number as a text.
    let seconds = expires_in.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    let life = seconds.map_or(TOKEN_LIFE_DEFAULT, Duration::from_secs).min(TOKEN_LIFE_MAX);
    life.saturating_sub(TOKEN_MARGIN)
}

fn request(oauth2: &OAuth2) -> Result<Outgoing, Failure> {
    let url = Url::parse(oauth2.token_url.trim())
        .map_err(|error| failed("invalid_url", format!("`credential.oauth2.token_url` is not a URL: {error}")))?;
    let mut headers = HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("application/json")),
        (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
    ]);
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    for (name, value) in [("scope", &oauth2.scope), ("audience", &oauth2.audience)] {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    match oauth2.send_as {
        ClientAuth::Header => {
            // RFC 6749, 2.3.1: both are form-encoded before they are joined.
            let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let both = format!("{}:{}", encoded(&oauth2.client_id), encoded(&oauth2.client_secret));
            headers.insert(AUTHORIZATION, secret_value(&format!("Basic {}", STANDARD.encode(both)))?);
        }
        ClientAuth::Body => {
            form.append_pair("client_id", &oauth2.client_id).append_pair("client_secret", &oauth2.client_secret);
        }
    }
    let body = Arc::new(Bytes::from(form.finish()));
    Ok(Outgoing { method: Method::POST, url, headers, body, redirects: 0 })
}
