//! Who is calling, and may they: one layer under every route.
//!
//! A key comes as `Authorization: Bearer …`. The database knows its SHA-256 only; what was found is remembered for a few
//! seconds, so that a key revoked on another node is refused here soon after.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hookmill_engine::time::Timestamp;
use hookmill_store::keys::{ApiKey, KEY_PREFIX, Role};
use http::{HeaderValue, header};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::problem::{Problem, Result, code};

/// Keys that are remembered.
const REMEMBERED_MAX: u64 = 1_024;
/// How long a key is remembered, and so how long a revoked one may still work on another node.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);
/// Longer texts are not keys.
const KEY_BYTES_MAX: usize = 256;

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: for probes and documentation.
    Public,
    /// A key with at least this role.
    Needs(Role),
    /// Nothing, or a key with at least this role, which may see more.
    May(Role),
}

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller(pub Arc<ApiKey>);

impl Caller {
    /// How the caller is named in the history of what was changed.
    pub(crate) fn author(&self) -> String {
        format!("{} ({})", self.0.name, self.0.id)
    }
}

/// Keys seen lately, by the hash of their text.
pub struct KeyCache(Cache<[u8; 32], Arc<ApiKey>>);

impl Default for KeyCache {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED_MAX).time_to_live(REMEMBERED_FOR).build())
    }
}

impl KeyCache {
    /// Forgets all keys: one was revoked.
    pub(crate) fn forget(&self) {
        self.0.invalidate_all();
    }

    async fn find(&self, app: &App, text: &str, now: Timestamp) -> Result<Option<Arc<ApiKey>>> {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        if let Some(key) = self.0.get(&hash) {
            return Ok(Some(key).filter(|key| key.expires_at.is_none_or(|at| now < at)));
        }
        let Some(key) = app.store.key_by_text(text, now).await?.map(Arc::new) else { return Ok(None) };
        self.0.insert(hash, Arc::clone(&key));
        if let Err(error) = app.store.note_key_use(&key, now).await {
            // A server that cannot write still answers questions.
            tracing::debug!(%error, "The use of key {} was not noted: {error}", key.id);
        }
        Ok(Some(key))
    }
}

/// The layer: lets the request through with its [`Caller`], or answers it.
pub(super) async fn authorize(
    State((app, access)): State<(App, Access)>,
    mut request: Request,
    next: Next,
) -> std::result::Result<Response, Problem> {
    let asked = match access {
        Access::Needs(role) => Some(role),
        Access::May(role) => request.headers().contains_key(header::AUTHORIZATION).then_some(role),
        Access::Public => None,
    };
    if let Some(role) = asked {
        let key = authenticate(&app, request.headers().get(header::AUTHORIZATION).cloned()).await?;
        if !key.role.allows(role) {
            return Err(Problem::new(
                &code::FORBIDDEN,
                format!("This needs the role {role}; the key has the role {}.", key.role),
            )
            .with("role", key.role.as_str())
            .with("role_needed", role.as_str()));
        }
        request.extensions_mut().insert(Caller(key));
    }
    Ok(next.run(request).await)
}

async fn authenticate(app: &App, given: Option<HeaderValue>) -> Result<Arc<ApiKey>> {
    let Some(given) = given else {
        return Err(key_wanted());
    };
    let text = given.to_str().ok().and_then(|value| value.split_once(' ')).and_then(|(scheme, text)| {
        let text = text.trim();
        (scheme.eq_ignore_ascii_case("bearer") && text.starts_with(KEY_PREFIX) && text.len() <= KEY_BYTES_MAX).then_some(text)
    });
    let key = match text {
        Some(text) => app.keys.find(app, text, app.now()).await?,
        None => None,
    };
    key.ok_or_else(|| {
        let challenge = r#"Bearer realm="hookmill", error="invalid_token""#;
        unauthenticated("This API key does not exist, was revoked or has expired; `hookmill key create` makes one.", challenge)
    })
}

/// There is no key, and there has to be one.
pub(super) fn key_wanted() -> Problem {
    unauthenticated("Send an API key: `Authorization: Bearer hmk_…`.", r#"Bearer realm="hookmill""#)
}

fn unauthenticated(detail: &str, challenge: &'static str) -> Problem {
    Problem::new(&code::UNAUTHENTICATED, detail).header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
