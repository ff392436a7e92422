//! The page that shows the documentation for senders: the same three files for everyone, which hold nothing themselves.
//!
//! The page asks the API as whoever looks at it, so that there is one place that decides who may see what. It runs no
//! script and loads no style but its own.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

/// What the page may do: load its own files, and ask this server.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

fn file(content_type: &'static str, text: &'static str) -> Response {
    let content_type = HeaderValue::from_static(content_type);
    let referrer = HeaderValue::from_static("no-referrer");
    let headers =
        [(header::CONTENT_TYPE, content_type), (header::CONTENT_SECURITY_POLICY, POLICY), (header::REFERRER_POLICY, referrer)];
    (headers, text).into_response()
}

/// The page with the documentation for the senders of a workspace's hooks.
#[utoipa::path(
    get, path = "/docs/{workspace}", tag = "workspaces", params(("workspace" = String, Path, description = "Slug or id")),
    responses((status = 200, content_type = "text/html", body = String))
)]
pub(super) async fn get_docs_page() -> Response {
    file("text/html; charset=utf-8", include_str!("../sender_docs/page/page.html"))
}

/// What the page does.
#[utoipa::path(
    get, path = "/docs/assets/page.js", tag = "workspaces",
    responses((status = 200, content_type = "text/javascript", body = String))
)]
pub(super) async fn get_docs_script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../sender_docs/page/page.js"))
}

/// How the page looks.
#[utoipa::path(
    get, path = "/docs/assets/page.css", tag = "workspaces", responses((status = 200, content_type = "text/css", body = String))
)]
pub(super) async fn get_docs_style() -> Response {
    file("text/css; charset=utf-8", include_str!("../sender_docs/page/page.css"))
}
