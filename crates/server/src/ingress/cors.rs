//! Which web pages may call a hook from a browser: the CORS protocol of the Fetch standard
//! (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
//!
//! It protects nobody from callers that are no browsers; those show credentials. No cookies are involved, so that an
//! answer may be read by every origin that is allowed, and `*` may stand for all headers.

use axum::body::Body;
use hookmill_engine::workflow;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};

/// For how long a browser need not ask again: as long as a page may take notice of a change late.
const MAX_AGE_S: u64 = 600;
/// Headers that a page may ask for at once.
pub const ASKED_HEADERS_MAX: usize = 64;

const EVERYTHING: HeaderValue = HeaderValue::from_static("*");

/// The origins whose pages may call a hook.
#[derive(Debug)]
pub(super) struct Cors {
    origins: Origins,
    /// The value of `Access-Control-Allow-Methods`.
    methods: HeaderValue,
}

#[derive(Debug)]
enum Origins {
    All,
    These(Vec<String>),
}

impl Cors {
    /// What a trigger says; none: browsers are told nothing, so that no other origin may call.
    pub(super) fn of(wanted: Option<&workflow::Cors>, methods: &[Method]) -> Option<Self> {
        let origins = &wanted?.origins;
        let origins = if origins.iter().any(|origin| origin == "*") { Origins::All } else { Origins::These(origins.clone()) };
        let methods: Vec<&str> = methods.iter().map(Method::as_str).collect();
        Some(Self { origins, methods: HeaderValue::from_str(&methods.join(", ")).expect("methods are header text") })
    }

    /// What `Access-Control-Allow-Origin` says to a request.
    fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        match &self.origins {
            Origins::All => Some(EVERYTHING),
            Origins::These(origins) => {
                let mut asking = request.get_all(ORIGIN).iter();
                let (Some(origin), None) = (asking.next(), asking.next()) else { return None };
                origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
            }
        }
    }

    /// Lets the page that called read the answer, whatever it is.
    pub(super) fn mark(&self, request: &HeaderMap, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        if matches!(self.origins, Origins::These(_)) {
            // Whoever keeps the answer must not give it to another origin.
            headers.append(VARY, HeaderValue::from_name(ORIGIN));
        }
        headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
        if let Some(origin) = self.allowed(request) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EVERYTHING);
        }
    }

    /// Whether a request asks what may be sent before it is sent.
    pub(super) fn is_preflight(method: &Method, request: &HeaderMap) -> bool {
        *method == Method::OPTIONS && request.contains_key(ORIGIN) && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Tells a page what it may send. The answer is marked like every other.
    pub(super) fn permit(&self, request: &HeaderMap, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        for asked in [ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS] {
            headers.append(VARY, HeaderValue::from_name(asked));
        }
        if self.allowed(request).is_none() {
            return;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        if let Some(names) = asked_headers(request) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(MAX_AGE_S));
    }
}

/// The headers that a page wants to send: all of them may be sent, none is believed without its credential. They are
/// repeated by name because `*` would not cover `Authorization`.
fn asked_headers(request: &HeaderMap) -> Option<HeaderValue> {
    let lines = request.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|line| line.to_str().ok());
    let names = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|name| !name.is_empty());
    let names: Vec<HeaderName> = names.take(ASKED_HEADERS_MAX).filter_map(|name| name.parse().ok()).collect();
    let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    if names.is_empty() { None } else { HeaderValue::from_str(&names.join(", ")).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(origins: &[&str], asking: &[&'static str]) -> (Option<String>, Option<String>) {
        let wanted = workflow::Cors { origins: origins.iter().map(|origin| (*origin).to_owned()).collect() };
        let cors = Cors::of(Some(&wanted), &[Method::POST]).unwrap();
        let mut request = HeaderMap::new();
        for origin in asking {
            request.append(ORIGIN, HeaderValue::from_static(origin));
        }
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://what.a.workflow.said"));
        cors.mark(&request, &mut response);
        let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (header(ACCESS_CONTROL_ALLOW_ORIGIN), header(VARY))
    }

    #[test]
    fn only_the_origins_of_the_document_may_read_the_answer() {
        let shop = "https://shop.example";
        let vary = Some("origin".to_owned());
        for (origins, asking, allowed) in [
            (&[shop, "http://localhost:3000"][..], &[shop][..], Some(shop)),
            (&[shop], &["https://shop.example.evil"], None),
            (&[shop], &["http://shop.example"], None),
            (&[shop], &["null"], None),
            (&[shop], &[shop, "https://evil.example"], None),
            (&[shop], &[], None),
        ] {
            assert_eq!(marked(origins, asking), (allowed.map(str::to_owned), vary.clone()), "{asking:?}");
        }
        for asking in [&["https://any.example"][..], &["null"], &[]] {
            assert_eq!(marked(&["*"], asking), (Some("*".to_owned()), None), "{asking:?}");
        }
    }
}
