//! A disk that is really full, or cannot be written to.

use std::path::Path;
use std::process::{Command, Stdio};

use hookmill_store::db::{Arg, Batch, Db, Expect, Target};
use hookmill_store::{Error, args};
use hookmill_testkit::patience::until;

use crate::db::place::{COUNT_THINGS, Place, THINGS, count};

/// A small disk of our own, taken away at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn large(id: i64) -> Batch {
    let mut batch = Batch::new();
    batch.insert(&THINGS, [id.into(), Arg::Null, vec![b'x'; 64 << 10].into()]);
    batch
}

/// Until the disk is full: how many rows went in, and how the first refused one was answered.
async fn fill(db: &Db, first: i64) -> (i64, Error) {
    let mut id = first;
    loop {
        match db.write(large(id)).await {
            Ok(_) => id += 1,
            Err(error) => return (id - first, error),
        }
    }
}

/// Full is told and not a crash, what was acknowledged is there, deleting goes on thanks to the reserve, and with space
/// accepting resumes by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_overcome() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: mounting a small disk is not permitted here");
        return;
    };
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![0; 7 << 20]).unwrap();
    let place = Place::at(Target::Sqlite(disk.path().join("hookmill.db")));
    let mut config = place.config();
    // What is freed must hold the log and, while the log is copied, the pages that it adds to the file.
    config.disk_reserve_bytes = 4 << 20;
    let db = Db::open(config).await.unwrap();
    db.accepting().unwrap();

    let (written, error) = fill(&db, 0).await;
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert!(written > 0);
    assert!(matches!(db.accepting(), Err(Error::Full { .. })));
    assert_eq!(count(&db, COUNT_THINGS).await, written);

    let mut retention = Batch::new();
    retention.execute("DELETE FROM things WHERE id < $1", args![written / 2], Expect::Exactly((written / 2) as u64));
    db.write(retention).await.unwrap();

    std::fs::remove_file(&filler).unwrap();
    until("accepting to resume", async || db.accepting().ok()).await;
    db.write(large(1_000)).await.unwrap();
    db.close().await;
    let db = place.open().await;
    assert_eq!(count(&db, COUNT_THINGS).await, written - written / 2 + 1);
}

/// Root may write everywhere but on a file system that nobody may write on.
#[tokio::test]
async fn a_read_only_folder_is_told() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("skipped: mounting a small disk is not permitted here");
        return;
    };
    let mut remount = Command::new("mount");
    assert!(remount.args(["-o", "remount,ro"]).arg(disk.path()).status().unwrap().success());
    let place = Place::at(Target::Sqlite(disk.path().join("hookmill.db")));
    let Err(error) = Db::open(place.config()).await else { panic!("it was opened") };
    assert!(matches!(error, Error::Folder { .. }));
    let text = error.to_string();
    assert!(text.contains("read-only") && text.contains("--data") && text.contains(disk.path().to_str().unwrap()), "{text}");
}
