//! Retries, cancelling, time limits, limits on runs at once, secrets.

use std::sync::Arc;

use hookmill_store::runs::State;
use hookmill_worker::{Wants, Which};

use crate::rig::{Rig, World};

async fn rig(world: &Arc<World>) -> (tempfile::TempDir, Rig) {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::start(folder.path(), world).await;
    (folder, rig)
}

/// The action's own retry policy is used, and the attempts are counted.
#[tokio::test(flavor = "multi_thread")]
async fn failed_attempts_are_repeated() {
    let world = Arc::new(World::default());
    let (_folder, rig) = rig(&world).await;
    let text = "
hookmill: 1
name: Flaky
triggers: [{ webhook: {} }]
steps: [{ id: flaky, use: probe, with: { tag: flaky, fail_attempts: 2 } }]
";
    let workflow = rig.publish(text).await;
    let run = rig.accept(workflow, "{}").await;
    let row = rig.reaches(run, State::Succeeded).await;
    assert_eq!(row.output.as_deref(), Some(r#"{"tag":"flaky","attempt":3}"#));
    let keys = world.keys("flaky");
    assert!(keys.len() == 3 && keys.iter().all(|key| *key == keys[0]), "one key for all attempts: {keys:?}");
    rig.stop().await;
}

/// Cancelling works on a run that is executing, queued, and parked.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_cancelled_wherever_it_stands() {
    let world = Arc::new(World::default());
    let folder = tempfile::tempdir().unwrap();
    let config = hookmill_worker::Config { runs_at_once: 1, resident_wait: "0s".parse().unwrap(), ..Default::default() };
    let rig = Rig::start_with(folder.path(), &world, config).await;
    let parks = rig.publish("{hookmill: 1, name: Parks, triggers: [{webhook: {}}], steps: [{wait: 30d}]}").await;
    let parked = rig.accept(parks, "{}").await;
    rig.reaches(parked, State::Waiting).await;
    let text = "
hookmill: 1
name: Hangs
triggers: [{ webhook: {} }]
steps: [{ use: probe, with: { tag: hangs, gate: never } }]
";
    let hangs = rig.publish(text).await;
    let executing = rig.accept(hangs, "{}").await;
    world.entered(1).await;
    let queued = rig.accept(hangs, "{}").await;
    for run in [queued, executing, parked] {
        rig.worker.cancel(run, "changed my mind".into()).await.unwrap();
    }
    for run in [queued, executing, parked] {
        let row = rig.reaches(run, State::Cancelled).await;
        assert!(row.error.unwrap().contains("changed my mind"));
    }
    assert_eq!(world.tags(), ["hangs"], "the queued one never began");
    let again = rig.worker.cancel(executing, String::new()).await.unwrap_err();
    assert!(again.to_string().contains("cancelled already"), "{again}");
    rig.stop().await;
}

/// A run that takes longer than its workflow allows fails, in memory or parked.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_at_its_time_limit() {
    let world = Arc::new(World::default());
    let (_folder, rig) = rig(&world).await;
    for steps in ["[{ use: probe, with: { tag: slow, gate: never } }]", "[{ wait: 30d }]"] {
        let text =
            format!("{{hookmill: 1, name: Limited, triggers: [{{webhook: {{}}}}], settings: {{timeout: 50ms}}, steps: {steps}}}");
        let workflow = rig.publish(&text).await;
        let run = rig.accept(workflow, "{}").await;
        let row = rig.reaches(run, State::Failed).await;
        assert!(row.error.unwrap().contains("timed_out"));
    }
    rig.stop().await;
}

/// `concurrency` holds back runs of one workflow only.
#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_runs_as_many_at_once_as_it_may() {
    let world = Arc::new(World::default());
    let (_folder, rig) = rig(&world).await;
    let limited = "
hookmill: 1
name: Limited
triggers: [{ webhook: {} }]
settings: { concurrency: 2 }
steps: [{ use: probe, with: { tag: limited, gate: limited } }]
";
    let limited = rig.publish(limited).await;
    let free =
        rig.publish("{hookmill: 1, name: Free, triggers: [{webhook: {}}], steps: [{use: probe, with: {tag: free}}]}").await;
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(rig.accept(limited, "{}").await);
    }
    world.entered(2).await;
    let other = rig.accept(free, "{}").await;
    rig.reaches(other, State::Succeeded).await;
    assert_eq!(world.keys("limited").len(), 2, "the limit holds");
    for done in 3..=4 {
        world.let_go("limited");
        world.entered(done + 1).await;
    }
    world.let_go("limited");
    world.let_go("limited");
    for run in runs {
        rig.reaches(run, State::Succeeded).await;
    }
    rig.stop().await;
}

/// A secret reaches the action and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_do_not_reach_the_journal() {
    let world = Arc::new(World::default());
    let (_folder, rig) = rig(&world).await;
    let text = "
hookmill: 1
name: Secret
triggers: [{ webhook: {} }]
steps: [{ id: tell, use: probe, with: { tag: \"{{ secrets.token }}\" } }]
";
    let workflow = rig.publish(text).await;
    let run = rig.accept(workflow, "{}").await;
    let row = rig.reaches(run, State::Succeeded).await;
    assert_eq!(world.tags(), ["canary-secret"]);
    assert_eq!(row.output.as_deref(), Some(r#"{"tag":"***","attempt":1}"#));
    let journal = rig.store.journal(run).await.unwrap();
    assert!(journal.iter().all(|entry| !entry.entry.contains("canary")), "{journal:?}");
    rig.stop().await;
}

/// A caller who registered before the run was accepted is told its end; a run by hand is checked like a request.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_started_by_hand() {
    let world = Arc::new(World::default());
    let (_folder, rig) = rig(&world).await;
    let text = "
hookmill: 1
name: By hand
triggers: [{ webhook: { variables: { n: { type: number, required: true } } } }]
steps: [{ id: double, set: { twice: \"{{ webhook.n * 2 }}\" } }]
";
    let workflow = rig.publish(text).await;
    let run = rig.worker.start_by_hand(workflow.id, Which::Latest, r#"{"n": 21}"#.into()).await.unwrap();
    let row = rig.reaches(run, State::Succeeded).await;
    assert_eq!(row.output.as_deref(), Some(r#"{"twice":42}"#));
    let problem = rig.worker.start_by_hand(workflow.id, Which::Latest, "{}".into()).await.unwrap_err();
    assert!(problem.to_string().contains("variables"), "{problem}");
    let view = rig.worker.view(run).await.unwrap().unwrap();
    assert_eq!(view.steps.steps[0].output, Some(serde_json::json!({ "twice": 42 })));
    drop(rig.worker.wait_answer(run, Wants::End));
    rig.stop().await;
}

/// A branch that fails stops the attempts of its siblings, so that the run can end.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_branch_stops_its_siblings() {
    let world = Arc::new(World::default());
    let (_folder, rig) = rig(&world).await;
    let text = "
hookmill: 1
name: Branches
triggers: [{ webhook: {} }]
steps:
  - id: both
    try:
      - parallel:
          hangs: [{ use: probe, with: { tag: hangs, gate: never } }]
          fails: [{ use: probe, with: { tag: fails, gate: fails, fail_attempts: 9 }, retry: { attempts: 1 } }]
    catch: [{ id: caught, set: { why: \"{{ error.code }}\" } }]
";
    let workflow = rig.publish(text).await;
    let run = rig.accept(workflow, "{}").await;
    world.entered(2).await;
    world.let_go("fails");
    let row = rig.reaches(run, State::Succeeded).await;
    assert_eq!(row.output.as_deref(), Some(r#"{"why":"probe_failed"}"#));
    let journal = rig.store.journal(run).await.unwrap();
    assert_eq!(journal.len(), 1, "the stopped attempt left nothing: {journal:?}");
    rig.stop().await;
}
