//! Signing a message, as its sender does.

use super::base;
use super::keys;
use crate::digest::content_digest;
use crate::key::Key;
use crate::scheme::{Encoding, UrlForm};
use crate::settings::Settings;
use crate::sign::{Outgoing, PrivateKey, Sender, Unsignable, is_private_pem, message_way};
use crate::signed_text::Text;
use crate::url::public_urls;

const LABEL: &str = "sig1";

enum SigningKey {
    Shared(Key),
    Private(PrivateKey),
}

/// Signs method and URL, and the body through its digest.
pub(crate) fn sign(settings: &Settings, sender: &Sender<'_>, request: &mut Outgoing) -> Result<(), Unsignable> {
    let (key, algorithm) = key(sender.secret)?;
    let mut components = vec!["@method", "@target-uri"];
    if !request.body.is_empty() {
        request.tell("content-digest", content_digest(&request.body));
        components.push("content-digest");
    }
    let components: Vec<String> = components.into_iter().map(|name| format!("\"{name}\"")).collect();
    let created = sender.at_ms / 1000;
    let input = format!("{LABEL}=({});created={created};alg=\"{algorithm}\"", components.join(" "));
    request.tell("signature-input", input);
    let signature = request.received(sender.at_ms, |reading| {
        let unfit = |why: &str| Unsignable::Setting(why.to_owned());
        let field = super::field(reading, "signature-input").map_err(|failure| unfit(&failure.for_owner))?;
        let inputs = base::inputs(&field).ok_or_else(|| unfit("Signature-Input is not as RFC 9421 writes it."))?;
        let input = inputs.first().ok_or_else(|| unfit("Signature-Input is empty."))?;
        let urls = public_urls(settings, &reading.sent, UrlForm::Exact);
        let text = base::signature_base(&reading.sent, urls.first().map(String::as_str), input);
        let text = text.map_err(|failure| unfit(&failure.for_owner))?;
        let signature = match &key {
            SigningKey::Shared(key) => key.tag(&Text::of(text.as_bytes())).expect("a shared secret makes tags"),
            SigningKey::Private(key) => key.sign(text.as_bytes())?,
        };
        Ok(format!("{}=:{}:", input.label, Encoding::Base64.encode(&signature)))
    })?;
    request.tell("signature", signature);
    Ok(())
}

/// The key, and what the standard calls its algorithm. A private key decides that; anything else is shared.
fn key(secret: &[u8]) -> Result<(SigningKey, &'static str), Unsignable> {
    if is_private_pem(secret) {
        let (way, name) = message_way(secret)?;
        return Ok((SigningKey::Private(PrivateKey::new(way, secret)?), name));
    }
    let shared = keys::of(secret, Some("hmac-sha256")).map_err(|unfit| {
        let (keys::Unfit::Malformed(why) | keys::Unfit::OtherAlgorithm(why)) = unfit;
        Unsignable::Secret(format!(
            "The secret cannot be used: {why}. To sign as a sender with a key pair, give its private key."
        ))
    })?;
    let first = shared.into_iter().next().expect("what is a secret is a key");
    Ok((SigningKey::Shared(first), "hmac-sha256"))
}
