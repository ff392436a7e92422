//! Listening to a hook for a sample: armed for three minutes, followed live, stopped.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::Event;
use axum::{Extension, Json};
use futures_util::{Stream, stream};
use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::time::Span;
use hookmill_store::deliveries::Outcome;
use hookmill_store::listening::{Listening, State as Stands};
use hookmill_store::watch::{Changed, Listener};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::auth::Caller;
use super::extract::Path;
use super::samples::{Example, InferredOut};
use super::time::Time;
use crate::app::App;
use crate::live;
use crate::problem::{Problem, Result, code};

/// How long a hook waits for a sample.
pub(crate) const LISTEN_FOR: Span = Span(180_000);
/// How often those who follow are told how much time is left, and other nodes' captures are looked for.
const TICK: Duration = Duration::from_secs(1);

/// Somebody listens to a hook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ListeningOut {
    #[schema(value_type = String)]
    hook: HookId,
    /// armed, captured, cancelled or expired.
    state: &'static str,
    armed_at: Time,
    /// Until when the next request is captured.
    deadline: Time,
    seconds_left: u64,
    /// What was captured.
    #[schema(value_type = Option<String>)]
    delivery_id: Option<DeliveryId>,
    /// Who listens.
    author: String,
}

/// Listens to a hook: the next GET or POST within three minutes that may call (address, credentials and signature are
/// checked as always) is captured, answered 200, and starts nothing. Asked again, it begins anew.
#[utoipa::path(
    post, path = "/api/v1/hooks/{id}/listen", tag = "samples", params(("id" = String, Path)),
    responses((status = 200, body = ListeningOut))
)]
pub(super) async fn start_listening(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(hook): Path<HookId>,
) -> Result<Json<ListeningOut>> {
    let stored = app.store.hook(hook).await?.ok_or_else(|| Problem::not_found("hook", hook))?;
    if !stored.active && app.store.draft(stored.workflow).await?.is_none() {
        return Err(Problem::new(
            &code::CONFLICT,
            "The published revision has no trigger for this hook, and there is no draft, so nothing can reach it.",
        ));
    }
    let now = app.now();
    let listening = app.store.listen_to(hook, &caller.author(), now, now.plus(LISTEN_FOR)).await?;
    Ok(Json(out(&app, &listening)))
}

fn out(app: &App, listening: &Listening) -> ListeningOut {
    let now = app.now();
    let left = u64::try_from(listening.deadline.0.saturating_sub(now.0)).unwrap_or(0);
    let state = listening.state(now);
    ListeningOut {
        hook: listening.hook,
        state: word(state),
        armed_at: listening.armed_at.into(),
        deadline: listening.deadline.into(),
        seconds_left: if state == Stands::Armed { left.div_ceil(1_000) } else { 0 },
        delivery_id: listening.delivery,
        author: listening.author.clone(),
    }
}

fn word(state: Stands) -> &'static str {
    match state {
        Stands::Armed => "armed",
        Stands::Captured(_) => "captured",
        Stands::Cancelled => "cancelled",
        Stands::Expired => "expired",
    }
}

/// Stops to listen.
#[utoipa::path(
    delete, path = "/api/v1/hooks/{id}/listen", tag = "samples", params(("id" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn stop_listening(State(app): State<App>, Path(hook): Path<HookId>) -> Result<StatusCode> {
    if app.store.stop_listening(hook, app.now()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(&code::NOT_FOUND, "Nobody listens to this hook."))
}

/// Follows a listening: `armed`, `tick` every second with the seconds left, `refused` for requests that may not call or
/// cannot be read (those that reach the same node), and at the end `captured` (the request and the variables that follow
/// from it), `cancelled` or `expired`. The end ends the stream: close it then, for clients that come back by themselves.
#[utoipa::path(
    get, path = "/api/v1/hooks/{id}/listen", tag = "samples", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/event-stream", body = String))
)]
pub(super) async fn follow_listening(
    State(app): State<App>,
    Path(hook): Path<HookId>,
) -> Result<Sse<impl Stream<Item = std::result::Result<Event, Infallible>>>> {
    // Before looking, so that what comes in between is told.
    let news = app.store.watch().listen();
    if app.store.listening(hook).await?.is_none() {
        return Err(Problem::not_found("listening to the hook", hook));
    }
    let place = live::place(&app)?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = Feed { app, hook, news, ticks, armed: None, ended: false, _place: place };
    Ok(Sse::new(stream::unfold(feed, |mut feed| async move { feed.next().await.map(|event| (Ok(event), feed)) })))
}

struct Feed {
    app: App,
    hook: HookId,
    news: Listener,
    ticks: Interval,
    /// The listening that was told of last.
    armed: Option<i64>,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

/// Why a feed looks again.
enum Woken {
    Tick,
    Refused(DeliveryId),
    Captured,
    Ended,
}

impl Feed {
    async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            let event = match self.woken().await {
                Woken::Ended => None,
                Woken::Refused(delivery) => match self.refused(delivery).await {
                    Some(event) => Some(event),
                    None => continue,
                },
                Woken::Tick | Woken::Captured => self.look().await,
            };
            self.ended |= event.is_none();
            return event;
        }
        None
    }

    async fn woken(&mut self) -> Woken {
        loop {
            let changed = tokio::select! {
                () = self.app.stopping.cancelled() => return Woken::Ended,
                _ = self.ticks.tick() => return Woken::Tick,
                changed = self.news.next() => changed,
            };
            match changed {
                None => return Woken::Ended,
                Some(Changed::Delivery { id, hook, outcome }) if hook == self.hook => match outcome {
                    Outcome::Captured => return Woken::Captured,
                    Outcome::Refused => return Woken::Refused(id),
                    _ => {}
                },
                Some(_) => {}
            }
        }
    }

    /// What is to be told now; none: the store cannot be asked, so that whoever follows must come back.
    async fn look(&mut self) -> Option<Event> {
        let listening = self.app.store.listening(self.hook).await.ok().flatten()?;
        let state = listening.state(self.app.now());
        let shown = serde_json::to_value(out(&self.app, &listening)).unwrap_or_default();
        match state {
            Stands::Armed if self.armed == Some(listening.number) => {
                Some(event("tick", &json!({ "seconds_left": shown["seconds_left"] })))
            }
            Stands::Armed => {
                self.armed = Some(listening.number);
                Some(event("armed", &shown))
            }
            Stands::Captured(delivery) => {
                self.ended = true;
                Some(event("captured", &self.captured(delivery).await))
            }
            Stands::Cancelled | Stands::Expired => {
                self.ended = true;
                Some(event(word(state), &shown))
            }
        }
    }

    /// The request and what follows from it, or why that cannot be told.
    async fn captured(&self, delivery: DeliveryId) -> Value {
        let captured = async {
            let example = Example::delivery(&self.app, delivery).await?;
            let inferred = InferredOut::new(&example.infer()?);
            Ok::<_, Problem>(json!({ "delivery_id": delivery, "request": example.shown(), "inferred": inferred }))
        };
        captured.await.unwrap_or_else(|problem| json!({ "delivery_id": delivery, "problem": problem.to_json() }))
    }

    async fn refused(&self, delivery: DeliveryId) -> Option<Event> {
        let stored = self.app.store.delivery(delivery).await.ok().flatten()?;
        let (status, reason, detail) = (stored.status, stored.reason, stored.detail);
        Some(event("refused", &json!({ "delivery_id": delivery, "status": status, "reason": reason, "detail": detail })))
    }
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}
