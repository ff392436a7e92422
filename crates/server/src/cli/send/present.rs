//! Presents what a hook asks of its callers: the signature of a provider, the credential of a product or of the document.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookmill_engine::workflow::{Auth, Credential, Jwt};
use hookmill_signatures::{Outgoing, Sender, Unsignable, jwt, preset};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::exit::{Exit, Failed, Result};
use super::Target;
use crate::ingress;

/// Where credentials stand that the document gives no header.
const AUTHORIZATION: &str = "authorization";
/// How long a token is good.
const TOKEN_SECONDS: i64 = 300;
/// Why there is no API key to present.
const API_KEY_MISSING: &str = "this hook asks for an API key: give it with --secret-file or HOOKMILL_SEND_SECRET; that of --key is \
                               only sent to the server at --url and to the hook's own URLs";

/// Makes a request one that the hook takes, as far as one secret can. The API key only goes to the server that it is of.
pub(super) fn present(target: &Target, sender: &Sender<'_>, api_key: Option<&str>, request: &mut Outgoing) -> Result<()> {
    if let Some(provider) = target.preset.as_deref().and_then(preset) {
        let cannot = |why: Unsignable| match why {
            Unsignable::Secret(_) if sender.secret.is_empty() => {
                Failed::usage(format!("give the secret with --secret-file or HOOKMILL_SEND_SECRET. {why}"))
            }
            Unsignable::Secret(_) => Failed::usage(format!("--secret-file: {why}")),
            Unsignable::Body(_) => Failed::new(Exit::Invalid, why),
            Unsignable::Setting(_) => Failed::usage(why),
        };
        return provider.sign(&target.settings, sender, request).map_err(cannot);
    }
    let own = ingress::preset_credential(&target.trigger).or_else(|| match &target.trigger.auth {
        Some(Auth::Any(credentials) | Auth::All(credentials)) => credentials.first().cloned(),
        None => None,
    });
    let api_key = api_key.filter(|key| !key.is_empty() && target.is_own);
    own.map_or(Ok(()), |credential| show(&credential, sender, api_key, request))
}

fn show(credential: &Credential, sender: &Sender<'_>, api_key: Option<&str>, request: &mut Outgoing) -> Result<()> {
    let secret = || match std::str::from_utf8(sender.secret) {
        Ok(text) if !text.is_empty() => Ok(text),
        _ => Err(Failed::usage("this hook asks for a secret: give it with --secret-file or HOOKMILL_SEND_SECRET")),
    };
    match credential {
        Credential::SharedKey(_) => {
            let pair = url::form_urlencoded::Serializer::new(String::new()).append_pair("key", secret()?).finish();
            request.url.push(if request.url.contains('?') { '&' } else { '?' });
            request.url.push_str(&pair);
        }
        Credential::Bearer(_) => tell(AUTHORIZATION, format!("Bearer {}", secret()?), request),
        Credential::ApiKey(_) => {
            let key = secret().ok().or(api_key);
            let key = key.ok_or_else(|| Failed::usage(API_KEY_MISSING))?;
            tell(AUTHORIZATION, format!("Bearer {key}"), request);
        }
        Credential::Header { name, .. } => tell(&name.to_ascii_lowercase(), secret()?.to_owned(), request),
        Credential::Basic { user, .. } => {
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", secret()?));
            tell(AUTHORIZATION, format!("Basic {pair}"), request);
        }
        Credential::AppKey(_) => {
            let pair = secret()?.split_once(':');
            let (app_key, sign) =
                pair.ok_or_else(|| Failed::usage("the secret of this hook is AppKey and Sign: `appKey:sign`"))?;
            tell("appkey", app_key.to_owned(), request);
            tell("sign", sign.to_owned(), request);
        }
        Credential::Any(inner) | Credential::All(inner) => {
            let Some(first) = inner.first() else { return Ok(()) };
            return show(first, sender, api_key, request);
        }
        Credential::Jwt(jwt) => {
            let header = jwt.header.as_deref().unwrap_or(AUTHORIZATION).to_ascii_lowercase();
            if !has(&header, request) {
                secret()?;
                let token = token(jwt, sender, &request.body)?;
                let shown = if header == AUTHORIZATION { format!("Bearer {token}") } else { token };
                tell(&header, shown, request);
            }
        }
        Credential::Signature(_) => {}
    }
    Ok(())
}

/// A token as the hook asks for it, for the next few minutes.
fn token(asked: &Jwt, sender: &Sender<'_>, body: &[u8]) -> Result<String> {
    let name = asked.algorithms.first().map(|algorithm| json!(algorithm));
    let algorithm = name.as_ref().and_then(Value::as_str).and_then(jwt::Algorithm::named);
    let algorithm = algorithm.ok_or_else(|| Failed::usage("the document names no algorithm for its tokens"))?;
    let now_s = sender.at_ms / 1000;
    let mut claims = json!({ "iat": now_s, "exp": now_s + TOKEN_SECONDS });
    for (claim, value) in [("iss", &asked.issuer), ("aud", &asked.audience)] {
        if let Some(value) = value {
            claims[claim] = value.as_str().into();
        }
    }
    if let Some(hash) = &asked.body_hash {
        claims[&hash.claim] = ingress::encoding(hash.encoding).encode(&Sha256::digest(body)).into();
    }
    jwt::sign(algorithm, sender.secret, &claims).map_err(|why| Failed::usage(format!("--secret-file: {why}")))
}

fn has(name: &str, request: &Outgoing) -> bool {
    request.headers.iter().any(|(header, _)| header == name)
}

fn tell(name: &str, value: String, request: &mut Outgoing) {
    if !has(name, request) {
        request.headers.push((name.to_owned(), value));
    }
}
