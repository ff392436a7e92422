//! The contract of an action.

use async_trait::async_trait;
use hookmill_engine::run::{Failure, Safety};
use hookmill_engine::time::Span;
use hookmill_engine::workflow::{Backoff, Retry};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::context::Context;

/// Something a step can do.
///
/// The future of [`Action::run`] may be dropped at any await: at the deadline, and when the run is cancelled. What must
/// not be left half done belongs into a `Drop`.
#[async_trait]
pub trait Action: Send + Sync + 'static {
    /// How documents name it: `use: http.request`.
    const NAME: &'static str;
    /// What `with` holds. Unknown fields must be refused (`#[serde(deny_unknown_fields)]`) and every field documented.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// What `{{ steps.ID }}` holds afterwards.
    type Output: Serialize + JsonSchema + Send;

    /// One sentence for lists and the palette.
    fn summary() -> &'static str;

    /// An input as a user would write it, for documentation and the tests every action must pass. Hosts in it are taken
    /// from `example.com`.
    fn example() -> Value;

    /// How often a failed attempt is repeated unless the step says otherwise. Default: not at all.
    fn retry(&self) -> Retry {
        Retry { attempts: 1, backoff: Backoff::Exponential, delay: None, max_delay: None, on: Vec::new() }
    }

    /// How long an attempt may take unless the step says otherwise.
    fn timeout(&self) -> Span {
        Span(60_000)
    }

    /// Whether an attempt whose outcome nobody saw may simply be made again.
    fn safety(&self, input: &Self::Input) -> Safety;

    /// Makes one attempt.
    async fn run(&self, input: Self::Input, context: &mut Context) -> Result<Self::Output, Failure>;
}
