//! Errors of the crates below as problems. The one place where they meet HTTP.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use hookmill_engine::id::IdError;
use hookmill_engine::request::{Finding, Refusal};
use hookmill_store::Error as StoreError;
use hookmill_worker::Error as WorkerError;
use serde_json::{Value, json};

use super::{Problem, code};

/// A pause after which trying again makes sense when nobody knows better.
const RETRY_AFTER_MS: u64 = 1_000;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } => {
                Self::new(&code::UNAVAILABLE, "The database cannot be reached at the moment; try again.")
                    .retry_after_ms(RETRY_AFTER_MS)
            }
            StoreError::Overloaded { retry_after_ms } => {
                Self::new(&code::OVERLOADED, "Too many writes are waiting; try again.").retry_after_ms(retry_after_ms)
            }
            StoreError::Full { .. } => Self::new(&code::DISK_FULL, error.to_string()).retry_after_ms(RETRY_AFTER_MS),
            StoreError::Conflict { .. } | StoreError::NotOwner => {
                Self::new(&code::CONFLICT, "Somebody else changed it in the meantime; load it again.")
            }
            StoreError::PathTaken { .. } | StoreError::DraftGone => Self::new(&code::CONFLICT, sentence(&error.to_string())),
            StoreError::NotFound => Self::new(&code::NOT_FOUND, "There is no such thing."),
            StoreError::Invalid(why) => Self::new(&code::INVALID, sentence(&why)),
            StoreError::Corrupt { .. } => {
                tracing::error!(%error, "Stored data is damaged: {error}");
                Self::new(&code::CORRUPT, "Stored data is damaged; `hookmill verify` tells more.")
            }
            StoreError::Newer { .. } | StoreError::Older { .. } | StoreError::InUse { .. } | StoreError::Folder { .. } => {
                tracing::error!(%error, "The store cannot be used: {error}");
                Self::new(&code::INTERNAL, "The store cannot be used; the server's log tells why.")
            }
        }
    }
}

impl From<WorkerError> for Problem {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Store(error) => error.into(),
            WorkerError::NotFound(what) => Self::new(&code::NOT_FOUND, format!("There is no such {what}.")),
            WorkerError::Conflict(why) => Self::new(&code::CONFLICT, sentence(&why)),
            WorkerError::DraftGone(_) => Self::new(&code::CONFLICT, sentence(&error.to_string())),
            WorkerError::Elsewhere => Self::new(&code::CONFLICT, sentence(&error.to_string())).retry_after_ms(RETRY_AFTER_MS),
            WorkerError::Unrunnable(_) => Self::new(&code::INVALID, sentence(&error.to_string())),
            WorkerError::Input(refusal) => input_refused(&refusal),
            WorkerError::Files(_) => {
                tracing::error!(%error, "The folder for files cannot be used: {error}");
                Self::new(&code::INTERNAL, "The folder for files cannot be used; the server's log tells why.")
            }
        }
    }
}

fn input_refused(refusal: &Refusal) -> Problem {
    let finding = |finding: &Finding<'_>| json!({ "name": finding.name, "code": finding.code, "message": finding.message });
    let problems: Vec<Value> = refusal.findings().iter().map(finding).collect();
    Problem::new(&code::INVALID, sentence(&refusal.to_string())).with("problems", problems)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        input_refused(&refusal)
    }
}

impl From<IdError> for Problem {
    fn from(error: IdError) -> Self {
        Self::bad_request(sentence(&error.to_string()))
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => {
                Self::new(&code::UNSUPPORTED_MEDIA_TYPE, "Send the body as JSON, with `Content-Type: application/json`.")
            }
            JsonRejection::JsonSyntaxError(error) => Self::new(&code::BAD_JSON, sentence(&cause(&error))),
            JsonRejection::JsonDataError(error) => Self::new(&code::BAD_JSON, sentence(&cause(&error))),
            // What is left is a body that could not be read: too long, or broken off.
            other if other.status() == 413 => Self::new(&code::TOO_LARGE, "The body is larger than server.api_body_max."),
            other => Self::bad_request(sentence(&other.body_text())),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(sentence(&cause(&rejection)))
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(sentence(&rejection.body_text()))
    }
}

/// The innermost error: what is wrong with the text, without "failed to deserialize".
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// A text with a capital letter and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
