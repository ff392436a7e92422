//! Many deliveries run again, or accepted after all, with their progress.

use axum::extract::State;
use axum::{Extension, Json};
use hookmill_engine::id::ReplayId;
use hookmill_store::bulk::{Bulk, Kind, State as Progress};
use hookmill_store::deliveries::DeliveryFilter;
use hookmill_worker::Wanted;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::extract::{Body, Path, Query};
use super::page::{self, PageOut};
use super::runs::{RevisionChoice, RevisionIn};
use super::time::{self, Time};
use crate::app::App;
use crate::problem::{Problem, Result, code};

/// Deliveries of one bulk replay, unless the client says otherwise, and at most.
const DELIVERIES_DEFAULT: u64 = 1_000;
const DELIVERIES_MAX: u64 = 1_000_000;

/// Which deliveries. Everything that is given must hold; see the list of deliveries.
#[derive(Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BulkFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    hook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<String>,
    /// `accepted` unless something else is given; `refused` if they are to be accepted after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Received at or after this instant (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// Received before this instant (RFC 3339); in any case before the replay was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// `true`: those that came to test URLs. All others unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<bool>,
}

/// What is wanted of many deliveries.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkIn {
    /// `replay` (default), or `accept`: refused ones are accepted after all.
    kind: Option<String>,
    filter: BulkFilter,
    /// How many at most, the oldest first; 1,000 unless given.
    limit: Option<u64>,
    /// `published` (default), `original`, or a number.
    revision: Option<RevisionChoice>,
}

/// Many deliveries that are run again.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct BulkOut {
    #[schema(value_type = String)]
    id: ReplayId,
    /// replay or accept.
    #[schema(value_type = String)]
    kind: Kind,
    /// running, finished or cancelled.
    #[schema(value_type = String)]
    state: Progress,
    filter: BulkFilter,
    limit: u64,
    /// Deliveries that were run.
    done: u64,
    /// Deliveries that could not be run.
    failed: u64,
    /// Why the last one that failed did.
    error: Option<String>,
    author: String,
    created_at: Time,
    finished_at: Option<Time>,
}

impl std::fmt::Debug for BulkFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is searched for may be personal data.
        f.debug_struct("BulkFilter").finish_non_exhaustive()
    }
}

impl BulkFilter {
    fn read(self, kind: Kind) -> Result<DeliveryFilter> {
        let outcome = match kind {
            Kind::Replay => self.outcome.as_deref().unwrap_or("accepted"),
            Kind::Accept => self.outcome.as_deref().unwrap_or("refused"),
        };
        if kind == Kind::Accept && outcome != "refused" {
            return Err(Problem::bad_request("Only refused deliveries can be accepted after all."));
        }
        Ok(DeliveryFilter {
            hook: self.hook.as_deref().map(str::parse).transpose()?,
            workflow: self.workflow.as_deref().map(str::parse).transpose()?,
            outcome: page::word("outcome", Some(outcome))?,
            status: self.status,
            reason: self.reason,
            text: self.text,
            // Effects of tests are wanted again only if somebody says so.
            test: Some(self.test.unwrap_or(false)),
            since: time::read("from", self.from.as_deref())?,
            until: time::read("to", self.to.as_deref())?,
            ..DeliveryFilter::default()
        })
    }
}

impl From<DeliveryFilter> for BulkFilter {
    fn from(filter: DeliveryFilter) -> Self {
        Self {
            hook: filter.hook.map(|hook| hook.to_string()),
            workflow: filter.workflow.map(|workflow| workflow.to_string()),
            outcome: filter.outcome.map(|outcome| outcome.to_string()),
            reason: filter.reason,
            status: filter.status,
            from: filter.since.map(|at| at.to_string()),
            to: filter.until.map(|at| at.to_string()),
            text: filter.text,
            test: filter.test,
        }
    }
}

impl From<Bulk> for BulkOut {
    fn from(bulk: Bulk) -> Self {
        Self {
            id: bulk.id,
            kind: bulk.kind,
            state: bulk.state,
            filter: bulk.filter.into(),
            limit: bulk.wanted,
            done: bulk.done,
            failed: bulk.failed,
            error: bulk.error,
            author: bulk.author,
            created_at: bulk.created_at.into(),
            finished_at: bulk.finished_at.map(Time),
        }
    }
}

/// Runs many deliveries again, or accepts refused ones after all, in the order of reception.
#[utoipa::path(
    post, path = "/api/v1/replays", tag = "deliveries", request_body = BulkIn, responses((status = 202, body = BulkOut))
)]
pub(super) async fn replay_many(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(wanted): Body<BulkIn>,
) -> Result<(StatusCode, Json<BulkOut>)> {
    let kind = page::word("kind", wanted.kind.as_deref())?.unwrap_or(Kind::Replay);
    let limit = wanted.limit.unwrap_or(DELIVERIES_DEFAULT);
    if !(1..=DELIVERIES_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("`limit` must be 1 to {DELIVERIES_MAX}, not {limit}.")));
    }
    let filter = wanted.filter.read(kind)?;
    // A text that cannot be looked for is told now, not by a replay that stands still.
    app.store.deliveries(&DeliveryFilter { until: Some(hookmill_engine::time::Timestamp(0)), ..filter.clone() }, 1).await?;
    let which = RevisionIn { revision: wanted.revision }.which()?;
    let wanted = Wanted { workspace: app.workspace(), kind, filter, which, limit, author: caller.author() };
    let bulk = app.worker.replay_many(wanted).await?;
    Ok((StatusCode::ACCEPTED, Json(bulk.into())))
}

/// How many are listed.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BulksQuery {
    /// Items, 1 to 500.
    limit: Option<usize>,
}

/// The newest bulk replays.
#[utoipa::path(
    get, path = "/api/v1/replays", tag = "deliveries", params(BulksQuery), responses((status = 200, body = PageOut<BulkOut>))
)]
pub(super) async fn list_replays(State(app): State<App>, Query(query): Query<BulksQuery>) -> Result<Json<PageOut<BulkOut>>> {
    let found = app.store.bulks(page::limit(query.limit)?).await?;
    Ok(Json(PageOut { items: found.into_iter().map(BulkOut::from).collect(), next: None }))
}

/// How far a bulk replay is.
#[utoipa::path(
    get, path = "/api/v1/replays/{id}", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, body = BulkOut))
)]
pub(super) async fn get_replay(State(app): State<App>, Path(id): Path<ReplayId>) -> Result<Json<BulkOut>> {
    let bulk = app.store.bulk(id).await?.ok_or_else(|| Problem::not_found("replay", id))?;
    Ok(Json(bulk.into()))
}

/// Stops a bulk replay. What it has started goes on.
#[utoipa::path(
    post, path = "/api/v1/replays/{id}/cancel", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 202, body = BulkOut))
)]
pub(super) async fn cancel_replay(State(app): State<App>, Path(id): Path<ReplayId>) -> Result<(StatusCode, Json<BulkOut>)> {
    let ended = app.store.end_bulk(id, Progress::Cancelled, app.now()).await?;
    let bulk = app.store.bulk(id).await?.ok_or_else(|| Problem::not_found("replay", id))?;
    if !ended {
        return Err(Problem::new(&code::CONFLICT, format!("The replay is {} already.", bulk.state)));
    }
    Ok((StatusCode::ACCEPTED, Json(bulk.into())))
}
