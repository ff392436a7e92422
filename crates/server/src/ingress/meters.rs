//! What is counted at the door. The handles are looked up once: counting is then an addition.

use hookmill_store::deliveries::Outcome;
use metrics::{Counter, Histogram};

use super::arrival::Arrival;
use super::code::Code;

/// What is counted of requests to the URLs of senders.
const DELIVERIES: &str = "hookmill_deliveries_total";
/// The same of requests to test URLs.
const TESTS: &str = "hookmill_test_deliveries_total";

pub(super) struct Meters {
    deliveries: Counts,
    tests: Counts,
    accept_seconds: Histogram,
    body_bytes: Counter,
}

struct Counts {
    /// By outcome, in the order of [`Outcome::ALL`]; refused ones are counted by reason.
    outcomes: Vec<Counter>,
    refused: Vec<Counter>,
}

impl Counts {
    fn new(name: &'static str) -> Self {
        let refused = |code: &Code| metrics::counter!(name, "outcome" => "refused", "reason" => code.name());
        let outcome = |one: &Outcome| metrics::counter!(name, "outcome" => one.as_str(), "reason" => "");
        Self { outcomes: Outcome::ALL.iter().map(outcome).collect(), refused: Code::ALL.iter().map(refused).collect() }
    }
}

impl Meters {
    pub(super) fn new() -> Self {
        metrics::describe_counter!(DELIVERIES, "Webhooks, by what became of them; without those to test URLs.");
        metrics::describe_counter!(TESTS, "Webhooks to test URLs, by what became of them.");
        metrics::describe_counter!("hookmill_delivery_body_bytes_total", "Bytes of bodies of accepted webhooks.");
        metrics::describe_histogram!("hookmill_accept_seconds", "Time from the head of a request until it was on disk.");
        Self {
            deliveries: Counts::new(DELIVERIES),
            tests: Counts::new(TESTS),
            accept_seconds: metrics::histogram!("hookmill_accept_seconds"),
            body_bytes: metrics::counter!("hookmill_delivery_body_bytes_total"),
        }
    }

    fn of(&self, arrival: &Arrival) -> &Counts {
        if arrival.is_test() { &self.tests } else { &self.deliveries }
    }

    /// A request was stored that starts runs, now or (`held`) later.
    pub(super) fn accepted(&self, arrival: &Arrival, held: bool, body_bytes: usize) {
        self.count(arrival, if held { Outcome::Held } else { Outcome::Accepted });
        if !arrival.is_test() {
            self.body_bytes.increment(body_bytes as u64);
            self.accept_seconds.record(arrival.took());
        }
    }

    /// Something else became of a request than being refused.
    pub(super) fn count(&self, arrival: &Arrival, outcome: Outcome) {
        if let Some(counter) = self.of(arrival).outcomes.get(outcome as usize) {
            counter.increment(1);
        }
    }

    pub(super) fn refused(&self, arrival: &Arrival, code: Code) {
        if let Some(counter) = self.of(arrival).refused.get(code as usize) {
            counter.increment(1);
        }
    }
}
