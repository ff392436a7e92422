//! Reading bodies: of requests that are accepted, and of those that are refused without them.

use hookmill_engine::request::{INFLATED_RATIO_MAX, Parsed, Request as Sent, parse, parse_elements};
use hookmill_engine::workflow::BodyPath;

use super::code::Code;
use super::hook::Hook;
use super::refused::{Refused, Result};
use crate::listen::{Inbound, InboundError};

/// What is kept of the body of a request that is refused before its body matters.
const REFUSED_BODY_BYTES_MAX: u64 = 256 * 1024;
/// Bodies above this are parsed where other requests do not wait for it.
const PARSED_IN_PLACE_BYTES_MAX: usize = 128 * 1024;

/// Parses where it disturbs nobody.
pub(super) fn parsed(hook: &Hook, sent: &Sent<'_>) -> Result<Parsed> {
    undisturbed(hook, sent, || parse(hook.trigger(), sent)).map_err(|refusal| Refused::request(&refusal))
}

/// The same of a request that is split: each of its elements.
pub(super) fn elements(hook: &Hook, path: &BodyPath, sent: &Sent<'_>) -> Result<Vec<Parsed>> {
    undisturbed(hook, sent, || parse_elements(hook.trigger(), path, sent)).map_err(|refusal| Refused::request(&refusal))
}

fn undisturbed<T>(hook: &Hook, sent: &Sent<'_>, parse: impl FnOnce() -> T) -> T {
    let encoded = !hook.trigger().encodings.is_empty() && sent.headers.get("content-encoding").is_some();
    let factor = if encoded { INFLATED_RATIO_MAX as usize } else { 1 };
    beside(sent.body.len().saturating_mul(factor), parse)
}

/// Looks at a body of so many bytes where it disturbs nobody.
pub(super) fn beside<T>(bytes: usize, look: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    let many_threads = || Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes > PARSED_IN_PLACE_BYTES_MAX && many_threads() { tokio::task::block_in_place(look) } else { look() }
}

/// Reads some of the body of a request that is refused without it: for the ledger, so that it can be accepted after all.
pub(super) async fn keep_body(refused: Box<Refused>, body: Inbound) -> Box<Refused> {
    if refused.place.is_none() {
        return refused;
    }
    match body.read(REFUSED_BODY_BYTES_MAX).await {
        Ok(body) => refused.body(body),
        Err(error) => {
            let detail = format!("{} The body was not kept: {error}.", refused.ledger_detail());
            refused.owner(detail)
        }
    }
}

pub(super) fn unreadable(error: &InboundError) -> Box<Refused> {
    match error {
        InboundError::TooLarge { bytes_max } => Refused::body_too_large(*bytes_max),
        InboundError::TooSlow { .. } => Refused::new(Code::BodyTimeout, format!("The body arrived too slowly: {error}.")),
        InboundError::Malformed(_) => {
            let detail = "The body ended before its announced end, or its chunks are malformed.";
            Refused::new(Code::BodyTruncated, detail).owner(format!("{detail} ({error})"))
        }
    }
}
