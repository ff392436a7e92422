//! What is counted at the door. The handles are looked up once: counting is then an addition.

use std::time::Duration;

use hookmill_store::deliveries::Outcome;
use metrics::{Counter, Histogram};

use super::code::Code;

pub(super) struct Meters {
    /// By outcome, in the order of [`Outcome::ALL`]; refused ones are counted by reason.
    outcomes: Vec<Counter>,
    refused: Vec<Counter>,
    accept_seconds: Histogram,
    body_bytes: Counter,
}

impl Meters {
    pub(super) fn new() -> Self {
        metrics::describe_counter!("hookmill_deliveries_total", "Webhooks, by what became of them.");
        metrics::describe_counter!("hookmill_delivery_body_bytes_total", "Bytes of bodies of accepted webhooks.");
        metrics::describe_histogram!("hookmill_accept_seconds", "Time from the head of a request until it was on disk.");
        let refused =
            |code: &Code| metrics::counter!("hookmill_deliveries_total", "outcome" => "refused", "reason" => code.name());
        let outcome = |one: &Outcome| metrics::counter!("hookmill_deliveries_total", "outcome" => one.as_str(), "reason" => "");
        Self {
            outcomes: Outcome::ALL.iter().map(outcome).collect(),
            refused: Code::ALL.iter().map(refused).collect(),
            accept_seconds: metrics::histogram!("hookmill_accept_seconds"),
            body_bytes: metrics::counter!("hookmill_delivery_body_bytes_total"),
        }
    }

    /// A request was stored that starts runs, now or (`held`) later.
    pub(super) fn accepted(&self, held: bool, took: Duration, body_bytes: usize) {
        self.count(if held { Outcome::Held } else { Outcome::Accepted });
        self.body_bytes.increment(body_bytes as u64);
        self.accept_seconds.record(took);
    }

    /// Something else became of a request than being refused.
    pub(super) fn count(&self, outcome: Outcome) {
        if let Some(counter) = self.outcomes.get(outcome as usize) {
            counter.increment(1);
        }
    }

    pub(super) fn refused(&self, code: Code) {
        if let Some(counter) = self.refused.get(code as usize) {
            counter.increment(1);
        }
    }
}
