//! Who may call a hook: credentials, alone and combined.
//!
//! Those that stand in the head are checked before the body is read; AppKey and Sign may stand in the body, and signatures
//! are over it. API keys and JSON Web Tokens stand where bearer tokens do. Everything is compared in constant time, and
//! every secret of a name that is rotating is good.

mod findings;
mod jwt;

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookmill_engine::request::multipart_texts;
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{Auth, Credential, SecretNames};
use hookmill_signatures::credentials::{bearer, matches};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use self::findings::Findings;
use super::absent::Absent;
use super::keys::{Found, Keys};
use crate::vault::Held;

/// Where AppKey and Sign may stand; both spellings of each are known (HAP's two APIs).
pub(super) const APP_KEY_NAMES: [&str; 2] = ["appkey", "hap-appkey"];
pub(super) const SIGN_NAMES: [&str; 2] = ["sign", "hap-sign"];

/// What a hook asks of its callers.
#[derive(Debug)]
pub(super) struct Credentials {
    rule: Rule,
    /// Whether the body is needed to check them.
    pub(super) needs_body: bool,
    /// Whether the workspace's API keys are needed.
    pub(super) needs_keys: bool,
}

#[derive(Debug)]
enum Rule {
    One(Accepted),
    Any(Vec<Rule>),
    All(Vec<Rule>),
}

#[derive(Debug)]
struct Accepted {
    place: Place,
    /// The names of the stored secrets, any of which is good.
    secrets: Vec<String>,
}

#[derive(Debug)]
enum Place {
    Query,
    Bearer,
    /// None if the declared name cannot be a header's: then nobody can present it.
    Header(Option<HeaderName>, String),
    /// The password of this user.
    Basic(String),
    /// The secret is `appKey:sign`.
    AppKey,
    /// The preset's signature, judged elsewhere.
    Signature,
    /// The bearer token is an API key of the workspace.
    ApiKey,
    /// A JSON Web Token; the secrets are its keys.
    Jwt(Box<jwt::Wanted>),
}

/// Whether a request may call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Welcome,
    /// None of what was presented is right; for the owner.
    Wrong(String),
    /// None of what was presented is right, but these secrets do not exist or have expired, so that nothing could be.
    SecretsAbsent(Vec<Absent>),
    /// What callers are held against cannot be used; for the owner.
    Unusable(String),
}

/// What a request presents.
pub(super) struct Presented<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a str,
    /// The body, once it was read.
    pub(super) body: &'a [u8],
    /// Whether the preset's signature is right.
    pub(super) signed: bool,
    /// The API keys of the workspace, for hooks that ask for one.
    pub(super) keys: Option<&'a Keys>,
    pub(super) now: Timestamp,
}

impl Credentials {
    /// What `auth` asks for, and `also`: what a preset asks for beside it.
    ///
    /// # Errors
    /// A sentence for the owner: a credential cannot be checked by this version.
    pub(super) fn new(auth: Option<&Auth>, also: Option<Credential>) -> Result<Self, String> {
        let mut rules = Vec::new();
        match auth {
            None => {}
            Some(Auth::Any(credentials) | Auth::All(credentials)) if credentials.is_empty() => {}
            Some(Auth::Any(credentials)) => rules.push(Rule::Any(each(credentials)?)),
            Some(Auth::All(credentials)) => rules.push(Rule::All(each(credentials)?)),
        }
        rules.extend(also.as_ref().map(Rule::of).transpose()?);
        let rule = Rule::All(rules);
        let (mut needs_body, mut needs_keys) = (false, false);
        rule.visit(&mut |accepted| {
            needs_body |= match &accepted.place {
                Place::AppKey | Place::Signature => true,
                Place::Jwt(wanted) => wanted.needs_body(),
                Place::Query | Place::Bearer | Place::Header(..) | Place::Basic(_) | Place::ApiKey => false,
            };
            needs_keys |= matches!(accepted.place, Place::ApiKey);
        });
        Ok(Self { rule, needs_body, needs_keys })
    }

    /// Whether everyone may call.
    fn is_open(&self) -> bool {
        matches!(&self.rule, Rule::All(rules) if rules.is_empty())
    }

    /// Checks what a request presents. `resolve` gives what is stored under the name of a secret.
    pub(super) fn check(&self, presented: &Presented<'_>, resolve: impl Fn(&str) -> Held) -> Verdict {
        if self.is_open() {
            return Verdict::Welcome;
        }
        let mut findings = Findings::default();
        if self.rule.holds(presented, &resolve, &mut findings) {
            return Verdict::Welcome;
        }
        findings.verdict(&self.expected())
    }

    /// What a caller must present, in words. Tells where, never what.
    pub(super) fn expected(&self) -> String {
        format!("This hook asks for {}.", self.rule.in_words())
    }

    /// The value of `WWW-Authenticate`.
    pub(super) fn challenge(&self) -> HeaderValue {
        let mut challenge = "Key realm=\"hook\"";
        self.rule.visit(&mut |accepted| match accepted.place {
            Place::Bearer | Place::ApiKey | Place::Jwt(_) => challenge = "Bearer realm=\"hook\"",
            Place::Basic(_) => challenge = "Basic realm=\"hook\", charset=\"UTF-8\"",
            _ => {}
        });
        HeaderValue::from_static(challenge)
    }
}

fn each(credentials: &[Credential]) -> Result<Vec<Rule>, String> {
    credentials.iter().map(Rule::of).collect()
}

impl Rule {
    fn of(credential: &Credential) -> Result<Self, String> {
        let one = |place, secrets: &SecretNames| {
            let secrets = secrets.iter().map(str::to_owned).collect();
            Ok(Self::One(Accepted { place, secrets }))
        };
        match credential {
            Credential::SharedKey(secrets) => one(Place::Query, secrets),
            Credential::Bearer(secrets) => one(Place::Bearer, secrets),
            Credential::Header { name, secret } => one(Place::Header(name.parse().ok(), name.clone()), secret),
            Credential::Basic { user, secret } => one(Place::Basic(user.clone()), secret),
            Credential::AppKey(secrets) => one(Place::AppKey, secrets),
            Credential::Signature(_) => one(Place::Signature, &SecretNames::default()),
            Credential::Any(inner) => Ok(Self::Any(each(inner)?)),
            Credential::All(inner) => Ok(Self::All(each(inner)?)),
            Credential::ApiKey(_) => one(Place::ApiKey, &SecretNames::default()),
            Credential::Jwt(jwt) => {
                let (wanted, secrets) = jwt::Wanted::of(jwt);
                one(Place::Jwt(Box::new(wanted)), &secrets)
            }
        }
    }

    fn holds(&self, presented: &Presented<'_>, resolve: &impl Fn(&str) -> Held, findings: &mut Findings) -> bool {
        match self {
            Self::One(accepted) => accepted.holds(presented, resolve, findings),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(presented, resolve, findings)),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(presented, resolve, findings)),
        }
    }

    fn visit(&self, each: &mut impl FnMut(&Accepted)) {
        match self {
            Self::One(accepted) => each(accepted),
            Self::Any(rules) | Self::All(rules) => rules.iter().for_each(|rule| rule.visit(each)),
        }
    }

    fn in_words(&self) -> Cow<'static, str> {
        let joined = |rules: &[Self], word: &str| {
            let words: Vec<Cow<'_, str>> = rules.iter().map(Self::in_words).collect();
            Cow::Owned(words.join(word))
        };
        match self {
            Self::One(accepted) => accepted.place.in_words(),
            Self::Any(rules) => joined(rules, " or "),
            Self::All(rules) => joined(rules, " and "),
        }
    }
}

impl Accepted {
    fn holds(&self, presented: &Presented<'_>, resolve: &impl Fn(&str) -> Held, findings: &mut Findings) -> bool {
        if matches!(self.place, Place::Signature) {
            // Whether a signature came at all is not known here: who presents something else may still be right.
            (findings.presented_any, findings.ready) = (true, true);
            return presented.signed;
        }
        let values = self.place.presented(presented);
        findings.presented_any |= !values.is_empty();
        if matches!(self.place, Place::ApiKey) {
            let fits = values.iter().any(|value| is_key(value, presented, findings));
            (findings.refused, findings.ready) = (findings.refused || !values.is_empty() && !fits, true);
            return fits;
        }
        // Every secret is compared with every value: which of them fits makes no difference in time.
        let mut live = Vec::new();
        let mut idle = Vec::new();
        for name in &self.secrets {
            match resolve(name) {
                Held::Live(secret) => live.push(secret),
                Held::Expired(at) => idle.push(Absent::expired(name, at)),
                Held::Missing => idle.push(Absent::missing(name)),
            }
        }
        // A token may be checked with a public key, which is no secret.
        let ready = !live.is_empty() || idle.is_empty();
        let mut fits = false;
        if let Place::Jwt(wanted) = &self.place {
            let secrets: Vec<&[u8]> = live.iter().map(|secret| secret.as_bytes()).collect();
            fits = ready && values.iter().any(|value| is_token(wanted, value, &secrets, presented, findings));
        } else {
            for (secret, value) in live.iter().flat_map(|secret| values.iter().map(move |value| (secret, value))) {
                fits |= matches(value, secret.as_bytes());
            }
        }
        findings.ready |= ready;
        findings.refused |= ready && !fits && !values.is_empty();
        let list = match (ready, values.is_empty()) {
            (true, _) => &mut findings.idle,
            (false, false) => &mut findings.absent,
            (false, true) => &mut findings.unasked,
        };
        list.append(&mut idle);
        fits
    }
}

fn is_key(text: &[u8], presented: &Presented<'_>, findings: &mut Findings) -> bool {
    let why = match presented.keys.map_or(Found::Unknown, |keys| keys.find(text, presented.now)) {
        Found::Good => return true,
        Found::Expired => "The API key that was presented has expired.",
        Found::Weak => "The API key that was presented has the role viewer; hooks ask for operator, editor or owner.",
        Found::Unknown => "What was presented is no API key of this workspace.",
    };
    findings.why = Some(why.to_owned());
    false
}

fn is_token(wanted: &jwt::Wanted, token: &[u8], secrets: &[&[u8]], presented: &Presented<'_>, findings: &mut Findings) -> bool {
    let Err(failure) = wanted.check(token, secrets, presented.body, presented.now) else { return true };
    if failure.code.is_owners() {
        findings.unusable = Some(failure.for_owner);
    } else {
        findings.why = Some(failure.for_owner);
    }
    false
}

impl Place {
    /// Every value that a request presents there; a key or header may be sent twice.
    fn presented<'a>(&self, presented: &Presented<'a>) -> Vec<Cow<'a, [u8]>> {
        let Presented { headers, query, body, .. } = *presented;
        let authorization = || headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        match self {
            Self::Query => query_values(query, |name| name == "key"),
            Self::Bearer | Self::ApiKey => bearers(headers).into_iter().map(Cow::Borrowed).collect(),
            Self::Jwt(wanted) => wanted.presented(headers).into_iter().map(Cow::Borrowed).collect(),
            Self::Header(Some(name), _) => headers.get_all(name).iter().map(|value| Cow::Borrowed(value.as_bytes())).collect(),
            Self::Basic(user) => authorization().filter_map(|value| password(value, user).map(Cow::Owned)).collect(),
            Self::AppKey => app_key_pairs(headers, query, body).into_iter().map(Cow::Owned).collect(),
            Self::Header(None, _) | Self::Signature => Vec::new(),
        }
    }

    fn in_words(&self) -> Cow<'static, str> {
        match self {
            Self::Query => Cow::Borrowed("the shared key in the query (?key=…)"),
            Self::Bearer => Cow::Borrowed("a token in the header Authorization (Bearer …)"),
            Self::Header(_, name) => Cow::Owned(format!("a token in the header {name}")),
            Self::Basic(_) => Cow::Borrowed("user and password in the header Authorization (Basic …)"),
            Self::AppKey => Cow::Borrowed("AppKey and Sign in the body, the query or the headers"),
            Self::Signature => Cow::Borrowed("the sender's signature"),
            Self::ApiKey => Cow::Borrowed("an API key in the header Authorization (Bearer …)"),
            Self::Jwt(wanted) => wanted.in_words(),
        }
    }
}

/// The bearer tokens that a request presents.
pub(super) fn bearers(headers: &HeaderMap) -> Vec<&[u8]> {
    headers.get_all(AUTHORIZATION).iter().filter_map(|value| bearer(value.as_bytes())).collect()
}

/// The password in `Authorization: Basic …` (RFC 7617) if the user is this one.
fn password(authorization: &[u8], user: &str) -> Option<Vec<u8>> {
    let (scheme, credentials) = authorization.split_at_checked(authorization.iter().position(|byte| *byte == b' ')?)?;
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(credentials.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    (&decoded[..colon] == user.as_bytes()).then(|| decoded[colon + 1..].to_vec())
}

/// Every pair of AppKey and Sign that a request presents, as `appKey:sign`. They stand together: in the headers, in the
/// query, or in the body (JSON members, form fields or parts that are no files).
fn app_key_pairs(headers: &HeaderMap, query: &str, body: &[u8]) -> Vec<Vec<u8>> {
    let in_headers = |names: &[&str]| names.iter().find_map(|name| headers.get(*name)).map(|value| value.as_bytes().to_vec());
    let in_form = |form: &str, names: &[&str]| {
        let found = |name: &str| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        query_values(form, found).into_iter().next().map(Cow::into_owned)
    };
    let json: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(body).ok();
    let in_json = |names: &[&str]| {
        let member = json.as_ref()?.iter().find(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)))?;
        member.1.as_str().map(|text| text.as_bytes().to_vec())
    };
    let form = std::str::from_utf8(body).unwrap_or_default();
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parts = multipart_texts(content_type, body);
    let in_parts = |names: &[&str]| {
        let found = parts.iter().find(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)))?;
        Some(found.1.clone().into_bytes())
    };
    let pairs = [
        in_headers(&APP_KEY_NAMES).zip(in_headers(&SIGN_NAMES)),
        in_form(query, &APP_KEY_NAMES).zip(in_form(query, &SIGN_NAMES)),
        in_json(&APP_KEY_NAMES).zip(in_json(&SIGN_NAMES)),
        in_form(form, &APP_KEY_NAMES).zip(in_form(form, &SIGN_NAMES)),
        in_parts(&APP_KEY_NAMES).zip(in_parts(&SIGN_NAMES)),
    ];
    pairs.into_iter().flatten().map(|(key, sign)| [key, b":".to_vec(), sign].concat()).collect()
}

/// The values of the parameters of a query (or form) whose name is wanted, decoded as forms are.
fn query_values(query: &str, wanted: impl Fn(&str) -> bool) -> Vec<Cow<'_, [u8]>> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| wanted(name)).map(|(_, value)| decoded(value)).collect()
}

fn decoded(value: &str) -> Cow<'_, [u8]> {
    if value.contains('+') {
        let spaced = value.replace('+', " ");
        Cow::Owned(percent_encoding::percent_decode_str(&spaced).collect())
    } else {
        percent_encoding::percent_decode_str(value).into()
    }
}

#[cfg(test)]
mod tests;
