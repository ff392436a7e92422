//! What a webhook request says: the body by its content type, the declared variables, and the `webhook` object.
//!
//! A function of the trigger and the request: it is called when the request is accepted, and again with the stored
//! bytes when the run is recovered, and gives the same. Who may call, and how large a body may be, is asked before.
//!
//! A request is answered before anybody looks at its body, and many runs never do. Of a JSON body the declared variables
//! are found at once; the rest is only checked, and built when an expression first asks for it.

mod binary;
mod body;
mod cloudevents;
mod encoding;
mod file;
mod form;
mod headers;
mod json;
mod media;
mod multipart;
mod parameters;
mod refusal;
mod skim;
mod split;
mod text;
mod variables;
mod webhook;
mod xml;

pub use encoding::{ENCODINGS_MAX, Encoding, INFLATED_BYTES_MAX, INFLATED_FREE_BYTES, INFLATED_RATIO_MAX};
pub use form::{FORM_DEPTH_MAX, FORM_FIELDS_MAX};
pub use headers::Headers;
pub use json::{JSON_DEPTH_MAX, NOTES_MAX};
pub use media::ACCEPTED_MEDIA_TYPES;
pub use multipart::{MULTIPART_PARTS_MAX, PART_HEAD_BYTES_MAX, fields as multipart_fields, texts as multipart_texts};
pub use refusal::{Finding, Position, Refusal, VariableProblem};
pub use split::{ELEMENTS_MAX, parse_element, parse_elements};
pub use variables::VARIABLE_PROBLEMS_MAX;
pub(crate) use variables::{fields, undeclared};
pub use webhook::{OFFERED_MEMBERS, WEBHOOK_MEMBERS};
pub use xml::{XML_ATTRIBUTES_MAX, XML_DEPTH_MAX, XML_NODES_MAX};

use bytes::Bytes;
use minijinja::Value;

use crate::id::DeliveryId;
use crate::time::Timestamp;
use crate::workflow::WebhookTrigger;

/// A request as it came in. Credentials have been taken out of query and headers before, so that the same request can
/// be built again from what is stored.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, upper case.
    pub method: &'a str,
    /// The values of the `:name` segments of the hook's own path, decoded.
    pub path_params: &'a [(String, String)],
    /// The query without the question mark, as sent.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a Headers,
    /// The exact bytes of the body.
    pub body: &'a Bytes,
    /// The type of the event as the sender's preset tells it.
    pub event: Option<&'a str>,
    /// Where it came from.
    pub address: &'a str,
    /// When it was received.
    pub received_at: Timestamp,
    /// The id under which it is stored.
    pub delivery: DeliveryId,
}

/// What a request says.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The object that expressions know as `webhook`.
    pub webhook: Value,
    /// The run variables that the trigger's `memory` asks for.
    pub variables: Vec<(String, Value)>,
    /// What was accepted although it is odd (duplicate keys), for the owner of the hook.
    pub notes: Vec<String>,
    /// Bytes of the body without its encodings.
    pub body_bytes: usize,
}

/// Reads a request. Never panics, whatever the bytes.
pub fn parse(trigger: &WebhookTrigger, request: &Request<'_>) -> Result<Parsed, Refusal> {
    Read::of(trigger, request, &variables::wanted(trigger))?.parsed(trigger, request, None)
}

/// A request whose body was read, before anything is asked of it.
struct Read<'t> {
    /// The body without its encodings.
    bytes: Bytes,
    query: form::Query,
    body: body::Body<'t>,
    /// The files of a body that was taken apart.
    files: Vec<file::File>,
    notes: Vec<String>,
}

impl<'t> Read<'t> {
    /// `wanted`: the members of the body that will be asked for.
    fn of(trigger: &WebhookTrigger, request: &Request<'_>, wanted: &[&'t str]) -> Result<Self, Refusal> {
        let query = form::Query::of(request.query)?;
        let mut notes = Vec::new();
        let bytes = encoding::undo(request, &trigger.encodings, trigger.body_bytes_max)?;
        let texts = media::Texts::of(trigger.preset_info());
        let body = media::parse_body(request, &bytes, &query, (wanted, texts), &mut notes)?;
        Ok(Self { bytes, query, body, files: Vec::new(), notes })
    }

    fn parsed(self, trigger: &WebhookTrigger, request: &Request<'_>, split: Option<split::Split>) -> Result<Parsed, Refusal> {
        let Self { bytes, query, body, notes, .. } = self;
        let headers = request.headers.value();
        let variables = variables::collect(trigger, request, &bytes, &body, &query)?;
        let body_bytes = bytes.len();
        let raw = webhook::Raw { bytes, binary: body.kind == body::BodyKind::Binary };
        let memory = trigger.memory.as_ref().map_or_else(Vec::new, |memory| {
            let headers = memory.headers.iter().map(|name| (name.clone(), headers.clone()));
            // A binary body has no parsed form; its bytes are what there is to remember.
            let remembered = || if raw.binary { raw.value() } else { body.content.value().clone() };
            headers.chain(memory.body.iter().map(|name| (name.clone(), remembered()))).collect()
        });
        let webhook = webhook::Webhook::of(request, body, query, headers, raw, variables, split);
        Ok(Parsed { webhook: Value::from_object(webhook), variables: memory, notes, body_bytes })
    }
}
