//! Bringing a run into memory: from what the door just parsed, or from its journal. The same code serves the first
//! start, a restart, a takeover from another node and the end of a wait of three months.

use std::time::Duration;

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, RunId};
use hookmill_engine::request::{self, Parsed, Request};
use hookmill_engine::run::{Change, Entry, Event, Failure, Pending, RunInput, RunState, fold};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::WebhookTrigger;
use hookmill_store as store;
use hookmill_store::deliveries::Delivery;
use hookmill_store::hooks::{TEST_PATHS, fit};
use hookmill_store::journal::JournalEntry;
use percent_encoding::percent_decode_str;
use tracing::{error, warn};

use crate::commit;
use crate::elements::Reading;
use crate::error::Error;
use crate::handed::{Head, Input, StoredInput};
use crate::programs::Revision;
use crate::queue::Leave;
use crate::worker::Inner;

const PAUSE: Duration = Duration::from_millis(250);

/// A run in memory, with what is to be done about it.
pub(crate) struct Loaded {
    pub(crate) state: RunState,
    pub(crate) changes: Vec<Change>,
    /// What must be told to the engine first: attempts whose end nobody recorded.
    pub(crate) unknown: Vec<Event>,
    pub(crate) entries: u32,
    pub(crate) started_at: Timestamp,
    pub(crate) start_stored: bool,
}

/// Loads a run. `Err`: how it leaves memory again, because the process stops or because the run cannot be read any more.
pub(crate) async fn load(inner: &Inner, head: &Head, revision: &Revision, input: Input) -> Result<Loaded, Leave> {
    let parsed = match input {
        Input::Parsed(parsed) => Ok(parsed),
        Input::Stored(stored) => match element(inner, head, revision, &stored) {
            Some(parsed) => Ok(parsed),
            None => parse_stored(head, revision, *stored),
        },
    };
    loop {
        let loaded = match &parsed {
            Ok(parsed) => stored(inner, head, revision, parsed).await,
            Err(problem) => Err(Error::Unrunnable(problem.to_string())),
        };
        match loaded {
            Ok(loaded) => return Ok(loaded),
            Err(Error::Store(problem)) if problem.is_transient() => {
                warn!(run.id = %head.id, error = %problem, "Run {} waits for the store: {problem}", head.id);
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = inner.stop.cancelled() => return Err(Leave::Parked),
                }
            }
            Err(problem) => {
                error!(run.id = %head.id, error = %problem, "Run {} cannot be loaded: {problem}", head.id);
                return Err(commit::unloadable(inner, head, &Failure::new("run_unloadable", problem.to_string())).await);
            }
        }
    }
}

async fn stored(inner: &Inner, head: &Head, revision: &Revision, parsed: &Parsed) -> Result<Loaded, Error> {
    let input = input(head, revision, parsed.clone());
    let Some(started_at) = head.started_at else {
        let started_at = inner.clock.now();
        let (state, changes) = RunState::start(&revision.program, input, started_at);
        return Ok(Loaded { state, changes, unknown: Vec::new(), entries: 0, started_at, start_stored: false });
    };
    let entries = journal(&inner.store, head.id).await?;
    let state = fold(&revision.program, input, started_at, &entries);
    let (changes, unknown) = outstanding(&state);
    let entries = u32::try_from(entries.len()).map_err(|_| Error::Conflict("the journal is too long".into()))?;
    Ok(Loaded { state, changes, unknown, entries, started_at, start_stored: true })
}

/// The stored journal of a run.
pub(crate) async fn journal(store: &store::Store, run: RunId) -> Result<Vec<Entry>, Error> {
    let rows = store.journal(run).await?;
    let read = |row: &JournalEntry| {
        let event = serde_json::from_str(&row.entry)
            .map_err(|problem| Error::Unrunnable(format!("journal entry {} of {run} cannot be read: {problem}", row.seq)))?;
        Ok(Entry { at: row.at, event })
    };
    rows.iter().map(read).collect()
}

/// The element of a split delivery that a run is about, if all of them can be read together.
fn element(inner: &Inner, head: &Head, revision: &Revision, stored: &StoredInput) -> Option<Parsed> {
    let (at, delivery, body) = (stored.element?, stored.delivery.as_ref()?, stored.body.as_ref().ok()?);
    let (workflow, trigger) = (head.workflow, stored.trigger);
    let reading = Reading { delivery: delivery.id, workflow, revision: revision.number, trigger };
    let read = || {
        let parsed = parse_delivery(revision.webhook(trigger), delivery, body).ok()?;
        Some(parsed.into_iter().map(|(_, parsed)| parsed).collect())
    };
    inner.elements.get(reading, at, read)
}

/// The stored input of a run, parsed as it was when it was accepted.
pub(crate) fn parse_stored(head: &Head, revision: &Revision, stored: StoredInput) -> Result<Parsed, Error> {
    let none = WebhookTrigger::default();
    let trigger = revision.webhook(stored.trigger).unwrap_or(&none);
    if let Some(input) = &stored.by_hand {
        return by_hand(trigger, input, head.created_at).map_err(Error::Input);
    }
    let delivery = stored.delivery.ok_or_else(|| Error::Unrunnable("its delivery is not stored any more".into()))?;
    let split = trigger.split.as_ref().zip(stored.element);
    with_request(trigger, &delivery, &stored.body?, |request| match split {
        Some((path, element)) => request::parse_element(trigger, path, request, element),
        None => request::parse(trigger, request),
    })
    .map_err(Error::Input)
}

/// What a stored delivery says to `trigger`: once, or for each of its elements with their positions.
pub(crate) fn parse_delivery(
    trigger: Option<&WebhookTrigger>,
    delivery: &Delivery,
    body: &Bytes,
) -> Result<Vec<(Option<u32>, Parsed)>, request::Refusal> {
    let none = WebhookTrigger::default();
    let trigger = trigger.unwrap_or(&none);
    with_request(trigger, delivery, body, |request| match &trigger.split {
        None => Ok(vec![(None, request::parse(trigger, request)?)]),
        Some(path) => {
            let parsed = request::parse_elements(trigger, path, request)?;
            Ok((0..).zip(parsed).map(|(element, parsed)| (Some(element), parsed)).collect())
        }
    })
}

/// The request as it was.
fn with_request<T>(
    trigger: &WebhookTrigger,
    delivery: &Delivery,
    body: &Bytes,
    parse: impl FnOnce(&Request<'_>) -> Result<T, request::Refusal>,
) -> Result<T, request::Refusal> {
    let (path, query) = delivery.path_and_query.split_once('?').unwrap_or((&delivery.path_and_query, ""));
    let path_params = trigger.path.as_deref().and_then(|pattern| path_params(pattern, path)).unwrap_or_default();
    let request = Request {
        method: &delivery.method,
        path_params: &path_params,
        query,
        headers: &delivery.headers,
        body,
        event: delivery.facts.event.as_deref(),
        address: &delivery.address,
        received_at: delivery.received_at,
        delivery: delivery.id,
    };
    parse(&request)
}

/// The values of the `:name` segments of a stored path, `/hooks/{workspace}/…`. A test URL has none: its token is no value.
fn path_params(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    if path.starts_with(TEST_PATHS) {
        return None;
    }
    let (_, own) = path.strip_prefix("/hooks/")?.split_once('/')?;
    let segments = own.trim_end_matches('/').split('/').map(|segment| percent_decode_str(segment).decode_utf8().ok());
    let segments = segments.collect::<Option<Vec<_>>>()?;
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    fit(pattern, &segments).map(|(_, parameters)| parameters)
}

/// What `webhook` is for a run that somebody started with `input` (JSON text) instead of a request.
pub(crate) fn by_hand(trigger: &WebhookTrigger, input: &str, created_at: Timestamp) -> Result<Parsed, request::Refusal> {
    let headers = [("content-type", "application/json")].into_iter().collect();
    let body = Bytes::copy_from_slice(input.as_bytes());
    let request = Request {
        method: "POST",
        path_params: &[],
        query: "",
        headers: &headers,
        body: &body,
        event: None,
        address: "",
        received_at: created_at,
        delivery: DeliveryId(0),
    };
    request::parse(trigger, &request)
}

pub(crate) fn input(head: &Head, revision: &Revision, parsed: Parsed) -> RunInput {
    RunInput {
        run: head.id,
        workflow_name: revision.program.workflow().name.clone(),
        revision: revision.number,
        seed: head.seed,
        webhook: parsed.webhook,
        variables: parsed.variables,
    }
}

/// What a folded run still waits for, as the changes that a live one would have been told.
fn outstanding(state: &RunState) -> (Vec<Change>, Vec<Event>) {
    let mut changes = Vec::new();
    let mut unknown = Vec::new();
    for pending in state.pending() {
        match pending {
            Pending::Attempt { step, attempt, started: true, .. } => unknown.push(Event::OutcomeUnknown { step, attempt }),
            Pending::Attempt { step, action, attempt, timeout, started: false } => {
                changes.push(Change::Attempt { step, action, attempt, timeout });
            }
            Pending::Timer { .. } | Pending::Ask { .. } => {}
        }
    }
    (changes, unknown)
}

/// Whether an earlier run of the same lane is still open, so that this one has to wait in the database for its end.
pub(crate) async fn lane_is_held(inner: &Inner, head: &Head) -> bool {
    let Some(lane) = &head.lane else { return false };
    loop {
        match inner.store.lane_holder(head.workflow, lane, head.id).await {
            Ok(holder) => return holder.is_some(),
            Err(problem) => {
                warn!(run.id = %head.id, error = %problem, "Run {} waits for the store: {problem}", head.id);
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = inner.stop.cancelled() => return true,
                }
            }
        }
    }
}
