//! Deliveries run again: one as it was or edited, and one that was refused accepted after all.

use axum::extract::State;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hookmill_engine::id::{DeliveryId, RunId};
use hookmill_engine::request::Headers;
use hookmill_worker::Edit;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::extract::{OptionalBody, Path};
use super::runs::{RevisionChoice, RevisionIn, StartedOut};
use crate::app::App;
use crate::problem::{Problem, Result};

/// Headers of an edited request.
const HEADERS_MAX: usize = 200;

/// How a delivery is run again.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayIn {
    /// `published` (default; also `latest`), `original` (also `same`), or a number.
    revision: Option<RevisionChoice>,
    /// Another body, as text. What is run is then stored as a delivery of its own.
    body: Option<String>,
    /// Another body, as base64; not together with `body`.
    body_base64: Option<String>,
    /// Other headers, all of them: name and value.
    headers: Option<Vec<(String, String)>>,
}

/// A delivery that was run again.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReplayedOut {
    /// The run; the first one of a delivery that is split.
    #[schema(value_type = String)]
    run_id: RunId,
    /// All runs of a delivery that is split.
    #[schema(value_type = Option<Vec<String>>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    run_ids: Option<Vec<RunId>>,
    /// The delivery that was stored for an edited request.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_id: Option<DeliveryId>,
}

impl ReplayIn {
    /// What is changed, if anything.
    fn edit(&mut self) -> Result<Option<Edit>> {
        let body = match (self.body.take(), self.body_base64.take()) {
            (Some(_), Some(_)) => return Err(Problem::bad_request("Give `body` or `body_base64`, not both.")),
            (Some(text), None) => Some(text.into_bytes().into()),
            (None, Some(text)) => {
                let bytes = BASE64.decode(text).map_err(|_| Problem::bad_request("`body_base64` is not base64 with padding."))?;
                Some(bytes.into())
            }
            (None, None) => None,
        };
        let headers = self.headers.take().map(|headers| edited(&headers)).transpose()?;
        Ok((body.is_some() || headers.is_some()).then_some(Edit { body, headers }))
    }
}

/// Headers as they are stored: possible ones, names in lower case.
fn edited(headers: &[(String, String)]) -> Result<Headers> {
    if headers.len() > HEADERS_MAX {
        return Err(Problem::bad_request(format!("An edited request has at most {HEADERS_MAX} headers, not {}.", headers.len())));
    }
    let checked = headers.iter().map(|(name, value)| {
        let shown: String = name.chars().take(40).collect();
        let name: HeaderName =
            name.parse().map_err(|_| Problem::bad_request(format!("`{shown}` cannot be the name of a header.")))?;
        HeaderValue::from_str(value)
            .map_err(|_| Problem::bad_request(format!("The value of the header `{shown}` has forbidden characters.")))?;
        Ok((name.as_str().to_owned(), value.as_str()))
    });
    Ok(checked.collect::<Result<Vec<_>>>()?.into_iter().collect())
}

/// Runs a delivery once more, as it was or edited.
#[utoipa::path(
    post, path = "/api/v1/deliveries/{id}/replay", tag = "deliveries", params(("id" = String, Path)),
    request_body = Option<ReplayIn>, responses((status = 202, body = ReplayedOut))
)]
pub(super) async fn replay_delivery(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<DeliveryId>,
    OptionalBody(mut replay): OptionalBody<ReplayIn>,
) -> Result<(StatusCode, Json<ReplayedOut>)> {
    let edit = replay.edit()?;
    let which = RevisionIn { revision: replay.revision }.which()?;
    let (run_ids, delivery_id) = match edit {
        None => (app.worker.replay(id, which).await?, None),
        Some(edit) => {
            let (delivery, runs) = app.worker.replay_edited(id, edit, which, &caller.author()).await?;
            (runs, Some(delivery))
        }
    };
    let run_id = *run_ids.first().ok_or_else(|| Problem::not_found("run of delivery", id))?;
    let run_ids = Some(run_ids).filter(|runs| runs.len() > 1);
    Ok((StatusCode::ACCEPTED, Json(ReplayedOut { run_id, run_ids, delivery_id })))
}

/// Accepts a refused delivery after all. Asked again, it answers with the same run.
#[utoipa::path(
    post, path = "/api/v1/deliveries/{id}/accept", tag = "deliveries", params(("id" = String, Path)),
    request_body = Option<RevisionIn>, responses((status = 202, body = StartedOut))
)]
pub(super) async fn accept_delivery(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<DeliveryId>,
    OptionalBody(revision): OptionalBody<RevisionIn>,
) -> Result<(StatusCode, Json<StartedOut>)> {
    let run_id = app.worker.accept_after_all(id, revision.which()?, &caller.author()).await?;
    Ok((StatusCode::ACCEPTED, Json(StartedOut { run_id })))
}
