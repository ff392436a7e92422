//! What steps of the ladder make of rows that an older version wrote.

use hookmill_store::db::{Batch, Db, DbConfig, Expect};
use hookmill_store::{MIGRATIONS, args};

use crate::db::place::{Place, on_both};

on_both!(runs_of_tried_drafts_are_found, pending_secrets_of_tests_are_told_apart, workflows_without_anything_go);

/// A database as the version before the step with this number left it, with rows.
async fn before(place: &Place, number: usize, rows: &[&'static str]) {
    let mut config: DbConfig = place.config();
    config.migrations = &MIGRATIONS[..number - 1];
    let db = Db::open(config).await.unwrap();
    let mut batch = Batch::new();
    for sql in rows {
        batch.execute(sql, args![], Expect::AtLeast(1));
    }
    db.write(batch).await.unwrap();
    db.close().await;
}

/// The same after the step.
async fn after(place: &Place, number: usize) -> Db {
    let mut config: DbConfig = place.config();
    config.migrations = &MIGRATIONS[..number];
    Db::open(config).await.unwrap()
}

async fn rows(db: &Db, sql: &'static str, columns: usize) -> Vec<Vec<i64>> {
    let rows = db.read(sql, args![]).await.unwrap();
    rows.iter().map(|row| (0..columns).map(|column| row.int(column).unwrap()).collect()).collect()
}

const REVISIONS: &str = "
    INSERT INTO revisions (workflow, revision, created_at, author, document, published)
    VALUES (1, 1, 0, 'a', 'd', 1), (1, 2, 0, 'a', 'd', 0), (1, 3, 0, 'a', 'd', 0), (1, 4, 0, 'a', 'd', 0)";

/// Of each revision a run that is due, of the drafts also some that are not.
const RUNS: &str = "
    INSERT INTO runs (id, epoch, state, due_at, workspace, workflow, revision, bucket, trigger_no, created_at, seed,
                      finished_at, entries, steps_done, answered, holds_lane)
    VALUES (1, 0, 'ready',     5,    1, 1, 1, 0, 0, 0, 0, NULL, 0, 0, 0, 0),
           (2, 0, 'waiting',   5,    1, 1, 2, 0, 0, 0, 0, NULL, 0, 0, 0, 0),
           (3, 0, 'held',      NULL, 1, 1, 2, 0, 0, 0, 0, NULL, 0, 0, 0, 0),
           (4, 0, 'asking',    NULL, 1, 1, 3, 0, 0, 0, 0, NULL, 0, 0, 0, 0),
           (5, 0, 'failed',    NULL, 1, 1, 3, 0, 0, 0, 0, 7,    0, 0, 0, 1),
           (6, 0, 'failed',    NULL, 1, 1, 4, 0, 0, 0, 0, 7,    0, 0, 0, 0),
           (7, 0, 'succeeded', NULL, 1, 1, 4, 0, 0, 0, 0, 7,    0, 0, 0, 0)";

async fn runs_of_tried_drafts_are_found(place: Place) {
    before(&place, 17, &[REVISIONS, RUNS]).await;
    let db = after(&place, 17).await;
    let drafts = rows(&db, "SELECT workflow, revision FROM tried_drafts ORDER BY revision", 2).await;
    assert_eq!(drafts, [[1, 2], [1, 3], [1, 4]]);
    let runs = rows(&db, "SELECT workflow, revision, run FROM tried_runs ORDER BY run", 3).await;
    assert_eq!(runs, [[1, 2, 2], [1, 2, 3], [1, 3, 4], [1, 3, 5]], "those that have not ended, or stop a lane");
    db.close().await;
}

const HANDSHAKES: &str = "
    INSERT INTO deliveries (id, workspace, hook, outcome, status, received_at, duration_us, body_bytes, crc, zstd,
                            method, path, address, headers, body)
    VALUES (10, 1, 7, 'handshake', 200, 0, 0, 0, 0, 0, 'POST', '/hooks/test/token', 'a', '[]', ''),
           (11, 1, 8, 'handshake', 200, 0, 0, 0, 0, 0, 'POST', '/hooks/token', 'a', '[]', '')";
const PENDING: &str = "
    INSERT INTO pending_secrets (hook, handshake, times, key_id, sealed, received_at, address)
    VALUES (7, 10, 3, 'k', 's', 5, 'a'), (8, 11, 1, 'k', 's', 5, 'a'), (9, 12, 2, 'k', 's', 5, 'a')";

async fn pending_secrets_of_tests_are_told_apart(place: Place) {
    before(&place, 18, &[HANDSHAKES, PENDING]).await;
    let db = after(&place, 18).await;
    let pending = rows(&db, "SELECT hook, test, handshake, times, received_at FROM pending_secrets ORDER BY hook", 5).await;
    let expected = [[7, 1, 10, 3, 5], [8, 0, 11, 1, 5], [9, 0, 12, 2, 5]];
    assert_eq!(pending, expected, "of a delivery that is gone nothing is known");
    db.close().await;
}

const WORKFLOWS: &str = "
    INSERT INTO workflows (id, workspace, name, revision, last_revision, created_at, updated_at)
    VALUES (1, 1, 'published', 1, 1, 0, 0), (2, 1, 'drafted', 0, 1, 0, 0), (3, 1, 'dropped', 0, 1, 0, 0)";
const DRAFTS: &str = "INSERT INTO drafts (workflow, version, document, author, updated_at) VALUES (2, 1, 'd', 'a', 0)";
const HOOKS: &str = "
    INSERT INTO hooks (id, workspace, workflow, label, token, active, proposed, created_at)
    VALUES (21, 1, 1, 'a', 't1', 1, 0, 0), (22, 1, 2, 'a', 't2', 0, 1, 0), (23, 1, 3, 'a', 't3', 0, 1, 0)";

/// Of each of these hooks, and of one that is gone already.
const LISTENINGS: &str = "
    INSERT INTO listenings (hook, number, armed_at, deadline, author)
    VALUES (21, 1, 0, 5, 'a'), (22, 2, 0, 5, 'a'), (23, 3, 0, 5, 'a'), (24, 4, 0, 5, 'a')";
const SAMPLES: &str = "
    INSERT INTO hook_samples (hook, source, method, query, headers, body, author, updated_at)
    VALUES (21, 'json', 'POST', '', '[]', '', 'a', 0), (22, 'json', 'POST', '', '[]', '', 'a', 0),
           (23, 'json', 'POST', '', '[]', '', 'a', 0), (24, 'json', 'POST', '', '[]', '', 'a', 0)";
const OLD_TOKENS: &str = "
    INSERT INTO old_tokens (token, hook, rotated_at, ends_at)
    VALUES ('o1', 21, 0, 5), ('o2', 22, 0, 5), ('o3', 23, 0, 5), ('o4', 24, 0, 5)";
const HANDED_OVER: &str = "
    INSERT INTO pending_secrets (hook, test, handshake, times, key_id, sealed, received_at, address)
    VALUES (21, 0, 31, 1, 'k', 's', 5, 'a'), (22, 1, 32, 1, 'k', 's', 5, 'a'),
           (23, 1, 33, 1, 'k', 's', 5, 'a'), (24, 1, 34, 1, 'k', 's', 5, 'a')";

async fn workflows_without_anything_go(place: Place) {
    let theirs = [LISTENINGS, SAMPLES, OLD_TOKENS, HANDED_OVER];
    before(&place, 19, &[&[WORKFLOWS, DRAFTS, HOOKS], &theirs[..]].concat()).await;
    let db = after(&place, 19).await;
    assert_eq!(rows(&db, "SELECT id FROM workflows ORDER BY id", 1).await, [[1], [2]]);
    assert_eq!(rows(&db, "SELECT id FROM hooks ORDER BY id", 1).await, [[21], [22]]);
    for theirs in [
        "SELECT hook FROM listenings ORDER BY hook",
        "SELECT hook FROM hook_samples ORDER BY hook",
        "SELECT hook FROM old_tokens ORDER BY hook",
        "SELECT hook FROM pending_secrets ORDER BY hook",
    ] {
        assert_eq!(rows(&db, theirs, 1).await, [[21], [22]], "{theirs}");
    }
    db.close().await;
}
