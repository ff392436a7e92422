//! Who may call a hook: any one of its credentials suffices.

use std::borrow::Cow;

use hookmill_engine::workflow::{Auth, Credential};
use hookmill_signatures::credentials::{bearer, matches};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use crate::vault::SecretValue;

/// What a hook asks of its callers.
#[derive(Debug)]
pub(super) struct Credentials {
    accepted: Vec<Accepted>,
    /// The declared headers, lower-case: never to be stored.
    pub(super) headers: Vec<Box<str>>,
}

#[derive(Debug)]
struct Accepted {
    place: Place,
    /// The name of the stored secret.
    secret: String,
}

#[derive(Debug)]
enum Place {
    Query,
    Bearer,
    /// None if the declared name cannot be a header's: then nobody can present it.
    Header(Option<HeaderName>, String),
}

/// Whether a request may call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Welcome,
    /// None of what was presented is right; for the owner.
    Wrong(String),
    /// None of what was presented is right, but these secrets do not exist, so that nothing could be.
    SecretsMissing(Vec<String>),
}

impl Credentials {
    pub(super) fn new(auth: Option<&Auth>) -> Self {
        let accepted: Vec<Accepted> = auth.map_or(&[][..], Auth::credentials).iter().flat_map(Accepted::of).collect();
        let headers = accepted.iter().filter_map(|accepted| match &accepted.place {
            Place::Header(Some(name), _) => Some(name.as_str().into()),
            _ => None,
        });
        Self { headers: headers.collect(), accepted }
    }

    /// Checks what a request presents. `resolve` gives the value of a stored secret.
    pub(super) fn check(&self, headers: &HeaderMap, query: &str, resolve: impl Fn(&str) -> Option<SecretValue>) -> Verdict {
        if self.accepted.is_empty() {
            return Verdict::Welcome;
        }
        let mut missing = Vec::new();
        let mut presented_any = false;
        for accepted in &self.accepted {
            let Some(secret) = resolve(&accepted.secret) else {
                missing.push(accepted.secret.clone());
                continue;
            };
            for presented in accepted.place.presented(headers, query) {
                presented_any = true;
                if matches(&presented, secret.as_bytes()) {
                    return Verdict::Welcome;
                }
            }
        }
        if !missing.is_empty() {
            return Verdict::SecretsMissing(missing);
        }
        let what = if presented_any {
            "A credential was presented, but it is not the stored secret"
        } else {
            "No credential was presented"
        };
        Verdict::Wrong(format!("{what}. {}", self.expected()))
    }

    /// What a caller must present, in words. Tells where, never what.
    pub(super) fn expected(&self) -> String {
        let places: Vec<Cow<'_, str>> = self.accepted.iter().map(|accepted| accepted.place.in_words()).collect();
        format!("This hook asks for {}.", places.join(" or "))
    }

    /// The value of `WWW-Authenticate`.
    pub(super) fn challenge(&self) -> HeaderValue {
        let bearer = self.accepted.iter().any(|accepted| matches!(accepted.place, Place::Bearer));
        HeaderValue::from_static(if bearer { "Bearer realm=\"hook\"" } else { "Key realm=\"hook\"" })
    }
}

impl Accepted {
    /// One for each of the credential's secrets.
    fn of(credential: &Credential) -> Vec<Self> {
        let (place, secrets): (fn(&Credential) -> Place, _) = match credential {
            Credential::SharedKey(secrets) => (|_| Place::Query, secrets),
            Credential::Bearer(secrets) => (|_| Place::Bearer, secrets),
            Credential::Header { secret, .. } => (Place::header, secret),
            Credential::ApiKey(_)
            | Credential::Basic { .. }
            | Credential::AppKey(_)
            | Credential::Jwt(_)
            | Credential::Signature(_)
            | Credential::Any(_)
            | Credential::All(_) => return Vec::new(),
        };
        secrets.iter().map(|secret| Self { place: place(credential), secret: secret.to_owned() }).collect()
    }
}

impl Place {
    fn header(credential: &Credential) -> Self {
        match credential {
            Credential::Header { name, .. } => Self::Header(name.parse().ok(), name.clone()),
            _ => Self::Header(None, String::new()),
        }
    }

    /// Every value that a request presents there; a key or header may be sent twice.
    fn presented<'a>(&'a self, headers: &'a HeaderMap, query: &'a str) -> Vec<Cow<'a, [u8]>> {
        match self {
            Self::Query => query_values(query),
            Self::Bearer => {
                headers.get_all(AUTHORIZATION).iter().filter_map(|value| bearer(value.as_bytes()).map(Cow::Borrowed)).collect()
            }
            Self::Header(Some(name), _) => headers.get_all(name).iter().map(|value| Cow::Borrowed(value.as_bytes())).collect(),
            Self::Header(None, _) => Vec::new(),
        }
    }

    fn in_words(&self) -> Cow<'static, str> {
        match self {
            Self::Query => Cow::Borrowed("the shared key in the query (?key=…)"),
            Self::Bearer => Cow::Borrowed("a token in the header Authorization (Bearer …)"),
            Self::Header(_, name) => Cow::Owned(format!("a token in the header {name}")),
        }
    }
}

/// The values of the query parameter `key`, decoded as forms are.
fn query_values(query: &str) -> Vec<Cow<'_, [u8]>> {
    let keys = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(name, _)| *name == "key");
    keys.map(|(_, value)| {
        if value.contains('+') {
            let spaced = value.replace('+', " ");
            Cow::Owned(percent_encoding::percent_decode_str(&spaced).collect())
        } else {
            percent_encoding::percent_decode_str(value).into()
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials::new(Some(&Auth::Any(vec![
            Credential::SharedKey("shop".into()),
            Credential::Bearer("api".into()),
            Credential::Header { name: "X-Shop-Token".into(), secret: "shop".into() },
        ])))
    }

    fn secrets(name: &str) -> Option<SecretValue> {
        let value = match name {
            "shop" => "p ä+ss",
            "api" => "t0ken",
            _ => return None,
        };
        Some(std::sync::Arc::new(value.to_owned().into()))
    }

    fn check(query: &str, header: Option<(&'static str, &str)>) -> Verdict {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        credentials().check(&headers, query, secrets)
    }

    #[test]
    fn any_one_of_the_credentials_suffices() {
        for (query, header) in [
            ("key=p%20%C3%A4%2Bss", None),
            ("a=b&key=wrong&key=p+%c3%a4%2bss", None),
            ("", Some(("authorization", "Bearer t0ken"))),
            ("key=wrong", Some(("x-shop-token", "p ä+ss"))),
        ] {
            assert_eq!(check(query, header), Verdict::Welcome, "{query} {header:?}");
        }
    }

    #[test]
    fn everything_else_is_wrong_and_the_reason_names_no_value() {
        for (query, header) in [
            ("", None),
            ("key=", None),
            ("key=t0ken", None),
            ("KEY=p%20%C3%A4%2Bss", None),
            ("", Some(("authorization", "t0ken"))),
            ("", Some(("authorization", "Bearer p ä+ss"))),
            ("", Some(("x-shop-token", "p ä+ss "))),
            ("key=%ff%00", None),
        ] {
            let Verdict::Wrong(reason) = check(query, header) else { panic!("{query} {header:?}") };
            assert!(!reason.contains("t0ken") && !reason.contains("ss "), "{reason}");
        }
    }

    #[test]
    fn a_missing_secret_only_matters_when_nothing_else_fits() {
        let only_api = |name: &str| secrets(name).filter(|_| name == "api");
        let mut headers = HeaderMap::new();
        let missing = Verdict::SecretsMissing(vec!["shop".into(), "shop".into()]);
        assert_eq!(credentials().check(&headers, "key=x", only_api), missing);
        headers.append("authorization", HeaderValue::from_static("Bearer t0ken"));
        assert_eq!(credentials().check(&headers, "key=x", only_api), Verdict::Welcome);
        assert_eq!(Credentials::new(None).check(&headers, "", only_api), Verdict::Welcome);
    }
}
