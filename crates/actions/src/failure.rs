//! How an action says that an attempt failed.

use hookmill_engine::run::Failure;
use hookmill_engine::time::Span;
use serde_json::Value;

/// The attempt failed and would fail again.
#[must_use]
pub fn failed(code: &str, message: impl Into<String>) -> Failure {
    let (code, message) = (code.to_owned(), message.into());
    Failure { code, message, retryable: false, retry_after: None, details: None, step: None }
}

/// The attempt failed for a reason that may pass.
#[must_use]
pub fn failed_for_now(code: &str, message: impl Into<String>) -> Failure {
    Failure { retryable: true, ..failed(code, message) }
}

/// The same failure with more for the reader.
#[must_use]
pub fn with_details(failure: Failure, details: Value) -> Failure {
    Failure { details: Some(details), ..failure }
}

/// The same failure, not to be repeated before `pause` has passed.
#[must_use]
pub fn with_pause(failure: Failure, pause: Option<Span>) -> Failure {
    Failure { retry_after: pause, ..failure }
}
