//! Runs that carry this node's epoch and are in nobody's memory, and those that only seem so.

use std::sync::Arc;
use std::time::Duration;

use hookmill_store::Config;
use hookmill_store::runs::State;
use hookmill_testkit::postgres::{connect, fresh_database};
use hookmill_testkit::{patience, stall};

use crate::rig::{Rig, World};

const ONE_STEP: &str = "
hookmill: 1
name: One step
triggers: [{ webhook: {} }]
steps: [{ id: one, use: probe, with: { tag: one, gate: one } }]
";

/// A claim that nobody heard the answer of leaves a run that no fetch finds: the rescue loop gives it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_claimed_for_nobody_is_rescued() {
    let text = "{hookmill: 1, name: Waits, triggers: [{webhook: {}}], steps: [{wait: 1h}, {use: probe, with: {tag: after}}]}";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let config = hookmill_worker::Config { resident_wait: "0s".parse().unwrap(), ..Default::default() };
    let rig = Rig::start_with(folder.path(), &world, config).await;
    let workflow = rig.publish(text).await;
    let run = rig.accept(workflow, "{}").await;
    rig.reaches(run, State::Waiting).await;
    let owned = rig.store.owned_buckets().await.unwrap();
    rig.store.claim_run(&owned, run).await.unwrap().expect("a parked run can be claimed");
    world.clock.advance(Duration::from_secs(2 * 3_600));
    rig.reaches(run, State::Succeeded).await;
    assert_eq!(world.tags(), ["after"]);
    rig.stop().await;
}

/// What looks for the remains of an unfinished accept leaves a run alone that has come into memory meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_memory_is_not_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    // Room for one that runs and one that waits: what is given back stays in the database.
    let config = hookmill_worker::Config { runs_at_once: 1, queue_runs_max: 3, ..Default::default() };
    let rig = Rig::start_with(folder.path(), &world, config).await;
    let workflow = rig.publish(ONE_STEP).await;
    let running = rig.accept(workflow, "{}").await;
    world.entered(1).await;
    let waiting = rig.accept(workflow, "{}").await;
    // It is looked for both at once, …
    drop(rig.worker.reserve(running, workflow.id, None, 0));
    drop(rig.worker.reserve(waiting, workflow.id, None, 0));
    // …and after them for this one.
    let nobodys = rig.accept_without_hand_over(workflow, "{}").await;
    patience::until("the third to be given back", async || {
        (rig.store.run(nobodys).await.unwrap().unwrap().epoch == 0).then_some(())
    })
    .await;
    for run in [running, waiting] {
        assert_ne!(rig.store.run(run).await.unwrap().unwrap().epoch, 0, "{run} is still this node's");
    }
    for _ in 0..3 {
        world.let_go("one");
    }
    for run in [running, waiting, nobodys] {
        rig.reaches(run, State::Succeeded).await;
    }
    assert_eq!(world.tags().len(), 3);
    rig.stop().await;
}

/// The loop that looks for what is in nobody's memory finds nothing younger: who finds it sooner looked for this run.
const BEFORE_THE_LOOP: Duration = Duration::from_secs(12);

async fn is_run_soon(rig: Rig) {
    let entered = tokio::time::timeout(BEFORE_THE_LOOP, rig.world.entered(1)).await;
    assert!(entered.is_ok(), "nobody has found the run");
    rig.world.let_go("one");
    rig.stop().await;
}

/// A door is cut off while the disk stands still, for longer than reading looks for its run go on. What was in the writer's
/// hands is committed after all, and the last look, a write, finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_stalled_disk_stores_late_is_rescued() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let file = folder.path().join("hookmill.db");
    let mut config = Config::new(&format!("sqlite:{}", file.display())).unwrap();
    // Looks come at once, after 250 ms, and after 1,250 ms.
    config.db.limits.queue_age_max = Duration::from_secs(1);
    let rig = Rig::with_store(config, folder.path(), &world).await;
    let workflow = rig.publish(ONE_STEP).await;
    rig.worker.programs().get(workflow.id, workflow.revision).await.unwrap();
    stall::stall(&file, Duration::from_secs(2));
    rig.begin_accepting(workflow, "{}").await;
    is_run_soon(rig).await;
}

/// The same where several write: another one is not held up by the late write, so the last look comes after its time is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_a_stalled_server_stores_late_is_rescued() {
    let (url, folder) = (fresh_database().await, tempfile::tempdir().unwrap());
    let world = Arc::new(World::default());
    let mut config = Config::new(&url).unwrap();
    // Looks come at once, after 1.25 s, and after 6.25 s.
    let limits = &mut config.db.limits;
    (limits.queue_age_max, limits.connect_time_max) = (Duration::from_secs(1), Duration::from_secs(1));
    limits.write_time_max = Duration::from_secs(3);
    let rig = Rig::with_store(config, folder.path(), &world).await;
    let workflow = rig.publish(ONE_STEP).await;
    rig.worker.programs().get(workflow.id, workflow.revision).await.unwrap();
    let disk = connect(&url).await;
    disk.batch_execute("BEGIN; LOCK TABLE deliveries IN SHARE MODE").await.unwrap();
    rig.begin_accepting(workflow, "{}").await;
    // Two reading looks have found nothing by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    disk.batch_execute("COMMIT").await.unwrap();
    is_run_soon(rig).await;
}

/// A door that knows that nothing was stored makes nobody look for it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_looks_for_what_was_certainly_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let rig = Rig::start(folder.path(), &world).await;
    let workflow = rig.publish(ONE_STEP).await;
    // Stored all the same, to see that nobody does.
    let mut unused = Vec::new();
    for _ in 0..3 {
        unused.push(rig.accept_unused(workflow, "{}").await);
    }
    let doubted = rig.accept_without_hand_over(workflow, "{}").await;
    world.entered(1).await;
    for run in &unused {
        assert_ne!(rig.store.run(*run).await.unwrap().unwrap().epoch, 0, "nobody gave it back");
    }
    world.let_go("one");
    rig.reaches(doubted, State::Succeeded).await;
    rig.stop().await;
}

/// A run that ends while a second claim of it waits for its end is not run once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_ended_is_not_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let rig = Rig::start(folder.path(), &world).await;
    let workflow = rig.publish(ONE_STEP).await;
    let run = rig.accept(workflow, "{}").await;
    world.entered(1).await;
    let epoch = rig.store.run(run).await.unwrap().unwrap().epoch;
    rig.store.release_run(run, epoch).await.unwrap();
    // Whoever is started by hand is fetched, and what is free with it.
    let other = rig.worker.start_by_hand(workflow.id, hookmill_worker::Which::Latest, "{}".into()).await.unwrap();
    patience::until("the second claim", async || (rig.store.run(run).await.unwrap().unwrap().epoch == epoch).then_some(())).await;
    world.entered(2).await;
    world.let_go("one");
    rig.reaches(run, State::Succeeded).await;
    // What would come again would come before the other one has ended.
    world.let_go("one");
    rig.reaches(other, State::Succeeded).await;
    rig.stop().await;
    assert_eq!((world.ends(run), world.tags().len()), (1, 2));
}
