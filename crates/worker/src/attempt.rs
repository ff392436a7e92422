//! One attempt of one action: render its input, run it, strike secrets out of what it gives back.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hookmill_actions::{Context, LogSink, Registry, TIMEOUT_MAX};
use hookmill_engine::run::{self, AttemptResult, Event, Failure, RunState, Safety, StepAt};
use hookmill_engine::time::{Span, Timestamp};
use serde_json::Value;
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::handed::Head;
use crate::worker::Inner;

/// An attempt that the engine asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) step: StepAt,
    pub(crate) action: Arc<str>,
    pub(crate) number: u32,
    pub(crate) timeout: Option<Span>,
}

/// An attempt that can start, or the failure that takes its place.
pub(crate) struct Prepared {
    wanted: Wanted,
    ready: Result<Value, Failure>,
}

impl Prepared {
    /// Renders the input of an attempt. Nothing has an effect yet.
    pub(crate) fn new(inner: &Inner, head: &Head, state: &RunState, wanted: Wanted, now: Timestamp) -> Self {
        let resolve = |name: &str| inner.secrets.resolve(head.workspace, name);
        let ready = run::attempt_input(state, &wanted.step, &resolve, now);
        Self { wanted, ready }
    }

    pub(crate) fn step(&self) -> &StepAt {
        &self.wanted.step
    }

    /// The entry to be stored before this attempt starts, if it must not be repeated blindly.
    pub(crate) fn start_event(&self, registry: &Registry) -> Option<Event> {
        let input = self.ready.as_ref().ok()?;
        let action = registry.get(&self.wanted.action)?;
        (action.safety(input) == Safety::Once)
            .then(|| Event::AttemptStarted { step: self.wanted.step.clone(), attempt: self.wanted.number })
    }

    /// Runs the attempt to its end, which comes at the latest with its deadline or when `cancel` is called.
    pub(crate) fn start(self, inner: Arc<Inner>, head: &Head, cancel: CancellationToken) -> BoxFuture<'static, Event> {
        let run = head.id;
        Box::pin(async move {
            let Self { wanted, ready } = self;
            let started_at = inner.clock.now();
            let clock = inner.clock.clone();
            let log = LogSink::new(move || clock.now());
            let result = match ready {
                Err(failure) => Err(failure),
                Ok(input) => {
                    let default = inner.registry.get(&wanted.action).map_or(Span(0), |action| action.timeout);
                    let timeout = Duration::from_millis(wanted.timeout.unwrap_or(default).0).min(TIMEOUT_MAX);
                    let context = Context {
                        run,
                        step: wanted.step.to_string(),
                        attempt: wanted.number,
                        idempotency_key: run::idempotency_key(run, &wanted.step),
                        deadline: Instant::now() + timeout,
                        cancel,
                        log: log.clone(),
                        files: inner.files.clone(),
                    };
                    inner.registry.run(&wanted.action, input, context).await
                }
            };
            let mut logs = log.take();
            logs.iter_mut().for_each(|line| inner.secrets.redact_text(&mut line.message));
            let result = match result {
                Ok(mut output) => {
                    inner.secrets.redact(&mut output);
                    AttemptResult::Done { output }
                }
                Err(mut failure) => {
                    inner.secrets.redact_text(&mut failure.message);
                    failure.details.iter_mut().for_each(|details| inner.secrets.redact(details));
                    AttemptResult::Failed(failure)
                }
            };
            Event::AttemptEnded { step: wanted.step, attempt: wanted.number, result, logs, started_at }
        })
    }
}
