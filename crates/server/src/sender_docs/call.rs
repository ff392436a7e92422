//! A call of a hook as a sender makes it, in no language yet.

use hookmill_signatures::{Algorithm, Encoding, Grammar, Hash, KeyForm, Part, Place, Scheme, Unit, UrlForm};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::callers::{Shown, WaysIn};
use super::security::titled;
use super::signer::Signer;
use super::{Audience, Described, address, example};
use hookmill_engine::workflow::{Source, Variable};

/// A text that is known, or one whose end is in an environment variable.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Text {
    Fixed(String),
    /// A fixed beginning and the name of the variable.
    Env(&'static str, &'static str),
}

/// A call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    /// The whole URL, encoded, but for the secret in its query.
    pub(super) url: String,
    /// The environment variable with the secret of `?key=…`.
    pub(super) secret_query: Option<(String, &'static str)>,
    pub(super) headers: Vec<(String, Text)>,
    /// User, and the environment variable with the password.
    pub(super) basic: Option<(String, &'static str)>,
    /// The JSON to be sent.
    pub(super) body: Option<Value>,
    pub(super) signing: Option<Signing>,
    /// What cannot be shown as code.
    pub(super) notes: Vec<String>,
}

/// How the body is signed with a secret that sender and hook share.
#[derive(Clone, Debug)]
pub(super) struct Signing {
    pub(super) hash: Hash,
    /// How the key is written in the secret; `None`: its text is the key.
    pub(super) key: Option<(Encoding, String)>,
    /// What is signed, one after the other.
    pub(super) signed: Vec<Piece>,
    pub(super) encoding: Encoding,
    /// The header of the signature, and what stands in it.
    pub(super) header: String,
    pub(super) value: Vec<Piece>,
    /// The headers of id and time, where they have some.
    pub(super) id_header: Option<String>,
    pub(super) time_header: Option<String>,
    pub(super) in_millis: bool,
}

/// A part of what is signed, or of the header.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Literal(String),
    Body,
    Time,
    Id,
    Signature,
}

impl Signing {
    pub(super) fn uses(&self, piece: &Piece) -> bool {
        self.signed.contains(piece) || self.value.contains(piece)
    }

    pub(super) fn has_id(&self) -> bool {
        self.id_header.is_some() || self.uses(&Piece::Id)
    }

    pub(super) fn has_time(&self) -> bool {
        self.time_header.is_some() || self.uses(&Piece::Time)
    }
}

impl Call {
    /// The call of a hook; `None` if its readers may not know where it is.
    pub(super) fn of(described: &Described<'_>, audience: Audience) -> Option<Self> {
        let ways = WaysIn::of(described);
        let address = address::of(described, audience, ways.is_guarded()).into_iter().next()?;
        let methods = described.methods();
        let method = if methods.contains(&http::Method::POST) { "POST" } else { as_str(methods.first()?) };
        let trigger = described.trigger;
        let value_of = |variable: &Variable| plain_text(&example::of(variable));
        let in_path = |name: &str| {
            let found = trigger.variables.iter().find(|(own, variable)| match &variable.source {
                None => own.as_str() == name,
                Some(Source::Path(parameter)) => parameter == name,
                Some(_) => false,
            });
            found.map_or_else(|| name.to_owned(), |(_, variable)| value_of(variable))
        };
        let mut call = Self {
            method,
            url: format!("{}{}", described.site.public_url, address.filled(in_path)),
            secret_query: None,
            headers: Vec::new(),
            basic: None,
            body: None,
            signing: None,
            notes: Vec::new(),
        };
        let mut query = Vec::new();
        for (name, variable) in &trigger.variables {
            match &variable.source {
                Some(Source::Query(key)) => query.push((key.clone(), value_of(variable))),
                Some(Source::Header(key)) => call.headers.push((titled(key), Text::Fixed(header_text(&value_of(variable))))),
                None if address.parameters.contains(name) => {}
                None if method == "GET" => query.push((name.clone(), value_of(variable))),
                Some(Source::Body(path)) if method == "GET" => query.push((path.clone(), value_of(variable))),
                None | Some(Source::Body(_) | Source::Path(_)) => {}
            }
        }
        if method != "GET" {
            call.body = Some(example::body(described, &address.parameters).unwrap_or_else(|| serde_json::json!({})));
            call.headers.insert(0, ("Content-Type".to_owned(), Text::Fixed("application/json".to_owned())));
        }
        let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        if !pairs.is_empty() {
            call.url = format!("{}?{}", call.url, pairs.join("&"));
        }
        call.present(described, &ways);
        Some(call)
    }

    /// Presents what the first way in asks for that can be shown.
    fn present(&mut self, described: &Described<'_>, ways: &WaysIn) {
        let signer = Signer::of(described.trigger);
        let is_shown = |way: &&Vec<Shown>| !way.contains(&Shown::Signature) || signer.as_ref().is_some_and(|s| shows(s, self));
        let way = ways.ways.iter().find(is_shown).or(ways.ways.first()).cloned().unwrap_or_default();
        let mut tokens = ["WEBHOOK_TOKEN", "WEBHOOK_TOKEN_2", "WEBHOOK_TOKEN_3", "WEBHOOK_TOKEN_4"].into_iter();
        let authorization = |env| ("Authorization".to_owned(), Text::Env("Bearer ", env));
        for shown in way {
            match shown {
                Shown::SharedKey => self.secret_query = Some(("key".to_owned(), "WEBHOOK_KEY")),
                Shown::Bearer => self.headers.push(authorization("WEBHOOK_BEARER")),
                Shown::ApiKey => self.headers.push(authorization("HOOKMILL_API_KEY")),
                Shown::Jwt(jwt) => self.headers.push(match jwt.header {
                    None => authorization("WEBHOOK_JWT"),
                    Some(name) => (name, Text::Env("", "WEBHOOK_JWT")),
                }),
                Shown::Header(name) => match tokens.next() {
                    Some(env) => self.headers.push((name, Text::Env("", env))),
                    None => self.notes.push(format!("Also send the secret in the header {name}.")),
                },
                Shown::Basic(user) => self.basic = Some((user, "WEBHOOK_PASSWORD")),
                Shown::AppKey => {
                    self.headers.push(("AppKey".to_owned(), Text::Env("", "WEBHOOK_APP_KEY")));
                    self.headers.push(("Sign".to_owned(), Text::Env("", "WEBHOOK_SIGN")));
                }
                Shown::Signature => {
                    if let Some(signer) = signer.as_ref().filter(|signer| !signer.is_optional(described.trigger)) {
                        self.sign(signer);
                    }
                }
            }
        }
    }

    fn sign(&mut self, signer: &Signer) {
        if let Some(scheme) = &signer.scheme {
            self.signing = signing(scheme, self);
        } else {
            match signer.places().first() {
                Some(Place::Header(name)) if signer.is_token() => {
                    self.headers.push((titled(name), Text::Env("", "WEBHOOK_SECRET")));
                    return;
                }
                Some(Place::Bearer) => {
                    self.headers.push(("Authorization".to_owned(), Text::Env("Bearer ", "WEBHOOK_SECRET")));
                    return;
                }
                _ => {}
            }
        }
        if self.signing.is_none() {
            self.notes.push(format!("{} signs its requests, which is not shown here: {}", signer.name(), signer.in_words()));
        }
    }
}

fn as_str(method: &http::Method) -> &'static str {
    ["GET", "PUT", "PATCH", "DELETE"].into_iter().find(|name| *name == method.as_str()).unwrap_or("POST")
}

/// Whether code can be shown for what a sender of a preset presents.
fn shows(signer: &Signer, call: &Call) -> bool {
    match &signer.scheme {
        Some(scheme) => signing(scheme, call).is_some(),
        None => signer.is_token(),
    }
}

fn signing(scheme: &Scheme, call: &Call) -> Option<Signing> {
    let Algorithm::Hmac(hash) = scheme.algorithm else { return None };
    let key = match &scheme.key {
        KeyForm::Text => None,
        KeyForm::Encoded(encoding @ (Encoding::Hex | Encoding::Base64), prefix) => Some((*encoding, prefix.clone().into_owned())),
        KeyForm::Encoded(..) | KeyForm::Spki | KeyForm::Pem | KeyForm::Certificate => return None,
    };
    let Place::Header(header) = &scheme.signature else { return None };
    let (time_header, pair) = match scheme.timestamp.as_ref().map(|timestamp| &timestamp.place) {
        None => (None, None),
        Some(Place::Header(name)) => (Some(titled(name)), None),
        Some(Place::Pair(key)) => (None, Some(key.clone())),
        Some(Place::Numbered(_) | Place::Query(_) | Place::Body(_) | Place::Bearer) => return None,
    };
    let id_header = match &scheme.id {
        Some(Place::Header(name)) => Some(titled(name)),
        Some(_) if scheme.signed.contains(&Part::Id) => return None,
        _ => None,
    };
    let unit = scheme.timestamp.as_ref().map_or(Unit::Seconds, |timestamp| timestamp.unit);
    if unit == Unit::Rfc3339 || scheme.body_hash.is_some() || call.body.is_none() {
        return None;
    }
    let signed = scheme.signed.iter().map(|part| piece(part, call)).collect::<Option<Vec<_>>>()?;
    let value = match &scheme.grammar {
        Grammar::Bare => vec![Piece::Signature],
        Grammar::Prefix(prefix) => vec![Piece::Literal(prefix.clone().into_owned()), Piece::Signature],
        Grammar::Versions(version) => vec![Piece::Literal(format!("{version},")), Piece::Signature],
        Grammar::Pairs { separator, key } => match pair {
            Some(time) => vec![
                Piece::Literal(format!("{time}=")),
                Piece::Time,
                Piece::Literal(format!("{separator}{key}=")),
                Piece::Signature,
            ],
            None => vec![Piece::Literal(format!("{key}=")), Piece::Signature],
        },
    };
    let in_millis = unit == Unit::Millis;
    Some(Signing {
        hash,
        key,
        signed,
        encoding: scheme.encoding,
        header: titled(header),
        value,
        id_header,
        time_header,
        in_millis,
    })
}

fn piece(part: &Part, call: &Call) -> Option<Piece> {
    let path_and_query = || call.url.splitn(4, '/').nth(3).map(|rest| format!("/{rest}"));
    Some(match part {
        Part::Body => Piece::Body,
        Part::Timestamp => Piece::Time,
        Part::Id => Piece::Id,
        Part::Literal(text) => Piece::Literal(text.clone().into_owned()),
        Part::Method => Piece::Literal(call.method.to_owned()),
        Part::Path => Piece::Literal(path_and_query()?.split('?').next()?.to_owned()),
        // A secret in the query would be part of it.
        Part::Url(UrlForm::Exact | UrlForm::EitherPort) if call.secret_query.is_none() => Piece::Literal(call.url.clone()),
        Part::Query if call.secret_query.is_none() => {
            Piece::Literal(path_and_query()?.split_once('?').map_or_else(String::new, |(_, query)| query.to_owned()))
        }
        Part::Url(_) | Part::Query | Part::BodyCrc32 | Part::Member(_) | Part::SortedForm | Part::WebhookId => return None,
    })
}

fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What can stand in a header: visible ASCII.
fn header_text(text: &str) -> String {
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
