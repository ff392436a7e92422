//! An uploaded file: a part of the request's body, of which nothing is copied before it is asked for.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use super::text;

/// What an expression sees when it looks at a whole file. The content (`text`, `base64`) is given only if asked for by
/// name: who logs `webhook.files` does not want it.
const MEMBERS: &[&str] = &["name", "field", "filename", "content_type", "size"];

/// An uploaded file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// The form field that it was sent in.
    pub(super) field: String,
    /// How it is called, without folders, if it is.
    pub(super) filename: Option<String>,
    /// As sent.
    pub(super) content_type: String,
    pub(super) charset: Option<String>,
    pub(super) bytes: Bytes,
}

impl Object for File {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        Some(match name {
            "name" => Value::from(self.filename.as_ref().unwrap_or(&self.field)),
            "field" => Value::from(&self.field),
            "filename" => self.filename.as_ref().map_or_else(|| Value::from(()), Value::from),
            "content_type" => Value::from(&self.content_type),
            "size" => Value::from(self.bytes.len()),
            // Not defined for a file that is no text.
            "text" => Value::from(&*text::decode(&self.bytes, self.charset.as_deref()).ok()?),
            "base64" => Value::from(BASE64_STANDARD.encode(&self.bytes)),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(MEMBERS)
    }
}
