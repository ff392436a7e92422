//! Files live as long as the run that owns them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hookmill_actions::{FileLimits, FileStore, FolderFiles, NewFile};
use hookmill_engine::id::RunId;
use hookmill_engine::time::Span;
use hookmill_store::runs::State;
use hookmill_worker::{Config, Keep, Retention};

use crate::rig::{Rig, World};

async fn file_of(run: RunId, folder: &Path) -> String {
    let files = FolderFiles::open(folder.join("files"), FileLimits::default()).unwrap();
    let about = NewFile { run, name: "a.txt".into(), media_type: "text/plain".into() };
    let mut writer = files.create(about).await.unwrap();
    writer.write(b"content").await.unwrap();
    writer.finish().await.unwrap().id
}

fn exists(run: RunId, folder: &Path) -> bool {
    folder.join("files").join(run.to_string()).exists()
}

/// Retention removes the files of the runs that it deletes, and files without a run; those of a run that stays do.
#[tokio::test(flavor = "multi_thread")]
async fn files_go_with_their_run() {
    let (folder, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let retention = Retention { runs: Keep::For(Span(3_600_000)), ..Retention::default() };
    let rig = Rig::start_with(folder.path(), &world, Config { retention, ..Config::default() }).await;
    let ends = rig.publish("{hookmill: 1, name: Ends, triggers: [{webhook: {}}], steps: [{use: probe, with: {tag: a}}]}").await;
    let parks = rig.publish("{hookmill: 1, name: Parks, triggers: [{webhook: {}}], steps: [{wait: 30d}]}").await;
    let (ended, parked) = (rig.accept(ends, "{}").await, rig.accept(parks, "{}").await);
    rig.reaches(ended, State::Succeeded).await;
    rig.reaches(parked, State::Waiting).await;
    let orphan = RunId(rig.store.next_id());
    for run in [ended, parked, orphan] {
        file_of(run, folder.path()).await;
    }
    rig.worker.prune().await.unwrap();
    let there = [ended, parked, orphan].map(|run| exists(run, folder.path()));
    assert_eq!(there, [true, true, false], "the run of the last one was never stored");

    world.clock.advance(Duration::from_secs(7_200));
    rig.worker.prune().await.unwrap();
    assert!(rig.store.run(ended).await.unwrap().is_none());
    assert_eq!([ended, parked].map(|run| exists(run, folder.path())), [false, true]);
    rig.stop().await;
}
