//! Sends deliveries on to another URL, as they were received.

use std::time::Instant;

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use url::Url;

use super::super::client::{self, Client};
use super::super::exit::Result;
use super::super::screen::{Screen, complain};
use crate::ingress::REDACTED;

/// Headers that belong to the connection, or follow from the URL and the body.
const NOT_FORWARDED: [&str; 8] =
    ["host", "content-length", "connection", "transfer-encoding", "expect", "keep-alive", "te", "upgrade"];
/// Which delivery this is: the same when it is forwarded again.
const DELIVERY: HeaderName = HeaderName::from_static("hookmill-delivery");

/// Where deliveries are sent on to.
pub(super) struct Forwarding {
    http: reqwest::Client,
    url: Url,
    /// Whether what was not taken is forwarded as well: somebody asked for it.
    any_outcome: bool,
}

impl Forwarding {
    pub(super) fn to(url: Url, any_outcome: bool) -> Result<Self> {
        Ok(Self { http: client::http_client(&url)?, url, any_outcome })
    }

    /// A delivery that is to be sent on, whole; none if it is not.
    pub(super) async fn fetch(&self, client: &Client, delivery: &Value) -> Result<Option<Forwarded<'_>>> {
        if !self.any_outcome && !matches!(delivery["outcome"].as_str(), Some("accepted" | "held")) {
            return Ok(None);
        }
        let id = delivery["id"].as_str().unwrap_or_default().to_owned();
        let path = format!("/api/v1/deliveries/{}", client::segment(&id));
        let (detail, body) = (client.get(&path, &[]).await?, client.get_bytes(&format!("{path}/body")).await?);
        Ok(Some(Forwarded { to: self, request: self.request(&id, &detail, body), id }))
    }

    fn request(&self, id: &str, detail: &Value, body: Vec<u8>) -> reqwest::RequestBuilder {
        let mut url = self.url.clone();
        let path = detail["path"].as_str().unwrap_or_default();
        if let Some((_, query)) = path.split_once('?').filter(|(_, query)| !query.is_empty()) {
            let own = url.query().map(|own| format!("{own}&")).unwrap_or_default();
            url.set_query(Some(&format!("{own}{query}")));
        }
        let method = detail["method"].as_str().and_then(|method| Method::from_bytes(method.as_bytes()).ok());
        let mut request = self.http.request(method.unwrap_or(Method::POST), url);
        for header in detail["headers"].as_array().into_iter().flatten() {
            let [name, value] = [0, 1].map(|at| header[at].as_str().unwrap_or_default());
            // What was struck out would be taken for a wrong credential.
            if NOT_FORWARDED.contains(&name) || value.contains(REDACTED) {
                continue;
            }
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                request = request.header(name, value);
            }
        }
        request.header(DELIVERY, id).body(body)
    }
}

/// A delivery on its way.
pub(super) struct Forwarded<'a> {
    to: &'a Forwarding,
    request: reqwest::RequestBuilder,
    id: String,
}

impl Forwarded<'_> {
    /// Sends it and prints what came of it. A receiver that is not there is complained about, and that is all: the delivery stays
    /// where it is stored.
    pub(super) async fn send(self, screen: Screen) {
        let Self { to, request, id } = self;
        let began = Instant::now();
        let answer = request.send().await;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match answer {
            Ok(answer) if screen.json => {
                screen.json_line(&json!({ "forwarded": id, "status": answer.status().as_u16(), "took_ms": took_ms }));
            }
            Ok(answer) => screen.say(&format!("  → {} in {took_ms} ms", answer.status())),
            Err(error) if screen.json => screen.json_line(&json!({ "forwarded": id, "error": client::causes(&error) })),
            Err(error) => complain(&format!("  → {} cannot be reached: {}", to.url, client::causes(&error))),
        }
    }
}
