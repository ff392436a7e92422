//! Hooks that are paused, resumed, switched off and on.

use axum::Json;
use axum::extract::State;
use hookmill_engine::id::HookId;
use hookmill_store::Error as StoreError;
use hookmill_store::hook_states::{HookState, OffAnswer, Switch};
use hookmill_store::hooks::{Hook, Listed};
use serde::{Deserialize, Serialize};

use super::extract::OptionalBody;
use super::hooks::Named;
use crate::app::App;
use crate::problem::{Problem, Result, code};

/// How a hook is switched off.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OffIn {
    /// The status that senders get: 404 (default), or 503 with `Retry-After`.
    answer: Option<u16>,
}

/// Whether a hook takes requests.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HookStateOut {
    #[schema(value_type = String)]
    id: HookId,
    /// `active`, `paused` (takes requests and holds their runs) or `off`.
    #[schema(value_type = String)]
    state: HookState,
    /// The status that senders get while it is off.
    off_answer: u16,
    /// Deliveries whose runs wait until it is resumed.
    held: u64,
}

impl HookStateOut {
    async fn of(app: &App, hook: &Hook) -> Result<Self> {
        let held = app.store.held_count(hook.id).await?;
        Ok(Self { id: hook.id, state: hook.state, off_answer: hook.off_answer.status(), held })
    }
}

async fn switch(app: &App, Named(Listed { hook, .. }): Named, switch: Switch) -> Result<Json<HookStateOut>> {
    let (id, missing) = (hook.id, || Problem::not_found("hook", hook.id));
    let state = app.store.switch_hook(id, switch).await.map_err(|error| match error {
        StoreError::NotFound => missing(),
        StoreError::Invalid(why) => Problem::new(&code::CONFLICT, format!("{why}.")),
        other => other.into(),
    })?;
    if state == HookState::Active {
        app.worker.look_for_held();
    }
    let hook = app.store.hook(id).await?.ok_or_else(missing)?;
    HookStateOut::of(app, &hook).await.map(Json)
}

/// Pauses a hook: it takes and answers requests as before, and their runs wait until it is resumed.
#[utoipa::path(
    post, path = "/api/v1/hooks/{id}/pause", tag = "hooks", params(("id" = String, Path)),
    responses((status = 200, body = HookStateOut))
)]
pub(super) async fn pause_hook(State(app): State<App>, named: Named) -> Result<Json<HookStateOut>> {
    switch(&app, named, Switch::Pause).await
}

/// Resumes a paused hook: what it held starts in the order of reception.
#[utoipa::path(
    post, path = "/api/v1/hooks/{id}/resume", tag = "hooks", params(("id" = String, Path)),
    responses((status = 200, body = HookStateOut))
)]
pub(super) async fn resume_hook(State(app): State<App>, named: Named) -> Result<Json<HookStateOut>> {
    switch(&app, named, Switch::Resume).await
}

/// Switches a hook off: its senders get 404, or 503 with `Retry-After`. What it holds stays held.
#[utoipa::path(
    post, path = "/api/v1/hooks/{id}/off", tag = "hooks", params(("id" = String, Path)), request_body = Option<OffIn>,
    responses((status = 200, body = HookStateOut))
)]
pub(super) async fn switch_hook_off(
    State(app): State<App>,
    named: Named,
    OptionalBody(off): OptionalBody<OffIn>,
) -> Result<Json<HookStateOut>> {
    let answer = match off.answer {
        None | Some(404) => OffAnswer::NotFound,
        Some(503) => OffAnswer::Unavailable,
        Some(other) => {
            let detail = format!("A hook that is off answers 404 or 503, not {other}.");
            return Err(Problem::new(&code::INVALID, detail));
        }
    };
    switch(&app, named, Switch::Off(answer)).await
}

/// Switches a hook on that was off.
#[utoipa::path(
    post, path = "/api/v1/hooks/{id}/on", tag = "hooks", params(("id" = String, Path)),
    responses((status = 200, body = HookStateOut))
)]
pub(super) async fn switch_hook_on(State(app): State<App>, named: Named) -> Result<Json<HookStateOut>> {
    switch(&app, named, Switch::On).await
}
