//! Random batches against a plain map: whatever is committed together, each batch did all or nothing.

use std::collections::BTreeMap;

use hookmill_store::db::{Batch, Db, Expect};
use hookmill_store::{Error, args};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::db::place::{NAMES, NAMES_ONCE, Place};

type Model = BTreeMap<String, i64>;

/// Keys that one batch may touch. Batches of a group touch different ones, so that their order does not matter.
const KEYS: u8 = 3;

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, i64),
    InsertOnce(u8, i64),
    Set(u8, i64),
    DeleteAny(u8),
    DeleteSome(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let value = -5..100i64;
    prop_oneof![
        (0..KEYS, value.clone()).prop_map(|(key, value)| Step::Insert(key, value)),
        (0..KEYS, value.clone()).prop_map(|(key, value)| Step::InsertOnce(key, value)),
        (0..KEYS, value).prop_map(|(key, value)| Step::Set(key, value)),
        (0..KEYS).prop_map(Step::DeleteAny),
        (0..KEYS).prop_map(Step::DeleteSome),
    ]
}

fn groups() -> impl Strategy<Value = Vec<Vec<Vec<Step>>>> {
    let batch = prop::collection::vec(step(), 0..5);
    let group = prop::collection::vec(batch, 1..8);
    prop::collection::vec(group, 1..8)
}

fn key_of(batch: usize, key: u8) -> String {
    format!("{batch}/{key}")
}

fn batch_of(number: usize, steps: &[Step]) -> Batch {
    const SET: &str = "UPDATE names SET n = $2 WHERE name = $1";
    const DELETE: &str = "DELETE FROM names WHERE name = $1";
    let mut batch = Batch::new();
    for step in steps {
        match *step {
            Step::Insert(key, value) => batch.insert(&NAMES, [key_of(number, key).into(), value.into()]),
            Step::InsertOnce(key, value) => batch.insert(&NAMES_ONCE, [key_of(number, key).into(), value.into()]),
            Step::Set(key, value) => batch.execute(SET, args![key_of(number, key), value], Expect::Exactly(1)),
            Step::DeleteAny(key) => batch.execute(DELETE, args![key_of(number, key)], Expect::Any),
            Step::DeleteSome(key) => batch.execute(DELETE, args![key_of(number, key)], Expect::AtLeast(1)),
        };
    }
    batch
}

/// What the batch makes of the map; `None`: it fails.
fn apply(model: &Model, number: usize, steps: &[Step]) -> Option<Model> {
    let mut model = model.clone();
    for step in steps {
        match *step {
            Step::Insert(key, value) => {
                if model.insert(key_of(number, key), value).is_some() {
                    return None;
                }
            }
            Step::InsertOnce(key, value) => {
                model.entry(key_of(number, key)).or_insert(value);
            }
            Step::Set(key, value) => *model.get_mut(&key_of(number, key))? = value,
            Step::DeleteAny(key) => drop(model.remove(&key_of(number, key))),
            Step::DeleteSome(key) => drop(model.remove(&key_of(number, key))?),
        }
    }
    Some(model)
}

async fn check(db: &Db, groups: &[Vec<Vec<Step>>]) {
    let mut empty = Batch::new();
    empty.execute("DELETE FROM names", args![], Expect::Any);
    db.write(empty).await.unwrap();
    let mut model = Model::new();
    for group in groups {
        let pending: Vec<_> = group.iter().enumerate().map(|(at, steps)| db.submit(batch_of(at, steps)).unwrap()).collect();
        for ((at, steps), written) in group.iter().enumerate().zip(pending) {
            let written = written.await;
            match apply(&model, at, steps) {
                Some(next) => {
                    written.unwrap();
                    model = next;
                }
                None => assert!(matches!(written, Err(Error::Conflict { .. })), "{written:?} for {steps:?} on {model:?}"),
            }
        }
        let rows = db.read("SELECT name, n FROM names", args![]).await.unwrap();
        let found: Model = rows.iter().map(|row| (row.text(0).unwrap().to_owned(), row.int(1).unwrap())).collect();
        assert_eq!(found, model);
    }
}

fn run(open: impl Future<Output = Db>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let db = runtime.block_on(open);
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let result = runner.run(&groups(), |groups| {
        runtime.block_on(check(&db, &groups));
        Ok(())
    });
    runtime.block_on(db.close());
    result.unwrap();
}

#[test]
fn random_batches_on_sqlite_do_what_the_model_does() {
    let place = Place::sqlite();
    run(place.open());
}

#[test]
fn random_batches_on_postgres_do_what_the_model_does() {
    run(async { Place::postgres().await.open().await });
}
