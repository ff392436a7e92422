//! For probes and scrapers: does the process live, does it take webhooks, what does it count.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookmill_store::db::Batch;
use http::{StatusCode, header};
use serde::Serialize;

use crate::app::App;

/// Whether webhooks are taken.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ReadyOut {
    ready: bool,
    /// What stands in the way.
    reasons: Vec<String>,
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "probes", responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether webhooks are taken: the database can be written, the disk has room, the server is not about to stop.
#[utoipa::path(
    get, path = "/readyz", tag = "probes",
    responses((status = 200, body = ReadyOut), (status = 503, body = ReadyOut))
)]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let mut reasons = Vec::new();
    if app.stopping.is_cancelled() {
        reasons.push("the server is about to stop".to_owned());
    }
    if let Err(error) = app.store.db().accepting() {
        reasons.push(error.to_string());
    }
    if let Err(error) = app.store.db().write(Batch::new()).await {
        reasons.push(error.to_string());
    }
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(ReadyOut { ready: reasons.is_empty(), reasons })).into_response()
}

/// What is counted, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "probes", responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let text = app.metrics.scrape(&app).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
