//! The stable codes of the API's errors. Renaming one breaks clients; `docs/errors.md` explains each.

/// What kind of error it is, for programs.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable name.
    pub name: &'static str,
    /// The status that goes with it.
    pub status: u16,
    /// The same for people, the same words every time.
    pub title: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $name:literal $status:literal $title:literal;)*) => {
        $(#[allow(missing_docs, reason = "the title says it")]
        pub const $constant: Code = Code { name: $name, status: $status, title: $title };)*
        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    BAD_REQUEST = "bad_request" 400 "Bad request";
    BAD_JSON = "bad_json" 400 "The body is not the JSON that was expected";
    UNAUTHENTICATED = "unauthenticated" 401 "An API key is needed";
    FORBIDDEN = "forbidden" 403 "The API key's role does not allow this";
    NOT_FOUND = "not_found" 404 "Not found";
    METHOD_NOT_ALLOWED = "method_not_allowed" 405 "Method not allowed";
    CONFLICT = "conflict" 409 "In conflict with the present state";
    TOO_LARGE = "too_large" 413 "Too large";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type" 415 "Unsupported media type";
    INVALID_WORKFLOW = "invalid_workflow" 422 "The workflow has problems";
    INVALID = "invalid" 422 "The request cannot be carried out";
    TOO_MANY = "too_many" 429 "Too many at once";
    INTERNAL = "internal" 500 "Something went wrong in the server";
    CORRUPT = "corrupt" 500 "Stored data is damaged";
    OVERLOADED = "overloaded" 503 "Too much is waiting to be stored";
    UNAVAILABLE = "unavailable" 503 "The database cannot be reached";
    STOPPING = "stopping" 503 "The server is about to stop";
    DISK_FULL = "disk_full" 507 "The disk is nearly full";
}
