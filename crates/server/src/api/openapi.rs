//! The description of the API, made from the handlers. `docs/openapi.json` is its snapshot.

use axum::response::{IntoResponse, Response};
use http::header;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::auth::Access;
use super::router::routes;
use super::{
    actions, bulk, contacts, curl, deliveries, docs_page, drafts, errors, explain, hook_states, hooks, keys, listening,
    pending_secrets, publishing, replays, rotation, runs, samples, secrets, sender_docs, server, snippets, workflows, workspaces,
};
use crate::{health, live};

const SCHEME: &str = "key";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hookmill",
        description = "Receives webhooks, stores each one durably before it answers, and runs workflows on them.\n\n\
                       Errors are problem details (RFC 9457) with stable codes; docs/errors.md lists them.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        health::healthz,
        health::readyz,
        health::metrics,
        get_openapi,
        errors::get_error_page,
        publishing::publish_workflow,
        publishing::check_workflow,
        drafts::save_named_draft,
        drafts::get_draft,
        drafts::put_draft,
        drafts::delete_draft,
        drafts::publish_draft,
        workflows::list_workflows,
        workflows::get_workflow,
        workflows::list_revisions,
        workflows::get_revision,
        workflows::export_workflow,
        workflows::start_run,
        hooks::list_hooks,
        hooks::get_hook,
        explain::explain_request,
        rotation::rotate_hook,
        rotation::end_old_urls,
        runs::list_runs,
        runs::get_run,
        runs::cancel_run,
        runs::rerun_run,
        runs::resolve_step,
        deliveries::list_deliveries,
        deliveries::get_delivery,
        deliveries::get_delivery_body,
        curl::get_delivery_curl,
        replays::replay_delivery,
        replays::accept_delivery,
        hook_states::pause_hook,
        hook_states::resume_hook,
        hook_states::switch_hook_off,
        hook_states::switch_hook_on,
        bulk::list_replays,
        bulk::replay_many,
        bulk::get_replay,
        bulk::cancel_replay,
        listening::follow_listening,
        listening::start_listening,
        listening::stop_listening,
        samples::get_sample,
        samples::put_sample,
        samples::delete_sample,
        samples::infer_sample,
        contacts::list_contacts,
        contacts::get_contact,
        contacts::delete_contact,
        secrets::list_secrets,
        secrets::put_secret,
        secrets::delete_secret,
        pending_secrets::list_pending_secrets,
        pending_secrets::confirm_pending_secret,
        pending_secrets::discard_pending_secret,
        keys::list_keys,
        keys::create_key,
        keys::delete_key,
        snippets::get_snippets,
        docs_page::get_docs_page,
        docs_page::get_docs_script,
        docs_page::get_docs_style,
        workspaces::list_workspaces,
        workspaces::get_workspace,
        workspaces::patch_workspace,
        sender_docs::get_description,
        server::get_server,
        actions::list_actions,
        live::events,
    ),
    modifiers(&Keys)
)]
struct Description;

/// Says of every operation which role it needs, as the router declares it.
struct Keys;

impl Modify for Keys {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("hmk_…").build();
        description.components.get_or_insert_default().add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
        for route in routes() {
            let (role, optional) = match route.access {
                Access::Public => continue,
                Access::Needs(role) => (role, false),
                Access::May(role) => (role, true),
            };
            let item = description.paths.paths.get_mut(route.path);
            let operation = item.and_then(|item| match route.method.as_str() {
                "GET" => item.get.as_mut(),
                "POST" => item.post.as_mut(),
                "PUT" => item.put.as_mut(),
                "PATCH" => item.patch.as_mut(),
                "DELETE" => item.delete.as_mut(),
                _ => None,
            });
            if let Some(operation) = operation {
                let key = SecurityRequirement::new(SCHEME, [role.as_str()]);
                operation.security = Some(if optional { vec![SecurityRequirement::default(), key] } else { vec![key] });
            }
        }
    }
}

/// The description as pretty JSON: what the API serves and what the snapshot holds.
#[must_use]
pub(crate) fn text() -> String {
    let mut text = Description::openapi().to_pretty_json().expect("the description is representable as JSON");
    text.push('\n');
    text
}

/// The description of this API (OpenAPI 3.1).
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "server", responses((status = 200, content_type = "application/json"))
)]
pub(super) async fn get_openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

    #[test]
    fn the_snapshot_is_fresh() {
        // UPDATE_SNAPSHOTS=1 cargo test -p hookmill-server --lib openapi
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(SNAPSHOT, text()).unwrap();
        }
        let snapshot = std::fs::read_to_string(SNAPSHOT).unwrap_or_default();
        assert!(snapshot == text(), "docs/openapi.json is stale: UPDATE_SNAPSHOTS=1 cargo test -p hookmill-server --lib openapi");
    }

    #[test]
    fn routes_and_descriptions_are_the_same_set() {
        let mut declared: Vec<String> = routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        let mut described = Vec::new();
        for (path, item) in Description::openapi().paths.paths {
            let methods =
                [("GET", item.get), ("POST", item.post), ("PUT", item.put), ("PATCH", item.patch), ("DELETE", item.delete)];
            described
                .extend(methods.iter().filter(|(_, operation)| operation.is_some()).map(|(name, _)| format!("{name} {path}")));
        }
        declared.sort();
        described.sort();
        assert_eq!(declared, described);
    }
}
