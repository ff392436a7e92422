//! Secrets: set, listed by name, removed; never shown.

use axum::Json;
use axum::extract::State;
use hookmill_store::secrets::{NewSecret, SECRETS_MAX};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::extract::{Body, Path};
use super::page::PageOut;
use super::time::{self, Time};
use crate::app::App;
use crate::problem::{Problem, Result, code};
use crate::vault::{self, Binding};

/// The value of a secret.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretIn {
    /// The value. At most 64 KiB.
    #[schema(value_type = String, write_only)]
    value: Zeroizing<String>,
    /// When callers stop being compared with it (RFC 3339), so that an old key ends by itself. Without it: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<String>,
}

/// A secret without its value.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SecretOut {
    /// Its name, as documents use it.
    name: String,
    /// How often it was set.
    version: u32,
    /// When it was first set.
    created_at: Time,
    /// When it was last set.
    updated_at: Time,
    /// When callers stop, or stopped, being compared with it; null: never.
    expires_at: Option<Time>,
    /// Whether that time has passed.
    expired: bool,
}

impl From<vault::Error> for Problem {
    fn from(error: vault::Error) -> Self {
        match error {
            vault::Error::TooLarge(_) => Self::new(&code::INVALID, format!("{error}.")),
            other => {
                tracing::error!(error = %other, "The vault cannot be used: {other}");
                Self::new(&code::INTERNAL, "The secret cannot be sealed or opened; the server's log tells why.")
            }
        }
    }
}

/// All secrets, by name.
#[utoipa::path(get, path = "/api/v1/secrets", tag = "secrets", responses((status = 200, body = PageOut<SecretOut>)))]
pub(super) async fn list_secrets(State(app): State<App>) -> Result<Json<PageOut<SecretOut>>> {
    let secrets = app.store.secrets(app.workspace()).await?;
    let now = app.now();
    let items = secrets.into_iter().map(|secret| SecretOut {
        name: secret.name,
        version: secret.version,
        created_at: secret.created_at.into(),
        updated_at: secret.updated_at.into(),
        expires_at: secret.expires_at.map(Into::into),
        expired: secret.expires_at.is_some_and(|at| at <= now),
    });
    Ok(Json(PageOut { items: items.collect(), next: None }))
}

/// Sets a secret, new or not. Hooks and steps use the new value at once. From `expires_at` on hooks no longer compare callers
/// with it; steps still use it.
#[utoipa::path(
    put, path = "/api/v1/secrets/{name}", tag = "secrets", params(("name" = String, Path)), request_body = SecretIn,
    responses((status = 204, description = "Set"))
)]
pub(super) async fn put_secret(
    State(app): State<App>,
    Path(name): Path<String>,
    Body(secret): Body<SecretIn>,
) -> Result<StatusCode> {
    check_name(&name)?;
    let expires_at = time::read("expires_at", secret.expires_at.as_deref())?;
    if let Some(at) = expires_at.filter(|at| *at <= app.now()) {
        return Err(Problem::new(&code::INVALID, format!("`expires_at` is {at}, which has passed: no caller would be let in.")));
    }
    let workspace = app.workspace();
    let version = next_version(&app, &name).await?;
    let sealed = app.vault.seal(Binding { workspace, name: &name, version }, &secret.value)?;
    let key_id = app.vault.key_id();
    let new = NewSecret { name: &name, version, key_id: &key_id, sealed: sealed.into(), expires_at };
    app.store.put_secret(workspace, new, app.now()).await?;
    app.secrets.refresh(&app.store, &app.vault).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a secret. Hooks that need it refuse their callers, steps that need it fail.
#[utoipa::path(
    delete, path = "/api/v1/secrets/{name}", tag = "secrets", params(("name" = String, Path)),
    responses((status = 204, description = "Removed"))
)]
pub(super) async fn delete_secret(State(app): State<App>, Path(name): Path<String>) -> Result<StatusCode> {
    app.store.delete_secret(app.workspace(), &name).await.map_err(|error| match error {
        hookmill_store::Error::NotFound => Problem::not_found("secret", &name),
        other => other.into(),
    })?;
    app.secrets.refresh(&app.store, &app.vault).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The version of the next value of a secret, if there may be one.
pub(super) async fn next_version(app: &App, name: &str) -> Result<u32> {
    let workspace = app.workspace();
    let version = app.store.secret(workspace, name).await?.map_or(1, |stored| stored.version.saturating_add(1));
    if version == 1 && app.store.secrets(workspace).await?.len() as i64 >= SECRETS_MAX {
        return Err(Problem::new(&code::INVALID, format!("There are {SECRETS_MAX} secrets already; remove some.")));
    }
    Ok(version)
}

/// Names must be usable as `{{ secrets.NAME }}`.
fn check_name(name: &str) -> Result<()> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    let detail = "The name of a secret has letters, digits and underscores and does not start with a digit, so that \
                  `{{ secrets.NAME }}` works.";
    Err(Problem::new(&code::INVALID, detail))
}
