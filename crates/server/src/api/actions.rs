//! The catalogue of actions: what a step can use, with schemas to draw forms from.

use axum::Json;
use axum::extract::State;
use hookmill_engine::workflow::Retry;
use serde::Serialize;
use serde_json::Value;

use super::page::PageOut;
use crate::app::App;

/// An action.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ActionOut {
    /// How documents name it (`use`).
    name: &'static str,
    /// One sentence about it.
    summary: &'static str,
    /// JSON Schema of its input (`with`).
    input_schema: Value,
    /// JSON Schema of its output (`steps.ID`).
    output_schema: Value,
    /// An input as a user would write it.
    example: Value,
    /// How often a failed attempt is repeated unless the step says otherwise.
    #[schema(value_type = Object)]
    retry: Retry,
    /// How long an attempt may take unless the step says otherwise.
    timeout: String,
}

/// All actions, by name.
#[utoipa::path(get, path = "/api/v1/actions", tag = "server", responses((status = 200, body = PageOut<ActionOut>)))]
pub(super) async fn list_actions(State(app): State<App>) -> Json<PageOut<ActionOut>> {
    let actions = app.registry.iter().map(|action| ActionOut {
        name: action.name,
        summary: action.summary,
        input_schema: action.input_schema.clone(),
        output_schema: action.output_schema.clone(),
        example: action.example.clone(),
        retry: action.retry.clone(),
        timeout: action.timeout.to_string(),
    });
    Json(PageOut { items: actions.collect(), next: None })
}
