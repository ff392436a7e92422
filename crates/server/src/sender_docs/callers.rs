//! Who may call a hook: every way in, each a list of things that a sender presents together.

use hookmill_engine::workflow::{Auth, Credential, Jwt};

use super::Described;
use crate::ingress;

/// Ways in that are told; combinations of many alternatives would be more than anybody reads.
const WAYS_MAX: usize = 32;

/// Something that a sender presents.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shown {
    /// The secret in `?key=…`.
    SharedKey,
    /// The secret in `Authorization: Bearer …`.
    Bearer,
    /// An API key of the workspace in `Authorization: Bearer …`.
    ApiKey,
    /// The secret in this header.
    Header(String),
    /// The password of this user in `Authorization: Basic …`.
    Basic(String),
    /// AppKey and Sign.
    AppKey,
    /// A JSON Web Token in `Authorization: Bearer …`.
    Jwt(Box<Jwt>),
    /// What the preset of the sender asks for.
    Signature,
}

/// Every way in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WaysIn {
    /// One of these is enough. A single empty one: knowing the URL is enough.
    pub(super) ways: Vec<Vec<Shown>>,
    /// Whether there are more than are told.
    pub(super) has_more: bool,
}

impl WaysIn {
    /// The ways into a hook.
    pub(super) fn of(described: &Described<'_>) -> Self {
        let mut all = Self { ways: vec![Vec::new()], has_more: false };
        match described.trigger.auth.as_ref() {
            None => {}
            Some(Auth::Any(credentials) | Auth::All(credentials)) if credentials.is_empty() => {}
            Some(Auth::Any(credentials)) => all.and(any(credentials)),
            Some(Auth::All(credentials)) => credentials.iter().for_each(|credential| all.and(one(credential))),
        }
        if let Some(credential) = ingress::preset_credential(described.trigger) {
            all.and(one(&credential));
        }
        all
    }

    /// Whether a caller needs more than the URL.
    pub(super) fn is_guarded(&self) -> bool {
        self.ways.iter().all(|way| !way.is_empty())
    }

    /// Whether this is one of the things that may be presented.
    pub(super) fn mentions(&self, shown: &Shown) -> bool {
        self.ways.iter().any(|way| way.contains(shown))
    }

    /// What both ask for.
    fn and(&mut self, other: Self) {
        let mut ways = Vec::new();
        for first in &self.ways {
            for second in &other.ways {
                let mut both = first.clone();
                both.extend(second.iter().filter(|shown| !first.contains(shown)).cloned());
                ways.push(both);
            }
        }
        self.has_more |= other.has_more || ways.len() > WAYS_MAX;
        ways.truncate(WAYS_MAX);
        self.ways = ways;
    }
}

fn any(credentials: &[Credential]) -> WaysIn {
    let mut ways = Vec::new();
    let mut has_more = false;
    for credential in credentials {
        let inner = one(credential);
        has_more |= inner.has_more;
        ways.extend(inner.ways);
    }
    has_more |= ways.len() > WAYS_MAX;
    ways.truncate(WAYS_MAX);
    WaysIn { ways, has_more }
}

fn one(credential: &Credential) -> WaysIn {
    let shown = match credential {
        Credential::SharedKey(_) => Shown::SharedKey,
        Credential::Bearer(_) => Shown::Bearer,
        Credential::ApiKey(_) => Shown::ApiKey,
        Credential::Header { name, .. } => Shown::Header(name.clone()),
        Credential::Basic { user, .. } => Shown::Basic(user.clone()),
        Credential::AppKey(_) => Shown::AppKey,
        Credential::Jwt(jwt) => Shown::Jwt(jwt.clone()),
        Credential::Signature(_) => Shown::Signature,
        Credential::Any(inner) => return any(inner),
        Credential::All(inner) => {
            let mut all = WaysIn { ways: vec![Vec::new()], has_more: false };
            inner.iter().for_each(|credential| all.and(one(credential)));
            return all;
        }
    };
    WaysIn { ways: vec![vec![shown]], has_more: false }
}
