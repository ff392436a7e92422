use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use hookmill_signatures::Roots;
use tokio::sync::Notify;

use super::super::outside::Fetched;
use super::*;

const PEM: &str = include_str!("../../../../signatures/tests/it/fixtures/sender.crt.pem");
const NOW: Timestamp = Timestamp(1_780_000_000_000);

/// Answers as scripted, once it is let go.
#[derive(Default)]
struct Scripted {
    asked: Mutex<Vec<String>>,
    answers: Mutex<VecDeque<Fetched>>,
    held: Option<Arc<Notify>>,
}

impl Outside for Scripted {
    fn get(&self, url: &str, _: usize) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        self.asked.lock().push(url.to_owned());
        let answer = self.answers.lock().pop_front().unwrap_or_else(|| Ok(Bytes::from_static(PEM.as_bytes())));
        let held = self.held.clone();
        Box::pin(async move {
            if let Some(held) = held {
                held.notified().await;
            }
            answer
        })
    }

    fn roots(&self) -> Pin<Box<dyn Future<Output = Arc<Roots>> + Send>> {
        Box::pin(async { Arc::default() })
    }
}

fn source(url: &str) -> CertificateSource {
    CertificateSource::of_sns(url.to_owned()).unwrap()
}

fn certificates(scripted: Scripted) -> (Certificates, Arc<Scripted>) {
    let scripted = Arc::new(scripted);
    (Certificates::new(Arc::clone(&scripted) as Arc<dyn Outside>), scripted)
}

#[tokio::test]
async fn many_who_want_one_certificate_wait_for_one_request() {
    let held = Arc::new(Notify::new());
    let (certificates, outside) = certificates(Scripted { held: Some(Arc::clone(&held)), ..Scripted::default() });
    let budget = hook_budget();
    let source = source("https://sns.aaa.amazonaws.com/x.pem");
    let wanted = (0..50).map(|_| certificates.get(&source, &budget, NOW));
    let let_go = async {
        tokio::task::yield_now().await;
        held.notify_one();
    };
    let (got, ()) = tokio::join!(futures_util::future::join_all(wanted), let_go);
    assert!(got.iter().all(|certificate| certificate.as_deref() == Ok(PEM)));
    assert_eq!(*outside.asked.lock(), ["https://sns.aaa.amazonaws.com/x.pem"]);
}

#[tokio::test]
async fn good_ones_are_kept_for_a_day_and_failures_for_seconds() {
    let (certificates, outside) = certificates(Scripted {
        answers: Mutex::new([Err("the answer was 404 Not Found".to_owned()), Ok(Bytes::from_static(b"<html>"))].into()),
        ..Scripted::default()
    });
    let budget = hook_budget();
    let source = source("https://sns.aaa.amazonaws.com/x.pem");
    let get = |now: Timestamp| certificates.get(&source, &budget, now);
    let count = || outside.asked.lock().len();
    assert!(get(NOW).await.unwrap_err().contains("https://sns.aaa.amazonaws.com/x.pem: the answer was 404"));
    assert!(get(NOW).await.is_err());
    assert_eq!(count(), 1, "a failure is remembered");
    let then = NOW.plus(FAILURE_KEPT);
    assert!(get(then).await.unwrap_err().contains("not a certificate"));
    let then = then.plus(FAILURE_KEPT);
    assert!(get(then).await.is_ok() && get(then).await.is_ok());
    assert_eq!(count(), 3);
    assert!(get(then.plus(CERTIFICATE_KEPT)).await.is_ok());
    assert_eq!(count(), 4);
}

#[tokio::test]
async fn addresses_that_lead_nowhere_cost_little_and_push_nothing_out() {
    let (certificates, outside) = certificates(Scripted {
        answers: Mutex::new(
            (0..1_000).map(|n| if n == 0 { Ok(Bytes::from_static(PEM.as_bytes())) } else { Err("no".into()) }).collect(),
        ),
        ..Scripted::default()
    });
    let budget = hook_budget();
    assert!(certificates.get(&source("https://sns.aaa.amazonaws.com/good.pem"), &budget, NOW).await.is_ok());
    for n in 0..500 {
        assert!(certificates.get(&source(&format!("https://sns.aaa.amazonaws.com/{n}.pem")), &budget, NOW).await.is_err());
    }
    assert_eq!(outside.asked.lock().len(), usize::from(HOOK_FETCHES_MAX), "a hook's senders have a budget");
    assert!(
        certificates.get(&source("https://sns.aaa.amazonaws.com/good.pem"), &budget, NOW).await.is_ok(),
        "what is known needs none"
    );
    for n in 0..1_000 {
        let _ = certificates.get(&source(&format!("https://sns.bbb.amazonaws.com/{n}.pem")), &hook_budget(), NOW).await;
    }
    assert_eq!(outside.asked.lock().len(), usize::from(FETCHES_MAX), "all hooks together have one too");
    assert!(certificates.known.lock().failed.len() <= CERTIFICATES_MAX);
    assert!(certificates.get(&source("https://sns.aaa.amazonaws.com/good.pem"), &budget, NOW).await.is_ok());
}

#[tokio::test]
async fn an_expired_certificate_is_not_taken() {
    let (certificates, _) = certificates(Scripted::default());
    let late = Timestamp(5_000_000_000_000);
    assert!(
        certificates
            .get(&source("https://sns.aaa.amazonaws.com/x.pem"), &hook_budget(), late)
            .await
            .unwrap_err()
            .contains("it expired on 21")
    );
}
