//! The API: what the command line, programs and the console do, they do here.
//!
//! [`router`] is the list of all routes with the role each needs; every resource has a file of its own. Handlers read as
//! sentences and hold no rules: they translate between HTTP and the store or the worker. Wire shapes end in `In` and
//! `Out`; input with unknown members is refused.

mod actions;
mod auth;
mod bulk;
mod checking;
mod contacts;
mod curl;
mod deliveries;
mod docs_page;
mod drafts;
mod explain;
mod extract;
mod hook_states;
mod hooks;
mod keys;
mod listening;
mod page;
mod pending_secrets;
mod publishing;
mod replays;
mod rotation;
mod router;
mod run_out;
mod runs;
mod samples;
mod secrets;
mod sender;
mod sender_docs;
mod server;
mod snippets;
mod time;
mod workflows;
mod workspaces;

pub(crate) mod errors;
pub(crate) mod openapi;

pub use auth::{Access, Caller, KeyCache};
pub use router::{Route, router, routes};
