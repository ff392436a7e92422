//! Opening: the ladder, and every way in which it must not go on.

use std::path::PathBuf;

use hookmill_engine::time::Timestamp;
use hookmill_store::db::{Access, Db, DbConfig, Dialect, Target};
use hookmill_store::migrate::Migration;
use hookmill_store::{Error, args};

use crate::db::place::{COUNT_THINGS, LADDER, Place, count, ids, on_both, one, thing};

on_both!(
    the_ladder_is_climbed_once_and_by_all_at_the_same_time,
    a_newer_schema_is_refused_untouched,
    a_failed_migration_leaves_nothing,
    a_guest_upgrades_nothing,
);

static OLD: [Migration; 1] = [LADDER[0]];
static BROKEN: [Migration; 2] =
    [LADDER[0], Migration { number: 2, name: "broken", sql: "CREATE TABLE counters (id {id}); CREATE TABLE things (id {id})" }];

async fn the_ladder_is_climbed_once_and_by_all_at_the_same_time(place: Place) {
    let mut old = place.config();
    old.migrations = &OLD;
    let db = Db::open(old).await.unwrap();
    db.write(thing(1)).await.unwrap();
    db.close().await;
    if db.dialect() == Dialect::Postgres {
        // Several nodes of the new version start at once.
        let (a, b, c) = tokio::join!(place.open(), place.open(), place.open());
        tokio::join!(a.close(), b.close(), c.close());
    }
    let db = place.open().await;
    assert_eq!(ids(&db).await, [1]);
    let made = db.read("SELECT number, name, made_at FROM schema_version ORDER BY number", args![]).await.unwrap();
    let made: Vec<_> = made.iter().map(|row| (row.int(0).unwrap(), row.text(1).unwrap(), row.int(2).unwrap())).collect();
    assert_eq!(made, [(1, "things", 1_000), (2, "counters", 1_000)]);
}

async fn a_newer_schema_is_refused_untouched(place: Place) {
    place.open().await.close().await;
    let mut old = place.config();
    old.migrations = &OLD;
    let Err(error) = Db::open(old).await else { panic!("a newer schema was opened") };
    assert_eq!(error, Error::Newer { found: 2, known: 1 });
    assert!(error.to_string().contains("schema 2"), "{error}");
    place.open().await.close().await;
}

async fn a_failed_migration_leaves_nothing(place: Place) {
    let mut broken = place.config();
    broken.migrations = &BROKEN;
    let Err(error) = Db::open(broken).await else { panic!("a broken ladder was climbed") };
    assert!(error.to_string().contains("migration 2 (broken)"), "{error}");
    // The right one can be made: nothing of the broken one is left in its way.
    let db = place.open().await;
    assert_eq!(count(&db, "SELECT COUNT(*) FROM counters").await, 0);
}

async fn a_guest_upgrades_nothing(place: Place) {
    let mut old = place.config();
    old.migrations = &OLD;
    let owner = Db::open(old).await.unwrap();
    let mut guest = place.config();
    guest.access = Access::Guest;
    let Err(error) = Db::open(guest.clone()).await else { panic!("a guest opened an old schema") };
    assert_eq!(error, Error::Older { found: 1, known: 2 });
    owner.close().await;
    // With the right schema it can write beside the owner, and both see it.
    let owner = place.open().await;
    let guest = Db::open(guest).await.unwrap();
    let (a, b) = tokio::join!(owner.write(thing(1)), guest.write(thing(2)));
    assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
    guest.close().await;
    owner.write(thing(3)).await.unwrap();
    assert_eq!(count(&owner, COUNT_THINGS).await, 3);
}

fn sqlite_config(file: PathBuf) -> DbConfig {
    let mut config = DbConfig::new(Target::Sqlite(file), &LADDER, Timestamp(0));
    config.disk_reserve_bytes = 0;
    config
}

async fn refusal(config: DbConfig) -> String {
    let Err(error) = Db::open(config).await else { panic!("it was opened") };
    error.to_string()
}

/// Every sentence says what is wrong with which file or folder.
#[tokio::test]
async fn folders_and_files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text.db");
    std::fs::write(&file, "this is not a database, it is a text that is long enough to be looked at as one ".repeat(50)).unwrap();
    let text = refusal(sqlite_config(file)).await;
    assert!(text.contains("text.db") && text.contains("not a SQLite database"), "{text}");

    let foreign = folder.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
    let text = refusal(sqlite_config(foreign)).await;
    assert!(text.contains("not one of Hookmill"), "{text}");

    let text = refusal(sqlite_config(folder.path().join("text.db/below/hookmill.db"))).await;
    assert!(text.contains("cannot use the data folder"), "{text}");
}

#[tokio::test]
async fn a_folder_in_use_is_refused_and_a_guest_let_in() {
    let place = Place::sqlite();
    let owner = place.open().await;
    let text = refusal(place.config()).await;
    assert!(text.contains("in use by another hookmill process") && text.contains("--data"), "{text}");
    owner.close().await;
    place.open().await.close().await;
}

#[tokio::test]
async fn a_new_file_is_for_its_owner_only_and_syncs_fully() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hookmill.db");
    let db = Db::open(sqlite_config(file.clone())).await.unwrap();
    db.write(thing(1)).await.unwrap();
    for name in ["hookmill.db", "hookmill.db-wal", "hookmill.db-shm"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    assert_eq!(one(db.read("PRAGMA journal_mode", args![]).await).text(0).unwrap(), "wal");
    db.close().await;
    let log = std::fs::metadata(folder.path().join("hookmill.db-wal"));
    assert!(log.map_or(true, |log| log.len() == 0), "closing copies the log to the file");
}

/// Wrong user data and unreachable servers: what to do is said, the password is not.
#[tokio::test]
async fn postgres_that_cannot_be_used_is_a_clear_error() {
    let url = hookmill_testkit::postgres::fresh_database().await;
    let missing = format!("{}_missing", url);
    let text = refusal(DbConfig::new(Target::Postgres(missing), &LADDER, Timestamp(0))).await;
    assert!(text.contains("does not exist") && text.contains("createdb"), "{text}");
    assert!(!text.contains(hookmill_testkit::postgres::PASSWORD), "{text}");
    let nobody = "postgres://me:never-print-me@127.0.0.1:9/db".to_owned();
    let text = refusal(DbConfig::new(Target::Postgres(nobody), &LADDER, Timestamp(0))).await;
    assert!(text.contains("cannot reach PostgreSQL at 127.0.0.1:9") && !text.contains("never-print-me"), "{text}");
}
