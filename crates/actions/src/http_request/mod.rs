//! `http.request`: any HTTP request, sent through [`crate::net`].

mod answer;
mod body;
mod credential;
mod expect;
mod head;
mod input;
mod pause;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use hookmill_engine::run::{Failure, Safety};
use hookmill_engine::time::Span;
use hookmill_engine::workflow::{Backoff, Retry};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode};
use indexmap::IndexMap;
use reqwest::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

pub use answer::{EXCERPT_BYTES_MAX, Encoding, RESPONSE_BYTES_MAX, RESPONSE_FILE_BYTES_MAX, RESPONSE_INLINE_BYTES_MAX};
pub use body::{BODY_BYTES_MAX, PARTS_MAX};
pub use expect::Expected;
pub use head::{HEADER_BYTES_MAX, HEADERS_MAX};
pub use input::{Basic, ClientAuth, Credential, FileSource, Input, KeyHeader, OAuth2, Part, ResponseAs, Scalar, Scalars};

use crate::action::Action;
use crate::context::Context;
use crate::failure::{failed, failed_for_now, with_details, with_pause};
use crate::files::FileRef;
use crate::net::{Net, Outgoing, Payload, REDIRECTS_MAX, shown};

/// Failures after which a request that must not be made twice certainly had no effect.
const CERTAINLY_WITHOUT_EFFECT: [&str; 3] = ["connect_failed", "dns_failed", "oauth_failed"];

/// The `http.request` action.
pub struct HttpRequest {
    net: Net,
    tokens: credential::Tokens,
}

/// What `http.request` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case, repeated ones joined by a comma.
    pub headers: IndexMap<String, String>,
    /// The body as `encoding` says; null if there is none or it became a file.
    pub body: Value,
    /// What became of the body.
    pub encoding: Encoding,
    /// The stored file that the body became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileRef>,
    /// Where the answer came from, after redirects, without the query (it may hold secrets).
    pub url: String,
    /// From sending to the last byte.
    pub duration_ms: u64,
}

impl HttpRequest {
    /// The action that sends through `net`.
    #[must_use]
    pub fn new(net: Net) -> Self {
        Self { net, tokens: credential::Tokens::default() }
    }
}

#[async_trait]
impl Action for HttpRequest {
    const NAME: &'static str = "http.request";
    type Input = Input;
    type Output = Output;

    fn summary() -> &'static str {
        "Sends an HTTP request and gives its answer."
    }

    fn example() -> Value {
        json!({
            "method": "POST",
            "url": "https://stock.example.com/api/reserve",
            "credential": { "bearer": "{{ secrets.stock_token }}" },
            "json": { "sku": "{{ item.sku }}", "quantity": "{{ item.quantity }}" }
        })
    }

    fn retry(&self) -> Retry {
        Retry { attempts: 5, backoff: Backoff::Exponential, delay: Some(Span(1_000)), max_delay: None, on: Vec::new() }
    }

    fn timeout(&self) -> Span {
        Span(60_000)
    }

    fn safety(&self, input: &Input) -> Safety {
        head::safety(input)
    }

    async fn run(&self, input: Input, context: &mut Context) -> Result<Output, Failure> {
        let safety = head::safety(&input);
        let time = Duration::from_millis(input.timeout.0);
        match tokio::time::timeout(time, self.exchange(input, context)).await {
            Ok(result) => result.map_err(|failure| cautious(failure, safety)),
            Err(_) => {
                let message = format!("there was no complete answer within {} ms", time.as_millis());
                Err(cautious(failed_for_now("timeout", message), safety))
            }
        }
    }
}

impl HttpRequest {
    async fn exchange(&self, mut input: Input, context: &Context) -> Result<Output, Failure> {
        let started = Instant::now();
        let limit = answer::limit(input.response, input.max_bytes)?;
        let request = Prepared::new(&mut input, context).await?;
        let answer = self.send(&request, input.credential.as_ref()).await?;
        let (status, url) = (answer.status(), shown(answer.url()));
        let headers = joined(answer.headers());
        if !input.expect.contains(status.as_u16()) {
            return Err(unexpected(answer).await);
        }
        let read = answer::read(answer, input.response, limit, context).await?;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let answer::Read { body, encoding, file } = read;
        Ok(Output { status: status.as_u16(), headers, body, encoding, file, url, duration_ms })
    }

    /// Sends the request; once more with a new token if the old one was refused.
    async fn send(&self, request: &Prepared, credential: Option<&Credential>) -> Result<Response, Failure> {
        let Some(credential) = credential else {
            return self.net.send(request.outgoing(None)).await.map_err(|error| error.failure());
        };
        let authorization = self.tokens.authorization(credential, &self.net).await?;
        let answer = self.net.send(request.outgoing(Some(authorization.clone()))).await.map_err(|error| error.failure())?;
        let refused = answer.status() == StatusCode::UNAUTHORIZED;
        if !refused || !self.tokens.refused(credential, &authorization).await {
            return Ok(answer);
        }
        let renewed = self.tokens.authorization(credential, &self.net).await?;
        self.net.send(request.outgoing(Some(renewed))).await.map_err(|error| error.failure())
    }
}

/// A request that can be sent several times.
struct Prepared {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Arc<dyn Payload>,
    redirects: u32,
}

impl Prepared {
    async fn new(input: &mut Input, context: &Context) -> Result<Self, Failure> {
        if input.redirects > REDIRECTS_MAX {
            return Err(failed("invalid_input", format!("`redirects` is at most {REDIRECTS_MAX}")));
        }
        let method = head::method(&input.method)?;
        let url = head::url(input)?;
        let body = body::prepare(input, &context.files).await?;
        let headers = head::headers(input, &method, body.content_type.as_deref(), &context.idempotency_key)?;
        if input.credential.is_some() && headers.contains_key(AUTHORIZATION) {
            return Err(failed("invalid_input", "`credential` and an `Authorization` header exclude each other"));
        }
        Ok(Self { method, url, headers, body: body.payload, redirects: input.redirects })
    }

    fn outgoing(&self, authorization: Option<http::HeaderValue>) -> Outgoing {
        let mut headers = self.headers.clone();
        headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        Outgoing {
            method: self.method.clone(),
            url: self.url.clone(),
            headers,
            body: Arc::clone(&self.body),
            redirects: self.redirects,
        }
    }
}

fn joined(headers: &HeaderMap) -> IndexMap<String, String> {
    let mut all: IndexMap<String, String> = IndexMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        all.entry(name.as_str().to_owned())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    all
}

async fn unexpected(answer: Response) -> Failure {
    let status = answer.status();
    let pause = pause::requested(answer.headers(), jiff::Timestamp::now());
    let url = shown(answer.url());
    let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    let message = format!("{url} answered with status {}{reason}", status.as_u16());
    let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    let failure = if may_pass { failed_for_now("http_status", message) } else { failed("http_status", message) };
    let headers = joined(answer.headers());
    let body = answer::excerpt(answer).await;
    with_details(with_pause(failure, pause), json!({ "status": status.as_u16(), "headers": headers, "body": body }))
}

/// A request that must not be made twice is only repeated after failures that tell that it had no effect.
fn cautious(failure: Failure, safety: Safety) -> Failure {
    let status = failure.details.as_ref().and_then(|details| details["status"].as_u64());
    let without_effect = match failure.code.as_str() {
        "http_status" => matches!(status, Some(408 | 425 | 429 | 503)),
        code => CERTAINLY_WITHOUT_EFFECT.contains(&code),
    };
    match safety {
        Safety::Once => Failure { retryable: failure.retryable && without_effect, ..failure },
        Safety::Repeatable => failure,
    }
}
