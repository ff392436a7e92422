//! Whether a document makes sense: names exist where they are used, actions get what they need, limits are kept.
//!
//! Finds everything at once. What only shows at run time (types of values, members of bodies) is left to the run.

mod arrivals;
mod callers;
mod expressions;
mod input;
mod limits;
mod names;
mod presets;
mod responses;
mod secrets;
mod signatures;
mod steps;
mod triggers;
mod variables;

pub use limits::*;

use std::collections::HashMap;

use super::catalog::Catalog;
use super::problem::quoted;
use super::report::Report;
use super::{Problem, Trigger, WebhookTrigger, Workflow};
use expressions::Allowed;
use names::Scope;

/// All problems of meaning of a document, in the order of the document.
#[must_use]
pub fn validate(workflow: &Workflow, catalog: &dyn Catalog) -> Vec<Problem> {
    let mut checker = Checker {
        catalog,
        webhooks: workflow.triggers.iter().map(|Trigger::Webhook(webhook)| webhook.as_ref()).collect(),
        steps: HashMap::new(),
        actions: HashMap::new(),
        at: Report::default(),
    };
    checker.document(workflow);
    checker.at.finish()
}

/// What is known while a document is checked.
struct Checker<'w> {
    catalog: &'w dyn Catalog,
    webhooks: Vec<&'w WebhookTrigger>,
    /// Every step id of the document and where it stands.
    steps: HashMap<&'w str, String>,
    /// The action that a step id runs.
    actions: HashMap<&'w str, &'w str>,
    at: Report,
}

impl<'w> Checker<'w> {
    fn document(&mut self, workflow: &'w Workflow) {
        self.label("name", &workflow.name);
        if let Some(description) = &workflow.description {
            self.length("description", description, DESCRIPTION_CHARS_MAX);
        }
        self.within_limits(workflow);
        self.at_member("steps", |this| this.collect_ids(&workflow.steps));
        self.at_member("triggers", |this| this.triggers(&workflow.triggers));
        self.at_member("settings", |this| this.settings(workflow));
        let mut scope = Scope::default();
        for memory in self.webhooks.iter().filter_map(|webhook| webhook.memory.as_ref()) {
            // With several triggers a run has the variables of only one of them.
            let sure = self.webhooks.len() == 1;
            memory.headers.iter().chain(&memory.body).for_each(|name| scope.set_variable(name, sure));
        }
        self.at_member("steps", |this| this.block(&workflow.steps, &mut scope));
        self.answers(workflow);
    }

    fn settings(&mut self, workflow: &'w Workflow) {
        let settings = &workflow.settings;
        if let Some(concurrency) = settings.concurrency {
            self.range("concurrency", concurrency, 1..=CONCURRENCY_MAX);
        }
        if let Some(lane) = &settings.lane {
            self.at_member("lane", |this| {
                if this.constant_expression(lane) {
                    let message = format!("{} is a constant: all runs share one lane", quoted(lane));
                    this.at.warn("constant_lane", message, None);
                }
                this.text(lane, &Allowed::arrival());
            });
        } else if settings.park_lane_on_failure {
            let message = "without a `lane` there is nothing to park";
            self.at.member("park_lane_on_failure", |at| at.warn("unused_setting", message, None));
        }
        if settings.timeout.is_some_and(|timeout| timeout.0 == 0) {
            self.at.member("timeout", |at| at.problem("out_of_range", "a run needs more time than none"));
        }
    }

    /// Does something at `.key` of the present place.
    fn at_member<T>(&mut self, key: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.at.enter_member(key);
        let value = check(self);
        self.at.leave(mark);
        value
    }

    /// Does something at `[index]` of the present place.
    fn at_element<T>(&mut self, index: usize, check: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.at.enter_element(index);
        let value = check(self);
        self.at.leave(mark);
        value
    }
}
