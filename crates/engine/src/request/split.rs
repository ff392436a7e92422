//! A request whose body holds an array, one run for each element.
//!
//! To a run, its element is the body: variables, conditions, keys and lanes are about it. The whole is still there as
//! `webhook.raw`, and `webhook.split` tells which element of how many it is. An element is named by its position, so that
//! recovery gives a run the very element that it was accepted for.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::body::{Body, BodyKind};
use super::refusal::{Refusal, VariableProblem};
use super::variables::VARIABLE_PROBLEMS_MAX;
use super::{Parsed, Read, Request};
use crate::workflow::{BodyPath, WebhookTrigger};

/// Elements that a request is split into at most.
pub const ELEMENTS_MAX: usize = 1_000;

/// Which element of a body a `webhook` is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    index: usize,
    count: usize,
}

impl Split {
    /// What expressions see of it.
    pub(super) fn value(self) -> Value {
        Value::from_pairs([("index", self.index), ("count", self.count)])
    }
}

/// A body that is split, with its elements.
struct Whole {
    kind: BodyKind,
    elements: Vec<Value>,
}

/// Reads a request for each element at `path`. Never panics, whatever the bytes.
pub fn parse_elements(trigger: &WebhookTrigger, path: &BodyPath, request: &Request<'_>) -> Result<Vec<Parsed>, Refusal> {
    let mut read = Read::of(trigger, request, &[])?;
    let whole = Whole::of(&mut read, path)?;
    let (mut parsed, mut problems) = (Vec::with_capacity(whole.elements.len()), Vec::new());
    for index in 0..whole.elements.len() {
        match whole.element(trigger, request, &mut read, index) {
            Ok(one) => parsed.push(one),
            Err(Refusal::Variables(found)) => problems.extend(found.into_iter().map(|problem| at_element(path, index, problem))),
            Err(other) => return Err(other),
        }
        if problems.len() >= VARIABLE_PROBLEMS_MAX {
            break;
        }
    }
    problems.truncate(VARIABLE_PROBLEMS_MAX);
    if problems.is_empty() { Ok(parsed) } else { Err(Refusal::Variables(problems)) }
}

/// Reads a request for its element at `path` with that position.
pub fn parse_element(trigger: &WebhookTrigger, path: &BodyPath, request: &Request<'_>, index: u32) -> Result<Parsed, Refusal> {
    let mut read = Read::of(trigger, request, &[])?;
    let whole = Whole::of(&mut read, path)?;
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    if index >= whole.elements.len() {
        let message = format!("the body has {} elements at `{path}`, none at position {index}", whole.elements.len());
        return Err(Refusal::Split { message });
    }
    whole.element(trigger, request, &mut read, index)
}

impl Whole {
    /// Takes the body out of what was read.
    fn of(read: &mut Read<'_>, path: &BodyPath) -> Result<Self, Refusal> {
        let body = std::mem::replace(&mut read.body, Body::absent());
        let refused = |message| Err(Refusal::Split { message });
        let array = match path.find(body.content.value()) {
            None => return refused(format!("the body has nothing at `{path}`; this hook takes an array there")),
            Some(array) if array.kind() != ValueKind::Seq => {
                return refused(format!("`{path}` is not an array in the body ({}); this hook takes one there", array.kind()));
            }
            Some(array) => array,
        };
        let count = array.len().unwrap_or(0);
        if count > ELEMENTS_MAX {
            return refused(format!("the array at `{path}` has {count} elements; the limit is {ELEMENTS_MAX}"));
        }
        read.files = body.files;
        let elements = array.try_iter().map(Iterator::collect).unwrap_or_default();
        Ok(Self { kind: body.kind, elements })
    }

    fn element(
        &self,
        trigger: &WebhookTrigger,
        request: &Request<'_>,
        read: &mut Read<'_>,
        index: usize,
    ) -> Result<Parsed, Refusal> {
        let mut body = Body::built(self.kind, self.elements[index].clone());
        body.files.clone_from(&read.files);
        let one = Read {
            bytes: read.bytes.clone(),
            query: super::form::Query::of(request.query)?,
            body,
            files: Vec::new(),
            // What was odd about the body is told once.
            notes: std::mem::take(&mut read.notes),
        };
        one.parsed(trigger, request, Some(Split { index, count: self.elements.len() }))
    }
}

/// The same problem, told of the element that has it.
fn at_element(path: &BodyPath, index: usize, problem: VariableProblem) -> VariableProblem {
    let VariableProblem { name, code, message } = problem;
    VariableProblem {
        name: format!("{path}[{index}].{name}"),
        code,
        message: format!("in element {index} of `{path}`: {message}"),
    }
}
