//! The accept loop over real sockets: limits, deadlines, framing, draining.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookmill_engine::time::Span;
use hookmill_server::config::Size;
use hookmill_server::listen::{self, Drained, Inbound, InboundError, Limits};
use http_body_util::Full;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::raw::{Raw, exchange};

/// Bodies that the echo takes.
const BODY_BYTES_MAX: u64 = 100_000;

struct Echo {
    address: SocketAddr,
    shutdown: CancellationToken,
    served: JoinHandle<Drained>,
    /// Told when a request for `/slow` has arrived.
    arrived: Arc<Notify>,
    /// Lets a request for `/slow` be answered.
    go_on: Arc<Notify>,
}

impl Echo {
    async fn start(limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (arrived, go_on) = (arrived.clone(), go_on.clone());
            move |request, _peer| echo(request, arrived.clone(), go_on.clone())
        };
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(listen::serve(listener, limits, handler, shutdown.clone()));
        Self { address, shutdown, served, arrived, go_on }
    }

    async fn stop(self) -> Drained {
        self.shutdown.cancel();
        self.served.await.unwrap()
    }
}

async fn echo(request: Request<Inbound>, arrived: Arc<Notify>, go_on: Arc<Notify>) -> Response<Full<Bytes>> {
    let line = format!("{} {} ", request.method(), request.uri().path());
    if request.uri().path() == "/slow" {
        arrived.notify_one();
        go_on.notified().await;
    }
    let (status, body) = match request.into_body().read(BODY_BYTES_MAX).await {
        Ok(body) => (200, body),
        Err(error) => {
            let status = match error {
                InboundError::TooSlow { .. } => 408,
                InboundError::TooLarge { .. } => 413,
                InboundError::Malformed(_) => 400,
            };
            (status, Bytes::from(error.to_string()))
        }
    };
    let body = Bytes::from([line.as_bytes(), &body].concat());
    Response::builder().status(status).body(Full::new(body)).unwrap()
}

fn quick() -> Limits {
    Limits { first_byte: Span(200), head: Span(200), keep_alive: Span(200), body: Span(300), ..Limits::default() }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let echo = Echo::start(Limits::default()).await;
    let mut raw = Raw::connect(echo.address).await;
    raw.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nHost: x\r\n\r\n").await;
    raw.send("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /d HTTP/1.1\r\n\r\n")
        .await;
    for expected in ["POST /a hi", "GET /b ", "POST /c abc", "GET /d "] {
        let answer = raw.answer().await.unwrap();
        assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (200, expected));
    }
    assert_eq!(echo.stop().await, Drained { cut: 0 });
}

#[tokio::test]
async fn a_sender_that_closes_its_side_still_gets_its_answer() {
    let echo = Echo::start(Limits::default()).await;
    let mut raw = Raw::connect(echo.address).await;
    raw.send("GET /slow HTTP/1.1\r\n\r\n").await;
    raw.finish_sending().await;
    echo.arrived.notified().await;
    echo.go_on.notify_one();
    assert_eq!(raw.answer().await.unwrap().status, 200);
    raw.closed().await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let echo = Echo::start(quick()).await;
    Raw::connect(echo.address).await.closed().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_but_not_before_its_time() {
    let echo = Echo::start(Limits { keep_alive: Span(300), first_byte: Span(100), head: Span(100), ..quick() }).await;
    let mut raw = Raw::connect(echo.address).await;
    raw.send("GET /a HTTP/1.1\r\n\r\n").await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    let idle = Instant::now();
    raw.closed().await;
    assert!(idle.elapsed() >= Duration::from_millis(250), "{:?}", idle.elapsed());
}

#[tokio::test]
async fn a_head_that_never_ends_is_answered_408() {
    let echo = Echo::start(Limits { keep_alive: Span(60_000), first_byte: Span(60_000), ..quick() }).await;
    let mut raw = Raw::connect(echo.address).await;
    raw.send("GET /a HTTP/1.1\r\n\r\n").await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
    raw.send("GET /b HTTP/1.1\r\nHos").await;
    let answer = raw.answer().await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (408, "head_timeout"));
    raw.finish_sending().await;
    raw.closed().await;
}

#[tokio::test]
async fn a_body_that_never_comes_is_answered_408() {
    let echo = Echo::start(quick()).await;
    let answer = exchange(echo.address, "POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc").await;
    assert_eq!(answer.status, 408);
    assert!(String::from_utf8_lossy(&answer.body).contains("3 bytes"), "{answer:?}");
}

#[tokio::test]
async fn a_body_slower_than_the_minimum_rate_is_answered_408() {
    let limits = Limits { body_rate_min: Size(1_000_000), body_grace: Span(100), ..Limits::default() };
    let echo = Echo::start(limits).await;
    let mut raw = Raw::connect(echo.address).await;
    raw.send("POST /a HTTP/1.1\r\nContent-Length: 50\r\n\r\n").await;
    let drip = async {
        for _ in 0..50 {
            raw.send("x").await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    drip.await;
    assert_eq!(raw.answer().await.unwrap().status, 408);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_the_answer_arrives() {
    let echo = Echo::start(Limits::default()).await;
    let body = vec![b'x'; 3_000_000];
    let announced =
        exchange(echo.address, [b"POST /a HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n", body.as_slice()].concat()).await;
    assert_eq!(announced.status, 413);
    let chunk = format!("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len());
    let chunked = exchange(echo.address, [chunk.as_bytes(), body.as_slice()].concat()).await;
    assert_eq!(chunked.status, 413);
}

#[tokio::test]
async fn length_and_encoding_together_are_refused() {
    let echo = Echo::start(Limits::default()).await;
    for headers in ["Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 3"] {
        let answer =
            exchange(echo.address, format!("POST /a HTTP/1.1\r\n{headers}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "ambiguous_length"), "{headers}");
    }
}

#[tokio::test]
async fn heads_over_a_limit_are_answered_with_the_limit() {
    let echo = Echo::start(Limits::default()).await;
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(10_000));
    let few_over = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(101));
    let large = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(40_000));
    let target = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1_000_000));
    for (bytes, status, code) in [
        (many, 431, "too_many_headers"),
        (few_over, 431, "too_many_headers"),
        (large, 431, "head_too_large"),
        (target, 414, "target_too_long"),
    ] {
        let answer = exchange(echo.address, bytes).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    let full = format!("GET /full HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(100));
    assert_eq!(exchange(echo.address, full).await.status, 200);
}

#[tokio::test]
async fn garbage_is_refused_and_the_server_goes_on() {
    let echo = Echo::start(quick()).await;
    let garbage: &[&[u8]] = &[
        b"\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nA\0: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    for bytes in garbage {
        let mut raw = Raw::connect(echo.address).await;
        raw.send(bytes).await;
        let status = raw.answer().await.map(|answer| answer.status);
        assert_eq!(status, Some(400), "{:?}", String::from_utf8_lossy(bytes));
    }
    let mut http2 = Raw::connect(echo.address).await;
    http2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    http2.closed().await;
    let absolute = exchange(echo.address, "GET http://elsewhere.example/path HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(absolute.body, b"GET /path ");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_a_freed_place_is_used() {
    let echo = Echo::start(Limits { connections_per_peer_max: 1, ..Limits::default() }).await;
    let mut first = Raw::connect(echo.address).await;
    first.send("GET /a HTTP/1.1\r\n\r\n").await;
    assert_eq!(first.answer().await.unwrap().status, 200);
    let answer = exchange(echo.address, "GET /b HTTP/1.1\r\n\r\n").await;
    assert_eq!((answer.status, answer.code().as_str(), answer.header("retry-after")), (503, "too_many_connections", Some("1")));
    first.send("GET /c HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert_eq!(first.answer().await.unwrap().status, 200);
    first.closed().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while exchange(echo.address, "GET /d HTTP/1.1\r\n\r\n").await.status != 200 {
        assert!(Instant::now() < deadline, "the place is not given back");
    }
}

#[tokio::test]
async fn stopping_lets_the_request_in_flight_finish_and_closes_idle_connections() {
    let echo = Echo::start(Limits::default()).await;
    let mut idle = Raw::connect(echo.address).await;
    idle.send("GET /a HTTP/1.1\r\n\r\n").await;
    assert_eq!(idle.answer().await.unwrap().status, 200);
    let mut busy = Raw::connect(echo.address).await;
    busy.send("GET /slow HTTP/1.1\r\n\r\n").await;
    echo.arrived.notified().await;
    echo.shutdown.cancel();
    idle.closed().await;
    echo.go_on.notify_one();
    let answer = busy.answer().await.unwrap();
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    busy.closed().await;
    assert_eq!(echo.stop().await, Drained { cut: 0 });
}

#[tokio::test]
async fn stopping_cuts_what_does_not_finish_in_time() {
    let echo = Echo::start(Limits { drain: Span(50), ..Limits::default() }).await;
    let mut busy = Raw::connect(echo.address).await;
    busy.send("GET /slow HTTP/1.1\r\n\r\n").await;
    echo.arrived.notified().await;
    assert_eq!(echo.stop().await, Drained { cut: 1 });
    assert!(busy.answer().await.is_none());
}
