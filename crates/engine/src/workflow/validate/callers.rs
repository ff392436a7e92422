//! Who may call: credentials, addresses, web pages.

use std::collections::HashSet;

use super::Checker;
use super::limits::{ALLOWED_ADDRESSES_MAX, CREDENTIALS_MAX, ORIGINS_MAX};
use crate::workflow::problem::quoted;
use crate::workflow::{Auth, Credential, Jwt, JwtKey, PresetKind, WebhookTrigger};

/// Characters of users' names, issuers, audiences.
const CLAIM_CHARS_MAX: usize = 200;

impl<'w> Checker<'w> {
    pub(super) fn callers(&mut self, webhook: &'w WebhookTrigger) {
        if let Some(auth) = &webhook.auth {
            self.at_member("auth", |this| this.auth(auth, webhook));
        }
        self.at_member("allow_ips", |this| this.addresses(webhook));
        if let Some(cors) = &webhook.cors {
            let mark = self.at.enter_path("cors.origins");
            self.origins(&cors.origins);
            self.at.leave(mark);
        }
    }

    fn auth(&mut self, auth: &Auth, webhook: &WebhookTrigger) {
        let key = match auth {
            Auth::Any(_) => "any",
            Auth::All(_) => "all",
        };
        let mark = self.at.enter_member(key);
        if auth.credentials().is_empty() {
            self.at.warn("no_credentials", "no credential is asked for: everyone who knows the URL may call", None);
        }
        let count: usize = auth.credentials().iter().map(count).sum();
        if count > CREDENTIALS_MAX {
            self.at.problem("too_many", format!("{count} credentials; the limit is {CREDENTIALS_MAX}"));
        }
        for (index, credential) in auth.credentials().iter().enumerate() {
            self.at_element(index, |this| this.credential(credential, webhook, true));
        }
        self.at.leave(mark);
    }

    fn credential(&mut self, credential: &Credential, webhook: &WebhookTrigger, may_nest: bool) {
        match credential {
            Credential::SharedKey(secret) => self.at_member("shared_key", |this| this.secrets(secret)),
            Credential::Bearer(secret) => self.at_member("bearer", |this| this.secrets(secret)),
            Credential::AppKey(secret) => self.at_member("app_key", |this| this.secrets(secret)),
            Credential::ApiKey(_) => {}
            Credential::Header { name, secret } => self.at_member("header", |this| {
                this.at_member("name", |this| this.header_name(name));
                this.at_member("secret", |this| this.secrets(secret));
            }),
            Credential::Basic { user, secret } => self.at_member("basic", |this| {
                // RFC 7617 section 2: the first colon ends the user's name.
                if user.contains(':') || user.chars().any(char::is_control) {
                    this.at.member("user", |at| at.problem("bad_characters", "a user's name has no colon and is one line"));
                }
                this.length("user", user, CLAIM_CHARS_MAX);
                this.at_member("secret", |this| this.secrets(secret));
            }),
            Credential::Jwt(jwt) => self.at_member("jwt", |this| this.jwt(jwt)),
            Credential::Signature(_) => {
                // An unknown preset has been told.
                let signs =
                    webhook.preset.is_some() && webhook.preset_info().is_none_or(|preset| preset.kind == PresetKind::Provider);
                if !signs {
                    let message = "there is no signature to ask for: the trigger names no `preset` of a provider";
                    self.at.member("signature", |at| at.problem("misplaced_key", message));
                }
            }
            Credential::Any(inner) => self.at_member("any", |this| this.group(inner, webhook, may_nest)),
            Credential::All(inner) => self.at_member("all", |this| this.group(inner, webhook, may_nest)),
        }
    }

    fn group(&mut self, inner: &[Credential], webhook: &WebhookTrigger, may_nest: bool) {
        if !may_nest {
            return self.at.problem("too_deep", "credentials nest one level deep");
        }
        if inner.is_empty() {
            self.at.problem("empty", "at least one credential is needed here");
        }
        for (index, credential) in inner.iter().enumerate() {
            self.at_element(index, |this| this.credential(credential, webhook, false));
        }
    }

    fn jwt(&mut self, jwt: &Jwt) {
        if jwt.algorithms.is_empty() {
            self.at.member("algorithms", |at| at.problem("empty", "at least one algorithm is needed"));
        }
        let shares_secret = matches!(jwt.key, JwtKey::Secret(_));
        for (index, algorithm) in jwt.algorithms.iter().enumerate() {
            // The key set may hold shared keys too; a public key used as a secret lets everyone in who has it.
            let fits = match &jwt.key {
                JwtKey::Secret(_) | JwtKey::PublicKey(_) => algorithm.is_symmetric() == shares_secret,
                JwtKey::Jwks(_) => !algorithm.is_symmetric(),
            };
            if !fits {
                let key = if algorithm.is_symmetric() { "`secret`" } else { "`public_key` or `jwks`" };
                let message = format!("{algorithm:?} is checked with {key}");
                self.at.member("algorithms", |at| at.element(index, |at| at.problem("bad_algorithm", message)));
            }
        }
        match &jwt.key {
            JwtKey::Secret(secret) => self.at_member("secret", |this| this.secrets(secret)),
            JwtKey::PublicKey(pem) => self.at_member("public_key", |this| this.pem(pem, "PUBLIC KEY")),
            JwtKey::Jwks(jwks) => {
                let keys = jwks.get("keys").and_then(serde_json::Value::as_array);
                if keys.is_none_or(|keys| keys.is_empty() || keys.iter().any(|key| !key.is_object())) {
                    let message = "a set of keys is a map with the list `keys` (RFC 7517 section 5)";
                    self.at.member("jwks", |at| at.problem("bad_jwks", message));
                }
                let has_private = |key: &serde_json::Value| key.get("d").is_some() || key.get("k").is_some();
                if keys.is_some_and(|keys| keys.iter().any(has_private)) {
                    let message = "there is a private or shared key among these: a document holds public keys only";
                    self.at.member("jwks", |at| at.problem("private_key", message));
                }
            }
        }
        for (key, claim) in [("issuer", &jwt.issuer), ("audience", &jwt.audience)] {
            if let Some(claim) = claim {
                self.claim(key, claim);
            }
        }
        if let Some(name) = &jwt.header {
            self.at_member("header", |this| this.header_name(name));
        }
        if let Some(hash) = &jwt.body_hash {
            self.at_member("body_hash", |this| this.claim("claim", &hash.claim));
        }
    }

    fn claim(&mut self, key: &'static str, claim: &str) {
        self.length(key, claim, CLAIM_CHARS_MAX);
        if claim.is_empty() {
            self.at.member(key, |at| at.problem("empty", format!("`{key}` must not be empty")));
        }
    }

    fn addresses(&mut self, webhook: &WebhookTrigger) {
        let ranges = &webhook.allow_ips;
        if ranges.len() > ALLOWED_ADDRESSES_MAX {
            self.at.problem("too_many", format!("{} addresses; the limit is {ALLOWED_ADDRESSES_MAX}", ranges.len()));
        }
        let mut seen = HashSet::new();
        for (index, range) in ranges.iter().enumerate() {
            let mark = self.at.enter_element(index);
            if let Some(tidied) = range.tidied() {
                let message = format!("`{range}` begins inside of the network");
                self.at.warn("host_bits", message, Some(&tidied.to_string()));
            }
            if range.is_everyone() {
                self.at.warn("everyone", format!("`{range}` lets in every address of its kind"), None);
            }
            if !seen.insert(range) {
                self.at.warn("duplicate_name", "stands here twice", None);
            }
            self.at.leave(mark);
        }
    }

    fn origins(&mut self, origins: &[String]) {
        if origins.is_empty() {
            self.at.problem("empty", "at least one origin is needed; `*` stands for all");
        }
        if origins.len() > ORIGINS_MAX {
            self.at.problem("too_many", format!("{} origins; the limit is {ORIGINS_MAX}", origins.len()));
        }
        let all = origins.iter().any(|origin| origin == "*");
        for (index, origin) in origins.iter().enumerate() {
            let mark = self.at.enter_element(index);
            if !is_origin(origin) {
                let message =
                    format!("{} is not an origin: scheme and host, such as https://shop.example, or `*`", quoted(origin));
                let meant = origin.trim_end_matches('/').to_ascii_lowercase();
                let meant = Some(meant).filter(|meant| meant != origin && is_origin(meant));
                self.at.suggest("bad_origin", message, meant.as_deref());
            } else if all && origin != "*" {
                self.at.warn("unused_setting", "`*` stands for all origins already", None);
            }
            self.at.leave(mark);
        }
    }
}

/// How many credentials one stands for.
fn count(credential: &Credential) -> usize {
    match credential {
        Credential::Any(inner) | Credential::All(inner) => inner.iter().map(count).sum(),
        _ => 1,
    }
}

/// Whether a text is what browsers send as `Origin` (RFC 6454 section 6.1): lower case, no path, no slash at the end.
fn is_origin(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_host = |host: &str| {
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bracketed {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c)),
        }
    };
    let is_scheme =
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c));
    is_scheme && is_host(host) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0))
}
