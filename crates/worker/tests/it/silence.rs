//! Writes that the database takes but whose answer is lost on the way: the line to PostgreSQL swallows it.

use std::sync::Arc;

use hookmill_store::runs::State;
use hookmill_testkit::line::{Line, number, text};
use hookmill_testkit::patience;
use hookmill_testkit::postgres::fresh_database;
use hookmill_worker::{Answered, Wants};

use crate::rig::{Rig, World};

async fn node() -> (tempfile::TempDir, Arc<World>, Line, Rig) {
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let line = Line::to(&fresh_database().await).await;
    let rig = Rig::on_postgres(line.url(), folder.path(), &world).await;
    (folder, world, line, rig)
}

/// The end of a run is stored and its answer lost: the refused repetition is recognised, who waits is told, and the run
/// behind it in its lane begins.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_stored_without_an_answer_counts() {
    let document = "
hookmill: 1
name: One step
triggers: [{ webhook: {} }]
settings: { lane: same }
steps: [{ use: probe, with: { tag: \"{{ webhook.n }}\", gate: one } }]
";
    let (_folder, world, line, rig) = node().await;
    let workflow = rig.publish(document).await;
    let first = rig.accept(workflow, r#"{"n": "1"}"#).await;
    let second = rig.accept(workflow, r#"{"n": "2"}"#).await;
    let mut waiter = rig.worker.wait_answer(first, Wants::End);
    world.entered(1).await;
    let mut lost = line.lose_answer(vec![number(first.0), text("succeeded")]);
    world.let_go("one");
    lost.caught().await;
    let answered = tokio::time::timeout(patience::SOON, waiter.answer()).await.unwrap();
    assert!(matches!(answered, Some(Answered::Finished(_))), "{answered:?}");
    world.entered(2).await;
    world.let_go("one");
    rig.reaches(second, State::Succeeded).await;
    assert_eq!(world.tags(), ["1", "2"]);
    rig.stop().await;
    assert_eq!((world.ends(first), world.ends(second)), (1, 1));
}

/// The claim of a run that somebody cancels is stored and its answer lost: the run can be cancelled all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_without_an_answer_is_given_back() {
    let document = "{hookmill: 1, name: Parks, triggers: [{webhook: {}}], steps: [{wait: 30d}]}";
    let (_folder, _world, line, rig) = node().await;
    let workflow = rig.publish(document).await;
    let run = rig.accept(workflow, "{}").await;
    rig.reaches(run, State::Waiting).await;
    let mut lost = line.lose_answer(vec![number(run.0), number(rig.store.node().0)]);
    let problem = rig.worker.cancel(run, "changed my mind".into()).await.unwrap_err();
    lost.caught().await;
    assert!(matches!(problem, hookmill_worker::Error::Store(_)), "{problem}");
    patience::until("the cancellation", async || rig.worker.cancel(run, "changed my mind".into()).await.ok()).await;
    rig.reaches(run, State::Cancelled).await;
    rig.stop().await;
}

/// A webhook whose accept nobody knows the result of keeps its place in the lane before the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_not_passed_on_past_an_accept_of_unknown_result() {
    let document = "
hookmill: 1
name: By customer
triggers: [{ webhook: {} }]
settings: { lane: \"{{ webhook.customer }}\" }
steps: [{ use: probe, with: { tag: \"{{ webhook.n }}\", gate: lane } }]
";
    let (_folder, world, line, rig) = node().await;
    let workflow = rig.publish(document).await;
    let first = rig.accept(workflow, r#"{"customer": "a", "n": "1"}"#).await;
    world.entered(1).await;
    let mut caught = line.catch_answer(vec![text(r#"{"customer": "a", "n": "2"}"#)]);
    let refused = line.refused();
    let (problem, ()) = tokio::join!(rig.accept_in_vain(workflow, r#"{"customer": "a", "n": "2"}"#), async {
        caught.caught().await;
        line.cut();
    });
    assert!(problem.is_transient(), "{problem}");
    // The look for what the accept may have left behind meets the line while it is cut.
    line.refuses(refused + 8).await;
    line.mend();
    let third =
        patience::until("an accept after the outage", async || rig.try_accept(workflow, r#"{"customer": "a", "n": "3"}"#).await)
            .await;
    for _ in 0..3 {
        world.let_go("lane");
    }
    for run in [first, third] {
        rig.reaches(run, State::Succeeded).await;
    }
    assert_eq!(world.tags(), ["1", "2", "3"]);
    rig.stop().await;
}
