//! Senders that go on until the server is gone and remember what it acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hookmill_testkit::app::{Client, Hook};
use hookmill_testkit::patience;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A webhook that was answered with 202.
#[derive(Clone, Debug)]
pub(crate) struct Ack {
    pub(crate) number: u64,
    pub(crate) run: String,
    pub(crate) delivery: String,
}

/// Several senders, each with one webhook in flight.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    senders: JoinSet<Vec<Ack>>,
    acknowledged: watch::Sender<usize>,
}

/// What is sent as webhook `number`.
pub(crate) fn body(number: u64) -> serde_json::Value {
    json!({ "n": number, "text": format!("webhook number {number}, with ü and \u{1F980}") })
}

impl Load {
    /// Starts sending; numbers are taken from the counter, so that no two webhooks of a test are alike.
    pub(crate) fn start(client: &Client, hook: &Hook, senders: usize, numbers: &Arc<AtomicU64>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = watch::channel(0).0;
        let mut set = JoinSet::new();
        for _ in 0..senders {
            // A client each: no connection of a dead server is left in a pool that others use.
            let client = Client::new(client.address(), client.key().to_owned());
            set.spawn(send_on(client, hook.clone(), Arc::clone(numbers), Arc::clone(&stop), acknowledged.clone()));
        }
        Self { stop, senders: set, acknowledged }
    }

    /// Waits until so many webhooks have been acknowledged.
    pub(crate) async fn acknowledged(&self, count: usize) {
        let mut told = self.acknowledged.subscribe();
        let waited = tokio::time::timeout(patience::SOON, told.wait_for(|so_far| *so_far >= count)).await;
        waited.unwrap_or_else(|_| panic!("{count} webhooks were not acknowledged in {:?}", patience::SOON)).unwrap();
    }

    /// Stops; everything that was acknowledged.
    pub(crate) async fn finish(mut self) -> Vec<Ack> {
        self.stop.store(true, Ordering::Relaxed);
        let mut acks = Vec::new();
        while let Some(sent) = self.senders.join_next().await {
            acks.extend(sent.unwrap());
        }
        acks
    }
}

/// Ends when told to, or when the server does not answer any more.
async fn send_on(
    client: Client,
    hook: Hook,
    numbers: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    acknowledged: watch::Sender<usize>,
) -> Vec<Ack> {
    let mut acks = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let Ok(answer) = client.try_answer(client.to_hook(&hook).json(&body(number))).await else { break };
        match answer.status {
            202 => {
                acks.push(Ack { number, run: answer.run_id(), delivery: answer.delivery_id() });
                acknowledged.send_modify(|count| *count += 1);
            }
            // Not now: no acknowledgement, and a reason to come back.
            503 | 507 => {
                assert!(answer.header("retry-after").is_some(), "{} without Retry-After: {}", answer.status, answer.text());
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            other => panic!("webhook {number} was answered {other}: {}", answer.text()),
        }
    }
    acks
}
