//! All routes, each with what it asks of its caller: one list by subjects; a test walks it.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use hookmill_store::keys::Role::{Editor, Operator, Owner, Viewer};
use http::{HeaderValue, Method, header};

use super::auth::{
    Access,
    Access::{May, Public},
    authorize,
};
use super::{
    actions, bulk, contacts, curl, deliveries, docs_page, drafts, errors, explain, hook_states, hooks, keys, listening, openapi,
    pending_secrets, publishing, replays, rotation, runs, samples, secrets, sender_docs, server, snippets, workflows, workspaces,
};
use crate::app::App;
use crate::problem::{Problem, code};
use crate::{health, live};

/// One route.
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, parameters in braces.
    pub path: &'static str,
    /// What it asks of its caller.
    pub access: Access,
    handler: MethodRouter<App>,
}

fn route<H, T>(method: Method, path: &'static str, access: impl Into<Access>, handler: H) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).expect("routes have the usual methods");
    Route { method, path, access: access.into(), handler: on(filter, handler) }
}

impl From<hookmill_store::keys::Role> for Access {
    fn from(role: hookmill_store::keys::Role) -> Self {
        Self::Needs(role)
    }
}

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// All routes.
#[must_use]
pub fn routes() -> Vec<Route> {
    [open(), of_workflows(), of_hooks(), of_what_came(), of_workspaces()].into_iter().flatten().collect()
}

/// For everybody.
#[rustfmt::skip]
fn open() -> Vec<Route> {
    vec![
        route(GET,    "/healthz",                                    Public,   health::healthz),
        route(GET,    "/readyz",                                     Public,   health::readyz),
        route(GET,    "/metrics",                                    Public,   health::metrics),
        route(GET,    "/api/v1/openapi.json",                        Public,   openapi::get_openapi),
        route(GET,    "/errors/{code}",                              Public,   errors::get_error_page),
        route(GET,    "/docs/{workspace}",                           Public,   docs_page::get_docs_page),
        route(GET,    "/docs/assets/page.js",                        Public,   docs_page::get_docs_script),
        route(GET,    "/docs/assets/page.css",                       Public,   docs_page::get_docs_style),
    ]
}

/// Workflows, their revisions and drafts.
#[rustfmt::skip]
fn of_workflows() -> Vec<Route> {
    vec![
        route(POST,   "/api/v1/workflows/publish",                   Editor,   publishing::publish_workflow),
        route(POST,   "/api/v1/workflows/check",                     Viewer,   publishing::check_workflow),
        route(POST,   "/api/v1/workflows/draft",                     Editor,   drafts::save_named_draft),
        route(GET,    "/api/v1/workflows/{id}/draft",                Viewer,   drafts::get_draft),
        route(PUT,    "/api/v1/workflows/{id}/draft",                Editor,   drafts::put_draft),
        route(DELETE, "/api/v1/workflows/{id}/draft",                Editor,   drafts::delete_draft),
        route(POST,   "/api/v1/workflows/{id}/draft/publish",        Editor,   drafts::publish_draft),
        route(GET,    "/api/v1/workflows",                           Viewer,   workflows::list_workflows),
        route(GET,    "/api/v1/workflows/{id}",                      Viewer,   workflows::get_workflow),
        route(GET,    "/api/v1/workflows/{id}/revisions",            Viewer,   workflows::list_revisions),
        route(GET,    "/api/v1/workflows/{id}/revisions/{revision}", Viewer,   workflows::get_revision),
        route(GET,    "/api/v1/workflows/{id}/export",               Viewer,   workflows::export_workflow),
        route(POST,   "/api/v1/workflows/{id}/runs",                 Operator, workflows::start_run),
    ]
}

/// Hooks, and what is known of their senders.
#[rustfmt::skip]
fn of_hooks() -> Vec<Route> {
    vec![
        route(GET,    "/api/v1/hooks",                               Viewer,   hooks::list_hooks),
        route(POST,   "/api/v1/hooks/explain",                       Viewer,   explain::explain_request),
        route(POST,   "/api/v1/hooks/{id}/rotate",                   Editor,   rotation::rotate_hook),
        route(POST,   "/api/v1/hooks/{id}/end-old-urls",             Editor,   rotation::end_old_urls),
        route(GET,    "/api/v1/hooks/{id}",                          Viewer,   hooks::get_hook),
        route(POST,   "/api/v1/hooks/{id}/pause",                    Operator, hook_states::pause_hook),
        route(POST,   "/api/v1/hooks/{id}/resume",                   Operator, hook_states::resume_hook),
        route(POST,   "/api/v1/hooks/{id}/off",                      Operator, hook_states::switch_hook_off),
        route(POST,   "/api/v1/hooks/{id}/on",                       Operator, hook_states::switch_hook_on),
        route(GET,    "/api/v1/hooks/{id}/listen",                   Viewer,   listening::follow_listening),
        route(POST,   "/api/v1/hooks/{id}/listen",                   Editor,   listening::start_listening),
        route(DELETE, "/api/v1/hooks/{id}/listen",                   Editor,   listening::stop_listening),
        route(GET,    "/api/v1/hooks/{id}/sample",                   Viewer,   samples::get_sample),
        route(PUT,    "/api/v1/hooks/{id}/sample",                   Editor,   samples::put_sample),
        route(DELETE, "/api/v1/hooks/{id}/sample",                   Editor,   samples::delete_sample),
        route(POST,   "/api/v1/samples/infer",                       Viewer,   samples::infer_sample),
        route(GET,    "/api/v1/pending-secrets",                     Viewer,   pending_secrets::list_pending_secrets),
        route(POST,   "/api/v1/hooks/{id}/pending-secret/confirm",   Editor,   pending_secrets::confirm_pending_secret),
        route(POST,   "/api/v1/hooks/{id}/pending-secret/discard",   Editor,   pending_secrets::discard_pending_secret),
        route(GET,    "/api/v1/hooks/{id}/snippets",                 Viewer,   snippets::get_snippets),
    ]
}

/// Deliveries and runs.
#[rustfmt::skip]
fn of_what_came() -> Vec<Route> {
    vec![
        route(GET,    "/api/v1/runs",                                Viewer,   runs::list_runs),
        route(GET,    "/api/v1/runs/{id}",                           Viewer,   runs::get_run),
        route(POST,   "/api/v1/runs/{id}/cancel",                    Operator, runs::cancel_run),
        route(POST,   "/api/v1/runs/{id}/rerun",                     Operator, runs::rerun_run),
        route(POST,   "/api/v1/runs/{id}/resolve",                   Operator, runs::resolve_step),
        route(GET,    "/api/v1/deliveries",                          Viewer,   deliveries::list_deliveries),
        route(GET,    "/api/v1/deliveries/{id}",                     Viewer,   deliveries::get_delivery),
        route(GET,    "/api/v1/deliveries/{id}/body",                Viewer,   deliveries::get_delivery_body),
        route(GET,    "/api/v1/deliveries/{id}/curl",                Viewer,   curl::get_delivery_curl),
        route(POST,   "/api/v1/deliveries/{id}/replay",              Operator, replays::replay_delivery),
        route(POST,   "/api/v1/deliveries/{id}/accept",              Operator, replays::accept_delivery),
        route(GET,    "/api/v1/replays",                             Viewer,   bulk::list_replays),
        route(POST,   "/api/v1/replays",                             Operator, bulk::replay_many),
        route(GET,    "/api/v1/replays/{id}",                        Viewer,   bulk::get_replay),
        route(POST,   "/api/v1/replays/{id}/cancel",                 Operator, bulk::cancel_replay),
    ]
}

/// What a workspace has, and the server.
#[rustfmt::skip]
fn of_workspaces() -> Vec<Route> {
    vec![
        route(GET,    "/api/v1/contacts",                            Viewer,   contacts::list_contacts),
        route(GET,    "/api/v1/contacts/{id}",                       Viewer,   contacts::get_contact),
        route(DELETE, "/api/v1/contacts/{id}",                       Editor,   contacts::delete_contact),
        route(GET,    "/api/v1/secrets",                             Viewer,   secrets::list_secrets),
        route(PUT,    "/api/v1/secrets/{name}",                      Editor,   secrets::put_secret),
        route(DELETE, "/api/v1/secrets/{name}",                      Editor,   secrets::delete_secret),
        route(GET,    "/api/v1/keys",                                Owner,    keys::list_keys),
        route(POST,   "/api/v1/keys",                                Owner,    keys::create_key),
        route(DELETE, "/api/v1/keys/{id}",                           Owner,    keys::delete_key),
        route(GET,    "/api/v1/workspaces",                          Viewer,   workspaces::list_workspaces),
        route(GET,    "/api/v1/workspaces/{id}",                     Viewer,   workspaces::get_workspace),
        route(PATCH,  "/api/v1/workspaces/{id}",                     Owner,    workspaces::patch_workspace),
        route(GET,    "/api/v1/workspaces/{id}/openapi.json",        May(Viewer), sender_docs::get_description),
        route(GET,    "/api/v1/server",                              Viewer,   server::get_server),
        route(GET,    "/api/v1/actions",                             Viewer,   actions::list_actions),
        route(GET,    "/api/v1/events",                              Viewer,   live::events),
    ]
}

/// The router over all routes.
pub fn router(app: App) -> Router {
    let body_limit = DefaultBodyLimit::max(app.config.server.api_body_max.as_usize());
    let mut router = Router::new();
    for route in routes() {
        let layer = middleware::from_fn_with_state((app.clone(), route.access), authorize);
        router = router.route(route.path, route.handler.route_layer(layer));
    }
    router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(body_limit)
        .layer(middleware::from_fn(guard))
        .with_state(app)
}

async fn no_route(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(200).collect();
    Problem::new(&code::NOT_FOUND, format!("There is nothing at `{path}`; /api/v1/openapi.json lists what there is."))
}

async fn no_method(request: Request) -> Problem {
    Problem::new(&code::METHOD_NOT_ALLOWED, format!("{} is not possible here; see the `Allow` header.", request.method()))
}

/// What every answer has: it is not kept anywhere, and taken for nothing but what it says it is.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
