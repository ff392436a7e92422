//! Explains a request that a sender makes: which hook answers, or the one reason why none does.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::extract::State;
use axum::{Extension, Json};
use hookmill_engine::id::{HookId, WorkflowId};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use serde::{Deserialize, Serialize};

use super::extract::Body;
use crate::app::App;
use crate::ingress::Ingress;
use crate::problem::{Problem, Result};

/// Headers that can be given.
const HEADERS_MAX: usize = 100;

/// A request as a sender makes it, without its body.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainIn {
    /// Its method.
    method: String,
    /// Its URL, with host and query or without.
    url: String,
    /// Its headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The address from which it comes; without, it is not looked at.
    address: Option<String>,
}

/// What becomes of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ExplainOut {
    /// Whether a hook takes it, as far as can be told without its body.
    answers: bool,
    /// The style of the URL: `token`, `path`, `product`, `test`, `none`.
    style: &'static str,
    /// The hook that is reached, whether it takes the request or not.
    #[schema(value_type = Option<String>)]
    hook: Option<HookId>,
    #[schema(value_type = Option<String>)]
    workflow: Option<WorkflowId>,
    revision: Option<u32>,
    /// The parameters of its path.
    parameters: BTreeMap<String, String>,
    /// Why it is refused.
    reason: Option<ReasonOut>,
    /// The path of the closest hook.
    suggestion: Option<String>,
    /// What else decides.
    notes: Vec<String>,
}

/// Why a request is refused.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ReasonOut {
    /// The stable code.
    code: &'static str,
    /// The status that the sender gets.
    status: u16,
    /// The reason for the owner. Never the value of a secret.
    detail: String,
    /// The methods that the hook takes, if it is about the method.
    allow: Option<String>,
}

/// Explains which hook answers a request, or why none does. Nothing is stored or started.
#[utoipa::path(
    post, path = "/api/v1/hooks/explain", tag = "hooks", request_body = ExplainIn, responses((status = 200, body = ExplainOut))
)]
pub(super) async fn explain_request(
    State(app): State<App>,
    Extension(door): Extension<Ingress>,
    Body(asked): Body<ExplainIn>,
) -> Result<Json<ExplainOut>> {
    let address: Option<IpAddr> = asked.address.as_deref().map(read_address).transpose()?;
    let told = door.explain(head(&asked)?, address).await?;
    // The hooks of other workspaces are none of the caller's business.
    let foreign = match told.hook {
        Some(id) => app.store.hook(id).await?.is_some_and(|hook| hook.workspace != app.workspace()),
        None => false,
    };
    if foreign {
        return Err(Problem::bad_request("This URL belongs to another workspace."));
    }
    let reason =
        told.objection.map(|(code, detail, allow)| ReasonOut { code: code.name(), status: code.status(), detail, allow });
    Ok(Json(ExplainOut {
        answers: reason.is_none(),
        style: told.style,
        hook: told.hook,
        workflow: told.workflow,
        revision: told.revision,
        parameters: told.parameters.into_iter().collect(),
        reason,
        suggestion: told.suggestion.map(|path| format!("{}{path}", app.public_url)),
        notes: told.notes,
    }))
}

fn read_address(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|_| Problem::bad_request("`address` is an IPv4 or IPv6 address."))
}

/// The head of the request. What stands before the path of its URL is left out.
fn head(asked: &ExplainIn) -> Result<http::request::Parts> {
    let bad = |what: &str| Problem::bad_request(format!("`{what}` cannot be part of a request."));
    let url = asked.url.trim();
    let target = match url.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
        None => url,
    };
    let target = target.split('#').next().unwrap_or_default();
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let uri: Uri = target.parse().map_err(|_| bad("url"))?;
    let method: Method = asked.method.to_ascii_uppercase().parse().map_err(|_| bad("method"))?;
    if asked.headers.len() > HEADERS_MAX {
        return Err(Problem::bad_request(format!("`headers` has at most {HEADERS_MAX} members.")));
    }
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in &asked.headers {
        let name: HeaderName = name.parse().map_err(|_| bad("headers"))?;
        let value = HeaderValue::from_str(value).map_err(|_| bad("headers"))?;
        request = request.header(name, value);
    }
    let (parts, ()) = request.body(()).map_err(|_| bad("url"))?.into_parts();
    Ok(parts)
}
