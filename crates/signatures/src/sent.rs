//! A request as it came over the wire.

use std::borrow::Cow;
use std::cell::OnceCell;

use percent_encoding::percent_decode;
use serde_json::Value;

use crate::place;
use crate::seek::seek;

/// A request as it was received, before anything parsed it. Signatures are over bytes, so nothing here is normalised but the
/// case of header names.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    /// As sent: `POST`.
    pub method: &'a str,
    /// The URL under which the sender knows this hook, with its query: from configuration, never from `Host`.
    pub url: Option<&'a str>,
    /// Path and query as received: `/hooks/main/github?a=1`.
    pub path_and_query: &'a str,
    /// Names in lower case, in the order received, repeated ones repeated.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// What follows the `?`, as received; empty if there is none.
    pub query: &'a str,
    /// The content as received, before any `Content-Encoding` is taken off.
    pub body: &'a [u8],
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
}

impl<'a> Sent<'a> {
    /// The values of a header, by its lower-case name.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(header, _)| *header == name).map(|(_, value)| value.trim_ascii())
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.header_values(name).next()
    }

    /// The values of a query parameter, decoded as forms are.
    pub(crate) fn query_values(&self, name: &str) -> Vec<Cow<'a, [u8]>> {
        form_pairs(self.query.as_bytes()).filter(|(key, _)| **key == *name.as_bytes()).map(|(_, value)| value).collect()
    }
}

/// Names and values of a form or query. Kept as bytes, so that two different bodies never read the same.
fn form_pairs(form: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let value = pair.get(equals + 1..).unwrap_or_default();
        (form_decode(&pair[..equals]), form_decode(value))
    })
}

fn form_decode(text: &[u8]) -> Cow<'_, [u8]> {
    if text.contains(&b'+') {
        let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        Cow::Owned(percent_decode(&spaced).collect())
    } else {
        percent_decode(text).into()
    }
}

/// A request while it is judged: its body is built at most once, and only if more of it is asked for than one text.
pub struct Reading<'a> {
    /// The request.
    pub sent: Sent<'a>,
    json: OnceCell<Option<Value>>,
    sorted_form: OnceCell<Vec<u8>>,
}

impl<'a> Reading<'a> {
    /// Of a request of which nothing has been asked yet.
    #[must_use]
    pub fn new(sent: &Sent<'a>) -> Self {
        Self { sent: *sent, json: OnceCell::new(), sorted_form: OnceCell::new() }
    }

    /// The string or number at a path of the body. A body that nobody has needed whole is not built for it.
    pub(crate) fn text_at(&self, path: &str) -> Option<String> {
        match self.json.get() {
            Some(built) => place::find(built.as_ref()?, path).and_then(place::scalar).map(Cow::into_owned),
            None => seek(self.sent.body, path),
        }
    }

    /// The body as JSON; `None` if it is none.
    pub(crate) fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(self.sent.body).ok()).as_ref()
    }

    /// The body as a form, sorted: see [`sorted_form`]. The same for every spelling of the URL that may have been signed.
    pub(crate) fn sorted_form(&self) -> &[u8] {
        self.sorted_form.get_or_init(|| sorted_form(self.sent.body))
    }
}

/// Sorted by name then value, each pair once, names and values joined without separators
/// (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>).
fn sorted_form(body: &[u8]) -> Vec<u8> {
    let mut pairs: Vec<_> = form_pairs(body).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let mut sorted = Vec::with_capacity(body.len());
    for (name, value) in &pairs {
        sorted.extend_from_slice(name);
        sorted.extend_from_slice(value);
    }
    sorted
}
