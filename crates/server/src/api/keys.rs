//! API keys: made, listed without their text, revoked.

use axum::Json;
use axum::extract::State;
use hookmill_engine::id::KeyId;
use hookmill_engine::time::Timestamp;
use hookmill_store::keys::{ApiKey, Role};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::extract::{Body, Path};
use super::page::PageOut;
use super::time::Time;
use crate::app::App;
use crate::problem::{Problem, Result, code};

/// A key to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyIn {
    /// What people call it.
    name: String,
    /// `owner`, `editor`, `operator` or `viewer`.
    #[schema(value_type = String)]
    role: Role,
    /// From when on it is refused (RFC 3339). Never if absent.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A key without its text.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct KeyOut {
    #[schema(value_type = String)]
    id: KeyId,
    name: String,
    #[schema(value_type = String)]
    role: Role,
    /// How the key starts.
    prefix: String,
    created_at: Time,
    expires_at: Option<Time>,
    /// When it was last used, to within a minute.
    last_used: Option<Time>,
}

/// A new key with its text, which is not shown again.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct NewKeyOut {
    /// The key: `hmk_…`.
    key: String,
    #[serde(flatten)]
    about: KeyOut,
}

impl From<ApiKey> for KeyOut {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id,
            name: key.name,
            role: key.role,
            prefix: key.prefix,
            created_at: key.created_at.into(),
            expires_at: key.expires_at.map(Time),
            last_used: key.last_used.map(Time),
        }
    }
}

/// All keys, the oldest first.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", responses((status = 200, body = PageOut<KeyOut>)))]
pub(super) async fn list_keys(State(app): State<App>) -> Result<Json<PageOut<KeyOut>>> {
    let keys = app.store.keys(app.workspace()).await?;
    Ok(Json(PageOut { items: keys.into_iter().map(KeyOut::from).collect(), next: None }))
}

/// Makes a key.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = KeyIn, responses((status = 201, body = NewKeyOut)))]
pub(super) async fn create_key(State(app): State<App>, Body(key): Body<KeyIn>) -> Result<(StatusCode, Json<NewKeyOut>)> {
    let expires_at = key.expires_at.as_deref().map(read_time).transpose()?;
    if expires_at.is_some_and(|at| at <= app.now()) {
        return Err(Problem::new(&code::INVALID, "`expires_at` is in the past."));
    }
    let (about, key) = app.store.create_key(app.workspace(), &key.name, key.role, expires_at, app.now()).await?;
    Ok((StatusCode::CREATED, Json(NewKeyOut { key, about: about.into() })))
}

/// Revokes a key.
#[utoipa::path(
    delete, path = "/api/v1/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 204, description = "Revoked"))
)]
pub(super) async fn delete_key(State(app): State<App>, Path(id): Path<KeyId>) -> Result<StatusCode> {
    app.store.delete_key(app.workspace(), id).await.map_err(|error| match error {
        hookmill_store::Error::NotFound => Problem::not_found("key", id),
        other => other.into(),
    })?;
    app.keys.forget();
    Ok(StatusCode::NO_CONTENT)
}

fn read_time(text: &str) -> Result<Timestamp> {
    let read: std::result::Result<jiff::Timestamp, _> = text.parse();
    read.map(|at| Timestamp(at.as_millisecond()))
        .map_err(|_| Problem::new(&code::INVALID, "`expires_at` must be a time such as 2027-01-31T00:00:00Z."))
}
