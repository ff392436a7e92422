//! kill -9 at random moments under load, again and again: what was acknowledged is stored and its run finishes, and what
//! a run has completed is not done again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hookmill_testkit::TestApp;
use hookmill_testkit::app::{Database, Hook};
use hookmill_testkit::patience;
use hookmill_testkit::postgres::{Cluster, Sync};
use hookmill_testkit::upstream::{Answer, Received, Upstream};
use serde_json::{Value, json};

use crate::crash_load::{Ack, Load, body};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const ROUNDS: usize = 25;
const SENDERS: usize = 8;
/// After so many rounds everything has to be finished before the next kill; in between, recovery itself is killed.
const ROUNDS_BETWEEN_CHECKS: usize = 5;
/// The load of one round lasts at most this long after its first acknowledgement.
const LOAD_MS_MAX: u64 = 600;
/// Runs of a dead node are taken over within 15 seconds; the rest is for slow machines.
const RECOVERED_WITHIN: Duration = Duration::from_secs(90);
/// Bodies that are compared byte by byte at the end.
const BODIES_COMPARED: usize = 200;

const REACHES_UPSTREAM: &str = "[net]\nallow = [\"127.0.0.1\"]\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_repeated_when_killed_on_sqlite() {
    let mut trial = Trial::start(Database::Sqlite, None).await;
    for round in 1..=ROUNDS {
        trial.round(round, Victim::Server).await;
    }
    trial.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_repeated_when_killed_on_postgres() {
    let cluster = Cluster::start(Sync::On).await;
    let database = Database::Postgres(cluster.create_database().await);
    let mut trial = Trial::start(database, Some(cluster)).await;
    for round in 1..=ROUNDS {
        let victim = match round % 5 {
            2 => Victim::Database,
            4 => Victim::Both,
            _ => Victim::Server,
        };
        trial.round(round, victim).await;
    }
    trial.verify().await;
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Server,
    Database,
    Both,
}

/// Everything that a sender, an upstream and a reader of the API know about the server over all its lives.
struct Trial {
    app: TestApp,
    cluster: Option<Cluster>,
    upstream: Upstream,
    hook: Hook,
    numbers: Arc<AtomicU64>,
    random: Random,
    acks: Vec<Ack>,
    /// Runs that the API called complete in step `send`, with the effects counted until then.
    known_complete: HashMap<String, usize>,
    /// How often an acknowledged run was not finished at a kill, over all kills.
    interrupted: usize,
}

impl Trial {
    async fn start(database: Database, cluster: Option<Cluster>) -> Self {
        let upstream = Upstream::start().await;
        upstream.otherwise(Answer::json(&json!({ "ok": true })));
        let app = TestApp::builder(BINARY).database(database).config(REACHES_UPSTREAM).start().await;
        let hook = app.publish(&workflow(&upstream)).await.hook().clone();
        let random = Random::new();
        Self {
            app,
            cluster,
            upstream,
            hook,
            numbers: Arc::new(AtomicU64::new(1)),
            random,
            acks: Vec::new(),
            known_complete: HashMap::new(),
            interrupted: 0,
        }
    }

    /// Load, death at a random moment, new life.
    async fn round(&mut self, round: usize, victim: Victim) {
        let load = Load::start(self.app.client(), &self.hook, SENDERS, &self.numbers);
        load.acknowledged(1).await;
        tokio::time::sleep(Duration::from_millis(self.random.below(LOAD_MS_MAX))).await;
        if round.is_multiple_of(ROUNDS_BETWEEN_CHECKS) {
            load.acknowledged(SENDERS * 4).await;
            self.note_complete_runs().await;
        }
        if victim != Victim::Server {
            self.cluster.as_mut().unwrap().kill();
        }
        if victim != Victim::Database {
            self.app.kill_9();
        }
        let acks = load.finish().await;
        self.acks.extend(acks);
        self.interrupted += self.acks.len().saturating_sub(self.upstream.count("/after"));
        if let Some(cluster) = self.cluster.as_mut().filter(|_| victim != Victim::Server) {
            cluster.restart().await;
        }
        if victim != Victim::Database {
            self.app.restart();
        }
        if round.is_multiple_of(ROUNDS_BETWEEN_CHECKS) {
            self.settle().await;
        }
    }

    /// Looks for runs whose step `send` is complete as the API tells, and at how often its effect was seen by then, until
    /// there is one. The newest runs alone would not do: on a busy machine none of them may have begun.
    async fn note_complete_runs(&mut self) {
        let client = self.app.client();
        let found = patience::until("a run whose step `send` is complete", async || {
            let mut found = HashMap::new();
            for state in ["running", "succeeded"] {
                for run in client.list(&format!("/api/v1/runs?limit=10&state={state}")).await {
                    let id = run["id"].as_str().unwrap();
                    if step_state(&self.app.run(id).await, "send") == Some("succeeded") {
                        found.insert(id.to_owned(), effects_of(&self.upstream.received(), id));
                    }
                }
            }
            (!found.is_empty()).then_some(found)
        });
        for (run, effects) in found.await {
            // What was seen first counts: a repetition since then must not become the measure.
            self.known_complete.entry(run).or_insert(effects);
        }
    }

    async fn settle(&self) {
        patience::until_deadline("all runs to be finished after the crash", RECOVERED_WITHIN, async || {
            // PostgreSQL may not be back yet; then nothing can be told.
            self.app.client().no_run_is(&["ready", "running", "waiting"]).await.then_some(())
        })
        .await;
    }

    async fn verify(mut self) {
        self.settle().await;
        self.verify_stored().await;
        self.verify_effects();
        assert!(self.interrupted > 0, "no kill interrupted anything: the test proves nothing (seed {})", self.random.seed);
        assert!(!self.known_complete.is_empty(), "no run was seen complete before a kill (seed {})", self.random.seed);
        println!(
            "seed {}: {} acknowledged over {ROUNDS} kills, {} times one was unfinished at a kill, none lost",
            self.random.seed,
            self.acks.len(),
            self.interrupted
        );
    }

    /// Every acknowledged webhook is a stored delivery with the bytes that were sent, and has exactly one finished run.
    async fn verify_stored(&mut self) {
        let seed = self.random.seed;
        let deliveries = self.app.client().pages("/api/v1/deliveries?limit=200").await;
        let stored: HashSet<&str> = deliveries.iter().filter_map(|delivery| delivery["id"].as_str()).collect();
        assert_eq!(stored.len(), deliveries.len(), "no delivery is listed twice (seed {seed})");
        let runs = self.app.client().pages("/api/v1/runs?limit=200").await;
        let states: HashMap<&str, &Value> = runs.iter().map(|run| (run["id"].as_str().unwrap(), run)).collect();
        assert_eq!(states.len(), runs.len(), "no run is listed twice (seed {seed})");
        let origins: HashSet<&str> = runs.iter().filter_map(|run| run["delivery"].as_str()).collect();
        assert_eq!(origins.len(), runs.len(), "every delivery started one run (seed {seed})");
        for ack in &self.acks {
            assert!(stored.contains(ack.delivery.as_str()), "{ack:?} was acknowledged and is lost (seed {seed})");
            let run = states.get(ack.run.as_str());
            let run = run.unwrap_or_else(|| panic!("{ack:?} was acknowledged and has no run (seed {seed})"));
            assert_eq!(run["delivery"], ack.delivery.as_str(), "{ack:?} (seed {seed})");
        }
        for run in &runs {
            assert_eq!(run["state"], "succeeded", "also what was stored but not acknowledged ends: {run} (seed {seed})");
        }
        for _ in 0..BODIES_COMPARED.min(self.acks.len()) {
            let ack = &self.acks[usize::try_from(self.random.below(self.acks.len() as u64)).unwrap()];
            let path = format!("/api/v1/deliveries/{}/body", ack.delivery);
            let stored = self.app.client().call("GET", &path, None).await;
            assert_eq!(stored.text(), body(ack.number).to_string(), "{ack:?} (seed {seed})");
        }
    }

    /// What the upstream saw: every step's effect at least once, repeats only while its result was not stored, and always
    /// under the same idempotency key.
    fn verify_effects(&self) {
        let seed = self.random.seed;
        let received = self.upstream.received();
        let mut seen: HashMap<&str, (usize, &Received)> = HashMap::new();
        let mut gone_on: HashSet<String> = HashSet::new();
        for request in &received {
            let key = request.header("idempotency-key");
            let (run, step) = key.split_once('/').unwrap_or_else(|| panic!("a key that is none: {key:?} (seed {seed})"));
            assert_eq!(request.path, format!("/{step}"), "the key names the step (seed {seed})");
            let (count, first) = seen.entry(key).or_insert((0, request));
            *count += 1;
            assert_eq!(first.body, request.body, "{key} stands for two different requests (seed {seed})");
            match step {
                "send" => assert!(!gone_on.contains(run), "{run} did `send` again after it had gone on (seed {seed})"),
                _ => drop(gone_on.insert(run.to_owned())),
            }
        }
        for ack in &self.acks {
            for step in ["send", "after"] {
                let key = format!("{}/{step}", ack.run);
                let (_, request) = seen.get(key.as_str()).unwrap_or_else(|| panic!("{key} was never done (seed {seed})"));
                assert_eq!(request.json()["n"], ack.number, "{key} (seed {seed})");
            }
        }
        for (run, before) in &self.known_complete {
            assert_eq!(effects_of(&received, run), *before, "{run} was complete and did `send` again (seed {seed})");
        }
    }
}

fn workflow(upstream: &Upstream) -> String {
    format!(
        r#"
hookmill: 1
name: Crash
triggers:
  - webhook:
      variables:
        n: {{ type: number, required: true }}
steps:
  - set: {{ doubled: "{{{{ webhook.n * 2 }}}}" }}
  - id: send
    use: http.request
    with: {{ method: POST, url: "{send}", json: {{ n: "{{{{ webhook.n }}}}", doubled: "{{{{ doubled }}}}" }} }}
  - id: after
    use: http.request
    with: {{ method: POST, url: "{after}", json: {{ n: "{{{{ webhook.n }}}}", before: "{{{{ steps.send.status }}}}" }} }}
"#,
        send = upstream.url("/send"),
        after = upstream.url("/after"),
    )
}

fn effects_of(received: &[Received], run: &str) -> usize {
    let key = format!("{run}/send");
    received.iter().filter(|request| request.header("idempotency-key") == key).count()
}

fn step_state<'a>(run: &'a Value, id: &str) -> Option<&'a str> {
    let steps = run["steps"].as_array().unwrap_or_else(|| panic!("no steps in {run}"));
    steps.iter().find(|step| step["id"] == id)?["state"].as_str()
}

/// SplitMix64: enough chance for a test, and the seed is told when it fails. `HOOKMILL_TEST_SEED` repeats one.
pub(crate) struct Random {
    pub(crate) seed: u64,
    state: u64,
}

impl Random {
    pub(crate) fn new() -> Self {
        let given = std::env::var("HOOKMILL_TEST_SEED").ok().map(|seed| seed.parse().expect("a seed is a number"));
        let seed = given.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            now.as_secs() ^ u64::from(now.subsec_nanos())
        });
        println!("seed {seed} (repeat with HOOKMILL_TEST_SEED={seed})");
        Self { seed, state: seed }
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}
