//! The other side of outgoing requests: a small HTTP server on the loopback address that answers as it is told and
//! remembers what it was asked. For other sides that do not even speak HTTP there is [`RawUpstream`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query; empty if there is none.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// A header as text; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the request's body is JSON")
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Content,
    hangs: bool,
}

#[derive(Clone, Debug)]
enum Content {
    Whole(Bytes),
    Repeated { chunk: Bytes, times: Option<usize> },
    Stalled(Bytes),
}

impl Answer {
    /// An empty answer.
    ///
    /// # Panics
    /// If `status` is none.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status");
        Self { status, headers: HeaderMap::new(), body: Content::Whole(Bytes::new()), hangs: false }
    }

    /// 200 with JSON.
    #[must_use]
    pub fn json(value: &serde_json::Value) -> Self {
        Self::status(200).header("content-type", "application/json").body(value.to_string())
    }

    /// Takes the request and never answers.
    #[must_use]
    pub fn never() -> Self {
        Self { hangs: true, ..Self::status(200) }
    }

    /// The same with a header added.
    ///
    /// # Panics
    /// If it is not one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: Content::Whole(body.into()), ..self }
    }

    /// The same with a body of `times` times `chunk`, or without an end; sent chunked.
    #[must_use]
    pub fn repeated(self, chunk: impl Into<Bytes>, times: Option<usize>) -> Self {
        Self { body: Content::Repeated { chunk: chunk.into(), times }, ..self }
    }

    /// The same with a body that begins like this and never goes on.
    #[must_use]
    pub fn stalled(self, start: impl Into<Bytes>) -> Self {
        Self { body: Content::Stalled(start.into()), ..self }
    }

    fn response(self) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        let body = match self.body {
            Content::Whole(bytes) => Full::new(bytes).boxed_unsync(),
            Content::Repeated { chunk, times: None } => streamed(stream::repeat(chunk)),
            Content::Repeated { chunk, times: Some(times) } => streamed(stream::repeat(chunk).take(times)),
            Content::Stalled(start) => streamed(stream::iter([start]).chain(stream::pending())),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn streamed(chunks: impl Stream<Item = Bytes> + Send + 'static) -> UnsyncBoxBody<Bytes, Infallible> {
    StreamBody::new(chunks.map(|chunk| Ok(Frame::data(chunk)))).boxed_unsync()
}

/// An HTTP server that answers as scripted. It ends when it is dropped.
pub struct Upstream {
    address: SocketAddr,
    script: Arc<Script>,
    server: JoinHandle<()>,
}

struct Script {
    answers: Mutex<Answers>,
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
    /// Paths whose requests are taken but not answered yet.
    held: watch::Sender<HashSet<String>>,
}

struct Answers {
    next: HashMap<String, VecDeque<Answer>>,
    always: HashMap<String, Answer>,
    otherwise: Answer,
}

impl Upstream {
    /// Starts on a free port of 127.0.0.1. Every path answers 404 until it is told otherwise.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let answers = Answers { next: HashMap::new(), always: HashMap::new(), otherwise: Answer::status(404) };
        let script = Script {
            answers: Mutex::new(answers),
            received: Mutex::default(),
            count: watch::channel(0).0,
            held: watch::channel(HashSet::new()).0,
        };
        let script = Arc::new(script);
        let server = tokio::spawn(serve(listener, Arc::clone(&script)));
        Self { address, script, server }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers requests for `path` like this from now on.
    pub fn always(&self, path: &str, answer: Answer) {
        self.script.answers.lock().always.insert(path.to_owned(), answer);
    }

    /// Answers the next requests for `path` with these in order, before what [`Upstream::always`] says.
    pub fn next(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.script.answers.lock().next.entry(path.to_owned()).or_default().extend(answers);
    }

    /// Answers requests for any other path like this.
    pub fn otherwise(&self, answer: Answer) {
        self.script.answers.lock().otherwise = answer;
    }

    /// Takes requests for `path` but answers none of them until [`Upstream::release`].
    pub fn hold(&self, path: &str) {
        self.script.held.send_if_modified(|held| held.insert(path.to_owned()));
    }

    /// Answers the requests for `path` that are held, and later ones at once.
    pub fn release(&self, path: &str) {
        self.script.held.send_if_modified(|held| held.remove(path));
    }

    /// All requests so far, in the order of their arrival.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.script.received.lock().clone()
    }

    /// How many requests for `path` arrived.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.script.received.lock().iter().filter(|received| received.path == path).count()
    }

    /// Waits until `count` requests arrived in all, and gives them.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let mut arrived = self.script.count.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = arrived.wait_for(|arrived| *arrived >= count).await;
        self.received()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, script: Arc<Script>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let script = Arc::clone(&script);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&script), request));
            // A client that goes away is part of many tests.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    script: Arc<Script>,
    request: Request<Incoming>,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let received = Received { method: head.method, path: path.clone(), query, headers: head.headers, body };
    script.received.lock().push(received);
    script.count.send_modify(|count| *count += 1);
    let answer = {
        let mut answers = script.answers.lock();
        let next = answers.next.get_mut(&path).and_then(VecDeque::pop_front);
        next.or_else(|| answers.always.get(&path).cloned()).unwrap_or_else(|| answers.otherwise.clone())
    };
    // The sender lives as long as the script, so waiting cannot fail.
    let _ = script.held.subscribe().wait_for(|held| !held.contains(&path)).await;
    if answer.hangs {
        std::future::pending::<()>().await;
    }
    Ok(answer.response())
}

/// What a side that does not speak HTTP does with a connection.
#[derive(Clone, Debug)]
pub enum Raw {
    /// Closes it at once.
    Close,
    /// Reads something, then closes it.
    ReadThenClose,
    /// Reads something, sends these bytes, closes it.
    Send(Bytes),
    /// Reads and never says anything.
    Silent,
}

/// A TCP server that does the same with every connection. It ends when it is dropped.
pub struct RawUpstream {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl RawUpstream {
    /// Starts on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(behaviour: Raw) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(behave(stream, behaviour.clone()));
            }
        });
        Self { address, server }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn behave(mut stream: TcpStream, behaviour: Raw) {
    let mut ignored = vec![0; 16 * 1024];
    let heard = match behaviour {
        Raw::Close => Ok(0),
        _ => stream.read(&mut ignored).await,
    };
    match behaviour {
        Raw::Send(bytes) if heard.is_ok() => {
            // The client may have seen enough before the last byte.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Raw::Silent => while stream.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {},
        Raw::Close | Raw::ReadThenClose | Raw::Send(_) => {}
    }
}
