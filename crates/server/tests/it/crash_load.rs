//! Senders that go on until the server is gone and remember what it acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

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
    answered: watch::Sender<Answered>,
}

/// What all senders together were answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answered {
    pub(crate) acknowledged: usize,
    pub(crate) refused: usize,
    /// The longest that one of them waited for its answer.
    pub(crate) slowest: Duration,
}

/// What is sent by which sender as which number.
pub(crate) type Body = fn(usize, u64) -> serde_json::Value;

/// What is sent as webhook `number`.
pub(crate) fn body(number: u64) -> serde_json::Value {
    json!({ "n": number, "text": format!("webhook number {number}, with ü and \u{1F980}") })
}

impl Load {
    /// Starts sending; numbers are taken from the counter, so that no two webhooks of a test are alike.
    pub(crate) fn start(client: &Client, hook: &Hook, senders: usize, numbers: &Arc<AtomicU64>) -> Self {
        Self::start_with(client, hook, senders, numbers, |_, number| body(number))
    }

    /// The same with other bodies.
    pub(crate) fn start_with(client: &Client, hook: &Hook, senders: usize, numbers: &Arc<AtomicU64>, body: Body) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = watch::channel(Answered::default()).0;
        let mut set = JoinSet::new();
        for number in 0..senders {
            let sender = Sender {
                number,
                // A client each: no connection of a dead server is left in a pool that others use.
                client: Client::new(client.address(), client.key().to_owned()),
                hook: hook.clone(),
                numbers: Arc::clone(numbers),
                body,
                stop: Arc::clone(&stop),
                answered: answered.clone(),
            };
            set.spawn(sender.send_on());
        }
        Self { stop, senders: set, answered }
    }

    /// Waits until so many webhooks have been acknowledged.
    pub(crate) async fn acknowledged(&self, count: usize) {
        self.until(&format!("{count} acknowledgements"), |answered| answered.acknowledged >= count).await;
    }

    /// Waits until so many webhooks have been refused.
    pub(crate) async fn refused(&self, count: usize) {
        self.until(&format!("{count} refusals"), |answered| answered.refused >= count).await;
    }

    /// What was answered so far.
    pub(crate) fn answered(&self) -> Answered {
        *self.answered.borrow()
    }

    async fn until(&self, what: &str, enough: impl FnMut(&Answered) -> bool) {
        let mut told = self.answered.subscribe();
        let waited = tokio::time::timeout(patience::SOON, told.wait_for(enough)).await;
        waited.unwrap_or_else(|_| panic!("waited {:?} in vain for {what}: {:?}", patience::SOON, self.answered())).unwrap();
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

struct Sender {
    number: usize,
    client: Client,
    hook: Hook,
    numbers: Arc<AtomicU64>,
    body: Body,
    stop: Arc<AtomicBool>,
    answered: watch::Sender<Answered>,
}

impl Sender {
    /// Ends when told to, or when the server does not answer any more.
    async fn send_on(self) -> Vec<Ack> {
        let mut acks = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let begin = Instant::now();
            let request = self.client.to_hook(&self.hook).json(&(self.body)(self.number, number));
            let Ok(answer) = self.client.try_answer(request).await else { break };
            let took = begin.elapsed();
            let acknowledged = answer.status == 202;
            match answer.status {
                202 => acks.push(Ack { number, run: answer.run_id(), delivery: answer.delivery_id() }),
                // Not now: no acknowledgement, and a reason to come back.
                503 | 507 => {
                    assert!(answer.header("retry-after").is_some(), "{} without Retry-After: {}", answer.status, answer.text());
                }
                other => panic!("webhook {number} was answered {other}: {}", answer.text()),
            }
            self.answered.send_modify(|answered| {
                answered.acknowledged += usize::from(acknowledged);
                answered.refused += usize::from(!acknowledged);
                answered.slowest = answered.slowest.max(took);
            });
            if !acknowledged {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        acks
    }
}
