//! Backups while the database is in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hookmill_store::Error;
use hookmill_store::db::{Batch, Target};

use crate::db::place::{Place, THINGS, ids, thing};

/// The copy is of one moment, can be opened, and the writers were not stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::sqlite();
    let db = place.open().await;
    let mut large = Batch::new();
    for id in 0..8i64 {
        large.insert(&THINGS, [id.into(), "large".into(), vec![id as u8; 1 << 20].into()]);
    }
    db.write(large).await.unwrap();
    let writer = tokio::spawn({
        let db = db.clone();
        async move {
            let mut id = 100;
            while db.write(thing(id)).await.is_ok() {
                id += 1;
            }
            id
        }
    });
    let reports = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&reports);
    let target = folder.path().join("copy.db");
    db.back_up(&target, move |progress| {
        assert!(progress.done <= progress.total);
        told.fetch_add(1, Ordering::Relaxed);
    })
    .await
    .unwrap();
    assert!(reports.load(Ordering::Relaxed) > 1, "8 MiB are several steps");
    assert!(matches!(db.back_up(&target, |_| {}).await, Err(Error::Invalid(_))), "nothing is overwritten");
    db.close().await;
    let last = writer.await.unwrap();

    let copy = Place::at(Target::Sqlite(target)).open().await;
    let found = ids(&copy).await;
    let (large, small) = found.split_at(8);
    assert_eq!(large, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert!(small.iter().copied().eq((100..last).take(small.len())), "a beginning of what was written, without gaps");
}

#[tokio::test]
async fn postgres_is_sent_to_its_own_tools() {
    let db = Place::postgres().await.open().await;
    let error = db.back_up(std::path::Path::new("/tmp/never-made"), |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("pg_dump"), "{error}");
}
