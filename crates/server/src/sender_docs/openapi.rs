//! The OpenAPI 3.1 description of hooks: built hook by hook, within limits.

use serde_json::{Map, Value, json};

use super::address::{self, Address};
use super::callers::WaysIn;
use super::components::Components;
use super::signer::Signer;
use super::{Audience, Described, answers, inputs, security, snippets, words};

/// Hooks that one description tells of; the rest is on its next page.
pub(crate) const DOCUMENT_HOOKS_MAX: usize = 500;
/// Bytes after which a description is ended, the last hook not counted.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A description under way.
#[derive(Debug)]
pub(crate) struct Document {
    audience: Audience,
    paths: Map<String, Value>,
    tags: Vec<String>,
    components: Components,
    bytes: usize,
    hooks: usize,
}

impl Document {
    /// A description of nothing yet.
    pub(crate) fn new(audience: Audience) -> Self {
        Self { audience, paths: Map::new(), tags: Vec::new(), components: Components::default(), bytes: 0, hooks: 0 }
    }

    /// Whether there is room for another hook.
    pub(crate) fn has_room(&self) -> bool {
        self.hooks < DOCUMENT_HOOKS_MAX && self.bytes + self.components.bytes() < DOCUMENT_BYTES_MAX
    }

    /// Adds a hook, unless its readers may not know where it is.
    pub(crate) fn add(&mut self, described: &Described<'_>) {
        let ways = WaysIn::of(described);
        let Some(address) = address::of(described, self.audience, ways.is_guarded()).into_iter().next() else { return };
        let item = self.item(described, &address, &ways);
        self.bytes += item.to_string().len() + address.template.len();
        self.hooks += 1;
        if !self.tags.iter().any(|tag| tag == described.workflow) {
            self.tags.push(described.workflow.to_owned());
        }
        self.paths.insert(address.template, item);
    }

    fn item(&mut self, described: &Described<'_>, address: &Address, ways: &WaysIn) -> Value {
        let signer = Signer::of(described.trigger);
        let signer = signer.as_ref();
        let mut item = Map::new();
        let methods = described.methods();
        for method in methods.clone() {
            let is_get = method == http::Method::GET;
            let mut operation = json!({
                "operationId": format!("{}_{}", described.hook.id, method.as_str().to_lowercase()),
                "tags": [described.workflow],
                "summary": described.title(),
                "description": words::description(described, self.audience, ways, signer),
                "security": security::requirements(ways, signer, &mut self.components),
                "parameters": inputs::parameters(described, address, is_get, ways, signer),
            });
            if !is_get {
                operation["requestBody"] = inputs::body(described, address, &mut self.components);
            }
            if method == methods[0] {
                operation["x-codeSamples"] = json!(snippets::of(described, self.audience));
            }
            operation["responses"] = answers::responses(described, ways, signer, !is_get, &mut self.components);
            item.insert(method.as_str().to_lowercase(), operation);
        }
        if described.trigger.cors.is_some() {
            item.insert("options".to_owned(), preflight(described, address));
        }
        Value::Object(item)
    }

    /// The description. `next`: where the next page begins, if there is one.
    pub(crate) fn finish(self, workspace: &str, public_url: &str, next: Option<String>) -> Value {
        let tags: Vec<Value> = self.tags.iter().map(|name| json!({ "name": name })).collect();
        let mut description = "A request that is answered with a status below 300 is stored, and what it starts will happen. \
                               Send it again after 408, 429 and every status from 500 on: what is sent twice is stored \
                               once where the hook knows how to tell."
            .to_owned();
        if next.is_some() {
            description
                .push_str(" There are more hooks than are listed here; `x-hookmill-next` is the `cursor` of the next page.");
        }
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": format!("Webhooks of {workspace}"), "version": "1", "description": description },
            "servers": [{ "url": public_url }],
            "tags": tags,
            "paths": self.paths,
            "components": self.components.into_value(),
        });
        if let Some(next) = next {
            document["x-hookmill-next"] = next.into();
        }
        document
    }
}

/// What a browser asks before it lets a page call a hook (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
fn preflight(described: &Described<'_>, address: &Address) -> Value {
    let header = |what: &str| json!({ "description": what, "schema": { "type": "string" } });
    let parameters: Vec<Value> = address
        .parameters
        .iter()
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    json!({
        "operationId": format!("{}_options", described.hook.id),
        "tags": [described.workflow],
        "summary": format!("{}: may a page call it?", described.title()),
        "description": "Asked by browsers before a page of another origin calls. Stores nothing and starts nothing.",
        "security": [{}],
        "parameters": parameters,
        "responses": { "204": {
            "description": "What pages may send; without these headers nothing.",
            "headers": {
                "Access-Control-Allow-Origin": header("The origin that may call, or `*`."),
                "Access-Control-Allow-Methods": header("The methods that may be used."),
                "Access-Control-Allow-Headers": header("The headers that were asked for."),
                "Access-Control-Max-Age": header("For how many seconds this need not be asked again."),
                "Allow": header("The methods that are taken.")
            }
        } }
    })
}
