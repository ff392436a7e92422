//! What a write and a read do, the same on both databases.

use bytes::Bytes;
use hookmill_store::db::{Arg, Batch, Expect, Value};
use hookmill_store::{Error, args};

use crate::db::place::{ALL_THINGS, COUNT_THINGS, COUNTERS, NAMES, NAMES_ONCE, Place, THINGS, count, ids, on_both, one, thing};

on_both!(
    values_come_back_as_they_went_in,
    the_order_within_a_batch_is_kept,
    a_failed_expectation_undoes_its_own_batch_only,
    what_a_failed_batch_would_have_taken_is_free_for_others,
    a_taken_unique_value_is_a_conflict,
    ignored_conflicts_leave_the_first_row,
    returned_rows_and_counts_belong_to_their_statement,
    parameters_are_numbered_and_not_counted,
    nonsense_is_invalid_and_harms_nobody,
    many_at_once_are_each_answered_rightly,
    closing_works_off_what_was_taken_in,
    a_batch_of_nothing_is_written,
);

/// Every kind of value, at its edges, hostile ones included.
async fn values_come_back_as_they_went_in(place: Place) {
    let db = place.open().await;
    let large: Bytes = (0..5 << 20).map(|at: u32| (at % 251) as u8).collect::<Vec<u8>>().into();
    let names = [Some("ü 🦀 ' \" $1 ; --"), Some(""), None, Some("a\0b")];
    let bodies = [Some(Bytes::from_static(b"\0\xff\x80")), Some(Bytes::new()), None, Some(large)];
    let mut batch = Batch::new();
    for (id, (name, body)) in [i64::MIN, 0, 1, i64::MAX].into_iter().zip(names.iter().zip(&bodies)) {
        batch.insert(&THINGS, [id.into(), (*name).into(), body.clone().into()]);
    }
    db.write(batch).await.unwrap();
    let rows = db.read(ALL_THINGS, args![]).await.unwrap();
    let found: Vec<Option<&str>> = rows.iter().map(|row| row.opt_text(1).unwrap()).collect();
    // A NUL cannot be stored in a text of PostgreSQL, so on both it becomes the replacement character.
    assert_eq!(found, [Some("ü 🦀 ' \" $1 ; --"), Some(""), None, Some("a\u{FFFD}b")]);
    let found: Vec<Option<Bytes>> = rows.iter().map(|row| row.opt_bytes(2).unwrap()).collect();
    assert_eq!(found, bodies);
    assert_eq!(ids(&db).await, [i64::MIN, 0, 1, i64::MAX]);
    let by_name = db.read("SELECT id FROM things WHERE name = $1", args!["a\0b".to_owned()]).await;
    assert_eq!(one(by_name).int(0).unwrap(), i64::MAX, "what is asked for is treated like what is stored");
    assert!(matches!(rows[0].int(1), Err(Error::Corrupt { .. })), "a text is no integer");
}

/// Inserts after statements, statements after inserts.
async fn the_order_within_a_batch_is_kept(place: Place) {
    let db = place.open().await;
    let mut batch = Batch::new();
    batch
        .insert(&COUNTERS, [1.into(), 10.into()])
        .execute("UPDATE counters SET n = n + 1 WHERE id = $1", args![1], Expect::Exactly(1))
        .insert(&COUNTERS, [2.into(), 20.into()])
        .execute("DELETE FROM counters WHERE id = $1", args![1], Expect::Exactly(1))
        .insert(&COUNTERS, [1.into(), 30.into()])
        .execute("UPDATE counters SET n = n * 2", args![], Expect::Exactly(2));
    db.write(batch).await.unwrap();
    let rows = db.read("SELECT id, n FROM counters ORDER BY id", args![]).await.unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.int(0).unwrap(), row.int(1).unwrap())).collect();
    assert_eq!(found, [(1, 60), (2, 40)]);
}

/// Of batches that are committed together only the bad one fails, wholly.
async fn a_failed_expectation_undoes_its_own_batch_only(place: Place) {
    let db = place.open().await;
    db.write(thing(1)).await.unwrap();
    let mut bad = thing(2);
    bad.execute("UPDATE things SET name = $2 WHERE id = $1", args![1, "changed"], Expect::Exactly(1)).execute(
        "DELETE FROM things WHERE id = $1",
        args![99],
        Expect::AtLeast(1),
    );
    let pending = [db.submit(thing(3)).unwrap(), db.submit(bad).unwrap(), db.submit(thing(4)).unwrap()];
    let mut results = Vec::new();
    for one in pending {
        results.push(one.await.map(drop));
    }
    assert_eq!(results, [Ok(()), Err(Error::Conflict { statement: 2 }), Ok(())]);
    assert_eq!(ids(&db).await, [1, 3, 4]);
    assert_eq!(one(db.read("SELECT name FROM things WHERE id = 1", args![]).await).text(0).unwrap(), "thing 1");
}

/// Of two batches that want the same name the first fails for want of another one: the second gets it.
async fn what_a_failed_batch_would_have_taken_is_free_for_others(place: Place) {
    const TAKE: &str = "INSERT INTO names (name, n) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let db = place.open().await;
    let taking = |names: &[&'static str]| {
        let mut batch = Batch::new();
        for name in names {
            batch.execute(TAKE, args![*name, 1], Expect::Exactly(1));
        }
        batch
    };
    db.write(taking(&["z"])).await.unwrap();
    for round in 0..20 {
        db.write(Batch::new()).await.unwrap();
        let pending = [
            db.submit(thing(2 * round)).unwrap(),
            db.submit(taking(&["a", "z"])).unwrap(),
            db.submit(taking(&["a"])).unwrap(),
            db.submit(taking(&["a"])).unwrap(),
            db.submit(thing(2 * round + 1)).unwrap(),
        ];
        let [first, failed, one, two, last] = futures_util::future::join_all(pending).await.try_into().unwrap();
        assert!(first.is_ok() && last.is_ok());
        assert!(matches!(failed.unwrap_err(), Error::Conflict { .. }));
        assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|taken| **taken).count(), 1, "one of the two has it");
        db.write({
            let mut batch = Batch::new();
            batch.execute("DELETE FROM names WHERE name = $1", args!["a"], Expect::Exactly(1));
            batch
        })
        .await
        .unwrap();
    }
    assert_eq!(ids(&db).await, (0..40).collect::<Vec<_>>());
}

async fn a_taken_unique_value_is_a_conflict(place: Place) {
    let db = place.open().await;
    db.write(thing(1)).await.unwrap();
    let mut batch = Batch::new();
    batch.insert(&COUNTERS, [1.into(), 1.into()]).insert(&THINGS, [1.into(), Arg::Null, Arg::Null]);
    assert_eq!(db.write(batch).await.unwrap_err(), Error::Conflict { statement: 1 });
    assert_eq!(count(&db, "SELECT COUNT(*) FROM counters").await, 0);
    let mut twice = Batch::new();
    twice.insert(&NAMES, ["a".into(), 1.into()]).insert(&NAMES, ["a".into(), 2.into()]);
    assert!(matches!(db.write(twice).await.unwrap_err(), Error::Conflict { .. }), "within one batch too");
    let mut negative = Batch::new();
    negative.insert(&COUNTERS, [1.into(), (-1).into()]);
    assert!(matches!(db.write(negative).await.unwrap_err(), Error::Invalid(_)), "a check is not a conflict");
}

async fn ignored_conflicts_leave_the_first_row(place: Place) {
    let db = place.open().await;
    let mut batch = Batch::new();
    batch.insert(&NAMES_ONCE, ["a".into(), 1.into()]).insert(&NAMES_ONCE, ["a".into(), 2.into()]);
    db.write(batch).await.unwrap();
    let mut again = Batch::new();
    again.insert(&NAMES_ONCE, ["a".into(), 3.into()]).insert(&NAMES_ONCE, ["b".into(), 4.into()]);
    db.write(again).await.unwrap();
    let rows = db.read("SELECT name, n FROM names ORDER BY name", args![]).await.unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.text(0).unwrap(), row.int(1).unwrap())).collect();
    assert_eq!(found, [("a", 1), ("b", 4)]);
}

async fn returned_rows_and_counts_belong_to_their_statement(place: Place) {
    const CLAIM: &str = "INSERT INTO names (name, n) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING name, n";
    let db = place.open().await;
    let mut batch = Batch::new();
    batch
        .execute(CLAIM, args!["a", 1], Expect::Any)
        .insert(&NAMES, ["b".into(), 2.into()])
        .execute(CLAIM, args!["b", 3], Expect::Any)
        .execute("UPDATE names SET n = n + 10", args![], Expect::Exactly(2))
        .execute("DELETE FROM names WHERE n > $1 RETURNING n", args![0], Expect::AtLeast(1));
    let written = db.write(batch).await.unwrap();
    assert_eq!(written.counts.as_slice(), [1, 0, 2, 2]);
    assert_eq!(written.rows[0][0].values(), [Value::Text("a".into()), Value::Int(1)]);
    assert!(written.rows[1].is_empty() && written.rows[2].is_empty());
    let mut deleted: Vec<i64> = written.rows[3].iter().map(|row| row.int(0).unwrap()).collect();
    deleted.sort_unstable();
    assert_eq!(deleted, [11, 12]);
}

/// `$2` before `$1`, and one of them twice.
async fn parameters_are_numbered_and_not_counted(place: Place) {
    let db = place.open().await;
    let mut batch = Batch::new();
    batch.insert(&COUNTERS, [1.into(), 0.into()]).execute(
        "UPDATE counters SET n = n + $2 + $2 WHERE id = $1",
        args![1, 21],
        Expect::Exactly(1),
    );
    db.write(batch).await.unwrap();
    let rows = db.read("SELECT n FROM counters WHERE n > $2 AND id = $1", args![1, 41]).await;
    assert_eq!(one(rows).int(0).unwrap(), 42);
}

/// Mistakes of a programmer are told, and the next write is none the worse.
async fn nonsense_is_invalid_and_harms_nobody(place: Place) {
    let db = place.open().await;
    let mut unknown = Batch::new();
    unknown.execute("UPDATE nothing SET a = 1", args![], Expect::Any);
    let mut short = Batch::new();
    short.execute("DELETE FROM things WHERE id = $1", args![], Expect::Any);
    let mut narrow = Batch::new();
    narrow.insert(&THINGS, [1.into()]);
    for batch in [unknown, short, narrow] {
        let error = db.write(batch).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    assert!(matches!(db.read("SELECT", args![1]).await.unwrap_err(), Error::Invalid(_)));
    assert!(matches!(db.read("SELECT id FROM things WHERE id = $1", args![]).await.unwrap_err(), Error::Invalid(_)));
    db.write(thing(1)).await.unwrap();
    assert_eq!(ids(&db).await, [1]);
}

/// 64 tasks, good and bad batches mixed, all over the same tables.
async fn many_at_once_are_each_answered_rightly(place: Place) {
    let db = place.open().await;
    let mut batch = Batch::new();
    batch.insert(&COUNTERS, [1.into(), 0.into()]);
    db.write(batch).await.unwrap();
    let tasks = (0..64i64).map(|task| {
        let db = db.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let mut batch = thing(task * 100 + round);
                let is_bad = round % 5 == 4;
                let expected = if is_bad { 2 } else { 1 };
                batch.execute("UPDATE counters SET n = n + 1 WHERE id = $1", args![1], Expect::Exactly(expected));
                assert_eq!(db.write(batch).await.is_err(), is_bad);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(count(&db, COUNT_THINGS).await, 64 * 16);
    assert_eq!(count(&db, "SELECT n FROM counters").await, 64 * 16);
}

/// What was taken in before closing is answered truthfully, what comes after is refused, and closing twice is no harm.
async fn closing_works_off_what_was_taken_in(place: Place) {
    let db = place.open().await;
    let pending: Vec<_> = (0..500).map(|id| db.submit(thing(id)).unwrap()).collect();
    tokio::join!(db.close(), db.close());
    assert!(matches!(db.write(thing(1_000)).await, Err(Error::Unavailable { .. })));
    assert!(matches!(db.read(ALL_THINGS, args![]).await, Err(Error::Unavailable { .. })));
    for one in pending {
        one.await.unwrap();
    }
    db.close().await;
    // The folder is free again, and everything is there.
    let db = place.open().await;
    assert_eq!(count(&db, COUNT_THINGS).await, 500);
}

async fn a_batch_of_nothing_is_written(place: Place) {
    let db = place.open().await;
    assert!(db.write(Batch::new()).await.unwrap().counts.is_empty());
}
