//! Speaks to a server as a sender of webhooks and as a user of the API.

use std::net::SocketAddr;
use std::sync::Once;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

/// No answer takes longer than this in a test.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A client of one server that holds one API key.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    key: String,
    http: reqwest::Client,
}

/// A published workflow.
#[derive(Clone, Debug)]
pub struct Published {
    /// `wf_…`
    pub workflow: String,
    /// From 1.
    pub revision: u64,
    /// One for each webhook trigger, in the document's order.
    pub hooks: Vec<Hook>,
}

impl Published {
    /// The first hook.
    ///
    /// # Panics
    /// If the workflow has none.
    #[must_use]
    pub fn hook(&self) -> &Hook {
        self.hooks.first().expect("the workflow has a webhook trigger")
    }
}

/// Where a trigger answers.
#[derive(Clone, Debug)]
pub struct Hook {
    /// `hook_…`
    pub id: String,
    /// The trigger's label.
    pub label: String,
    /// The whole URL.
    pub url: String,
}

/// An HTTP answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers; names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The first header of that (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// With the body, if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("status {}, not JSON ({error}): {}", self.status, self.text()))
    }

    /// The run that an accepted webhook started.
    ///
    /// # Panics
    /// If it was not accepted.
    #[must_use]
    pub fn run_id(&self) -> String {
        self.id("run_id")
    }

    /// The delivery as which an accepted webhook was stored.
    ///
    /// # Panics
    /// If it was not accepted.
    #[must_use]
    pub fn delivery_id(&self) -> String {
        self.id("delivery_id")
    }

    fn id(&self, name: &str) -> String {
        assert_eq!(self.status, 202, "not accepted: {}", self.text());
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.text())).to_owned()
    }

    async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Ok(Self { status, headers, body: response.bytes().await? })
    }
}

impl Client {
    /// A client of the server at that address.
    ///
    /// # Panics
    /// If the HTTP client cannot be made.
    #[must_use]
    pub fn new(address: SocketAddr, key: String) -> Self {
        static PROVIDER: Once = Once::new();
        // Another part of the test may have installed it first; either way there is one.
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let http = reqwest::Client::builder()
            .timeout(ANSWER_WITHIN)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client without special wishes can be made");
        Self { address, key, http }
    }

    /// Where the server is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The same server with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// A request to a path of the server, without the key: to add to it, then [`Self::answer`].
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("the test gives a valid method");
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends a request; its answer, or why there is none.
    pub async fn try_answer(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        Answer::read(request.send().await?).await
    }

    /// Sends a request that must be answered.
    ///
    /// # Panics
    /// If it is not.
    pub async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_answer(request).await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// Calls the API with the key, whatever the status of the answer.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.request(method, path).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request).await
    }

    /// What the API gives for a path.
    ///
    /// # Panics
    /// If it is not a success with JSON.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, None).await;
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    /// The items of one page of a list.
    ///
    /// # Panics
    /// If it is not a page.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut page = self.get(path).await;
        match page["items"].take() {
            Value::Array(items) => items,
            _ => panic!("GET {path}: no items in {page}"),
        }
    }

    /// The items of all pages of a list, from a path with a query.
    ///
    /// # Panics
    /// If one of them is not a page.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut next = path.to_owned();
        loop {
            let mut page = self.get(&next).await;
            let Value::Array(items) = page["items"].take() else { panic!("GET {next}: no items in {page}") };
            all.extend(items);
            match page["next"].as_str() {
                Some(cursor) => next = format!("{path}&cursor={cursor}"),
                None => return all,
            }
        }
    }

    /// Whether no run is in any of these states; also false while the server cannot tell.
    pub async fn no_run_is(&self, states: &[&str]) -> bool {
        for state in states {
            let answer = self.call("GET", &format!("/api/v1/runs?limit=1&state={state}"), None).await;
            if answer.status != 200 {
                return false;
            }
            let page = answer.json();
            if page["items"] != json!([]) || !page["next"].is_null() {
                return false;
            }
        }
        true
    }

    /// Publishes a workflow document.
    ///
    /// # Panics
    /// With all problems of the document, if it is refused.
    pub async fn publish(&self, text: &str) -> Published {
        let answer = self.call("POST", "/api/v1/workflows/publish", Some(&json!({ "text": text }))).await;
        assert!(matches!(answer.status, 200 | 201), "not published ({}): {}", answer.status, answer.text());
        let said = answer.json();
        let member =
            |value: &Value, name: &str| value[name].as_str().unwrap_or_else(|| panic!("no text {name} in {said}")).to_owned();
        let hooks = said["hooks"].as_array().unwrap_or_else(|| panic!("no hooks in {said}"));
        Published {
            workflow: member(&said, "workflow"),
            revision: said["revision"].as_u64().unwrap_or_else(|| panic!("no revision in {said}")),
            hooks: hooks
                .iter()
                .map(|hook| Hook { id: member(hook, "id"), label: member(hook, "label"), url: member(hook, "url") })
                .collect(),
        }
    }

    /// Stores a secret.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn secret(&self, name: &str, value: &str) {
        let path = format!("/api/v1/secrets/{name}");
        let answer = self.call("PUT", &path, Some(&json!({ "value": value }))).await;
        assert!((200..300).contains(&answer.status), "PUT {path} ({}): {}", answer.status, answer.text());
    }

    /// A request to a hook, to add to it, then [`Self::answer`].
    pub fn to_hook(&self, hook: &Hook) -> reqwest::RequestBuilder {
        self.http.post(&hook.url)
    }

    /// Posts a JSON body to a hook.
    pub async fn send(&self, hook: &Hook, body: &Value) -> Answer {
        self.answer(self.to_hook(hook).json(body)).await
    }
}
