//! Samples: what senders send, as an example; and the variables that follow from one.
//!
//! A sample is written down as JSON, as key-value pairs or as a form, or it is a delivery. Whatever it was, it becomes a
//! request, and all requests go through the same inference.

use axum::extract::State;
use axum::{Extension, Json};
use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::request::{Headers, Request};
use hookmill_engine::sample::{self, Variables};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::PresetInfo;
use hookmill_store::samples::{Origin, Sample};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::auth::Caller;
use super::extract::{Body, Path};
use super::hooks;
use super::time::Time;
use crate::app::App;
use crate::problem::{Problem, Result, code};

/// Bytes of a sample's body that answers show as text.
const SHOWN_BODY_BYTES_MAX: usize = 64 * 1024;

/// A sample: exactly one of its members.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SampleIn {
    /// A JSON body: the value itself, or a text that holds it.
    #[schema(value_type = Option<Object>)]
    json: Option<Value>,
    /// Key-value pairs, as an object or as a list of two-element lists. `a[b]` and repeated keys mean what they mean in
    /// forms.
    #[schema(value_type = Option<Object>)]
    pairs: Option<Pairs>,
    /// A form as it is sent: `a=1&b=2`.
    form: Option<String>,
    /// A delivery of the ledger, whatever became of it.
    delivery_id: Option<String>,
}

/// Key-value pairs in either spelling.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Pairs {
    Map(Map<String, Value>),
    List(Vec<(String, Value)>),
}

/// A sample (exactly one of the first four members), and which of its variables a request must have.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct InferIn {
    /// As in a sample.
    #[schema(value_type = Option<Object>)]
    json: Option<Value>,
    /// As in a sample.
    #[schema(value_type = Option<Object>)]
    pairs: Option<Pairs>,
    /// As in a sample.
    form: Option<String>,
    /// As in a sample.
    delivery_id: Option<String>,
    /// `true`: all of them; a list: those of these names. Otherwise none: that is for people to say.
    #[schema(value_type = Option<Object>)]
    required: Option<Required>,
}

/// Which variables are required.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Required {
    All(bool),
    Names(Vec<String>),
}

/// What follows from a sample.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InferredOut {
    /// The variables in the order found: `name`, and their declaration as a document has it (`type`, `example`, `required`,
    /// `from`, `items`, `fields`).
    #[schema(value_type = Vec<Object>)]
    variables: Vec<Value>,
    /// The same, ready to be put into a document.
    yaml: String,
    /// What else is to be known.
    notes: Vec<String>,
}

/// A request as a sample.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SentOut {
    method: String,
    /// Without the question mark, secrets struck out.
    query: String,
    /// Name and value, in their order, secrets struck out.
    headers: Vec<(String, String)>,
    /// The body as text; null if it is no text. At most 64 KiB.
    body: Option<String>,
    /// Bytes of the whole body.
    size: usize,
}

/// The sample of a hook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SampleOut {
    #[schema(value_type = String)]
    hook: HookId,
    /// json, pairs or delivery.
    #[schema(value_type = String)]
    origin: Origin,
    request: SentOut,
    #[serde(flatten)]
    inferred: InferredOut,
    /// Who chose it.
    author: String,
    updated_at: Time,
}

/// A sample as a request.
pub(super) struct Example {
    pub(super) origin: Origin,
    pub(super) method: String,
    pub(super) query: String,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
    /// Who sends such requests.
    preset: Option<&'static PresetInfo>,
}

impl SampleIn {
    /// The request that is meant.
    async fn read(self, app: &App) -> Result<Example> {
        match self {
            Self { json: Some(json), pairs: None, form: None, delivery_id: None } => {
                let text = match json {
                    Value::String(text) => text,
                    value => value.to_string(),
                };
                Ok(Example::posted(Origin::Json, "application/json", text))
            }
            Self { json: None, pairs: Some(pairs), form: None, delivery_id: None } => {
                Ok(Example::posted(Origin::Pairs, FORM, pairs.form()))
            }
            Self { json: None, pairs: None, form: Some(form), delivery_id: None } => {
                Ok(Example::posted(Origin::Pairs, FORM, form))
            }
            Self { json: None, pairs: None, form: None, delivery_id: Some(id) } => Example::delivery(app, id.parse()?).await,
            _ => Err(Problem::bad_request("Give exactly one of `json`, `pairs`, `form` and `delivery_id`.")),
        }
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Pairs {
    fn form(self) -> String {
        let pairs = match self {
            Self::Map(pairs) => pairs.into_iter().collect(),
            Self::List(pairs) => pairs,
        };
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs {
            match value {
                Value::String(text) => form.append_pair(&name, &text),
                other => form.append_pair(&name, &other.to_string()),
            };
        }
        form.finish()
    }
}

impl Example {
    fn posted(origin: Origin, content_type: &str, body: String) -> Self {
        let headers = [("content-type", content_type)].into_iter().collect();
        Self { origin, method: "POST".to_owned(), query: String::new(), headers, body: body.into(), preset: None }
    }

    /// What a delivery was, as the ledger has it.
    pub(super) async fn delivery(app: &App, id: DeliveryId) -> Result<Self> {
        let absent = || Problem::not_found("delivery", id);
        let delivery = app.store.delivery(id).await?.ok_or_else(absent)?;
        let body = match app.store.delivery_body(id).await {
            Err(hookmill_store::Error::NotFound) => return Err(absent()),
            body => body?,
        };
        let query = delivery.path_and_query.split_once('?').map_or("", |(_, query)| query).to_owned();
        let preset = preset_of(app, delivery.hook).await?;
        Ok(Self { origin: Origin::Delivery, method: delivery.method, query, headers: delivery.headers, body, preset })
    }

    /// The variables that follow from it.
    pub(super) fn infer(&self) -> Result<Variables> {
        let request = Request {
            method: &self.method,
            path_params: &[],
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
            event: None,
            address: "",
            received_at: Timestamp(0),
            delivery: DeliveryId(0),
        };
        Ok(sample::infer_request(&request, self.preset)?)
    }

    pub(super) fn shown(&self) -> SentOut {
        let shown = &self.body[..self.body.len().min(SHOWN_BODY_BYTES_MAX)];
        let text = match std::str::from_utf8(shown) {
            Ok(text) => Some(text.to_owned()),
            // The cut may lie within a letter.
            Err(error) if error.error_len().is_none() && shown.len() < self.body.len() => {
                Some(String::from_utf8_lossy(&shown[..error.valid_up_to()]).into_owned())
            }
            Err(_) => None,
        };
        SentOut {
            method: self.method.clone(),
            query: self.query.clone(),
            headers: self.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: text,
            size: self.body.len(),
        }
    }
}

/// Whose requests a hook takes, as far as its published document says.
async fn preset_of(app: &App, hook: HookId) -> Result<Option<&'static PresetInfo>> {
    let Some(listed) = app.store.listed_hook(hook).await? else { return Ok(None) };
    let trigger = hooks::trigger(app, &listed).await;
    Ok(trigger.and_then(|trigger| trigger.preset_info()))
}

impl InferredOut {
    pub(super) fn new(variables: &Variables) -> Self {
        let shown = variables.iter().map(|(name, variable)| {
            let mut members = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
            if let Ok(Value::Object(declaration)) = serde_json::to_value(variable) {
                members.extend(declaration);
            }
            Value::Object(members)
        });
        let nameless = "The sample has no names, so that no variables follow from it; all of it is `webhook.body`.";
        let notes = if variables.is_empty() { vec![nameless.to_owned()] } else { Vec::new() };
        Self { variables: shown.collect(), yaml: sample::to_yaml(variables), notes }
    }
}

impl Required {
    fn mark(self, variables: &mut Variables) -> Result<()> {
        match self {
            Self::All(required) => variables.iter_mut().for_each(|(_, variable)| variable.required = required),
            Self::Names(names) => {
                for name in names {
                    let found = variables.iter_mut().find(|(known, _)| *known == name);
                    let shown: String = name.chars().take(40).collect();
                    let missing = || Problem::new(&code::INVALID, format!("`required`: the sample has no variable `{shown}`."));
                    found.ok_or_else(missing)?.1.required = true;
                }
            }
        }
        Ok(())
    }
}

/// The variables that follow from a sample.
#[utoipa::path(
    post, path = "/api/v1/samples/infer", tag = "samples", request_body = InferIn,
    responses((status = 200, body = InferredOut))
)]
pub(super) async fn infer_sample(State(app): State<App>, Body(infer): Body<InferIn>) -> Result<Json<InferredOut>> {
    let InferIn { json, pairs, form, delivery_id, required } = infer;
    let mut variables = SampleIn { json, pairs, form, delivery_id }.read(&app).await?.infer()?;
    if let Some(required) = required {
        required.mark(&mut variables)?;
    }
    Ok(Json(InferredOut::new(&variables)))
}

/// The sample of a hook: used for previews, documentation and test runs.
#[utoipa::path(
    get, path = "/api/v1/hooks/{id}/sample", tag = "samples", params(("id" = String, Path)),
    responses((status = 200, body = SampleOut))
)]
pub(super) async fn get_sample(State(app): State<App>, Path(hook): Path<HookId>) -> Result<Json<SampleOut>> {
    let sample = app.store.sample(hook).await?.ok_or_else(|| Problem::not_found("sample of the hook", hook))?;
    Ok(Json(out(&app, hook, sample).await?))
}

async fn out(app: &App, hook: HookId, sample: Sample) -> Result<SampleOut> {
    let Sample { origin, method, query, headers, body, author, updated_at } = sample;
    let example = Example { origin, method, query, headers, body, preset: preset_of(app, hook).await? };
    let inferred = InferredOut::new(&example.infer()?);
    Ok(SampleOut { hook, origin, request: example.shown(), inferred, author, updated_at: updated_at.into() })
}

/// Gives a hook its sample. A delivery is copied, so that the sample outlives it.
#[utoipa::path(
    put, path = "/api/v1/hooks/{id}/sample", tag = "samples", params(("id" = String, Path)), request_body = SampleIn,
    responses((status = 200, body = SampleOut))
)]
pub(super) async fn put_sample(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(hook): Path<HookId>,
    Body(sample): Body<SampleIn>,
) -> Result<Json<SampleOut>> {
    app.store.hook(hook).await?.ok_or_else(|| Problem::not_found("hook", hook))?;
    let Example { origin, method, query, headers, body, preset: _ } = sample.read(&app).await?;
    let sample = Sample { origin, method, query, headers, body, author: caller.author(), updated_at: app.now() };
    // What cannot be read is no sample.
    let out = out(&app, hook, sample.clone()).await?;
    app.store.put_sample(hook, &sample).await?;
    Ok(Json(out))
}

/// Takes a hook's sample away.
#[utoipa::path(
    delete, path = "/api/v1/hooks/{id}/sample", tag = "samples", params(("id" = String, Path)), responses((status = 204))
)]
pub(super) async fn delete_sample(State(app): State<App>, Path(hook): Path<HookId>) -> Result<StatusCode> {
    app.store.delete_sample(hook).await.map_err(|error| match error {
        hookmill_store::Error::NotFound => Problem::not_found("sample of the hook", hook),
        other => other.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}
