//! Everything is bounded: what waits, how long it waits, how long and how much is read.

use std::time::Duration;

use hookmill_store::db::{Batch, Db};
use hookmill_store::{Error, args};

use crate::db::place::{COUNT_THINGS, Place, THINGS, count, on_both, thing};

on_both!(
    too_many_waiting_are_refused_at_once,
    what_waited_too_long_is_refused,
    a_slow_read_ends_in_its_time,
    a_large_answer_is_refused,
);

const SLOW: &str = "
    WITH RECURSIVE count (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM count WHERE n < $1)
    SELECT CAST(COUNT(*) AS BIGINT) FROM count";

/// Refused means not written, and everything else is.
async fn too_many_waiting_are_refused_at_once(place: Place) {
    let mut config = place.config();
    config.limits.queue_batches = 10;
    config.limits.group_batches = 1;
    let db = Db::open(config).await.unwrap();
    let mut pending = Vec::new();
    let mut refused = 0;
    for id in 0..2_000 {
        match db.submit(thing(id)) {
            Ok(one) => pending.push(one),
            Err(Error::Overloaded { retry_after_ms }) => {
                assert!(retry_after_ms > 0);
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0, "2000 at once fit nowhere");
    let accepted = pending.len();
    for one in pending {
        one.await.unwrap();
    }
    assert_eq!(count(&db, COUNT_THINGS).await as usize, accepted);
}

async fn what_waited_too_long_is_refused(place: Place) {
    let mut config = place.config();
    config.limits.queue_age_max = Duration::ZERO;
    let db = Db::open(config).await.unwrap();
    assert!(matches!(db.write(thing(1)).await.unwrap_err(), Error::Unavailable { .. }));
    db.close().await;
    assert_eq!(count(&place.open().await, COUNT_THINGS).await, 0);
}

async fn a_slow_read_ends_in_its_time(place: Place) {
    let db = place.open().await;
    let error = db.read_within(Duration::from_millis(50), SLOW, args![1_000_000_000_000i64]).await.unwrap_err();
    assert_eq!(error, Error::Unavailable { why: "the query took longer than 50 ms".into() });
    assert_eq!(db.read(SLOW, args![10]).await.unwrap()[0].int(0).unwrap(), 10, "the reader goes on");
}

async fn a_large_answer_is_refused(place: Place) {
    let mut config = place.config();
    config.limits.read_rows_max = 3;
    let db = Db::open(config).await.unwrap();
    let mut batch = Batch::new();
    for id in 0..4i64 {
        batch.insert(&THINGS, [id.into(), "x".into(), hookmill_store::db::Arg::Null]);
    }
    db.write(batch).await.unwrap();
    assert!(matches!(db.read("SELECT id FROM things", args![]).await.unwrap_err(), Error::Invalid(_)));
    assert_eq!(db.read("SELECT id FROM things WHERE id < 3", args![]).await.unwrap().len(), 3);
}
