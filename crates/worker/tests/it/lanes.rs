//! Order within a lane, whatever happens around it.

use std::sync::Arc;

use hookmill_engine::id::RunId;
use hookmill_store::runs::State;
use hookmill_worker::{Config, From, Which};

use crate::rig::{Rig, World};

const BY_CUSTOMER: &str = "
hookmill: 1
name: By customer
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.customer }}\" }
steps:
  - { use: probe, with: { tag: \"{{ webhook.customer }}{{ webhook.n }}\", gate: \"{{ webhook.customer }}\" } }
";

async fn accept_all(rig: &Rig, text: &str, calls: &[(&str, u32)]) -> Vec<RunId> {
    let workflow = rig.publish(text).await;
    let mut runs = Vec::new();
    for (customer, n) in calls {
        runs.push(rig.accept(workflow, &format!("{{\"customer\": \"{customer}\", \"n\": {n}}}")).await);
    }
    runs
}

/// One lane does not hold up the other, and within a lane the order is that of acceptance.
#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_lane_go_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let rig = Rig::start(folder.path(), &world).await;
    let runs = accept_all(&rig, BY_CUSTOMER, &[("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2)]).await;
    world.entered(2).await;
    let mut first = world.tags();
    first.sort();
    assert_eq!(first, ["a1", "b1"]);
    world.let_go("b");
    world.entered(3).await;
    assert_eq!(world.tags()[2], "b2", "lane a is still held by its first run");
    world.let_go("b");
    for _ in 0..3 {
        world.let_go("a");
    }
    for run in runs {
        rig.reaches(run, State::Succeeded).await;
    }
    let of_a: Vec<String> = world.tags().into_iter().filter(|tag| tag.starts_with('a')).collect();
    assert_eq!(of_a, ["a1", "a2", "a3"]);
    rig.stop().await;
}

/// A run that waits in the database still holds its lane, also over a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_parked_run_holds_its_lane_over_a_restart() {
    let text = "
hookmill: 1
name: Slow lane
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.customer }}\" }
steps:
  - if: \"{{ webhook.n == 1 }}\"
    then: [{ wait: 1500ms }]
  - { use: probe, with: { tag: \"{{ webhook.customer }}{{ webhook.n }}\" } }
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let config = Config { resident_wait: "0s".parse().unwrap(), ..Default::default() };
    let before = Rig::start_with(folder.path(), &world, config.clone()).await;
    let runs = accept_all(&before, text, &[("a", 1), ("a", 2), ("a", 3)]).await;
    before.reaches(runs[0], State::Waiting).await;
    before.die().await;
    let after = Rig::start_with(folder.path(), &world, config).await;
    for run in &runs {
        after.reaches(*run, State::Succeeded).await;
    }
    assert_eq!(world.tags(), ["a1", "a2", "a3"]);
    after.stop().await;
}

/// A failed run stops its lane if the workflow says so, until it is rerun.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_parks_its_lane_if_so_chosen() {
    let text = "
hookmill: 1
name: Strict
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.customer }}\", park_lane_on_failure: true }
steps:
  - if: \"{{ webhook.n == 1 }}\"
    then: [{ stop: { failure: first one fails } }]
  - { use: probe, with: { tag: \"{{ webhook.customer }}{{ webhook.n }}\" } }
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let rig = Rig::start(folder.path(), &world).await;
    let runs = accept_all(&rig, text, &[("a", 1), ("a", 2), ("b", 2)]).await;
    rig.reaches(runs[0], State::Failed).await;
    rig.reaches(runs[2], State::Succeeded).await;
    assert_eq!(rig.store.run(runs[1]).await.unwrap().unwrap().state, State::Ready, "the lane is parked");
    rig.worker.cancel(runs[0], "give up".into()).await.unwrap();
    rig.reaches(runs[1], State::Succeeded).await;
    rig.stop().await;
}

/// A rerun from the failed step takes over what was done before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_begins_at_the_failed_step_or_at_the_start() {
    let text = "
hookmill: 1
name: Fails once
triggers: [{ webhook: {} }]
steps:
  - { id: first, use: probe, with: { tag: first } }
  - { id: second, use: probe, with: { tag: second, fail_attempts: 1 }, retry: { attempts: 1 } }
";
    let mended = text.replace("fail_attempts: 1", "fail_attempts: 0");
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let rig = Rig::start(folder.path(), &world).await;
    let workflow = rig.publish(text).await;
    let run = rig.accept(workflow, "{}").await;
    rig.reaches(run, State::Failed).await;
    rig.publish(&mended).await;
    let again = rig.worker.rerun(run, From::Failed, Which::Latest).await.unwrap();
    let row = rig.reaches(again, State::Succeeded).await;
    assert_eq!((row.origin, row.revision), (Some(run), 2));
    assert_eq!(world.tags(), ["first", "second", "second"]);
    let whole = rig.worker.rerun(run, From::Start, Which::Same).await.unwrap();
    rig.reaches(whole, State::Failed).await;
    assert_eq!(world.tags()[3..], ["first", "second"]);
    let problem = rig.worker.rerun(again, From::Failed, Which::Same).await.unwrap_err();
    assert!(problem.to_string().contains("no failed step"), "{problem}");
    rig.stop().await;
}

/// A run that waits for its lane in the database can be cancelled; it does not wait for the holder's end.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_its_lane_can_be_cancelled() {
    let text = "
hookmill: 1
name: Held up
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.customer }}\" }
steps: [{ wait: 30d }]
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let config = Config { resident_wait: "0s".parse().unwrap(), ..Default::default() };
    let rig = Rig::start_with(folder.path(), &world, config).await;
    let runs = accept_all(&rig, text, &[("a", 1), ("a", 2), ("a", 3)]).await;
    rig.reaches(runs[0], State::Waiting).await;
    rig.worker.cancel(runs[1], "not any more".into()).await.unwrap();
    rig.reaches(runs[1], State::Cancelled).await;
    rig.worker.cancel(runs[0], "nor this".into()).await.unwrap();
    rig.reaches(runs[0], State::Cancelled).await;
    rig.reaches(runs[2], State::Waiting).await;
    rig.stop().await;
}

/// The key of a lane is bounded, in bytes: the indexes of both databases hold it.
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_has_a_key_of_512_bytes_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let rig = Rig::start(folder.path(), &world).await;
    let workflow = rig.publish(&BY_CUSTOMER.replace(", gate: \"{{ webhook.customer }}\"", "")).await;
    let start = async |customer: &str| {
        let input = serde_json::json!({ "customer": customer, "n": 1 }).to_string();
        rig.worker.start_by_hand(workflow.id, Which::Latest, input).await
    };
    for fits in ["a".repeat(512), "ü".repeat(256)] {
        let run = start(&fits).await.unwrap();
        let row = rig.reaches(run, State::Succeeded).await;
        assert_eq!(row.lane, Some(fits));
    }
    for too_long in ["a".repeat(513), "ü".repeat(257)] {
        let problem = start(&too_long).await.unwrap_err();
        assert!(problem.to_string().contains("settings.lane gives more than 512 bytes"), "{problem}");
    }
    rig.stop().await;
}

/// A rerun keeps the start of the run that it goes on from, but may take its full time from when it was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn the_time_limit_of_a_rerun_begins_with_the_rerun() {
    let text = "
hookmill: 1
name: Limited
triggers: [{ webhook: {} }]
settings: { timeout: 10m }
steps:
  - { id: first, use: probe, with: { tag: first } }
  - { id: second, use: probe, with: { tag: second, fail_attempts: 1, gate: second }, retry: { attempts: 1 } }
  - { wait: 50ms }
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let rig = Rig::start(folder.path(), &world).await;
    let workflow = rig.publish(text).await;
    let run = rig.accept(workflow, "{}").await;
    world.let_go("second");
    let failed = rig.reaches(run, State::Failed).await;
    rig.publish(&text.replace("fail_attempts: 1", "fail_attempts: 0")).await;
    world.clock.advance(std::time::Duration::from_secs(3_600));
    let again = rig.worker.rerun(run, From::Failed, Which::Latest).await.unwrap();
    world.entered(3).await;
    world.let_go("second");
    let row = rig.reaches(again, State::Succeeded).await;
    assert_eq!(row.started_at, failed.started_at);
    assert_eq!(world.tags(), ["first", "second", "second"]);
    rig.stop().await;
}

/// Who waits for its lane in the database is not overtaken by one that was accepted later and waits in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_does_not_overtake_those_that_wait_in_the_database() {
    let text = "
hookmill: 1
name: By customer
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.customer }}\" }
steps:
  - if: \"{{ webhook.n == 1 }}\"
    then: [{ wait: 300ms }]
  - { use: probe, with: { tag: \"{{ webhook.customer }}{{ webhook.n }}\", gate: lane } }
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let config = Config { resident_wait: "0s".parse().unwrap(), ..Default::default() };
    let rig = Rig::start_with(folder.path(), &world, config).await;
    let workflow = rig.publish(text).await;
    let accept = async |n: u32| rig.accept(workflow, &format!("{{\"customer\": \"a\", \"n\": {n}}}")).await;
    let first = accept(1).await;
    rig.reaches(first, State::Waiting).await;
    let second = accept(2).await;
    world.entered(1).await;
    let third = accept(3).await;
    for _ in 0..3 {
        world.let_go("lane");
    }
    for run in [first, second, third] {
        rig.reaches(run, State::Succeeded).await;
    }
    assert_eq!(world.tags(), ["a1", "a2", "a3"]);
    rig.stop().await;
}

/// After a restart the holder of a lane is often claimed after those that it holds up, because it became due later. It goes
/// on all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_claimed_after_its_followers_goes_on() {
    let text = "
hookmill: 1
name: By customer
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.customer }}\" }
steps:
  - { id: one, use: probe, with: { tag: \"{{ webhook.n }}.1\", gate: one } }
  - { id: two, use: probe, with: { tag: \"{{ webhook.n }}.2\", gate: two } }
";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let before = Rig::start(folder.path(), &world).await;
    let runs = accept_all(&before, text, &[("a", 1), ("a", 2), ("a", 3)]).await;
    world.entered(1).await;
    world.let_go("one");
    world.entered(2).await;
    before.die().await;

    let after = Rig::start(folder.path(), &world).await;
    for _ in 0..3 {
        world.let_go("one");
        world.let_go("two");
    }
    let all = async {
        for run in &runs {
            after.reaches(*run, State::Succeeded).await;
        }
    };
    // The rescue loop leaves a run alone until it was due for 15 seconds.
    tokio::time::timeout(std::time::Duration::from_secs(13), all).await.expect("nobody has to be rescued");
    assert_eq!(world.tags(), ["1.1", "1.2", "1.2", "2.1", "2.2", "3.1", "3.2"]);
    after.stop().await;
}
