//! Reading a document: YAML or JSON in, a [`Workflow`] or all its problems of shape out.
//!
//! Whether the document also makes sense (names exist, actions are known) is asked by [`super::validate`].

mod auth;
mod signature;
mod steps;
mod triggers;

use std::collections::HashSet;

use super::decode::{Decode, Fields};
use super::node::{self, Node};
use super::problem::{Problem, quoted};
use super::report::Report;
use super::{FORMAT, Settings, Workflow};

/// Reads a workflow document. Never panics, whatever the text; an error holds every problem of shape at once.
pub fn read(text: &str) -> Result<Workflow, Vec<Problem>> {
    match shape(text) {
        (Some(workflow), problems) if problems.is_empty() => Ok(workflow),
        (_, problems) => Err(problems),
    }
}

/// What a text calls its workflow, whatever else is wrong with it.
#[must_use]
pub fn name_of(text: &str) -> Option<String> {
    let Ok(Node::Map(entries)) = node::parse(text) else { return None };
    entries.into_iter().find_map(|(key, value)| match value {
        Node::Text(name) if key == "name" => Some(name),
        _ => None,
    })
}

/// Every problem of shape, and the document without what has one. Steps keep their places and their ids.
pub(super) fn shape(text: &str) -> (Option<Workflow>, Vec<Problem>) {
    let tree = match node::parse(text) {
        Ok(tree) => tree,
        Err(problem) => return (None, vec![problem]),
    };
    let mut at = Report::default();
    well_formed(&tree, &mut at);
    let workflow = Workflow::decode(&tree, &mut at);
    (workflow, at.finish())
}

/// What must hold anywhere in the tree: no key twice, nothing that only YAML has.
fn well_formed(tree: &Node, at: &mut Report) {
    match tree {
        Node::Map(entries) => {
            let mut seen = HashSet::with_capacity(entries.len());
            for (key, value) in entries {
                at.member(key, |at| {
                    if !seen.insert(key.as_str()) {
                        at.problem("duplicate_key", format!("{} stands here twice", quoted(key)));
                    }
                    well_formed(value, at);
                });
            }
        }
        Node::List(items) => {
            for (index, item) in items.iter().enumerate() {
                at.element(index, |at| well_formed(item, at));
            }
        }
        Node::Foreign(what) => at.problem("not_json", format!("{what} has no place in a workflow document")),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {}
    }
}

impl Decode for Workflow {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a workflow document (a map with `hookmill: 1`, `name` and `steps`)", at)?;
        let format = read_format(&mut fields);
        let name = fields.required("name");
        let description = fields.optional("description");
        let triggers = fields.or_default("triggers");
        let settings = fields.or_default("settings");
        let steps = fields.required("steps");
        fields.finish();
        // Whatever stands in for a missing name is told to be missing, and is fine otherwise.
        let name = name.unwrap_or_else(|| "unnamed".to_owned());
        Some(Self { format: format?, name, description, triggers, settings, steps: steps? })
    }
}

fn read_format(fields: &mut Fields<'_, '_>) -> Option<u32> {
    let expected = FORMAT.to_string();
    match fields.know("hookmill") {
        Some(Node::Number(number)) if number.as_u64() == Some(u64::from(FORMAT)) => Some(FORMAT),
        Some(Node::Number(number)) => {
            let message = format!("this version reads documents of format {FORMAT}, not {number}");
            fields.at.member("hookmill", |at| at.suggest("wrong_format", message, Some(&expected)));
            None
        }
        Some(other) => {
            let message = format!("expected the version of the document format, {FORMAT}; found {}", other.kind());
            fields.at.member("hookmill", |at| at.suggest("wrong_format", message, Some(&expected)));
            None
        }
        None => {
            fields
                .at
                .problem("missing_key", format!("`hookmill: {FORMAT}` is missing: it tells the version of the document format"));
            None
        }
    }
}

impl Decode for Settings {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map of settings", at)?;
        let settings = Self {
            concurrency: fields.optional("concurrency"),
            lane: fields.optional("lane"),
            park_lane_on_failure: fields.or_default("park_lane_on_failure"),
            timeout: fields.optional("timeout"),
        };
        fields.finish();
        Some(settings)
    }
}
