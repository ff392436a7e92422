//! What the expressions of a run can see: frames of names, one within the other.
//!
//! The outermost frame holds the run's variables and the outputs of steps outside of loops. Each iteration of a loop has a
//! frame of its own for its element, its position and its steps' outputs, and takes all of it along when it ends: that is
//! what keeps the memory of long loops bounded. Branches that run at the same time share frames, hence the locks, which
//! are never contended.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object};

use crate::expression::{Names, Value};

/// A frame of names.
#[derive(Debug)]
pub(super) struct Frame {
    parent: Option<Arc<Frame>>,
    /// What the occurrences in it are named after: `each[3].`.
    prefix: Arc<str>,
    /// Whether steps leave their outputs here. The frame of a `catch` does not keep them.
    keeps_steps: bool,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    names: IndexMap<Arc<str>, Slot>,
    steps: IndexMap<Arc<str>, Slot>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    value: Value,
    bytes: usize,
}

/// How the bytes that a frame holds have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) more: usize,
    pub(super) less: usize,
}

impl Frame {
    /// The outermost frame.
    pub(super) fn outermost(variables: Vec<(String, Value)>) -> Arc<Self> {
        let frame = Self { parent: None, prefix: Arc::from(""), keeps_steps: true, held: Mutex::default() };
        for (name, value) in variables {
            // What came with the request is bounded by the request.
            frame.held().names.insert(name.into(), Slot { value, bytes: 0 });
        }
        Arc::new(frame)
    }

    /// The frame of one iteration of the loop at `loop_at`.
    pub(super) fn iteration(self: &Arc<Self>, loop_at: &str, number: usize, names: Vec<(Arc<str>, Value)>) -> Arc<Self> {
        let mut prefix = String::with_capacity(loop_at.len() + 8);
        let _ = write!(prefix, "{loop_at}[{number}].");
        let frame = Self { parent: Some(Arc::clone(self)), prefix: prefix.into(), keeps_steps: true, held: Mutex::default() };
        frame.hold(names);
        Arc::new(frame)
    }

    /// A frame with one more name in it.
    pub(super) fn with(self: &Arc<Self>, name: &str, value: Value) -> Arc<Self> {
        let frame =
            Self { parent: Some(Arc::clone(self)), prefix: Arc::clone(&self.prefix), keeps_steps: false, held: Mutex::default() };
        frame.hold(vec![(name.into(), value)]);
        Arc::new(frame)
    }

    fn hold(&self, names: Vec<(Arc<str>, Value)>) {
        let mut held = self.held();
        for (name, value) in names {
            held.names.insert(name, Slot { value, bytes: 0 });
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn prefix(&self) -> &Arc<str> {
        &self.prefix
    }

    /// How many bytes go when the frame goes.
    pub(super) fn bytes(&self) -> usize {
        self.held().bytes
    }

    /// How many bytes the frames between this one and `base` hold, this one included, `base` not.
    pub(super) fn bytes_within(&self, base: &Arc<Self>) -> usize {
        self.chain().take_while(|frame| !std::ptr::eq(*frame, &**base)).map(Self::bytes).sum()
    }

    /// Gives a variable its value: where the name is known, else in the outermost frame.
    pub(super) fn set(&self, name: &Arc<str>, value: Value, bytes: usize) -> Changed {
        let mut frame = self;
        loop {
            let mut held = frame.held();
            if held.names.contains_key(&**name) || frame.parent.is_none() {
                let old = held.names.insert(Arc::clone(name), Slot { value, bytes }).map_or(0, |old| old.bytes);
                held.bytes = held.bytes + bytes - old;
                return Changed { more: bytes, less: old };
            }
            drop(held);
            frame = frame.parent.as_deref().expect("only the outermost frame has no parent");
        }
    }

    /// Keeps the output of a step.
    pub(super) fn set_output(&self, id: &Arc<str>, value: Value, bytes: usize) -> Changed {
        let mut frame = self;
        while let (false, Some(parent)) = (frame.keeps_steps, &frame.parent) {
            frame = parent;
        }
        let mut held = frame.held();
        let old = held.steps.insert(Arc::clone(id), Slot { value, bytes }).map_or(0, |old| old.bytes);
        held.bytes = held.bytes + bytes - old;
        Changed { more: bytes, less: old }
    }

    fn name(&self, name: &str) -> Option<Value> {
        self.chain().find_map(|frame| frame.held().names.get(name).map(|slot| slot.value.clone()))
    }

    fn output(&self, id: &str) -> Option<Value> {
        self.chain().find_map(|frame| frame.held().steps.get(id).map(|slot| slot.value.clone()))
    }

    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |frame| frame.parent.as_deref())
    }
}

/// What does not change during a run.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) webhook: Value,
    pub(super) run: Value,
    pub(super) seed: u64,
}

/// The names that one evaluation can see.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) frame: Arc<Frame>,
    pub(super) facts: Arc<Facts>,
    pub(super) secrets: Option<Value>,
}

impl Names for Sight {
    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "webhook" => Some(self.facts.webhook.clone()),
            "run" => Some(self.facts.run.clone()),
            "steps" => Some(Value::from_object(Outputs(Arc::clone(&self.frame)))),
            "secrets" => self.secrets.clone(),
            _ => self.frame.name(name),
        }
    }

    fn all(&self) -> Vec<String> {
        let mut all: Vec<String> = ["webhook", "run", "steps"].map(str::to_owned).to_vec();
        for frame in self.frame.chain() {
            all.extend(frame.held().names.keys().map(|name| name.to_string()));
        }
        all
    }
}

/// `steps`: the outputs of the steps that have ended.
#[derive(Debug)]
struct Outputs(Arc<Frame>);

impl Object for Outputs {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.output(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.output(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let mut ids: Vec<Value> = Vec::new();
        for frame in self.0.chain() {
            ids.extend(frame.held().steps.keys().map(|id| Value::from(Arc::clone(id))));
        }
        Enumerator::Values(ids)
    }
}
