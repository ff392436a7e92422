//! A delivery as a command that sends it again: for a shell that follows POSIX, and for cURL 7.55 or newer.
//!
//! Credentials stay struck out: they are not stored. What cURL would add of itself is switched off, so that the hook gets
//! the headers that the sender sent and no others.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookmill_engine::id::DeliveryId;
use hookmill_engine::request::Headers;
use hookmill_store::deliveries::Delivery;
use http::{HeaderValue, header};

use super::extract::Path;
use crate::app::App;
use crate::problem::{Problem, Result};
use crate::shell;

/// Longer bodies go through a file: Linux allows 128 KiB for one argument, and single quotes may grow fourfold.
const ARGUMENT_BYTES_MAX: usize = 32 * 1024;
/// Headers that belong to the connection, or follow from the URL and the body.
const NOT_REPEATED: [&str; 8] =
    ["host", "content-length", "connection", "transfer-encoding", "expect", "keep-alive", "te", "upgrade"];
/// Headers that cURL adds unless it is told not to.
const ADDED_BY_CURL: [&str; 3] = ["accept", "user-agent", "content-type"];

/// A delivery as a `curl` command.
#[utoipa::path(
    get, path = "/api/v1/deliveries/{id}/curl", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/plain", body = String))
)]
pub(super) async fn get_delivery_curl(State(app): State<App>, Path(id): Path<DeliveryId>) -> Result<Response> {
    let delivery = app.store.delivery(id).await?.ok_or_else(|| Problem::not_found("delivery", id))?;
    let body = match app.store.delivery_body(id).await {
        Ok(body) => body,
        Err(hookmill_store::Error::NotFound) => return Err(Problem::not_found("delivery", id)),
        Err(error) => return Err(error.into()),
    };
    let text = command(&app.public_url, &delivery, &body);
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))], text).into_response())
}

/// The command, one argument a line.
fn command(public_url: &str, delivery: &Delivery, body: &[u8]) -> String {
    let url = shell::word(&format!("{public_url}{}", delivery.path_and_query));
    // Without these, brackets in the URL would be a pattern, and dots in its path a way up.
    let mut lines = vec![format!("curl --globoff --path-as-is {} {url}", method(&delivery.method))];
    lines.extend(headers(&delivery.headers, !body.is_empty()).map(|line| format!("-H {}", shell::word(&line))));
    let mut note = String::new();
    match std::str::from_utf8(body) {
        Ok("") => {}
        Ok(text) if text.len() <= ARGUMENT_BYTES_MAX && !text.contains('\0') => {
            lines.push(format!("--data-raw {}", shell::word(text)));
        }
        _ => {
            let (file, id) = (format!("{}.bin", delivery.id), delivery.id);
            note = format!(
                "# The body is not text, or too long for a command line. Fetch it first:\n\
                 # curl -H \"Authorization: Bearer $HOOKMILL_KEY\" -o {file} {}\n",
                shell::word(&format!("{public_url}/api/v1/deliveries/{id}/body"))
            );
            lines.push(format!("--data-binary @{file}"));
        }
    }
    format!("{note}{}\n", lines.join(" \\\n  "))
}

/// How the method is told: a HEAD that is only renamed would wait for a body that never comes.
fn method(method: &str) -> String {
    if method == "HEAD" { "--head".to_owned() } else { format!("-X {}", shell::word(method)) }
}

fn headers(headers: &Headers, has_body: bool) -> impl Iterator<Item = String> {
    let sent = headers.iter().filter(|(name, _)| !NOT_REPEATED.contains(name)).map(|(name, value)| {
        // An empty value would take the header away.
        if value.trim().is_empty() { format!("{name};") } else { format!("{name}: {value}") }
    });
    let absent = move |name: &&str| headers.get(name).is_none() && (has_body || *name != "content-type");
    sent.chain(ADDED_BY_CURL.iter().copied().filter(absent).map(|name| format!("{name}:")))
}
