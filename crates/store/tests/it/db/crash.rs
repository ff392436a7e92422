//! Nothing that was acknowledged is missing after a crash, and things go on by themselves.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hookmill_store::Error;
use hookmill_store::db::{Db, EXIT_DISK_FAILED, Target};
use hookmill_testkit::patience::until;
use hookmill_testkit::postgres::{Cluster, Sync};

use crate::db::place::{Place, ids, thing};

/// Names the file that the child of a crash test writes to.
const CHILD_FILE: &str = "HOOKMILL_TEST_CHILD_FILE";
const TASKS: i64 = 8;

/// Not a test of its own: the process that crash tests start and kill. Prints each id that was acknowledged.
#[test]
fn child_writes_until_killed() {
    let Some(file) = std::env::var_os(CHILD_FILE) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Place::at(Target::Sqlite(PathBuf::from(file))).open().await;
        let tasks = (0..TASKS).map(|task| {
            let db = db.clone();
            tokio::spawn(async move {
                for round in 0.. {
                    let id = round * TASKS + task;
                    if db.write(thing(id)).await.is_err() {
                        return;
                    }
                    println!("acknowledged {id}");
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

fn child(program: &mut Command, file: &Path) -> std::process::Child {
    let arguments = ["--exact", "db::crash::child_writes_until_killed", "--nocapture", "--test-threads=1"];
    program.args(arguments).env(CHILD_FILE, file).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn acknowledged(line: &str) -> Option<i64> {
    line.rsplit_once("acknowledged ")?.1.parse().ok()
}

async fn assert_all_there(file: &Path, mut wanted: Vec<i64>) {
    let db = Place::at(Target::Sqlite(file.to_owned())).open().await;
    let there = ids(&db).await;
    wanted.retain(|id| !there.contains(id));
    assert!(wanted.is_empty(), "acknowledged but missing: {wanted:?}");
    db.write(thing(-1)).await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hookmill.db");
    let mut child = child(&mut Command::new(std::env::current_exe().unwrap()), &file);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut wanted: Vec<i64> = lines.by_ref().filter_map(|line| acknowledged(&line)).take(500).collect();
    child.kill().unwrap();
    // What it said until the end counts too; the last line may be cut off in the middle of a number.
    let mut rest: Vec<i64> = lines.filter_map(|line| acknowledged(&line)).collect();
    rest.pop();
    wanted.extend(rest);
    child.wait().unwrap();
    assert!(wanted.len() >= 500);
    assert_all_there(&file, wanted).await;
}

/// A sync that fails: the process ends at once with its own exit code, and has acknowledged nothing that is not there.
#[tokio::test]
async fn a_failed_sync_ends_the_process() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        eprintln!("skipped: strace, which makes the system call fail, is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hookmill.db");
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        "inject=fsync,fdatasync:error=EIO:when=40+",
    ]);
    strace.arg(std::env::current_exe().unwrap());
    let mut child = child(&mut strace, &file);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let wanted: Vec<i64> = lines.filter_map(|line| acknowledged(&line)).collect();
    let status = child.wait().unwrap();
    if wanted.is_empty() && status.code() != Some(EXIT_DISK_FAILED) {
        eprintln!("skipped: strace may not trace here ({status})");
        return;
    }
    assert_eq!(status.code(), Some(EXIT_DISK_FAILED));
    assert!(!wanted.is_empty(), "it failed before the test began");
    assert_all_there(&file, wanted).await;
}

/// PostgreSQL killed in the middle: writes and reads are refused while it is away, nothing acknowledged is missing, and
/// without anybody's help it works again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_postgres_is_survived() {
    let mut cluster = Cluster::start(Sync::On).await;
    let place = Place::at(Target::Postgres(cluster.create_database().await));
    let db = place.open().await;
    let (told, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (db, told) = (db.clone(), told.clone());
            tokio::spawn(async move {
                for round in 0.. {
                    let id = round * TASKS + task;
                    match db.write(thing(id)).await {
                        Ok(_) => told.send(id).unwrap(),
                        Err(Error::Unavailable { .. }) => return,
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    drop(told);
    let mut wanted = Vec::new();
    while wanted.len() < 200 {
        wanted.push(acknowledged.recv().await.unwrap());
    }
    cluster.kill();
    for task in tasks {
        task.await.unwrap();
    }
    while let Some(id) = acknowledged.recv().await {
        wanted.push(id);
    }
    assert!(matches!(db.write(thing(-1)).await, Err(Error::Unavailable { .. })));
    let away = db.read("SELECT 1", hookmill_store::args![]).await.unwrap_err();
    assert!(away.to_string().contains("cannot reach PostgreSQL") || away.to_string().contains("lost"), "{away}");
    cluster.restart().await;
    // A write without an answer may be there all the same, so each attempt writes something of its own.
    let mut attempt = -1;
    let write = async || {
        attempt -= 1;
        db.write(thing(attempt)).await.ok()
    };
    until("writes to succeed again", write).await;
    until("reads to succeed again", async || db.read("SELECT 1", hookmill_store::args![]).await.ok()).await;
    let there = ids(&db).await;
    wanted.retain(|id| !there.contains(id));
    assert!(wanted.is_empty(), "acknowledged but missing: {wanted:?}");
    close(db).await;
}

async fn close(db: Db) {
    db.close().await;
}
