//! How a redirect changes a request, and which redirects are not followed.

use std::sync::Arc;

use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderName, LOCATION, USER_AGENT};
use http::{HeaderMap, Method, StatusCode};
use reqwest::Response;
use url::Url;

use super::error::NetError;
use super::policy::shown;
use super::{NoPayload, Outgoing};

/// What may be told to another origin than the one it was meant for. Anything else may be a credential.
const HARMLESS: [HeaderName; 6] = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, USER_AGENT];

pub(super) fn is_redirect(answer: &Response) -> bool {
    matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) && answer.headers().contains_key(LOCATION)
}

/// Makes `request` the one that `answer` redirects to.
pub(super) fn turn(request: &mut Outgoing, answer: &Response) -> Result<(), NetError> {
    let next = target(&request.url, answer)?;
    if request.url.origin() != next.origin() {
        let told = request.headers.iter().filter(|(name, _)| HARMLESS.contains(name));
        request.headers = told.map(|(name, value)| (name.clone(), value.clone())).collect();
    }
    if becomes_get(answer.status(), &request.method) {
        request.method = Method::GET;
        request.body = Arc::new(NoPayload);
        drop_body_headers(&mut request.headers);
    }
    request.url = next;
    Ok(())
}

fn target(from: &Url, answer: &Response) -> Result<Url, NetError> {
    let refused = |why: &str| NetError::Redirect { from: shown(from), why: why.to_owned() };
    let location = answer.headers().get(LOCATION).map(|value| value.as_bytes()).unwrap_or_default();
    let location = std::str::from_utf8(location).map_err(|_| refused("its Location is not text"))?;
    let next = from.join(location).map_err(|_| refused("its Location is not a URL"))?;
    if from.scheme() == "https" && next.scheme() != "https" {
        return Err(refused("it leads from https to an unencrypted connection"));
    }
    if !matches!(next.scheme(), "http" | "https") {
        return Err(refused("it leads to something that is neither http nor https"));
    }
    if !next.username().is_empty() || next.password().is_some() {
        return Err(refused("its Location holds a user name"));
    }
    Ok(next)
}

/// Browsers' rule: 303 always, 301 and 302 for POST; 307 and 308 repeat the request as it was.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

fn drop_body_headers(headers: &mut HeaderMap) {
    for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE] {
        headers.remove(name);
    }
}
