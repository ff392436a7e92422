//! The stable codes with which a webhook is refused. They are told to the sender, and kept as the delivery's reason.

/// Why a webhook is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// No hook answers at this URL.
    HookNotFound,
    /// The hook is switched off, as if it were not there.
    HookOff,
    /// The hook is switched off for a while.
    HookAway,
    /// A limit on requests is used up.
    RateLimited,
    /// The hook does not take this method.
    MethodNotAllowed,
    /// No accepted credential was presented.
    Unauthorized,
    /// The address is not one of those that may call.
    AddressNotAllowed,
    /// The sender's signature is missing, wrong or too old.
    BadSignature,
    /// The body is larger than the hook takes.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body ended early, or its framing is broken.
    BodyTruncated,
    /// There is no parser for the content type, or the content is encoded.
    UnsupportedMediaType,
    /// The body is not what its content type says.
    BadBody,
    /// Variables are missing or have the wrong type.
    InvalidVariables,
    /// The body has no array where the hook splits it, or one with too many elements.
    SplitError,
    /// The idempotency key cannot be used.
    BadIdempotencyKey,
    /// The idempotency key was used before, with another body.
    IdempotencyKeyReused,
    /// The expression of the hook's condition gives no value for this request.
    ConditionError,
    /// The expression that orders runs gives no value for this request.
    LaneError,
    /// The hook cannot check its callers, or its workflow cannot run, until its owner mends it.
    HookNotReady,
    /// More is waiting to be stored than the limits allow.
    Overloaded,
    /// More runs wait for their turn than the limit allows.
    BacklogFull,
    /// The disk is full.
    StorageFull,
    /// The database cannot be reached.
    StorageUnavailable,
    /// The run that the sender waited for failed.
    RunFailed,
    /// The run that the sender waited for was cancelled.
    RunCancelled,
    /// Something went wrong in the server.
    Internal,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::HookNotFound,
        Self::HookOff,
        Self::HookAway,
        Self::RateLimited,
        Self::MethodNotAllowed,
        Self::Unauthorized,
        Self::AddressNotAllowed,
        Self::BadSignature,
        Self::BodyTooLarge,
        Self::BodyTimeout,
        Self::BodyTruncated,
        Self::UnsupportedMediaType,
        Self::BadBody,
        Self::InvalidVariables,
        Self::SplitError,
        Self::BadIdempotencyKey,
        Self::IdempotencyKeyReused,
        Self::ConditionError,
        Self::LaneError,
        Self::HookNotReady,
        Self::Overloaded,
        Self::BacklogFull,
        Self::StorageFull,
        Self::StorageUnavailable,
        Self::RunFailed,
        Self::RunCancelled,
        Self::Internal,
    ];

    fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::HookNotFound => ("hook_not_found", 404, "No hook answers here"),
            Self::HookOff => ("hook_off", 404, "The hook is switched off"),
            Self::HookAway => ("hook_away", 503, "The hook is switched off for now"),
            Self::RateLimited => ("rate_limited", 429, "Too many requests"),
            Self::MethodNotAllowed => ("method_not_allowed", 405, "Method not allowed"),
            Self::Unauthorized => ("unauthorized", 401, "Unauthorized"),
            Self::AddressNotAllowed => ("address_not_allowed", 403, "Address not allowed"),
            Self::BadSignature => ("bad_signature", 401, "The signature is not right"),
            Self::BodyTooLarge => ("body_too_large", 413, "Body too large"),
            Self::BodyTimeout => ("body_timeout", 408, "The body did not arrive in time"),
            Self::BodyTruncated => ("body_truncated", 400, "The body is incomplete"),
            Self::UnsupportedMediaType => ("unsupported_media_type", 415, "Unsupported media type"),
            Self::BadBody => ("bad_body", 400, "The body cannot be read"),
            Self::InvalidVariables => ("invalid_variables", 400, "Variables are missing or mistyped"),
            Self::SplitError => ("split_error", 422, "The body cannot be split"),
            Self::BadIdempotencyKey => ("bad_idempotency_key", 400, "The idempotency key cannot be used"),
            Self::IdempotencyKeyReused => ("idempotency_key_reused", 422, "The idempotency key was used for another body"),
            Self::ConditionError => ("condition_error", 422, "The hook's condition cannot be told"),
            Self::LaneError => ("lane_error", 422, "The order of this request cannot be told"),
            Self::HookNotReady => ("hook_not_ready", 503, "The hook is not ready"),
            Self::Overloaded => ("overloaded", 503, "Too much is waiting to be stored"),
            Self::BacklogFull => ("backlog_full", 503, "Too many runs are waiting"),
            Self::StorageFull => ("storage_full", 507, "The storage is full"),
            Self::StorageUnavailable => ("storage_unavailable", 503, "The storage is not available"),
            Self::RunFailed => ("run_failed", 500, "The run failed"),
            Self::RunCancelled => ("run_cancelled", 500, "The run was cancelled"),
            Self::Internal => ("internal", 500, "Something went wrong in the server"),
        }
    }

    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.row().1
    }

    /// The same in words, always the same words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.row().2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_listed_once_in_their_order() {
        assert!(Code::ALL.is_sorted_by(|a, b| a < b));
        assert_eq!(Code::ALL.len(), Code::Internal as usize + 1, "a code is missing in ALL");
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn every_code_is_explained() {
        let page = include_str!("../../../../docs/webhook-errors.md");
        for code in Code::ALL {
            let row = format!("| `{}` | {} | {} |", code.name(), code.status(), code.title());
            assert!(page.contains(&row), "docs/webhook-errors.md lacks the row\n{row} …");
        }
    }
}
