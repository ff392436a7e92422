//! Buckets that change hands while their runs are in memory.

use std::sync::Arc;
use std::time::Duration;

use hookmill_engine::id::RunId;
use hookmill_engine::run::{AttemptResult, Event, StepAt};
use hookmill_store::Store;
use hookmill_store::buckets::BUCKETS;
use hookmill_store::journal::NewEntry;
use hookmill_store::runs::{NEVER, RunCommit, RunRow, State};
use hookmill_testkit::patience;
use hookmill_testkit::postgres::{connect, fresh_database};
use hookmill_worker::{Clock, Which};
use serde_json::json;

use crate::rig::{Rig, World};

const TWO_STEPS: &str = "
hookmill: 1
name: Two steps
triggers: [{ webhook: {} }]
steps:
  - { id: first, use: probe, with: { tag: first } }
  - { id: second, use: probe, with: { tag: second, gate: second, once: true } }
";

/// The rescue loop leaves a run alone until it was due for 15 seconds.
const BEFORE_RESCUE: Duration = Duration::from_secs(13);

struct Node {
    url: String,
    world: Arc<World>,
    rig: Rig,
    _folder: tempfile::TempDir,
}

impl Node {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Arc::new(World::default());
        let url = fresh_database().await;
        let rig = Rig::on_postgres(&url, folder.path(), &world).await;
        Self { url, world, rig, _folder: folder }
    }

    /// Waits until this node has claimed the run under a later epoch.
    async fn claimed_anew(&self, run: RunId, before: i64) -> RunRow {
        patience::until("the run to be claimed anew", async || {
            let row = self.rig.store.run(run).await.unwrap().unwrap();
            (row.epoch > before).then_some(row)
        })
        .await
    }
}

/// The node loses its lease and wins its buckets back before anybody else had them: the end of an attempt that only its
/// memory knows of counts, and nothing is done again or asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_under_the_new_epoch_if_nobody_wrote_it_meanwhile() {
    let node = Node::start().await;
    let workflow = node.rig.publish(TWO_STEPS).await;
    let run = node.rig.accept(workflow, "{}").await;
    node.world.entered(2).await;
    let before = node.rig.store.run(run).await.unwrap().unwrap();
    node.rig.store.release_buckets(0).await.unwrap();
    node.claimed_anew(run, before.epoch).await;
    // Whoever is claimed later has had its turn, so the new claim of the run would have had its own.
    let later = node.rig.publish("{hookmill: 1, name: Later, triggers: [{webhook: {}}], steps: [{set: {n: 1}}]}").await;
    let later = node.rig.worker.start_by_hand(later.id, Which::Latest, "{}".into()).await.unwrap();
    node.rig.reaches(later, State::Succeeded).await;
    node.world.let_go("second");
    let row = node.rig.reaches(run, State::Succeeded).await;
    assert_eq!(row.output.as_deref(), Some(r#"{"tag":"second","attempt":1}"#));
    assert_eq!(node.world.tags(), ["first", "second"]);
    node.rig.stop().await;
    assert_eq!(node.world.ends(run), 1);
}

/// Another node had the buckets for a while and went on with the run: what the first one still has in memory is dropped,
/// and once it is gone the run goes on from what is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_another_node_wrote_goes_on_from_there() {
    let third = "  - { id: third, use: probe, with: { tag: \"{{ steps.second.tag }}\" } }\n";
    let node = Node::start().await;
    let workflow = node.rig.publish(&format!("{TWO_STEPS}{third}")).await;
    let run = node.rig.accept(workflow, "{}").await;
    node.world.entered(2).await;
    let before = node.rig.store.run(run).await.unwrap().unwrap();
    let other = Store::open(hookmill_store::Config::new(&node.url).unwrap()).await.unwrap();
    let owned = patience::until("the other node to own the run's bucket", async || {
        node.rig.store.release_buckets(0).await.unwrap();
        let owned = other.claim_buckets(BUCKETS, node.world.clock.now()).await.unwrap();
        owned.epoch(before.bucket).is_some().then_some(owned)
    })
    .await;
    let theirs = other.claim_run(&owned, run).await.unwrap().expect("its bucket is the other node's").run;
    other.commit_run(second_done_elsewhere(&theirs, node.world.clock.now())).await.unwrap();
    other.release_buckets(0).await.unwrap();
    node.claimed_anew(run, theirs.epoch).await;
    node.world.let_go("second");
    let end = tokio::time::timeout(BEFORE_RESCUE, node.rig.reaches(run, State::Succeeded)).await;
    end.expect("nobody has to be rescued");
    assert_eq!(node.world.tags(), ["first", "second", "elsewhere"]);
    node.rig.stop().await;
    assert_eq!(node.world.ends(run), 1);
    other.close().await;
}

fn second_done_elsewhere(run: &RunRow, now: hookmill_engine::time::Timestamp) -> RunCommit {
    let event = Event::AttemptEnded {
        step: StepAt::new("second"),
        attempt: 1,
        result: AttemptResult::Done { output: json!({ "tag": "elsewhere" }) },
        logs: Vec::new(),
        started_at: now,
    };
    RunCommit {
        run: run.id,
        workflow: run.workflow,
        epoch: run.epoch,
        from_seq: run.entries,
        entries: vec![NewEntry { at: now, entry: serde_json::to_string(&event).unwrap() }],
        state: State::Running,
        due_at: Some(now),
        started_at: run.started_at,
        finished_at: None,
        output: None,
        error: None,
        answered: false,
        steps_done: 2,
        holds_lane: false,
        release: false,
    }
}

/// Runs of a lane that wait behind its holder are claimed anew as well; none is forgotten, and their order stays.
#[tokio::test(flavor = "multi_thread")]
async fn runs_that_wait_for_their_lane_survive_a_new_claim() {
    let text = "
hookmill: 1
name: By customer
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.customer }}\" }
steps:
  - { use: probe, with: { tag: \"{{ webhook.n }}\", gate: lane } }
  - { wait: 300ms }
";
    let node = Node::start().await;
    let workflow = node.rig.publish(text).await;
    let mut runs = Vec::new();
    for n in 1..=3 {
        runs.push(node.rig.accept(workflow, &format!("{{\"customer\": \"a\", \"n\": \"{n}\"}}")).await);
    }
    node.world.entered(1).await;
    let before = node.rig.store.run(runs[2]).await.unwrap().unwrap();
    node.rig.store.release_buckets(0).await.unwrap();
    node.claimed_anew(runs[2], before.epoch).await;
    for _ in &runs {
        node.world.let_go("lane");
    }
    let all = async {
        for run in &runs {
            node.rig.reaches(*run, State::Succeeded).await;
        }
    };
    tokio::time::timeout(BEFORE_RESCUE, all).await.expect("nobody has to be rescued");
    assert_eq!(node.world.tags(), ["1", "2", "3"]);
    node.rig.stop().await;
}

/// The owner of a lane died between the end of the lane's holder and waking the next: the new owner wakes it.
#[tokio::test(flavor = "multi_thread")]
async fn lanes_are_woken_when_their_bucket_was_taken_over() {
    let text = "
hookmill: 1
name: By customer
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.customer }}\" }
steps:
  - if: \"{{ webhook.n == 1 }}\"
    then: [{ wait: 30d }]
  - { use: probe, with: { tag: next } }
";
    let node = Node::start().await;
    let workflow = node.rig.publish(text).await;
    let holder = node.rig.accept(workflow, r#"{"customer": "a", "n": 1}"#).await;
    node.rig.reaches(holder, State::Waiting).await;
    let next = node.rig.accept(workflow, r#"{"customer": "a", "n": 2}"#).await;
    patience::until("the next to wait for its lane", async || {
        (node.rig.store.run(next).await.unwrap().unwrap().due_at == Some(NEVER)).then_some(())
    })
    .await;
    let sql = format!("UPDATE runs SET state = 'succeeded', due_at = NULL, finished_at = created_at WHERE id = {}", holder.0);
    connect(&node.url).await.batch_execute(&sql).await.unwrap();
    node.rig.store.release_buckets(0).await.unwrap();
    node.rig.reaches(next, State::Succeeded).await;
    assert_eq!(node.world.tags(), ["next"]);
    node.rig.stop().await;
}
