//! Secrets that a hook names and that no caller can be compared with, and how its owner is told.

use hookmill_engine::time::Timestamp;

/// A secret that does not exist, or is no longer good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Absent {
    name: String,
    expired_at: Option<Timestamp>,
}

impl Absent {
    pub(super) fn missing(name: &str) -> Self {
        Self { name: name.to_owned(), expired_at: None }
    }

    pub(super) fn is_missing(&self) -> bool {
        self.expired_at.is_none()
    }

    pub(super) fn expired(name: &str, at: Timestamp) -> Self {
        Self { name: name.to_owned(), expired_at: Some(at) }
    }
}

/// Why the hook cannot check its callers; for the owner.
pub(super) fn sentence(absent: &[Absent]) -> String {
    let (expired, missing): (Vec<_>, Vec<_>) = absent.iter().partition(|secret| secret.expired_at.is_some());
    let names = |secrets: Vec<&Absent>| {
        let names = secrets.iter().map(|secret| match secret.expired_at {
            Some(at) => format!("`{}` (on {at})", secret.name),
            None => format!("`{}`", secret.name),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    let mut sentences = Vec::new();
    if !missing.is_empty() {
        let missing = names(missing);
        sentences.push(format!("The hook's credentials refer to secrets that do not exist: {missing}."));
    }
    if !expired.is_empty() {
        sentences.push(format!("All secrets that callers could be compared with have expired: {}.", names(expired)));
    }
    format!("{} Store them with `hookmill secret set`.", sentences.join(" "))
}
