//! Measures the writer: 64 tasks, each writing a batch of two rows with a body of 1 KB, over and over, fully synced.
//!
//! `cargo run --release -p hookmill-store --example writer [sqlite:FILE|postgres://…] [SECONDS] [TASKS]`

use std::time::{Duration, Instant};

use bytes::Bytes;
use hookmill_engine::time::Timestamp;
use hookmill_store::Error;
use hookmill_store::db::{Arg, Batch, Column, Db, DbConfig, OnConflict, Table, Target};
use hookmill_store::migrate::Migration;

static LADDER: [Migration; 1] = [Migration {
    number: 1,
    name: "measured tables",
    sql: "CREATE TABLE deliveries (id {id}, hook BIGINT NOT NULL, headers TEXT NOT NULL, crc BIGINT NOT NULL, body BYTEA);
          CREATE TABLE runs (id {id}, state TEXT NOT NULL, due BIGINT NOT NULL, epoch BIGINT NOT NULL) {hot}",
}];
static DELIVERIES: Table = Table {
    name: "deliveries",
    columns: &[Column::int("id"), Column::int("hook"), Column::text("headers"), Column::int("crc"), Column::bytes("body")],
    on_conflict: OnConflict::Fail,
};
static RUNS: Table = Table {
    name: "runs",
    columns: &[Column::int("id"), Column::text("state"), Column::int("due"), Column::int("epoch")],
    on_conflict: OnConflict::Fail,
};
const HEADERS: &str = r#"[["content-type","application/json"],["user-agent","measure/1.0"],["x-request-id","0123456789abcdef0123456789abcdef"],["accept","*/*"],["content-length","1024"]]"#;
const BODY: [u8; 1024] = [b'x'; 1024];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = tempfile::tempdir()?;
    let in_folder = format!("sqlite:{}", folder.path().join("measure.db").display());
    let target = Target::parse(&arguments.next().unwrap_or(in_folder))?;
    let seconds: u64 = arguments.next().as_deref().unwrap_or("5").parse()?;
    let tasks: i64 = arguments.next().as_deref().unwrap_or("64").parse()?;
    let mut config = DbConfig::new(target, &LADDER, Timestamp(0));
    config.disk_reserve_bytes = 0;
    let db = Db::open(config).await?;

    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..tasks).map(|task| tokio::spawn(write_until(db.clone(), task << 40, end))).collect();
    let mut latencies_us = Vec::new();
    for task in tasks {
        latencies_us.extend(task.await??);
    }
    let elapsed = begin.elapsed().as_secs_f64();
    latencies_us.sort_unstable();
    let at = |share: f64| latencies_us.get((latencies_us.len() as f64 * share) as usize).copied().unwrap_or(0);
    let rate = latencies_us.len() as f64 / elapsed;
    let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
    #[expect(clippy::print_stdout, reason = "the figures are the output")]
    {
        println!("{rate:.0} batches/s; p50 {p50} µs, p99 {p99} µs, p99.9 {p999} µs");
    }
    db.close().await;
    Ok(())
}

async fn write_until(db: Db, first: i64, end: Instant) -> Result<Vec<u64>, Error> {
    let mut latencies_us = Vec::new();
    for id in first.. {
        let begin = Instant::now();
        if begin >= end {
            break;
        }
        let mut batch = Batch::new();
        batch.insert(&DELIVERIES, [Arg::Int(id), 1.into(), HEADERS.into(), 7.into(), Bytes::from_static(&BODY).into()]);
        batch.insert(&RUNS, [Arg::Int(id), "ready".into(), 0.into(), 1.into()]);
        db.write(batch).await?;
        latencies_us.push(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(latencies_us)
}
