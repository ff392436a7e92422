//! How steps are read. A new kind of step is one entry in [`KINDS`].

use serde_json::Value;

use super::super::decode::{Decode, Fields, tagged, word, wrong_type};
use super::super::node::Node;
use super::super::problem::{closest, listed};
use super::super::report::Report;
use super::super::{Backoff, Case, OnError, OnUnknown, Retry, Step, StepKind, StopOutcome, Wait};
use crate::time::Span;

/// The key that makes a step one of this kind, the keys that may stand beside it, and how they are read.
struct Kind {
    key: &'static str,
    others: &'static [&'static str],
    read: fn(&mut Fields<'_, '_>) -> Option<StepKind>,
}

const KINDS: &[Kind] = &[
    Kind {
        key: "use",
        others: &["with"],
        read: |fields| {
            let (action, with) = (fields.required("use"), fields.or_default("with"));
            Some(StepKind::Use { action: action?, with })
        },
    },
    Kind { key: "set", others: &[], read: |fields| Some(StepKind::Set { set: fields.required("set")? }) },
    Kind {
        key: "if",
        others: &["then", "else"],
        read: |fields| {
            let (condition, then) = (fields.required("if"), fields.required("then"));
            let otherwise = fields.or_default("else");
            Some(StepKind::If { condition: condition?, then: then?, otherwise })
        },
    },
    Kind {
        key: "switch",
        others: &["cases", "default"],
        read: |fields| {
            let (switch, cases) = (fields.required("switch"), fields.required("cases"));
            let default = fields.or_default("default");
            Some(StepKind::Switch { switch: switch?, cases: cases?, default })
        },
    },
    Kind {
        key: "for_each",
        others: &["as", "index", "concurrency", "do"],
        read: |fields| {
            let for_each = fields.required("for_each");
            let (item, index) = (fields.optional("as"), fields.optional("index"));
            let concurrency = fields.optional("concurrency");
            let body = fields.required("do");
            Some(StepKind::ForEach { for_each: for_each?, item, index, concurrency, body: body? })
        },
    },
    Kind {
        key: "while",
        others: &["max", "do"],
        read: |fields| {
            let (condition, max, body) = (fields.required("while"), fields.optional("max"), fields.required("do"));
            Some(StepKind::While { condition: condition?, max, body: body? })
        },
    },
    Kind { key: "parallel", others: &[], read: |fields| Some(StepKind::Parallel { parallel: fields.required("parallel")? }) },
    Kind {
        key: "try",
        others: &["catch", "finally"],
        read: |fields| {
            let attempt = fields.required("try");
            let (catch, finally) = (fields.or_default("catch"), fields.or_default("finally"));
            Some(StepKind::Try { attempt: attempt?, catch, finally })
        },
    },
    Kind { key: "wait", others: &[], read: |fields| Some(StepKind::Wait { wait: fields.required("wait")? }) },
    Kind {
        key: "respond",
        others: &[],
        // `respond:` with nothing behind it is an empty answer.
        read: |fields| Some(StepKind::Respond { respond: fields.or_default("respond") }),
    },
    Kind { key: "stop", others: &[], read: |fields| Some(StepKind::Stop { stop: fields.required("stop")? }) },
];

fn kind_keys() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.key)
}

impl Decode for Step {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let Some(mut fields) = Fields::of(node, "a step (a map with a key such as `use` or `if`)", at) else {
            return Some(Self::left_out());
        };
        let id = fields.optional("id");
        let title = fields.optional("title");
        let retry = fields.optional("retry");
        let timeout = fields.optional("timeout");
        let on_unknown = fields.optional("on_unknown");
        let on_error = fields.optional("on_error");
        let kind = read_kind(&mut fields);
        fields.finish();
        let kind = kind.unwrap_or(LEFT_OUT);
        Some(Self { id, title, kind, retry, timeout, on_unknown, on_error })
    }
}

/// Stands for what a step does when that could not be read, so that the others keep their places. It has no problems.
const LEFT_OUT: StepKind = StepKind::Wait { wait: Wait::Fixed(Span(1_000)) };

impl Step {
    fn left_out() -> Self {
        Self { id: None, title: None, kind: LEFT_OUT, retry: None, timeout: None, on_unknown: None, on_error: None }
    }
}

fn read_kind(fields: &mut Fields<'_, '_>) -> Option<StepKind> {
    let present: Vec<&Kind> = KINDS.iter().filter(|kind| fields.has(kind.key)).collect();
    match present.as_slice() {
        [kind] => (kind.read)(fields),
        [] => {
            let meant = fields.unknown_keys().into_iter().find_map(|key| closest(key, kind_keys()));
            let message = format!("the step does nothing: it needs one of the keys {}", listed(kind_keys(), "or"));
            fields.at.suggest("no_kind", message, meant);
            // Whatever stands here belongs to the kind that is missing or misspelled.
            know_all(fields, KINDS.iter());
            None
        }
        several => {
            let keys = listed(several.iter().map(|kind| kind.key), "and");
            fields.at.problem("several_kinds", format!("a step does one thing, but this one has {keys}"));
            know_all(fields, several.iter().copied());
            None
        }
    }
}

fn know_all<'k>(fields: &mut Fields<'_, '_>, kinds: impl Iterator<Item = &'k Kind>) {
    for kind in kinds {
        fields.know(kind.key);
        for other in kind.others {
            fields.know(other);
        }
    }
}

impl Decode for Case {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a case with the keys `when` and `do`", at)?;
        let (when, body) = (fields.required("when"), fields.required("do"));
        fields.finish();
        Some(Self { when: when?, body: body? })
    }
}

impl Decode for Wait {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        match node {
            Node::Map(_) => tagged(
                node,
                "unknown_wait",
                &[
                    ("for", |node, at| String::decode(node, at).map(|span| Self::For { span })),
                    ("until", |node, at| String::decode(node, at).map(|until| Self::Until { until })),
                ],
                at,
            ),
            Node::Text(text) if text.contains("{{") => {
                let message = "an expression needs to say what it gives: `wait: { for: … }` or `wait: { until: … }`";
                at.problem("bad_duration", message);
                None
            }
            other => Decode::decode(other, at).map(Self::Fixed),
        }
    }
}

impl Decode for StopOutcome {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        tagged(
            node,
            "unknown_outcome",
            &[
                ("success", |node, at| Value::decode(node, at).map(Self::Success)),
                ("failure", |node, at| String::decode(node, at).map(Self::Failure)),
            ],
            at,
        )
    }
}

impl Decode for OnError {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        match node {
            Node::Map(_) => tagged(node, "unknown_value", &[("do", |node, at| Vec::decode(node, at).map(Self::Do))], at),
            Node::Text(_) => {
                // One of two words, each a unit that can be copied.
                let continues = word(node, &[("fail", false), ("continue", true)], at)?;
                Some(if continues { Self::Continue } else { Self::Fail })
            }
            other => {
                wrong_type("`fail`, `continue` or a map with the key `do`", other, at);
                None
            }
        }
    }
}

impl Decode for OnUnknown {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        word(node, &[("ask", Self::Ask), ("retry", Self::Retry), ("fail", Self::Fail)], at)
    }
}

impl Decode for Retry {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        let mut fields = Fields::of(node, "a map with the key `attempts`", at)?;
        let attempts = fields.required("attempts");
        let backoff = fields.or_default("backoff");
        let (delay, max_delay) = (fields.optional("delay"), fields.optional("max_delay"));
        let on = fields.or_default("on");
        fields.finish();
        Some(Self { attempts: attempts?, backoff, delay, max_delay, on })
    }
}

impl Decode for Backoff {
    fn decode(node: &Node, at: &mut Report) -> Option<Self> {
        word(node, &[("exponential", Self::Exponential), ("fixed", Self::Fixed)], at)
    }
}
