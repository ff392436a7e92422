//! The live feed: what just changed, as server-sent events. Ids and states only; who wants more asks for it.
//!
//! Events are hints of this process. A client that missed some (it came back with `Last-Event-ID`, or was too slow) is
//! told `reset`: look at everything again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, stream};
use hookmill_store::watch::{Changed, Listener};
use http::HeaderMap;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::problem::{Problem, Result, code};

/// How often a silent feed says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How soon a client should come back after the feed ended.
const RETRY: Duration = Duration::from_secs(2);
/// When a client that found no place may ask again.
const RETRY_AFTER_MS: u64 = 5_000;

struct Feed {
    listener: Listener,
    stopping: CancellationToken,
    first: Option<Event>,
    number: u64,
    _place: OwnedSemaphorePermit,
}

/// What just changed: `delivery`, `run`, `catalog`, and `reset` when something was missed.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "server",
    params(("Last-Event-ID" = Option<String>, Header, description = "Answered by `reset`")),
    responses((status = 200, content_type = "text/event-stream", body = String))
)]
pub(crate) async fn events(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    let place = place(&app)?;
    let first = if headers.contains_key("last-event-id") { reset() } else { Event::default().event("hello").data("{}") };
    let feed = Feed {
        listener: app.store.watch().listen(),
        stopping: app.stopping.clone(),
        first: Some(first.retry(RETRY)),
        number: 0,
        _place: place,
    };
    let events = stream::unfold(feed, |mut feed| async move { feed.next().await.map(|event| (Ok(event), feed)) });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// A place for one more feed, if there is one.
pub(crate) fn place(app: &App) -> Result<OwnedSemaphorePermit> {
    app.live_feeds.clone().try_acquire_owned().map_err(|_| {
        let detail = "There are as many live feeds as server.live_feeds_max allows.";
        Problem::new(&code::TOO_MANY, detail).retry_after_ms(RETRY_AFTER_MS)
    })
}

fn reset() -> Event {
    Event::default().event("reset").data("{}")
}

impl Feed {
    async fn next(&mut self) -> Option<Event> {
        self.number += 1;
        let event = match self.first.take() {
            Some(first) => first,
            None => {
                let changed = tokio::select! {
                    () = self.stopping.cancelled() => None,
                    changed = self.listener.next() => changed,
                };
                describe(changed?)
            }
        };
        Some(event.id(self.number.to_string()))
    }
}

fn describe(changed: Changed) -> Event {
    let (name, data) = match changed {
        Changed::Delivery { id, hook, outcome } => ("delivery", json!({ "id": id, "hook": hook, "outcome": outcome })),
        Changed::Run { id, workflow, state } | Changed::RunCommitted { id, workflow, state } => {
            ("run", json!({ "id": id, "workflow": workflow, "state": state }))
        }
        Changed::Catalog { version } => ("catalog", json!({ "version": version })),
        Changed::Missed => return reset(),
    };
    Event::default().event(name).data(data.to_string())
}
