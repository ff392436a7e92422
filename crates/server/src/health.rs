//! For probes and scrapers: does the process live, does it take webhooks, what does it count.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookmill_store::db::Batch;
use http::{StatusCode, header};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::app::App;

/// How old a look at disk and database may be.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether webhooks are taken.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ReadyOut {
    ready: bool,
    /// What stands in the way.
    reasons: Vec<String>,
}

/// What the last look at disk and database found. A look is at most a second old, so that probes of strangers cost
/// next to nothing.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Vec<String>)>>);

impl Readiness {
    async fn look(&self, app: &App) -> Vec<String> {
        let mut last = self.0.lock().await;
        if let Some((at, reasons)) = &*last
            && at.elapsed() < LOOK_EVERY
        {
            return reasons.clone();
        }
        let disk = app.store.db().accepting();
        // An empty batch goes the way of every write.
        let database = app.store.db().write(Batch::new()).await.map(drop);
        let reasons: Vec<String> = [disk, database].into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
        *last = Some((Instant::now(), reasons.clone()));
        reasons
    }
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
    let mut reasons = app.readiness.look(&app).await;
    if app.stopping.is_cancelled() {
        reasons.push("the server is about to stop".to_owned());
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
