//! What the templates of an answer can see: `webhook`, `delivery`, `run`; of a run that has ended also `output` or `error`,
//! the outputs of its steps, and its variables.

use std::sync::Arc;

use hookmill_engine::expression::{Names, Scope, Value, from_json};
use hookmill_engine::run::Failure;

use super::Accepted;

/// What is known of a run when its sender is answered.
#[derive(Default)]
pub(super) struct Known {
    output: Option<Value>,
    error: Option<Value>,
    run: Option<Arc<dyn Names>>,
}

impl Known {
    pub(super) fn output(output: &serde_json::Value) -> Self {
        Self { output: Some(from_json(output)), ..Self::default() }
    }

    pub(super) fn failure(failure: &Failure) -> Self {
        let error = Value::from_pairs([("code", failure.code.as_str()), ("message", failure.message.as_str())]);
        Self { error: Some(error), ..Self::default() }
    }

    /// With what the run's own expressions could see.
    pub(super) fn of_run(self, run: Option<Arc<dyn Names>>) -> Self {
        Self { run, ..self }
    }
}

impl Accepted {
    /// What the log calls the run.
    pub(super) fn run_id(&self) -> String {
        self.run.map_or_else(|| "(none)".to_owned(), |run| run.to_string())
    }

    pub(super) fn scope(&self, known: Known) -> Scope {
        let Known { output, error, run } = known;
        let delivery = Value::from(self.delivery.to_string());
        let run_id = self.run.map_or_else(|| Value::from(()), |run| Value::from(run.to_string()));
        let mut of_run = vec![("id", run_id)];
        of_run.extend(output.clone().map(|output| ("output", output)));
        of_run.extend(error.clone().map(|error| ("error", error)));
        let mut own = vec![
            ("webhook".to_owned(), self.webhook.clone()),
            ("run".to_owned(), Value::from_pairs(of_run)),
            ("delivery".to_owned(), Value::from_pairs([("id", delivery.clone())])),
            ("delivery_id".to_owned(), delivery),
        ];
        own.extend(output.map(|output| ("output".to_owned(), output)));
        own.extend(error.map(|error| ("error".to_owned(), error)));
        match run {
            None => Scope::of(own, self.now, self.seed),
            Some(run) => Scope::new(Arc::new(Both { own, run }), self.now, self.seed, Arc::from("")),
        }
    }
}

/// The names of the answer, before those of its run.
#[derive(Debug)]
struct Both {
    own: Vec<(String, Value)>,
    run: Arc<dyn Names>,
}

impl Names for Both {
    fn get(&self, name: &str) -> Option<Value> {
        Names::get(&self.own, name).or_else(|| self.run.get(name))
    }

    fn all(&self) -> Vec<String> {
        let mut all = self.own.all();
        all.extend(self.run.all());
        all
    }
}
