//! Taking runs out of the database: when it is asked, and what happens when it does not answer.

use std::sync::Arc;

use hookmill_store::runs::State;
use hookmill_testkit::patience;
use hookmill_testkit::postgres::{connect, fresh_database};

use crate::rig::{Rig, World};

/// While a run is parked the database is left in peace until the run is due.
#[tokio::test(flavor = "multi_thread")]
async fn a_parked_run_does_not_keep_the_fetch_loop_busy() {
    let parks = "{hookmill: 1, name: Parks, triggers: [{webhook: {}}], steps: [{wait: 30d}]}";
    let naps = "{hookmill: 1, name: Naps, triggers: [{webhook: {}}], steps: [{wait: 700ms}]}";
    let folder = tempfile::tempdir().unwrap();
    let world = Arc::new(World::default());
    let config = hookmill_worker::Config { resident_wait: "0s".parse().unwrap(), ..Default::default() };
    let rig = Rig::start_with(folder.path(), &world, config).await;
    let parks = rig.publish(parks).await;
    let naps = rig.publish(naps).await;
    let parked = rig.accept(parks, "{}").await;
    rig.reaches(parked, State::Waiting).await;
    let napping = rig.accept(naps, "{}").await;
    rig.reaches(napping, State::Waiting).await;
    let before = world.clock.asked();
    rig.reaches(napping, State::Succeeded).await;
    // A look at the database asks for the time at least once.
    let asked = world.clock.asked() - before;
    assert!(asked < 100, "the clock was asked {asked} times while a run took a nap");
    rig.stop().await;
}

/// A run whose journal or whose revision cannot be read for a while waits, and does not fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_what_cannot_be_read_now() {
    let text = "
hookmill: 1
name: Two steps
triggers: [{ webhook: {} }]
steps:
  - { id: first, use: probe, with: { tag: first } }
  - { id: second, use: probe, with: { tag: second, gate: second } }
";
    for table in ["journal", "revisions"] {
        let folder = tempfile::tempdir().unwrap();
        let world = Arc::new(World::default());
        let url = fresh_database().await;
        let before = Rig::on_postgres(&url, folder.path(), &world).await;
        let workflow = before.publish(text).await;
        let run = before.accept(workflow, "{}").await;
        world.entered(2).await;
        before.die().await;

        let in_the_way = connect(&url).await;
        in_the_way.batch_execute(&format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await.unwrap();
        let after = Rig::on_postgres(&url, folder.path(), &world).await;
        // Reads that waited for the lock and were given up, then tried again.
        for expected in [true, false, true] {
            patience::until(&format!("a read of {table} that waits: {expected}"), async || {
                let asked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass";
                let waiting: i64 = in_the_way.query_one(asked, &[&table]).await.unwrap().get(0);
                ((waiting > 0) == expected).then_some(())
            })
            .await;
        }
        in_the_way.batch_execute("ROLLBACK").await.unwrap();
        world.entered(3).await;
        world.let_go("second");
        after.reaches(run, State::Succeeded).await;
        assert_eq!(world.tags(), ["first", "second", "second"], "{table}");
        after.stop().await;
    }
}
