//! What a sender gets from a hook that took its request.

use std::collections::BTreeMap;

use hookmill_engine::id::{DeliveryId, RunId};
use hookmill_engine::workflow::{ContentType, FallbackAnswer, Response, ResponseMode};
use serde_json::{Map, Value, json};

use super::callers::WaysIn;
use super::components::Components;
use super::refusals::{Refusals, shape};
use super::signer::Signer;
use super::{Described, is_plain};
use crate::ingress;

/// One possible answer.
struct Answer {
    status: String,
    /// When it is given, in a few words.
    when: &'static str,
    /// Media type, schema, example; none: it has no body that could be told.
    body: Option<(&'static str, Value, Option<Value>)>,
}

/// All answers of a hook by status.
pub(super) fn responses(
    described: &Described<'_>,
    ways: &WaysIn,
    signer: Option<&Signer>,
    has_body: bool,
    components: &mut Components,
) -> Value {
    let mut grouped: BTreeMap<String, Vec<Answer>> = BTreeMap::new();
    for answer in accepted(described) {
        grouped.entry(answer.status.clone()).or_default().push(answer);
    }
    let mut responses = Refusals { described, ways, signer, has_body }.responses(components);
    for (status, answers) in grouped {
        // A status that both ways of ending have: the refusal's shape is told among the examples of the other.
        let refused = responses.remove(&status);
        let value = response(described, &answers, refused.is_some());
        responses.insert(status, value);
    }
    json!(responses)
}

fn accepted(described: &Described<'_>) -> Vec<Answer> {
    let default = Response::default();
    let wanted = described.trigger.response.as_ref().unwrap_or(&default);
    let taken = ingress::accepted_status(described.trigger).as_u16();
    let mut answers = Vec::new();
    match wanted.mode {
        ResponseMode::Immediately => answers.push(at_once(described, wanted)),
        ResponseMode::WhenFinished => {
            let body = match &wanted.body {
                Some(body) => Some(said(body, wanted.content_type)),
                None => Some((
                    media(wanted.content_type).unwrap_or("*/*"),
                    json!({ "description": "The output of the workflow." }),
                    None,
                )),
            };
            answers.push(Answer { status: status(wanted.status, 200), when: "The run has finished", body });
        }
        ResponseMode::Respond => answers.push(Answer {
            status: "default".to_owned(),
            when: "What the workflow answers",
            body: Some((media(wanted.content_type).unwrap_or("*/*"), json!({}), None)),
        }),
    }
    if wanted.mode != ResponseMode::Immediately {
        answers.push(match &wanted.on_deadline {
            Some(answer) => fallback(answer, wanted, taken, "The run takes longer than a sender waits"),
            None => ids(taken, "The run takes longer than a sender waits; it goes on"),
        });
        let failed = "The run failed";
        answers.extend(wanted.on_failure.as_ref().map(|answer| fallback(answer, wanted, 500, failed)));
        answers.extend(wanted.aborted.as_ref().map(|answer| fallback(answer, wanted, 500, "The run was cancelled")));
    }
    if described.trigger.only_if.is_some() {
        let body = json!({ "delivery_id": DeliveryId(1).to_string(), "filtered": true });
        let body = Some(("application/json", shape(&body), Some(body)));
        answers.push(Answer {
            status: "200".to_owned(),
            when: "The hook is not meant for this request; it starts nothing",
            body,
        });
    }
    answers
}

fn status(given: Option<u16>, default: u16) -> String {
    given.filter(|status| (200..600).contains(status)).unwrap_or(default).to_string()
}

fn at_once(described: &Described<'_>, wanted: &Response) -> Answer {
    let when = "The request is stored, and its run will happen";
    let taken = ingress::accepted_status(described.trigger).as_u16();
    if let Some(body) = &wanted.body {
        return Answer { status: status(wanted.status, 200), when, body: Some(said(body, wanted.content_type)) };
    }
    match described.product().filter(|_| wanted.headers.is_empty()) {
        Some(product) => {
            let reply = product.accepted(DeliveryId(1), Some(RunId(2)));
            let body = Some(("application/json", shape(&reply.body), Some(reply.body)));
            Answer { status: status(wanted.status, reply.status.as_u16()), when, body }
        }
        None if described.trigger.split.is_some() => {
            let body = json!({ "delivery_id": DeliveryId(1).to_string(), "run_ids": [RunId(2).to_string()] });
            let body = Some(("application/json", shape(&body), Some(body)));
            Answer { status: status(wanted.status, taken), when, body }
        }
        None => Answer { status: status(wanted.status, taken), ..ids(taken, when) },
    }
}

/// The ids under which the owner finds what became of a request.
fn ids(status: u16, when: &'static str) -> Answer {
    let body = json!({ "delivery_id": DeliveryId(1).to_string(), "run_id": RunId(2).to_string() });
    Answer { status: status.to_string(), when, body: Some(("application/json", shape(&body), Some(body))) }
}

fn fallback(answer: &FallbackAnswer, wanted: &Response, default: u16, when: &'static str) -> Answer {
    let body = answer.body.as_ref().map(|body| said(body, answer.content_type.or(wanted.content_type)));
    Answer { status: status(answer.status, default), when, body }
}

fn media(content_type: Option<ContentType>) -> Option<&'static str> {
    content_type.map(|content_type| match content_type {
        ContentType::Json => "application/json",
        ContentType::Text => "text/plain",
        ContentType::Xml => "application/xml",
    })
}

/// A body that the owner wrote. Expressions are the owner's own business: what they give is not told, nor are they.
fn said(body: &Value, content_type: Option<ContentType>) -> (&'static str, Value, Option<Value>) {
    let media = media(content_type);
    if all_plain(body) {
        let default = if body.is_string() { "text/plain" } else { "application/json" };
        let media = media.unwrap_or(default);
        // In any other media type than JSON an example is the text itself, as it is sent.
        let example = match body {
            other if media == "application/json" || other.is_string() => other.clone(),
            other => String::from_utf8_lossy(&ingress::written(content_type, other.clone()).1).into(),
        };
        return (media, shape(&example), Some(example));
    }
    match body {
        Value::String(_) => (media.unwrap_or("*/*"), json!({}), None),
        _ => (media.unwrap_or("application/json"), json!({ "type": "object" }), None),
    }
}

fn all_plain(body: &Value) -> bool {
    match body {
        Value::String(text) => is_plain(text),
        Value::Array(elements) => elements.iter().all(all_plain),
        Value::Object(members) => members.iter().all(|(name, value)| is_plain(name) && all_plain(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// The fields in which a hook with a rate limit tells how much of it is left (draft-ietf-httpapi-ratelimit-headers).
pub(super) fn standing(described: &Described<'_>) -> Vec<(String, Value)> {
    let Some(limit) = &described.trigger.rate_limit else { return Vec::new() };
    let text = |what: String| json!({ "description": what, "schema": { "type": "string" } });
    let policy = format!("The limit: {} requests in {}.", limit.requests, limit.per);
    let left = "How many requests are left (`r`), and the seconds until there are all of them again (`t`).";
    vec![("RateLimit-Policy".to_owned(), text(policy)), ("RateLimit".to_owned(), text(left.to_owned()))]
}

/// One response of the description, of all answers with its status.
fn response(described: &Described<'_>, answers: &[Answer], may_refuse: bool) -> Value {
    let wanted = described.trigger.response.as_ref();
    let mut whens: Vec<&str> = answers.iter().map(|answer| answer.when).collect();
    whens.extend(may_refuse.then_some("Or something went wrong in the server"));
    let mut content: BTreeMap<&str, (Vec<&Value>, Map<String, Value>)> = BTreeMap::new();
    for answer in answers {
        let Some((media, schema, example)) = &answer.body else { continue };
        let (schemas, examples) = content.entry(media).or_default();
        if !schemas.contains(&schema) {
            schemas.push(schema);
        }
        if let Some(example) = example {
            examples.insert(format!("answer{}", examples.len() + 1), json!({ "summary": answer.when, "value": example }));
        }
    }
    let content: Map<String, Value> = content
        .into_iter()
        .map(|(media, (schemas, examples))| {
            let schema = match schemas.as_slice() {
                [one] => (*one).clone(),
                several => json!({ "anyOf": several }),
            };
            let mut body = json!({ "schema": schema });
            if !examples.is_empty() {
                body["examples"] = Value::Object(examples);
            }
            (media.to_owned(), body)
        })
        .collect();
    let mut headers = Map::new();
    let repeats = "`true` if the request repeats an earlier one, whose answer this is.";
    headers.insert("Hookmill-Duplicate".to_owned(), json!({ "description": repeats, "schema": { "type": "string" } }));
    headers.extend(standing(described));
    for (name, value) in wanted.iter().flat_map(|wanted| &wanted.headers) {
        let mut header = json!({ "schema": { "type": "string" } });
        if let Value::String(text) = value
            && is_plain(text)
        {
            header["example"] = text.clone().into();
        }
        // OpenAPI has another place for this one.
        if !name.eq_ignore_ascii_case("content-type") {
            headers.insert(name.clone(), header);
        }
    }
    let mut response = json!({ "description": format!("{}.", whens.join(". ")), "headers": headers });
    if !content.is_empty() {
        response["content"] = Value::Object(content);
    }
    response
}
