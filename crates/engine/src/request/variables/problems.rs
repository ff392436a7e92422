//! Everything that is wrong with the variables of one request, as far as anybody wants to read it.

use crate::request::Refusal;
use crate::request::refusal::VariableProblem;

/// More problems than this about one request are counted, not told.
pub const VARIABLE_PROBLEMS_MAX: usize = 100;

/// What was found so far.
#[derive(Default)]
pub(super) struct Problems {
    told: Vec<VariableProblem>,
    untold: usize,
}

impl Problems {
    pub(super) fn tell(&mut self, name: &str, code: &'static str, message: String) {
        if self.is_full() {
            self.untold += 1;
        } else {
            self.told.push(VariableProblem { name: name.to_owned(), code, message });
        }
    }

    /// Whether more problems are only counted.
    pub(super) fn is_full(&self) -> bool {
        self.told.len() >= VARIABLE_PROBLEMS_MAX
    }

    /// Whether it is known already that there are more problems than are told.
    pub(super) fn overflowed(&self) -> bool {
        self.untold > 0
    }

    /// How many more will be told.
    pub(super) fn room(&self) -> usize {
        VARIABLE_PROBLEMS_MAX - self.told.len()
    }

    pub(super) fn into_refusal(mut self) -> Option<Refusal> {
        if self.untold > 0 {
            let message = format!("and more: only the first {VARIABLE_PROBLEMS_MAX} problems are told");
            self.told.push(VariableProblem { name: "body".to_owned(), code: "more_problems", message });
        }
        (!self.told.is_empty()).then_some(Refusal::Variables(self.told))
    }
}
