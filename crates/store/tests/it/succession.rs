//! A node that is started again on its data folder goes on at once where its former life ended. PostgreSQL only: with
//! SQLite the lock of the folder is the ownership.

use std::path::Path;

use hookmill_store::buckets::BUCKETS;
use hookmill_store::{Config, Store};
use hookmill_testkit::postgres::fresh_database;

async fn open(database: &str, folder: &Path) -> Store {
    let config = Config::new(database).unwrap();
    Store::open(Config { folder: Some(folder.to_owned()), ..config }).await.unwrap()
}

fn now() -> hookmill_engine::time::Timestamp {
    hookmill_store::ids::system_clock()()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_life_owns_what_the_former_one_held() {
    let (database, folder) = (fresh_database().await, tempfile::tempdir().unwrap());
    let former = open(&database, folder.path()).await;
    let held = former.claim_buckets(BUCKETS, now()).await.unwrap();
    let slot = former.nodes().await.unwrap()[0].slot;
    // As a kill leaves it: nothing is given back but the lock of the folder.
    drop(former);

    let next = open(&database, folder.path()).await;
    let owned = next.owned_buckets().await.unwrap();
    assert_eq!(owned.count(), usize::from(BUCKETS), "without waiting for a lease");
    assert!((0..BUCKETS).all(|bucket| owned.epoch(bucket) > held.epoch(bucket)), "what the former one still sends meets no row");
    let nodes = next.nodes().await.unwrap();
    assert_eq!((nodes.len(), nodes[0].node, nodes[0].slot), (1, next.node(), slot), "the dead one counts no more");
    next.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_folder_and_a_folder_in_use_take_nothing_from_the_living() {
    let (database, folder) = (fresh_database().await, tempfile::tempdir().unwrap());
    let living = open(&database, folder.path()).await;
    living.claim_buckets(BUCKETS, now()).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    for path in [copy.path(), folder.path()] {
        let other = open(&database, path).await;
        assert_eq!(other.owned_buckets().await.unwrap().count(), 0);
        assert_eq!(other.claim_buckets(BUCKETS, now()).await.unwrap().count(), 0, "the lease holds");
        assert_eq!(living.renew_buckets(now()).await.unwrap().count(), usize::from(BUCKETS));
        other.close().await;
    }
    // The one that was only let in beside it is not taken for its former life.
    assert_eq!(living.nodes().await.unwrap().len(), 1);
    living.close().await;
}
