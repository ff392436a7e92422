//! What the senders of a workspace's hooks are told: an OpenAPI description, a page that shows it, ready calls in six
//! languages.
//!
//! Everything is made by pure functions of the published document and of where the server is. Two kinds of readers are
//! told apart: members see every hook; everyone else, once the workspace's owner has switched that on, sees only URLs
//! whose knowledge is not enough to call. Names of secrets, allowed addresses and expressions are told to nobody.

mod address;
mod answers;
mod call;
mod callers;
mod components;
mod example;
mod inputs;
mod openapi;
mod refusals;
mod schema;
mod security;
mod signer;
pub(crate) mod snippets;
mod split;
mod words;

pub(crate) use openapi::Document;

use hookmill_engine::contact::{EMAIL, knows_people};
use hookmill_engine::workflow::WebhookTrigger;
use hookmill_store::hooks::Hook;

use crate::ingress::product::Product;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Holders of an API key of the workspace.
    Members,
    /// Whoever finds the page.
    Everyone,
}

/// Where the hooks are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    /// What URLs begin with, without a slash at the end.
    pub(crate) public_url: &'a str,
    /// What the workspace is called in URLs.
    pub(crate) slug: &'a str,
    /// A body's size in bytes, unless its hook says otherwise.
    pub(crate) body_default: u64,
    /// A body's size in bytes, whatever its hook says.
    pub(crate) body_max: u64,
}

/// A hook with what its description is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Described<'a> {
    /// The hook.
    pub(crate) hook: &'a Hook,
    /// Its trigger in the published revision.
    pub(crate) trigger: &'a WebhookTrigger,
    /// What the workflow is called.
    pub(crate) workflow: &'a str,
    /// The body of the hook's sample, if it is JSON and the reader may see it.
    pub(crate) sample: Option<&'a serde_json::Value>,
    /// Whether runs of the workflow wait for each other by an expression.
    pub(crate) has_lane: bool,
    /// Where it is.
    pub(crate) site: Site<'a>,
}

impl<'a> Described<'a> {
    /// The product whose receiver the hook stands in for.
    fn product(&self) -> Option<Product> {
        Product::of(self.trigger.preset.as_deref()?)
    }

    /// The variable that it requires of every request, whatever the trigger declares.
    fn required(&self) -> Option<&'static str> {
        knows_people(self.trigger).then_some(EMAIL)
    }

    /// The methods that it takes.
    fn methods(&self) -> Vec<http::Method> {
        crate::ingress::methods(self.trigger)
    }

    /// What people call it.
    fn title(&self) -> &'a str {
        self.trigger.label.as_deref().unwrap_or(self.workflow)
    }

    /// The largest body that it takes, in bytes.
    fn body_bytes_max(&self) -> u64 {
        self.trigger.body_bytes_max.unwrap_or(self.site.body_default).min(self.site.body_max)
    }
}

/// Whether a text stands for itself: it has neither expressions nor statements.
fn is_plain(text: &str) -> bool {
    !["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}
