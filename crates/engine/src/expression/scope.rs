//! What an expression can see.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use minijinja::State;
use minijinja::value::{DynObject, Enumerator, Object, Value};

use crate::time::Timestamp;

/// Where the names of a scope come from. Asked when a name is used, so nothing is copied for names that are not.
pub trait Names: fmt::Debug + Send + Sync + 'static {
    /// The value under `name`.
    fn get(&self, name: &str) -> Option<Value>;
    /// All names, for suggestions.
    fn all(&self) -> Vec<String>;
}

impl Names for Vec<(String, Value)> {
    fn get(&self, name: &str) -> Option<Value> {
        self.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    fn all(&self) -> Vec<String> {
        self.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// The names, the time and the seed that an evaluation may use.
#[derive(Clone, Debug)]
pub struct Scope(Arc<Inner>);

/// The name, not writable in an expression, under which functions find the scope they are called in.
const ITSELF: &str = " scope";

#[derive(Debug)]
struct Inner {
    names: Arc<dyn Names>,
    now: Timestamp,
    seed: u64,
    /// What distinguishes this evaluation from others with the same seed: the step occurrence.
    place: Arc<str>,
    /// How many values were drawn from the seed.
    draws: AtomicU64,
}

impl Scope {
    /// A scope in which it is `now`, and in which random values follow from `seed` and `place` alone.
    #[must_use]
    pub fn new(names: Arc<dyn Names>, now: Timestamp, seed: u64, place: Arc<str>) -> Self {
        Self(Arc::new(Inner { names, now, seed, place, draws: AtomicU64::new(0) }))
    }

    /// A scope of a few names.
    #[must_use]
    pub fn of(names: Vec<(String, Value)>, now: Timestamp, seed: u64) -> Self {
        Self::new(Arc::new(names), now, seed, Arc::from(""))
    }

    /// The value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        self.0.names.get(name)
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.names.all()
    }

    /// The same scope with some more names before the others.
    pub(super) fn with(&self, names: Vec<(String, Value)>) -> Self {
        let inner = &self.0;
        let names = Arc::new(Overlay { names, below: Arc::clone(&inner.names) });
        let draws = AtomicU64::new(inner.draws.fetch_add(1 << 32, Ordering::Relaxed) + (1 << 32));
        Self(Arc::new(Inner { names, now: inner.now, seed: inner.seed, place: Arc::clone(&inner.place), draws }))
    }

    pub(super) fn to_value(&self) -> Value {
        Value::from_dyn_object(DynObject::new(Arc::clone(&self.0)))
    }

    /// The instant of the evaluation that `state` belongs to.
    pub(super) fn now_of(state: &State<'_, '_>) -> Option<Timestamp> {
        Some(state.lookup(ITSELF)?.downcast_object_ref::<Inner>()?.now)
    }

    /// 64 bits that no other draw of this scope gives, and that the same draw gives again.
    pub(super) fn draw_of(state: &State<'_, '_>) -> Option<u64> {
        let itself = state.lookup(ITSELF)?;
        let inner = itself.downcast_object_ref::<Inner>()?;
        Some(mix(inner.seed, &inner.place, inner.draws.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Object for Inner {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if key == ITSELF {
            return Some(Value::from_dyn_object(DynObject::new(Arc::clone(self))));
        }
        self.names.get(key)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

#[derive(Debug)]
struct Overlay {
    names: Vec<(String, Value)>,
    below: Arc<dyn Names>,
}

impl Names for Overlay {
    fn get(&self, name: &str) -> Option<Value> {
        self.names.get(name).or_else(|| self.below.get(name))
    }

    fn all(&self) -> Vec<String> {
        let mut all = self.names.all();
        all.extend(self.below.all());
        all
    }
}

/// Well-spread bits that depend on all three arguments and on nothing else.
pub(crate) fn mix(seed: u64, text: &str, number: u64) -> u64 {
    let mut hash = seed ^ 0x9e37_79b9_7f4a_7c15;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // The finalizer of SplitMix64, once for each 64 bits of what goes in.
    let mut spread = |word: u64| {
        hash = hash.wrapping_add(word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
    };
    spread(seed);
    spread(number);
    hash
}
