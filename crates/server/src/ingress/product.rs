//! Standing in for other products: their URLs, and their answers as they document them.
//!
//! A sender that was written for one of them needs nothing changed but the host name.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookmill_engine::id::{DeliveryId, RunId};
use hookmill_engine::workflow::{Credential, SecretNames, WebhookTrigger};
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::code::Code;

/// What the paths of the products begin with.
pub(super) const PREFIXES: [&str; 4] = ["/webhooks/", "/api/webhook/", "/v1/flows/", "/workflow/hooks"];

/// The path at which the product of a trigger's preset would answer; `slug` is the workspace's.
#[must_use]
pub fn alias(trigger: &WebhookTrigger, slug: &str) -> Option<String> {
    let product = Product::of(trigger.preset.as_deref()?)?;
    let ids = trigger.ids.clone().unwrap_or_default();
    Some(product.path(ids.workspace.as_deref(), ids.workflow.as_deref(), slug))
}

/// The path under which a hook is stored that answers at a product's path: HAP calls a workflow whose answer is waited for
/// at `/workflow/hooks2/`, with the same id.
pub(super) fn canonical(path: &str) -> Cow<'_, str> {
    match path.strip_prefix("/workflow/hooks2/") {
        Some(id) => Cow::Owned(format!("/workflow/hooks/{id}")),
        None => Cow::Borrowed(path),
    }
}

/// Everything that is not at home in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'=');

/// A product that we stand in for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// SmartFlow, the older age of AI SmartTalk: `/webhooks/{workflowId}`.
    Smartflow,
    /// AI SmartTalk: `/api/webhook/{unique-id}`.
    Smarttalk,
    /// HAP (Mingdao, Nocoly): `/workflow/hooks/{base64 id}`.
    Hap,
    /// Vectense: `/api/webhook/{workspace-id}/{workflow-id}?key={shared key}`.
    Vectense,
    /// SMASHSEND: `/v1/flows/{flowId}/{workspaceId}/call`.
    Smashsend,
}

/// An answer as a product gives it.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Product {
    /// The product of a preset.
    pub(crate) fn of(preset: &str) -> Option<Self> {
        Some(match preset {
            "smartflow" => Self::Smartflow,
            "smarttalk" => Self::Smarttalk,
            "hap" => Self::Hap,
            "vectense" => Self::Vectense,
            "smashsend" => Self::Smashsend,
            _ => return None,
        })
    }

    /// Whose form a path has, whether or not a hook answers there.
    pub(super) fn at(path: &str) -> Option<Self> {
        let [smartflow, segment, smashsend, hap] = PREFIXES;
        if path.starts_with(smartflow) {
            return Some(Self::Smartflow);
        }
        if let Some(ids) = path.strip_prefix(segment) {
            return Some(if ids.contains('/') { Self::Vectense } else { Self::Smarttalk });
        }
        if path.starts_with(smashsend) {
            return Some(Self::Smashsend);
        }
        path.starts_with(hap).then_some(Self::Hap)
    }

    /// The path at which the product would answer. Ids that are not given are the hook's own token (the store puts it
    /// in) and the workspace's slug.
    pub(crate) fn path(self, workspace: Option<&str>, workflow: Option<&str>, slug: &str) -> String {
        let segment = |id: &str| utf8_percent_encode(id, SEGMENT).to_string();
        let workspace = segment(workspace.unwrap_or(slug));
        let plain = workflow.map_or_else(|| "{token}".to_owned(), segment);
        match self {
            Self::Smartflow => format!("/webhooks/{plain}"),
            Self::Smarttalk => format!("/api/webhook/{plain}"),
            // The product derives the last segment from the id of the process; without padding, as that has 24 characters.
            Self::Hap => {
                let last = workflow.map_or_else(|| "{token}".to_owned(), |id| segment(&BASE64_STANDARD.encode(id)));
                format!("/workflow/hooks/{last}")
            }
            Self::Vectense => format!("/api/webhook/{workspace}/{plain}"),
            Self::Smashsend => format!("/v1/flows/{plain}/{workspace}/call"),
        }
    }

    /// The credential of the product, with its secret.
    pub(super) fn credential(self, secret: SecretNames) -> Option<Credential> {
        match self {
            Self::Smartflow | Self::Smarttalk => Some(Credential::Bearer(secret)),
            Self::Hap => Some(Credential::AppKey(secret)),
            Self::Vectense => Some(Credential::SharedKey(secret)),
            // Its URL is the only credential.
            Self::Smashsend => None,
        }
    }

    /// The methods that the product answers.
    pub(crate) fn methods(self) -> Vec<Method> {
        if self == Self::Hap { vec![Method::GET, Method::POST] } else { vec![Method::POST] }
    }

    /// The answer to what was accepted; none: ours, with the product's status.
    pub(crate) fn accepted(self, delivery: DeliveryId, run: Option<RunId>) -> Reply {
        let run = run.map(|run| run.to_string());
        let body = match self {
            Self::Smartflow | Self::Smarttalk => {
                json!({ "delivery_id": delivery.to_string(), "run_id": run })
            }
            Self::Hap => {
                let data = json!({ "sourceId": delivery.to_string(), "instanceId": run });
                json!({ "status": 1, "data": data, "msg": "\u{6210}\u{529f}" })
            }
            Self::Vectense => json!({ "status": "accepted", "workflow_started": true }),
            Self::Smashsend => {
                json!({ "success": true, "flowRunId": run, "message": "Flow triggered successfully" })
            }
        };
        Reply { status: StatusCode::OK, body }
    }

    /// The answer to what was refused; none: problem details, for the product documents no form of its own. `missing`:
    /// the name of the first variable if it is missing.
    pub(crate) fn refused(self, code: Code, detail: &str, missing: Option<&str>) -> Option<Reply> {
        let status = StatusCode::from_u16(self.status(code)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.refused_with(status, code, detail, missing)
    }

    /// The status with which it answers a refusal. Vectense has one for everything that is not the sender's fault.
    pub(crate) fn status(self, code: Code) -> u16 {
        match self {
            Self::Vectense if vectense_error(code) == SYSTEM_ERROR => Code::Internal.status(),
            _ => code.status(),
        }
    }

    /// The same with the status that the hook's document asks for.
    pub(super) fn refused_with(self, status: StatusCode, code: Code, detail: &str, missing: Option<&str>) -> Option<Reply> {
        let body = match self {
            Self::Smartflow | Self::Smarttalk => return None,
            Self::Hap => {
                let message = if missing.is_some() { "Missing required parameter" } else { detail };
                json!({ "status": 0, "msg": message })
            }
            Self::Vectense => json!({ "error": vectense_error(code) }),
            Self::Smashsend => {
                let (error, message) = match (code, missing) {
                    (Code::InvalidVariables, Some(name)) => {
                        ("Validation failed", format!("{} field is required", capitalised(name)))
                    }
                    (Code::InvalidVariables | Code::BadBody | Code::SplitError, _) => ("Validation failed", detail.to_owned()),
                    _ => (code.title(), detail.to_owned()),
                };
                json!({ "error": error, "message": message, "statusCode": status.as_u16() })
            }
        };
        Some(Reply { status, body })
    }
}

/// What Vectense says of "system errors", whatever they are.
const SYSTEM_ERROR: &str = "Internal server error";

/// Vectense documents three sentences; what else can be refused says what it is.
fn vectense_error(code: Code) -> &'static str {
    match code {
        Code::Unauthorized => "Invalid shared key",
        Code::BadBody | Code::InvalidVariables | Code::SplitError | Code::BodyTruncated => "Invalid request format",
        Code::Internal
        | Code::StorageUnavailable
        | Code::StorageFull
        | Code::HookNotReady
        | Code::RunFailed
        | Code::RunCancelled => SYSTEM_ERROR,
        other => other.title(),
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_answers_at_its_own_form_of_url() {
        let id = Some("0123456789abcdef01234567");
        for (preset, ids, path) in [
            ("smartflow", (None, Some("abc123")), "/webhooks/abc123"),
            ("smarttalk", (None, Some("a/b")), "/api/webhook/a%2Fb"),
            ("hap", (None, id), "/workflow/hooks/MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"),
            ("hap", (None, None), "/workflow/hooks/{token}"),
            ("vectense", (Some("workspace"), Some("workflow")), "/api/webhook/workspace/workflow"),
            ("vectense", (None, None), "/api/webhook/main/{token}"),
            ("smashsend", (Some("wrk_1"), Some("flw_1")), "/v1/flows/flw_1/wrk_1/call"),
        ] {
            let path_of = Product::of(preset).unwrap().path(ids.0, ids.1, "main");
            assert_eq!(path_of, path, "{preset}");
            assert_eq!(Product::at(path), Product::of(preset), "{path}");
            assert!(PREFIXES.iter().any(|prefix| path.starts_with(prefix)), "{path}");
        }
        assert_eq!((Product::of("github"), Product::at("/hooks/abc")), (None, None));
    }

    #[test]
    fn refusals_have_the_documented_bodies() {
        let refused = |product: Product, code, first| product.refused(code, "why", first).unwrap().body.to_string();
        assert_eq!(
            refused(Product::Smashsend, Code::InvalidVariables, Some("email")),
            r#"{"error":"Validation failed","message":"Email field is required","statusCode":400}"#
        );
        assert_eq!(
            refused(Product::Hap, Code::InvalidVariables, Some("name")),
            r#"{"status":0,"msg":"Missing required parameter"}"#
        );
        assert_eq!(refused(Product::Vectense, Code::Unauthorized, None), r#"{"error":"Invalid shared key"}"#);
        assert_eq!(refused(Product::Vectense, Code::BadBody, None), r#"{"error":"Invalid request format"}"#);
        for code in [Code::Internal, Code::StorageFull, Code::StorageUnavailable, Code::HookNotReady] {
            let reply = Product::Vectense.refused(code, "why", None).unwrap();
            assert_eq!((reply.status.as_u16(), reply.body.to_string().as_str()), (500, r#"{"error":"Internal server error"}"#));
        }
        assert_eq!(Product::Vectense.refused(Code::BacklogFull, "why", None).unwrap().status, 503);
        assert_eq!(Product::Smarttalk.refused(Code::Unauthorized, "why", None), None);
    }
}
