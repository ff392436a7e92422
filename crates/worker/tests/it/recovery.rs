//! What a run finds when its node died at the worst moment.

use std::sync::Arc;

use hookmill_engine::run::Resolution;
use hookmill_store::runs::State;
use hookmill_worker::{Clock, SystemClock};
use serde_json::json;

use crate::rig::{Rig, World};

const TWO_STEPS: &str = "
hookmill: 1
name: Two steps
triggers: [{ webhook: {} }]
steps:
  - { id: first, use: probe, with: { tag: first } }
  - { id: second, use: probe, with: { tag: second, gate: second } }
";

/// The process dies while the second step is under way: the first is not run again, the second is, with the same key.
#[tokio::test(flavor = "multi_thread")]
async fn completed_steps_are_not_run_again_and_repeats_carry_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let before = Rig::start(folder.path(), &world).await;
    let workflow = before.publish(TWO_STEPS).await;
    let run = before.accept(workflow, "{}").await;
    world.entered(2).await;
    before.die().await;

    let after = Rig::start(folder.path(), &world).await;
    world.entered(3).await;
    world.let_go("second");
    let row = after.reaches(run, State::Succeeded).await;
    assert_eq!(world.tags(), ["first", "second", "second"]);
    let keys = world.keys("second");
    assert_eq!(keys[0], keys[1]);
    assert_eq!(row.output.as_deref(), Some(r#"{"tag":"second","attempt":1}"#));
    after.stop().await;
}

/// An accepted run that never started is run by the next process.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_but_not_begun_is_run_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let config = hookmill_worker::Config { runs_at_once: 1, ..Default::default() };
    let before = Rig::start_with(folder.path(), &world, config).await;
    let workflow = before.publish(TWO_STEPS).await;
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(before.accept(workflow, "{}").await);
    }
    world.entered(2).await;
    before.die().await;

    for _ in 0..5 {
        world.let_go("second");
    }
    let after = Rig::start(folder.path(), &world).await;
    for run in runs {
        after.reaches(run, State::Succeeded).await;
    }
    assert_eq!(world.keys("first").len(), 5, "each first step ran once: {:?}", world.tags());
    after.stop().await;
}

/// A step that must not be repeated blindly asks after a crash, and goes on as it is told.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_asks_and_is_not_repeated() {
    let text = "
hookmill: 1
name: Pay
triggers: [{ webhook: {} }]
steps:
  - { id: pay, use: probe, with: { tag: pay, gate: pay, once: true } }
  - { id: after, use: probe, with: { tag: after } }
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let before = Rig::start(folder.path(), &world).await;
    let workflow = before.publish(text).await;
    let run = before.accept(workflow, "{}").await;
    world.entered(1).await;
    before.die().await;

    let after = Rig::start(folder.path(), &world).await;
    after.reaches(run, State::Asking).await;
    assert_eq!(world.tags(), ["pay"]);
    let view = after.worker.view(run).await.unwrap().unwrap();
    let step = view.steps.steps.iter().find(|step| step.id.as_deref() == Some("pay")).unwrap();
    assert_eq!(step.state, hookmill_engine::run::StepState::Asking);
    after.worker.resolve(run, step.at.clone(), Resolution::TakeAsDone { output: json!({ "paid": true }) }).await.unwrap();
    after.reaches(run, State::Succeeded).await;
    assert_eq!(world.tags(), ["pay", "after"]);
    after.stop().await;
}

/// A wait survives the restart and ends at its time.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_survives_a_restart() {
    let text = "
hookmill: 1
name: Later
triggers: [{ webhook: {} }]
steps:
  - { id: pause, wait: 1s }
  - { id: after, use: probe, with: { tag: after } }
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    // No wait is spent in memory.
    let config = hookmill_worker::Config { resident_wait: "0s".parse().unwrap(), ..Default::default() };
    let before = Rig::start_with(folder.path(), &world, config.clone()).await;
    let workflow = before.publish(text).await;
    let run = before.accept(workflow, "{}").await;
    let row = before.reaches(run, State::Waiting).await;
    before.die().await;

    let after = Rig::start_with(folder.path(), &world, config).await;
    let ended = after.reaches(run, State::Succeeded).await;
    assert!(ended.finished_at >= row.due_at, "it ended before its wait was over");
    assert_eq!(world.tags(), ["after"]);
    after.stop().await;
}

/// An orderly stop lets what is under way end, and what has not begun is taken up by the next process.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let before = Rig::start(folder.path(), &world).await;
    let workflow = before.publish(TWO_STEPS).await;
    let run = before.accept(workflow, "{}").await;
    world.entered(2).await;
    let stop = tokio::spawn(before.stop());
    world.let_go("second");
    stop.await.unwrap();

    let after = Rig::start(folder.path(), &world).await;
    after.reaches(run, State::Succeeded).await;
    assert_eq!(world.tags(), ["first", "second"], "nothing was repeated");
    after.stop().await;
}

/// More runs than fit in memory: all of them run, the oldest first.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_in_memory_is_fetched_later() {
    let text = "
hookmill: 1
name: Many
triggers: [{ webhook: {} }]
steps:
  - { use: probe, with: { tag: \"{{ webhook.n }}\", gate: many } }
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let config = hookmill_worker::Config { runs_at_once: 2, queue_runs_max: 8, ..Default::default() };
    let rig = Rig::start_with(folder.path(), &world, config).await;
    let workflow = rig.publish(text).await;
    let mut runs = Vec::new();
    for n in 0..60 {
        runs.push(rig.accept(workflow, &format!("{{\"n\": \"{n:02}\"}}")).await);
    }
    for _ in 0..60 {
        world.let_go("many");
    }
    for run in runs {
        rig.reaches(run, State::Succeeded).await;
    }
    let mut tags = world.tags();
    assert_eq!(tags.len(), 60);
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 60, "none ran twice");
    rig.stop().await;
}

/// A caller that is cut off between the commit and the hand-over leaves no run behind that nobody has.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_stored_but_not_handed_over_runs_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let rig = Rig::start(folder.path(), &world).await;
    let workflow = rig.publish(TWO_STEPS).await;
    let run = rig.accept_without_hand_over(workflow, "{}").await;
    world.entered(2).await;
    world.let_go("second");
    rig.reaches(run, State::Succeeded).await;
    rig.stop().await;
}

/// A wait that ends while there is no room in memory ends as soon as there is, without anybody asking.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_ends_while_memory_is_full_is_not_forgotten() {
    let waits = "{hookmill: 1, name: Waits, triggers: [{webhook: {}}], steps: [{wait: 600ms}]}";
    let hangs = "
hookmill: 1
name: Hangs
triggers: [{ webhook: {} }]
steps: [{ use: probe, with: { tag: hangs, gate: hangs } }]
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let resident_wait = "0s".parse().unwrap();
    let config = hookmill_worker::Config { runs_at_once: 1, queue_runs_max: 4, resident_wait, ..Default::default() };
    let rig = Rig::start_with(folder.path(), &world, config).await;
    let waits = rig.publish(waits).await;
    let waiting = rig.accept(waits, "{}").await;
    rig.reaches(waiting, State::Waiting).await;
    let hangs = rig.publish(hangs).await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(rig.accept(hangs, "{}").await);
    }
    world.entered(1).await;
    let due = rig.store.run(waiting).await.unwrap().unwrap().due_at.unwrap();
    while SystemClock.now() <= due {
        tokio::task::yield_now().await;
    }
    for _ in 0..4 {
        world.let_go("hangs");
    }
    rig.reaches(waiting, State::Succeeded).await;
    for run in runs {
        rig.reaches(run, State::Succeeded).await;
    }
    rig.stop().await;
}
