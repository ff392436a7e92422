//! What accepting costs beside the case *accept*: a signature to check, a key to remember. Each as a share of the bare
//! server's rate in the same run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::accept::{BODIES, ROUNDS, order, requests};
use crate::load::{SERIAL, post};
use crate::report::{CaseReport, Target};
use crate::subject::{Bench, DatabaseKind, Subject, median, path_of, run};

const BODY_BYTES: usize = 1024;
const KEY: &[u8; 32] = b"thirty-two bytes for the bench..";

/// Every request has the same ids again and again here, so they are not compared: that is the case *keyed*.
const SIGNED: &str = r"
hookmill: 1
name: Bench signed
triggers:
  - webhook:
      preset: standard-webhooks
      secret: bench_signing
      dedupe: false
      variables:
        order_id: { type: string, required: true }
        customer_email: { type: string, required: true }
        total: { type: number, required: true }
        items: { type: array, required: true }
steps: []
";

const KEYED: &str = r"
hookmill: 1
name: Bench keyed
triggers:
  - webhook:
      auth: { any: [{ shared_key: bench_key }] }
      dedupe: { header: idempotency-key }
      variables:
        order_id: { type: string, required: true }
        customer_email: { type: string, required: true }
        total: { type: number, required: true }
        items: { type: array, required: true }
steps: []
";

/// Standard Webhooks: HMAC-SHA256 of id, time and body.
pub(super) async fn signed(bench: &Bench, kind: DatabaseKind) -> anyhow::Result<CaseReport> {
    let subject = bench.start(kind).await?;
    subject.app.secret("bench_signing", &format!("whsec_{}", STANDARD.encode(KEY))).await;
    let hook = subject.publish(SIGNED).await;
    let address = subject.app.address();
    let path = path_of(&hook, address)?;
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let requests = (0..BODIES).map(|number| signed_request(address, &path, number, now_s)).collect();
    share(bench, subject, kind, "signed", requests, Target::AtLeast(40.0)).await
}

/// `Idempotency-Key`, claimed with the delivery.
pub(super) async fn keyed(bench: &Bench, kind: DatabaseKind) -> anyhow::Result<CaseReport> {
    let subject = bench.start(kind).await?;
    let hook = subject.publish(KEYED).await;
    let address = subject.app.address();
    let target = format!("{}?key=bench-key", path_of(&hook, address)?);
    let request = |number| post(address, &target, &[("Idempotency-Key", SERIAL)], &order(number, BODY_BYTES));
    share(bench, subject, kind, "keyed", (0..BODIES).map(request).collect(), Target::AtLeast(25.0)).await
}

fn signed_request(address: SocketAddr, path: &str, number: usize, now_s: u64) -> Arc<[u8]> {
    let (id, time, body) = (format!("msg_{number}"), now_s.to_string(), order(number, BODY_BYTES));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(&body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [("webhook-id", id.as_str()), ("webhook-timestamp", &time), ("webhook-signature", &signature)];
    post(address, path, &headers, &body)
}

/// Windows of the bare server and of Hookmill in turn. The target is SQLite's; PostgreSQL's figure has none.
async fn share(
    bench: &Bench,
    subject: Subject,
    kind: DatabaseKind,
    case: &'static str,
    to_hook: Vec<Arc<[u8]>>,
    target: Target,
) -> anyhow::Result<CaseReport> {
    let mut report = CaseReport::new(case, kind.name());
    let bare = bench.start_bare()?;
    let to_bare = bench.closed(bare.address, requests(bare.address, "/hooks/bare", BODY_BYTES));
    let to_hook = bench.closed(subject.app.address(), to_hook);
    let (mut bare_rates, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare_rates.push(run(to_bare.clone()).await?.rate());
        rates.push(run(to_hook.clone()).await?.rate());
        subject.settle().await;
    }
    let (bare_rate, rate) = (median(bare_rates), median(rates));
    report.figure("bare server", bare_rate, "requests/s");
    report.figure("accepted", rate, "requests/s");
    let (name, of_bare) = ("share of the bare server's rate", 100.0 * rate / bare_rate);
    match kind {
        DatabaseKind::Sqlite => report.check(name, of_bare, "%", target),
        DatabaseKind::Postgres => report.figure(name, of_bare, "%"),
    }
    Ok(report)
}
