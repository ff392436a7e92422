//! Verifying finds what was damaged, and nothing else.

use hookmill_engine::id::RunId;
use hookmill_store::db::{Arg, Batch, Expect};
use hookmill_store::journal::NewEntry;
use hookmill_store::runs::{RunCommit, State};
use hookmill_store::verify::Part;

use crate::both::{Opened, commit, on_both};

on_both!(what_is_in_order_gives_no_finding, each_kind_of_damage_is_found);

async fn fill(opened: &Opened) -> Vec<(i64, RunId)> {
    let owned = opened.store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut made = Vec::new();
    for (n, state) in State::ALL.iter().cycle().take(100).enumerate() {
        let mut delivery = opened.delivery(1);
        delivery.body = vec![b'x'; n * 400].into();
        let mut run = opened.run(Some(delivery.id), 1);
        run.epoch = owned.epoch(run.bucket).unwrap();
        let (delivery_id, id, epoch) = (delivery.id.0, run.id, run.epoch);
        opened.store.accept(delivery, vec![run]).await.unwrap();
        let entries = vec![NewEntry { at: opened.now(), entry: "{}".into() }; n % 4];
        opened.store.commit_run(RunCommit { entries, ..commit(id, epoch, *state, opened.now()) }).await.unwrap();
        made.push((delivery_id, id));
    }
    made
}

async fn what_is_in_order_gives_no_finding(opened: Opened) {
    fill(&opened).await;
    let mut told = Vec::new();
    let report = opened.store.verify(|progress| told.push(progress)).await.unwrap();
    assert_eq!((report.deliveries, report.runs, report.journals), (100, 100, 75));
    assert_eq!(report.findings, []);
    let last = told.iter().rfind(|progress| progress.part == Part::Deliveries).unwrap();
    assert_eq!((last.looked_at, last.of), (100, 100));
}

async fn each_kind_of_damage_is_found(opened: Opened) {
    let made = fill(&opened).await;
    let damages: [(&'static str, Part, usize); 8] = [
        ("UPDATE deliveries SET body_bytes = body_bytes + 1 WHERE id = $1", Part::Deliveries, 1),
        ("UPDATE deliveries SET crc = crc + 1 WHERE id = $1", Part::Deliveries, 60),
        ("UPDATE deliveries SET headers = '[[\"a\"' WHERE id = $1", Part::Deliveries, 3),
        ("UPDATE runs SET finished_at = NULL WHERE id = $1", Part::Runs, 5),
        ("UPDATE runs SET due_at = NULL WHERE id = $1", Part::Runs, 9),
        ("UPDATE runs SET epoch = epoch + 7 WHERE id = $1", Part::Runs, 11),
        ("UPDATE runs SET entries = entries + 1 WHERE id = $1", Part::Runs, 13),
        ("DELETE FROM journal WHERE run = $1 AND seq = 1", Part::Journal, 15),
    ];
    for (sql, part, n) in damages {
        let id = if part == Part::Deliveries { made[n].0 } else { made[n].1.0 };
        let mut batch = Batch::new();
        batch.execute(sql, [Arg::Int(id)], Expect::Exactly(1));
        opened.store.db().write(batch).await.unwrap();
    }
    let mut batch = Batch::new();
    batch.execute("DELETE FROM runs WHERE id = $1", [Arg::Int(made[19].1.0)], Expect::Exactly(1));
    opened.store.db().write(batch).await.unwrap();

    let report = opened.store.verify(|_| {}).await.unwrap();
    for (sql, part, n) in damages {
        let id =
            if part == Part::Deliveries { hookmill_engine::id::DeliveryId(made[n].0).to_string() } else { made[n].1.to_string() };
        assert!(report.findings.iter().any(|finding| finding.part == part && finding.id == id), "{sql}: {:?}", report.findings);
    }
    let orphan = report.findings.iter().find(|finding| finding.id == made[19].1.to_string()).unwrap();
    assert!(orphan.what.contains("does not exist"));
    // The one with a missing entry is found from both sides.
    assert_eq!(report.findings.len(), damages.len() + 2);
}
