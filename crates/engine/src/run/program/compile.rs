//! From the document to the arena.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{BlockIndex, Handling, Kind, Node, NodeIndex, Program, SecretUse, WaitFor};
use crate::expression::Template;
use crate::workflow::{OnError, Problem, Retry, Step, StepKind, StopOutcome, Wait, Workflow};

/// Iterations of a `while` that does not say.
const WHILE_MAX_DEFAULT: u32 = 1_000;
/// The deepest nesting of steps. Reading a document is stricter; this only keeps the recursion below safe.
const DEPTH_MAX: usize = 100;

pub(super) fn compile(workflow: &Workflow, default_retry: &dyn Fn(&str) -> Option<Retry>) -> Result<Program, Vec<Problem>> {
    let mut compiler = Compiler { default_retry, nodes: Vec::new(), blocks: Vec::new(), problems: Vec::new() };
    let top = Place { path: "steps".to_owned(), prefix: "steps".to_owned(), parent: None, in_loop: false, depth: 0 };
    let root = compiler.block(&workflow.steps, &top);
    let lane = workflow.settings.lane.as_ref().map(|lane| compiler.text(lane, "settings.lane"));
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let nodes = compiler.nodes.into_iter().map(|node| node.expect("every node was filled in")).collect();
    Ok(Program { workflow: workflow.clone(), lane, nodes, blocks: compiler.blocks, root })
}

struct Compiler<'a> {
    default_retry: &'a dyn Fn(&str) -> Option<Retry>,
    nodes: Vec<Option<Node>>,
    blocks: Vec<Vec<NodeIndex>>,
    problems: Vec<Problem>,
}

/// Where a block stands.
struct Place {
    /// In the document, for problems: `steps[2].then`.
    path: String,
    /// For the labels of steps without an id: `steps.2.then`.
    prefix: String,
    parent: Option<NodeIndex>,
    in_loop: bool,
    depth: usize,
}

/// Where a step stands.
struct Spot {
    path: String,
    label: String,
    node: NodeIndex,
    in_loop: bool,
    depth: usize,
}

impl Spot {
    fn inside(&self, key: &str, name: &str) -> Place {
        Place {
            path: format!("{}.{key}", self.path),
            prefix: format!("{}.{name}", self.label),
            parent: Some(self.node),
            in_loop: self.in_loop,
            depth: self.depth + 1,
        }
    }

    fn in_loop(&self) -> Place {
        Place { prefix: "do".to_owned(), in_loop: true, ..self.inside("do", "do") }
    }
}

impl Compiler<'_> {
    fn block(&mut self, steps: &[Step], place: &Place) -> BlockIndex {
        let index = self.blocks.len();
        self.blocks.push(Vec::new());
        if place.depth > DEPTH_MAX {
            self.problems.push(Problem::error(&place.path, "too_deep", format!("steps nest deeper than {DEPTH_MAX} levels")));
            return index;
        }
        let nodes = steps.iter().enumerate().map(|(position, step)| self.step(step, position, place)).collect();
        self.blocks[index] = nodes;
        index
    }

    fn optional_block(&mut self, steps: &[Step], place: &Place) -> Option<BlockIndex> {
        (!steps.is_empty()).then(|| self.block(steps, place))
    }

    fn step(&mut self, step: &Step, position: usize, place: &Place) -> NodeIndex {
        let node = self.nodes.len();
        self.nodes.push(None);
        let spot = Spot {
            path: format!("{}[{position}]", place.path),
            label: step.id.clone().unwrap_or_else(|| format!("{}.{position}", place.prefix)),
            node,
            in_loop: place.in_loop,
            depth: place.depth,
        };
        let kind = self.kind(&step.kind, &spot);
        let on_error = match &step.on_error {
            None | Some(OnError::Fail) => Handling::Fail,
            Some(OnError::Continue) => Handling::Continue,
            Some(OnError::Do(steps)) => Handling::Do(self.block(steps, &spot.inside("on_error.do", "on_error"))),
        };
        let retry = match &step.kind {
            StepKind::Use { action, .. } => step.retry.clone().or_else(|| (self.default_retry)(action)),
            _ => None,
        };
        self.nodes[node] = Some(Node {
            id: step.id.as_deref().map(Arc::from),
            title: step.title.as_deref().map(Arc::from),
            kind_name: kind_name(&step.kind).into(),
            label: spot.label.into(),
            in_loop: spot.in_loop,
            parent: place.parent,
            kind,
            retry,
            timeout: step.timeout,
            on_unknown: step.on_unknown,
            on_error,
        });
        node
    }

    fn kind(&mut self, kind: &StepKind, spot: &Spot) -> Kind {
        let at = |key: &str| format!("{}.{key}", spot.path);
        match kind {
            StepKind::Use { action, with } => {
                let with = self.value(&Json::Object(with.clone()), &at("with"));
                let secrets = secrets(&with);
                Kind::Action { action: action.as_str().into(), with, secrets }
            }
            StepKind::Set { set } => Kind::Set(
                set.iter()
                    .map(|(name, value)| (Arc::from(name.as_str()), self.value(value, &at(&format!("set.{name}")))))
                    .collect(),
            ),
            StepKind::If { condition, then, otherwise } => Kind::If {
                condition: self.value(condition, &at("if")),
                then: self.block(then, &spot.inside("then", "then")),
                otherwise: self.block(otherwise, &spot.inside("else", "else")),
            },
            StepKind::Switch { switch, cases, default } => Kind::Switch {
                value: self.value(switch, &at("switch")),
                cases: cases
                    .iter()
                    .enumerate()
                    .map(|(n, case)| {
                        let when = self.value(&case.when, &at(&format!("cases[{n}].when")));
                        (when, self.block(&case.body, &spot.inside(&format!("cases[{n}].do"), &format!("case{n}"))))
                    })
                    .collect(),
                default: self.block(default, &spot.inside("default", "default")),
            },
            StepKind::ForEach { for_each, item, index, concurrency, body } => Kind::ForEach {
                items: self.value(for_each, &at("for_each")),
                item: item.as_deref().unwrap_or("item").into(),
                index: index.as_deref().unwrap_or("index").into(),
                concurrency: concurrency.map_or(1, |n| usize::try_from(n).unwrap_or(usize::MAX)).max(1),
                body: self.block(body, &spot.in_loop()),
            },
            StepKind::While { condition, max, body } => Kind::While {
                condition: self.value(condition, &at("while")),
                max: max.unwrap_or(WHILE_MAX_DEFAULT).into(),
                body: self.block(body, &spot.in_loop()),
            },
            StepKind::Parallel { parallel } => Kind::Parallel {
                names: parallel.keys().map(|name| Arc::from(name.as_str())).collect(),
                blocks: parallel
                    .iter()
                    .enumerate()
                    .map(|(n, (name, steps))| self.block(steps, &spot.inside(&format!("parallel.{name}"), &n.to_string())))
                    .collect(),
            },
            StepKind::Try { attempt, catch, finally } => Kind::Try {
                attempt: self.block(attempt, &spot.inside("try", "try")),
                catch: self.optional_block(catch, &spot.inside("catch", "catch")),
                finally: self.optional_block(finally, &spot.inside("finally", "finally")),
            },
            StepKind::Wait { wait } => Kind::Wait(match wait {
                Wait::Fixed(span) => WaitFor::Fixed(*span),
                Wait::For { span } => WaitFor::Span(self.text(span, &at("wait.for"))),
                Wait::Until { until } => WaitFor::Until(self.text(until, &at("wait.until"))),
            }),
            StepKind::Respond { respond } => Kind::Respond(self.value(&Json::Object(respond.clone()), &at("respond"))),
            StepKind::Stop { stop: StopOutcome::Success(output) } => Kind::StopSuccess(self.value(output, &at("stop.success"))),
            StepKind::Stop { stop: StopOutcome::Failure(message) } => Kind::StopFailure(self.text(message, &at("stop.failure"))),
        }
    }

    fn text(&mut self, text: &str, path: &str) -> Template {
        self.value(&Json::String(text.to_owned()), path)
    }

    /// A mistake becomes a problem, and the constant `null` stands in so that the others are found as well.
    fn value(&mut self, value: &Json, path: &str) -> Template {
        Template::compile(value).unwrap_or_else(|error| {
            self.problems.push(Problem::error(path, "bad_expression", error.to_string()));
            Template::compile(&Json::Null).expect("null holds no expression")
        })
    }
}

fn secrets(with: &Template) -> Vec<SecretUse> {
    let mut uses: Vec<SecretUse> = Vec::new();
    for name in with.names() {
        let [first, secret, ..] = name.path.as_slice() else { continue };
        if first != "secrets" {
            continue;
        }
        match uses.iter_mut().find(|known| known.name == *secret) {
            Some(known) => known.optional &= name.guarded,
            None => uses.push(SecretUse { name: secret.clone(), optional: name.guarded }),
        }
    }
    uses
}

fn kind_name(kind: &StepKind) -> &str {
    match kind {
        StepKind::Use { action, .. } => action,
        StepKind::Set { .. } => "set",
        StepKind::If { .. } => "if",
        StepKind::Switch { .. } => "switch",
        StepKind::ForEach { .. } => "for_each",
        StepKind::While { .. } => "while",
        StepKind::Parallel { .. } => "parallel",
        StepKind::Try { .. } => "try",
        StepKind::Wait { .. } => "wait",
        StepKind::Respond { .. } => "respond",
        StepKind::Stop { .. } => "stop",
    }
}
