//! How the server is doing.

use axum::Json;
use axum::extract::State;
use hookmill_store::db::Dialect;
use serde::Serialize;

use crate::app::App;
use crate::problem::Result;

/// How the server is doing.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ServerOut {
    version: &'static str,
    /// `sqlite` or `postgres`.
    database: &'static str,
    /// Writes that wait for the database.
    queue_depth: usize,
    /// Runs that are due and have not begun, counted up to 100,000.
    backlog: u64,
    /// Runs in memory that wait for their turn.
    runs_waiting: usize,
    /// Runs that are executed at the moment.
    runs_running: usize,
    /// Refused requests that could not be kept since the start, for want of room.
    refused_dropped: u64,
    /// The disk of the data folder; null with PostgreSQL.
    disk: Option<DiskOut>,
}

/// The disk of the data folder.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct DiskOut {
    free_bytes: u64,
    /// With less than this, webhooks are refused.
    floor_bytes: u64,
    /// Whether webhooks are accepted.
    accepting: bool,
}

/// Version, database, what waits, free space.
#[utoipa::path(get, path = "/api/v1/server", tag = "server", responses((status = 200, body = ServerOut)))]
pub(super) async fn get_server(State(app): State<App>) -> Result<Json<ServerOut>> {
    let db = app.store.db();
    let accepting = db.accepting().is_ok();
    let (runs_waiting, runs_running) = app.worker.depth();
    Ok(Json(ServerOut {
        version: env!("CARGO_PKG_VERSION"),
        database: match db.dialect() {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
        },
        queue_depth: db.queue_depth(),
        backlog: app.store.backlog(app.now()).await?,
        runs_waiting,
        runs_running,
        refused_dropped: app.store.refused_dropped(),
        disk: db.disk().map(|disk| DiskOut { free_bytes: disk.free_bytes(), floor_bytes: disk.floor_bytes(), accepting }),
    }))
}
