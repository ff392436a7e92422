//! Speaks to the API of a running server, and turns what it answers into sentences and exit codes.

use std::time::Duration;

use clap::Args;
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use url::Url;

use super::exit::{Exit, Failed, Result};
use super::screen::Screen;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a feed of events may last.
const FEED_TIMEOUT: Duration = Duration::from_secs(600);
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Items that are asked for at once.
const PAGE_ITEMS_MAX: usize = 500;

/// Which server, and as whom.
#[derive(Args, Clone, Debug)]
pub(crate) struct Remote {
    /// Where the server is.
    #[arg(long, env = "HOOKMILL_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub(crate) url: String,
    /// The API key.
    #[arg(long, env = "HOOKMILL_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Remote {
    pub(crate) fn screen(&self) -> Screen {
        Screen { json: self.json }
    }

    /// A client for it.
    pub(crate) fn client(&self) -> Result<Client> {
        let base = self.url.trim_end_matches('/');
        let url = Url::parse(base).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| Failed::usage(format!("--url: `{base}` is not a URL such as http://127.0.0.1:8080")))?;
        let key = self.key.as_deref().map(str::trim).filter(|key| !key.is_empty());
        if key.is_some_and(|key| !key.bytes().all(|b| b.is_ascii_graphic())) {
            return Err(Failed::usage("--key: an API key has no spaces and no special characters"));
        }
        Ok(Client { http: http_client(&url)?, base: base.to_owned(), key: key.map(str::to_owned) })
    }
}

/// A client that speaks to this host and follows nobody elsewhere.
pub(super) fn http_client(url: &Url) -> Result<reqwest::Client> {
    // Fails only if there is a provider already, which then serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    if url.scheme() == "http" {
        // Spares reading the system's certificates, and failing where there are none.
        builder = builder.tls_certs_only(std::iter::empty());
    }
    builder.build().map_err(|error| Failed::new(Exit::Failed, format!("cannot make secure connections: {}", causes(&error))))
}

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: Option<String>,
}

impl Client {
    /// What is at a path.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        self.json(self.request(Method::GET, path).query(query)).await
    }

    /// What is at a path, as text.
    pub(crate) async fn get_text(&self, path: &str, query: &[(&str, String)]) -> Result<String> {
        let (_, body) = self.send(self.request(Method::GET, path).query(query)).await?;
        String::from_utf8(body).map_err(|_| Failed::new(Exit::Failed, "the server answered with something that is no text"))
    }

    /// What is at a path, whatever it is.
    pub(crate) async fn get_bytes(&self, path: &str) -> Result<Vec<u8>> {
        Ok(self.send(self.request(Method::GET, path)).await?.1)
    }

    /// A feed of events, as long as it lasts.
    pub(crate) async fn feed(&self, path: &str) -> Result<reqwest::Response> {
        let response =
            self.request(Method::GET, path).timeout(FEED_TIMEOUT).send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem = response.json().await.unwrap_or_else(|_| json!({}));
        Err(self.refusal(status, &problem))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failed {
        let advice = "is it running? Start it with `hookmill serve`, or name another with --url";
        Failed::new(Exit::Unreachable, format!("the server {} cannot be reached: {}; {advice}", self.base, causes(error)))
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(self.request(Method::PUT, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        self.json(self.request(Method::PATCH, path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value> {
        self.json(self.request(Method::DELETE, path)).await
    }

    /// The first `limit` items of a list.
    pub(crate) async fn list(&self, path: &str, query: &[(&str, String)], limit: usize) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        self.each(path, query, limit, |item| {
            items.push(item);
            true
        })
        .await?;
        Ok(items)
    }

    /// Gives `take` the items of a list, page by page, at most `limit` of them and until it says no.
    pub(crate) async fn each(
        &self,
        path: &str,
        query: &[(&str, String)],
        limit: usize,
        mut take: impl FnMut(Value) -> bool,
    ) -> Result<()> {
        let mut left = limit;
        let mut cursor: Option<String> = None;
        while left > 0 {
            let mut query = query.to_vec();
            query.push(("limit", left.min(PAGE_ITEMS_MAX).to_string()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let mut page = self.get(path, &query).await?;
            let Value::Array(items) = page["items"].take() else {
                return Err(Failed::new(Exit::Failed, format!("{} did not answer with a list", self.base)));
            };
            for item in items {
                if left == 0 || !take(item) {
                    return Ok(());
                }
                left -= 1;
            }
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value> {
        let (status, body) = self.send(request).await?;
        if status == StatusCode::NO_CONTENT || body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body)
            .map_err(|_| Failed::new(Exit::Failed, format!("{} did not answer like a Hookmill server", self.base)))
    }

    async fn send(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>)> {
        let unreachable = |error: reqwest::Error| self.unreachable(&error);
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?.to_vec();
        if status.is_success() {
            return Ok((status, body));
        }
        let problem = serde_json::from_slice(&body).unwrap_or_else(|_| json!({}));
        Err(self.refusal(status, &problem))
    }

    fn refusal(&self, status: StatusCode, problem: &Value) -> Failed {
        let detail = problem["detail"].as_str().or_else(|| problem["title"].as_str());
        let said = detail.map_or_else(|| format!("{} answered with status {status}", self.base), super::screen::single_line);
        match status {
            StatusCode::UNAUTHORIZED => Failed::new(Exit::Refused, format!("{said} Give it with --key or HOOKMILL_KEY.")),
            StatusCode::FORBIDDEN => Failed::new(Exit::Refused, said),
            StatusCode::NOT_FOUND => Failed::new(Exit::NotFound, said),
            StatusCode::BAD_REQUEST => Failed::new(Exit::Usage, said),
            StatusCode::UNPROCESSABLE_ENTITY => match problem["problems"].as_array() {
                Some(problems) => {
                    let lines: Vec<String> = problems.iter().map(super::apply::problem_line).collect();
                    Failed::new(Exit::Invalid, lines.join("\n"))
                }
                None => Failed::new(Exit::Invalid, said),
            },
            _ => Failed::new(Exit::Failed, said),
        }
    }
}

/// The server's time, to the second, as its answer says; ours if it does not.
pub(crate) fn date(response: &reqwest::Response) -> jiff::Timestamp {
    let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
    date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map_or_else(jiff::Timestamp::now, |date| date.timestamp())
}

/// A name or an id as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The last cause of an error says what happened; the first ones only where.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
