//! A disk that gets full: webhooks are refused with the reason, what was accepted is kept, and it goes on by itself.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use hookmill_testkit::TestApp;
use hookmill_testkit::small_disk::SmallDisk;
use serde_json::json;

use crate::crash_load::{Load, body};

const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
const DISK_MEGABYTES: u64 = 64;
const SETTINGS: &str = "[store]\ndisk_floor = \"8MiB\"\ndisk_reserve = \"4MiB\"\n";
const BODY_BYTES: usize = 64 * 1024;

const WORKFLOW: &str = r#"
hookmill: 1
name: Disk
triggers:
  - webhook:
      variables:
        n: { type: number, required: true }
steps:
  - use: log
    with: { message: "{{ webhook.n }}" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_floor_webhooks_are_refused_until_there_is_space_again() {
    let Some(disk) = SmallDisk::mount(DISK_MEGABYTES) else { return };
    let app = TestApp::builder(BINARY).data(&disk.path().join("data")).config(SETTINGS).start().await;
    let hook = app.publish(WORKFLOW).await.hook().clone();
    let before = app.send(&hook, &body(1)).await.run_id();
    assert_eq!(app.finished(&before).await["state"], "succeeded");

    let filler = disk.fill(2 << 20);
    let refused = app
        .wait_for("a refusal", async || {
            let answer = app.send(&hook, &body(2)).await;
            (answer.status != 202).then_some(answer)
        })
        .await;
    assert!(matches!(refused.status, 503 | 507), "{}: {}", refused.status, refused.text());
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    let ready = app.client().answer(app.client().request("GET", "/readyz")).await;
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(ready.text().contains("disk"), "the operator is told why: {}", ready.text());

    drop(filler);
    let after = app
        .wait_for("webhooks to be accepted again", async || {
            let answer = app.send(&hook, &body(3)).await;
            (answer.status == 202).then(|| answer.run_id())
        })
        .await;
    assert_eq!(app.finished(&after).await["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_disk_is_full_to_the_last_byte() {
    let Some(disk) = SmallDisk::mount(DISK_MEGABYTES) else { return };
    let mut app = TestApp::builder(BINARY).data(&disk.path().join("data")).config(SETTINGS).start().await;
    let hook = app.publish(WORKFLOW).await.hook().clone();
    let load = Load::start(app.client(), &hook, 4, &Arc::new(AtomicU64::new(1)));
    load.acknowledged(20).await;
    let filler = disk.fill(0);
    // Large bodies until one is refused: the last bytes of the write-ahead log's own room are used up too.
    let large = json!({ "n": 0, "pad": "x".repeat(BODY_BYTES) });
    let refused = app
        .wait_for("a refusal", async || {
            let answer = app.client().try_answer(app.client().to_hook(&hook).json(&large)).await.ok()?;
            (answer.status != 202).then_some(answer)
        })
        .await;
    assert!(matches!(refused.status, 503 | 507), "{}: {}", refused.status, refused.text());
    drop(filler);
    app.wait_for("webhooks to be accepted again", async || (app.send(&hook, &body(0)).await.status == 202).then_some(())).await;
    let acks = load.finish().await;

    // What was acknowledged is on the disk, not only in the memory of this process.
    app.kill_9();
    app.restart();
    for ack in &acks {
        assert_eq!(app.finished(&ack.run).await["state"], "succeeded", "{ack:?}");
        let stored = app.client().call("GET", &format!("/api/v1/deliveries/{}/body", ack.delivery), None).await;
        assert_eq!(stored.text(), body(ack.number).to_string(), "{ack:?}");
    }
}
