//! New URLs for hooks, and the end of old ones.

use axum::Json;
use axum::extract::State;
use hookmill_engine::id::HookId;
use hookmill_store::Error as StoreError;
use hookmill_store::hooks::{Hook, Listed, OldToken};
use serde::{Deserialize, Serialize};

use super::extract::OptionalBody;
use super::hooks::{self, HookSummaryOut, Named};
use super::time::{self, Time};
use crate::app::App;
use crate::problem::{Problem, Result, code};

/// How the URL of a hook is replaced.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateIn {
    /// Until when the old URL goes on working (RFC 3339); null or absent: it ends at once.
    keep_old_until: Option<String>,
}

/// Which old URLs end.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndIn {
    /// The token of the old URL; null or absent: all of them.
    token: Option<String>,
}

/// A URL that a hook had before.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OldUrlOut {
    url: String,
    token: String,
    rotated_at: Time,
    /// Until when it leads to the hook.
    ends_at: Time,
    /// Whether it still does.
    works: bool,
}

/// A hook with the URLs that it had before.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RotatedOut {
    #[serde(flatten)]
    hook: HookSummaryOut,
    /// The last first.
    old_urls: Vec<OldUrlOut>,
}

/// The URLs that a hook had before.
pub(super) async fn old_urls(app: &App, id: HookId) -> Result<Vec<OldUrlOut>> {
    let now = app.now();
    let show = |old: OldToken| OldUrlOut {
        url: app.token_url(&old.token),
        token: old.token,
        rotated_at: old.rotated_at.into(),
        ends_at: old.ends_at.into(),
        works: now < old.ends_at,
    };
    Ok(app.store.old_tokens(id).await?.into_iter().map(show).collect())
}

async fn rotated(app: &App, id: HookId) -> Result<Json<RotatedOut>> {
    let hook = HookSummaryOut::new(app, hooks::find(app, id).await?);
    Ok(Json(RotatedOut { hook, old_urls: old_urls(app, id).await? }))
}

/// Gives a hook a new unguessable URL. The old one works until a date; URLs with a path of their own stay.
#[utoipa::path(
    post, path = "/api/v1/hooks/{id}/rotate", tag = "hooks", params(("id" = String, Path)), request_body = Option<RotateIn>,
    responses((status = 200, body = RotatedOut))
)]
pub(super) async fn rotate_hook(
    State(app): State<App>,
    Named(Listed { hook: Hook { id, .. }, .. }): Named,
    OptionalBody(rotate): OptionalBody<RotateIn>,
) -> Result<Json<RotatedOut>> {
    let keep_until = time::read("keep_old_until", rotate.keep_old_until.as_deref())?;
    app.store.rotate_hook(id, keep_until, app.now()).await.map_err(|error| match error {
        StoreError::Invalid(why) => Problem::new(&code::CONFLICT, format!("{why}.")),
        other => other.into(),
    })?;
    rotated(&app, id).await
}

/// Ends old URLs of a hook now, one or all.
#[utoipa::path(
    post, path = "/api/v1/hooks/{id}/end-old-urls", tag = "hooks", params(("id" = String, Path)), request_body = Option<EndIn>,
    responses((status = 200, body = RotatedOut))
)]
pub(super) async fn end_old_urls(
    State(app): State<App>,
    Named(Listed { hook: Hook { id, .. }, .. }): Named,
    OptionalBody(end): OptionalBody<EndIn>,
) -> Result<Json<RotatedOut>> {
    if let Some(token) = &end.token
        && !app.store.old_tokens(id).await?.iter().any(|old| old.token == *token)
    {
        return Err(Problem::new(&code::NOT_FOUND, "The hook never had a URL with this token, or it is forgotten."));
    }
    app.store.end_old_tokens(id, end.token.as_deref(), app.now()).await?;
    rotated(&app, id).await
}
