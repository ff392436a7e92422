//! Deliveries: every request that reached a hook, found again, with its exact bytes.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookmill_engine::id::{DeliveryId, HookId, RunId};
use hookmill_store::deliveries::{DeliveryFilter, DeliverySummary, Outcome};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};

use super::extract::{Path, Query};
use super::page;
use super::time::{self, Time};
use crate::app::App;
use crate::problem::{Problem, Result};

/// Which deliveries. Everything that is given must hold.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DeliveriesQuery {
    /// The delivery with this id, or the one that started the run with this id.
    id: Option<String>,
    /// Those of one hook.
    hook: Option<String>,
    /// Those of the hooks of one workflow.
    workflow: Option<String>,
    /// Those with this outcome: accepted, held, duplicate, filtered, handshake, captured, refused.
    outcome: Option<String>,
    /// Those with this reason code.
    reason: Option<String>,
    /// Those that were answered with this status.
    status: Option<u16>,
    /// Those received at or after this instant (RFC 3339).
    from: Option<String>,
    /// Those received before this instant (RFC 3339).
    to: Option<String>,
    /// Those with this text in path, query, headers or the first 16 KiB of the body, without regard to the case of ASCII
    /// letters. Looks at 2,000 deliveries a page.
    text: Option<String>,
    /// Those that came to test URLs (`true`), or all others (`false`).
    test: Option<bool>,
    /// Items of the page, 1 to 500.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveriesOut {
    /// The items, newest first.
    items: Vec<DeliveryOut>,
    /// Pass as `cursor` for the next page; null at the end.
    next: Option<String>,
    /// False: the page looked at as many deliveries as one may before it was full. `next` goes on from there.
    complete: bool,
}

/// A delivery in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryOut {
    #[schema(value_type = String)]
    id: DeliveryId,
    #[schema(value_type = String)]
    hook: HookId,
    /// accepted, held, duplicate, filtered, handshake, captured or refused.
    #[schema(value_type = String)]
    outcome: Outcome,
    /// The status of the answer.
    status: u16,
    /// Why it was not accepted: a stable code.
    reason: Option<String>,
    received_at: Time,
    /// The runs that it started, replays included.
    #[schema(value_type = Vec<String>)]
    runs: Vec<RunId>,
    /// Bytes of the body.
    size: u64,
    method: String,
    /// Whether it came to a test URL.
    test: bool,
}

/// A delivery.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DeliveryDetailOut {
    #[serde(flatten)]
    summary: DeliveryOut,
    /// What the owner of the hook is told beside the reason.
    detail: Option<String>,
    /// Path and query, secrets struck out.
    path: String,
    /// Name and value, in their order, secrets struck out.
    headers: Vec<(String, String)>,
    /// Where it came from.
    address: String,
    /// Time from the first byte to the decision, in microseconds.
    duration_us: u64,
    /// The type of the event, as the provider's preset tells it: `webhook.event` of its runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// That a refused delivery was accepted after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_after_all: Option<AcceptanceOut>,
}

/// What came of a refused delivery after all.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AcceptanceOut {
    #[schema(value_type = String)]
    run_id: RunId,
    accepted_at: Time,
    /// Who wanted it.
    author: String,
}

/// Deliveries, newest first.
#[utoipa::path(
    get, path = "/api/v1/deliveries", tag = "deliveries", params(DeliveriesQuery),
    responses((status = 200, body = DeliveriesOut))
)]
pub(super) async fn list_deliveries(State(app): State<App>, Query(query): Query<DeliveriesQuery>) -> Result<Json<DeliveriesOut>> {
    let limit = page::limit(query.limit)?;
    let Some(filter) = query.filter(&app).await? else {
        return Ok(Json(DeliveriesOut { items: Vec::new(), next: None, complete: true }));
    };
    let found = app.store.deliveries(&filter, limit).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for delivery in found.items {
        let runs = match (delivery.run, delivery.more_runs) {
            (_, true) => app.store.runs_of_delivery(delivery.id).await?,
            (run, false) => run.into_iter().collect(),
        };
        items.push(summary(delivery, runs));
    }
    let complete = found.older.is_none() || items.len() == limit;
    Ok(Json(DeliveriesOut { items, next: found.older.map(|id| DeliveryId(id).to_string()), complete }))
}

impl DeliveriesQuery {
    /// What is meant; none if it is a run that no delivery started.
    async fn filter(self, app: &App) -> Result<Option<DeliveryFilter>> {
        let id = match &self.id {
            None => None,
            Some(id) if id.starts_with("run_") => {
                let run = app.store.run(id.parse()?).await?;
                let Some(delivery) = run.and_then(|run| run.delivery) else { return Ok(None) };
                Some(delivery)
            }
            Some(id) => Some(id.parse()?),
        };
        Ok(Some(DeliveryFilter {
            id,
            hook: self.hook.as_deref().map(str::parse).transpose()?,
            workflow: self.workflow.as_deref().map(str::parse).transpose()?,
            outcome: page::word("outcome", self.outcome.as_deref())?,
            status: self.status,
            reason: self.reason,
            text: self.text,
            test: self.test,
            since: time::read("from", self.from.as_deref())?,
            until: time::read("to", self.to.as_deref())?,
            before: page::cursor(self.cursor.as_deref())?,
            after: None,
        }))
    }
}

fn summary(delivery: DeliverySummary, runs: Vec<RunId>) -> DeliveryOut {
    DeliveryOut {
        test: delivery.is_test(),
        id: delivery.id,
        hook: delivery.hook,
        outcome: delivery.outcome,
        status: delivery.status,
        reason: delivery.reason,
        received_at: delivery.received_at.into(),
        runs,
        size: delivery.body_bytes,
        method: delivery.method,
    }
}

/// A delivery without its body.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{id}", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, body = DeliveryDetailOut))
)]
pub(super) async fn get_delivery(State(app): State<App>, Path(id): Path<DeliveryId>) -> Result<Json<DeliveryDetailOut>> {
    let delivery = app.store.delivery(id).await?.ok_or_else(|| Problem::not_found("delivery", id))?;
    let runs = app.store.runs_of_delivery(id).await?;
    let acceptance = if delivery.outcome == Outcome::Refused { app.store.acceptance(id).await? } else { None };
    let accepted_after_all =
        acceptance.map(|one| AcceptanceOut { run_id: one.run, accepted_at: one.accepted_at.into(), author: one.author });
    Ok(Json(DeliveryDetailOut {
        summary: DeliveryOut {
            test: delivery.is_test(),
            id,
            hook: delivery.hook,
            outcome: delivery.outcome,
            status: delivery.status,
            reason: delivery.reason,
            received_at: delivery.received_at.into(),
            runs,
            size: delivery.body_bytes,
            method: delivery.method,
        },
        detail: delivery.detail,
        path: delivery.path_and_query,
        headers: delivery.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        address: delivery.address,
        duration_us: delivery.duration_us,
        event: delivery.facts.event,
        accepted_after_all,
    }))
}

/// The exact bytes of the body, as they arrived.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{id}/body", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>))
)]
pub(super) async fn get_delivery_body(State(app): State<App>, Path(id): Path<DeliveryId>) -> Result<Response> {
    let body = app.store.delivery_body(id).await.map_err(|error| match error {
        hookmill_store::Error::NotFound => Problem::not_found("delivery", id),
        other => other.into(),
    })?;
    let name = format!("attachment; filename=\"{id}.bin\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).expect("ids are header text")),
        // Whatever a stranger sent must not become a page of this origin.
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox")),
    ];
    Ok((headers, body).into_response())
}
