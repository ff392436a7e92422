//! The tree of steps, walked in the order of its running.

use serde_json::{Map, Value};

use super::Checker;
use super::expressions::Allowed;
use super::limits::{ATTEMPTS_MAX, BRANCHES_MAX, ID_CHARS_MAX, ITERATIONS_MAX, LOOP_CONCURRENCY_MAX};
use super::names::{RESERVED_NAMES, Scope};
use crate::time::Span;
use crate::workflow::problem::{closest, quoted};
use crate::workflow::{Case, OnError, Retry, Step, StepKind, StopOutcome, Wait};

impl<'w> Checker<'w> {
    /// Learns all ids before any name is looked up, so that "comes later" can be told from "does not exist".
    pub(super) fn collect_ids(&mut self, steps: &'w [Step]) {
        self.each_block(steps, &mut |this, step| {
            let Some(id) = &step.id else { return };
            let path = this.at.path().to_owned();
            if let Some(first) = this.steps.get(id.as_str()) {
                let message = format!("the id `{id}` is taken by the step at {first}");
                this.at.member("id", |at| at.problem("duplicate_id", message));
                return;
            }
            this.steps.insert(id, path);
            if let StepKind::Use { action, .. } = &step.kind {
                this.actions.insert(id, action);
            }
        });
    }

    fn each_block(&mut self, steps: &'w [Step], visit: &mut dyn FnMut(&mut Self, &'w Step)) {
        for (index, step) in steps.iter().enumerate() {
            self.at_element(index, |this| {
                visit(this, step);
                for (key, block) in named_blocks(step) {
                    let mark = this.at.enter_path(&key);
                    this.each_block(block, visit);
                    this.at.leave(mark);
                }
            });
        }
    }

    /// Checks a block; afterwards the scope holds what the block leaves behind.
    pub(super) fn block(&mut self, steps: &'w [Step], scope: &mut Scope<'w>) {
        for (index, step) in steps.iter().enumerate() {
            self.at_element(index, |this| {
                if scope.ended {
                    this.at.warn("never_reached", "this step is never reached: the run has been stopped before it", None);
                    scope.ended = false;
                }
                this.step(step, scope);
            });
        }
    }

    fn step(&mut self, step: &'w Step, scope: &mut Scope<'w>) {
        if let Some(id) = &step.id {
            self.at_member("id", |this| this.step_id(id));
        }
        if let Some(title) = &step.title {
            self.label("title", title);
        }
        let before = scope.clone();
        self.kind(&step.kind, scope);
        if let Some(id) = &step.id {
            scope.add_step(id);
        }
        self.attempts(step);
        match &step.on_error {
            Some(OnError::Do(steps)) => {
                let mut failed = Scope { error: true, ..before };
                failed.perhaps(scope);
                self.at_member("on_error", |this| this.at_member("do", |this| this.block(steps, &mut failed)));
                let error = scope.error;
                scope.after_one_of(vec![scope.clone(), Scope { error, ..failed }]);
            }
            Some(OnError::Continue) => {
                // The blocks inside may have broken off anywhere.
                let mut after = before;
                after.perhaps(scope);
                if let Some(id) = &step.id {
                    after.add_step(id);
                }
                *scope = Scope { ended: scope.ended, ..after };
            }
            Some(OnError::Fail) | None => {}
        }
    }

    fn step_id(&mut self, id: &str) {
        let starts_well = id.starts_with(|c: char| c.is_ascii_alphabetic());
        if !starts_well || id.len() > ID_CHARS_MAX || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let message =
                format!("{} is not an id: letters, digits and `_`, starting with a letter, at most {ID_CHARS_MAX}", quoted(id));
            let fixed: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(40).collect();
            let fits = fixed.starts_with(|c: char| c.is_ascii_alphabetic());
            self.at.suggest("bad_id", message, fits.then_some(fixed.as_str()));
        } else if RESERVED_NAMES.contains(&id) {
            self.at.problem("reserved_id", format!("`{id}` means something else in expressions"));
        }
    }

    fn attempts(&mut self, step: &'w Step) {
        let is_action = matches!(step.kind, StepKind::Use { .. });
        let given =
            [("retry", step.retry.is_some()), ("timeout", step.timeout.is_some()), ("on_unknown", step.on_unknown.is_some())];
        for (key, given) in given {
            if given && !is_action {
                let message = format!("`{key}` only matters for steps that run an action (`use`)");
                self.at.member(key, |at| at.warn("unused_setting", message, None));
            }
        }
        if step.timeout == Some(Span(0)) {
            self.at.member("timeout", |at| at.problem("out_of_range", "an attempt needs more time than none"));
        }
        if let Some(retry) = &step.retry {
            self.at_member("retry", |this| this.retry(retry));
        }
    }

    fn retry(&mut self, retry: &Retry) {
        self.range("attempts", retry.attempts, 1..=ATTEMPTS_MAX);
        if let (Some(delay), Some(max)) = (retry.delay, retry.max_delay)
            && delay > max
        {
            self.at.member("delay", |at| at.problem("out_of_range", format!("{delay} is longer than `max_delay`, {max}")));
        }
        for (index, _) in retry.on.iter().enumerate().filter(|(_, code)| code.trim().is_empty()) {
            self.at.member("on", |at| at.element(index, |at| at.problem("empty", "the code of a failure must not be empty")));
        }
    }

    fn kind(&mut self, kind: &'w StepKind, scope: &mut Scope<'w>) {
        match kind {
            StepKind::Use { action, with } => self.action(action, with, scope),
            StepKind::Set { set } => self.at_member("set", |this| this.set(set, scope)),
            StepKind::If { condition, then, otherwise } => {
                self.computed("if", condition, &Allowed::step(scope));
                let outcomes = vec![self.branch("then", then, scope), self.branch("else", otherwise, scope)];
                scope.after_one_of(outcomes);
            }
            StepKind::Switch { switch, cases, default } => self.switch(switch, cases, default, scope),
            StepKind::ForEach { for_each, item, index, concurrency, body } => {
                self.computed("for_each", for_each, &Allowed::step(scope));
                if !matches!(for_each, Value::Array(_) | Value::Object(_) | Value::String(_)) {
                    self.at
                        .member("for_each", |at| at.problem("wrong_type", "a list, or an expression that gives one, is needed"));
                }
                if let Some(concurrency) = concurrency {
                    self.range("concurrency", *concurrency, 1..=LOOP_CONCURRENCY_MAX);
                }
                let inside = self.inside_for_each(item.as_deref(), index.as_deref(), scope);
                self.repeated(body, inside, scope);
            }
            StepKind::While { condition, max, body } => {
                let mut inside = scope.clone();
                inside.set_variable("index", true);
                self.computed("while", condition, &Allowed::step(&inside));
                if let Some(max) = max {
                    self.range("max", *max, 1..=ITERATIONS_MAX);
                }
                self.repeated(body, inside, scope);
            }
            StepKind::Parallel { parallel } => {
                self.count("parallel", parallel.len(), "branches");
                let mut outcomes = Vec::new();
                for (name, steps) in parallel {
                    self.at_member("parallel", |this| {
                        if name.trim().is_empty() {
                            this.at.problem("empty", "the name of a branch must not be empty");
                        }
                        outcomes.push(this.branch(name, steps, scope));
                    });
                }
                scope.after_all_of(outcomes);
            }
            StepKind::Try { attempt, catch, finally } => self.attempt(attempt, catch, finally, scope),
            StepKind::Wait { wait } => self.wait(wait, scope),
            StepKind::Respond { respond } => self.at_member("respond", |this| this.respond(respond, &Allowed::step(scope))),
            StepKind::Stop { stop } => {
                match stop {
                    StopOutcome::Success(value) => {
                        let path = self.at.enter_path("stop.success");
                        self.value(value, &Allowed::step(scope));
                        self.at.leave(path);
                    }
                    StopOutcome::Failure(message) => {
                        let path = self.at.enter_path("stop.failure");
                        self.text(message, &Allowed::step(scope));
                        self.at.leave(path);
                    }
                }
                scope.ended = true;
            }
        }
    }

    fn branch(&mut self, key: &str, steps: &'w [Step], scope: &Scope<'w>) -> Scope<'w> {
        let mut outcome = scope.clone();
        self.at_member(key, |this| this.block(steps, &mut outcome));
        outcome
    }

    /// What the body of a `for_each` sees: the element and its position, under the names that it gives them.
    fn inside_for_each(&mut self, item: Option<&'w str>, index: Option<&'w str>, scope: &Scope<'w>) -> Scope<'w> {
        let mut inside = scope.clone();
        for (key, name, default) in [("as", item, "item"), ("index", index, "index")] {
            if let Some(name) = name {
                self.at_member(key, |this| this.variable_name(name));
            }
            inside.set_variable(name.unwrap_or(default), true);
        }
        if item.unwrap_or("item") == index.unwrap_or("index") {
            self.at.problem("duplicate_name", "element and position need two names");
        }
        inside
    }

    /// A loop's body may run never; its steps belong to one iteration and cannot be seen from outside.
    fn repeated(&mut self, body: &'w [Step], mut inside: Scope<'w>, scope: &mut Scope<'w>) {
        let own: Vec<&str> = inside.variables.keys().copied().filter(|name| !scope.variables.contains_key(name)).collect();
        self.at_member("do", |this| this.block(body, &mut inside));
        for name in inside.variables.keys().filter(|name| !own.contains(*name)) {
            scope.set_variable(name, false);
        }
    }

    fn set(&mut self, set: &'w Map<String, Value>, scope: &mut Scope<'w>) {
        for (name, value) in set {
            self.at_member(name, |this| {
                this.variable_name(name);
                this.value(value, &Allowed::step(scope));
            });
            scope.set_variable(name, true);
        }
    }

    fn switch(&mut self, switch: &Value, cases: &'w [Case], default: &'w [Step], scope: &mut Scope<'w>) {
        self.computed("switch", switch, &Allowed::step(scope));
        self.count("cases", cases.len(), "cases");
        let mut outcomes = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            let path = self.at.enter_path("cases");
            self.at_element(index, |this| {
                this.at_member("when", |this| {
                    this.value(&case.when, &Allowed::step(scope));
                    if cases[..index].iter().any(|earlier| earlier.when == case.when) {
                        this.at.warn("never_reached", "an earlier case has the same value", None);
                    }
                });
                outcomes.push(this.branch("do", &case.body, scope));
            });
            self.at.leave(path);
        }
        outcomes.push(self.branch("default", default, scope));
        scope.after_one_of(outcomes);
    }

    fn attempt(&mut self, attempt: &'w [Step], catch: &'w [Step], finally: &'w [Step], scope: &mut Scope<'w>) {
        let before = scope.clone();
        let tried = self.branch("try", attempt, scope);
        let mut failed = before.clone();
        failed.perhaps(&tried);
        let mut caught = Scope { error: true, ..failed.clone() };
        self.at_member("catch", |this| this.block(catch, &mut caught));
        caught.error = before.error;
        // Without `catch` the run only goes on if nothing failed.
        scope.after_one_of(if catch.is_empty() { vec![tried.clone()] } else { vec![tried.clone(), caught.clone()] });
        let mut last = failed;
        last.perhaps(&caught);
        last.ended = false;
        self.at_member("finally", |this| this.block(finally, &mut last));
        for name in last.variables.keys().filter(|name| last.variables[*name]) {
            scope.set_variable(name, true);
        }
        scope.steps.extend(last.steps.into_iter().filter(|(_, sure)| *sure));
        scope.ended |= last.ended;
    }

    fn wait(&mut self, wait: &Wait, scope: &Scope<'w>) {
        let path = self.at.enter_path("wait");
        match wait {
            Wait::Fixed(_) => {}
            Wait::For { span } => {
                let path = self.at.enter_path("for");
                if self.constant_expression(span) && span.parse::<Span>().is_err() {
                    let message = format!("expected a length of time such as 5m, or an expression, found {}", quoted(span));
                    self.at.problem("bad_duration", message);
                }
                self.text(span, &Allowed::step(scope));
                self.at.leave(path);
            }
            Wait::Until { until } => {
                let path = self.at.enter_path("until");
                if self.constant_expression(until) && until.parse::<jiff::Timestamp>().is_err() {
                    let message = format!(
                        "expected a point in time such as 2026-03-14T09:26:53Z, or an expression, found {}",
                        quoted(until)
                    );
                    self.at.problem("bad_time", message);
                }
                self.text(until, &Allowed::step(scope));
                self.at.leave(path);
            }
        }
        self.at.leave(path);
    }

    fn action(&mut self, action: &str, with: &'w Map<String, Value>, scope: &Scope<'w>) {
        let Some(info) = self.catalog.action(action) else {
            let names = self.catalog.action_names();
            let near = closest(action, names.iter().map(String::as_str));
            self.at.member("use", |at| at.suggest("unknown_action", format!("there is no action {}", quoted(action)), near));
            for (key, value) in with {
                let path = self.at.enter_path("with");
                self.at_member(key, |this| this.value(value, &Allowed::input(scope)));
                self.at.leave(path);
            }
            return;
        };
        self.at_member("with", |this| {
            for (key, value) in with {
                this.at_member(key, |this| this.value(value, &Allowed::input(scope)));
            }
            this.input(with, &info.input_schema);
        });
    }

    fn count(&mut self, key: &str, count: usize, what: &str) {
        if count > BRANCHES_MAX {
            self.at.member(key, |at| at.problem("too_many", format!("{count} {what}; the limit is {BRANCHES_MAX}")));
        } else if count == 0 {
            self.at.member(key, |at| at.problem("empty", format!("there are no {what}")));
        }
    }
}

/// The blocks of a step with their paths inside of it.
fn named_blocks(step: &Step) -> Vec<(String, &[Step])> {
    let mut blocks: Vec<(String, &[Step])> = match &step.kind {
        StepKind::If { then, otherwise, .. } => vec![("then".into(), then), ("else".into(), otherwise)],
        StepKind::Switch { cases, default, .. } => {
            let cases = cases.iter().enumerate().map(|(index, case)| (format!("cases[{index}].do"), case.body.as_slice()));
            cases.chain([("default".into(), default.as_slice())]).collect()
        }
        StepKind::ForEach { body, .. } | StepKind::While { body, .. } => vec![("do".into(), body)],
        StepKind::Parallel { parallel } => {
            parallel.iter().map(|(name, steps)| (format!("parallel.{name}"), steps.as_slice())).collect()
        }
        StepKind::Try { attempt, catch, finally } => {
            vec![("try".into(), attempt), ("catch".into(), catch), ("finally".into(), finally)]
        }
        StepKind::Use { .. }
        | StepKind::Set { .. }
        | StepKind::Wait { .. }
        | StepKind::Respond { .. }
        | StepKind::Stop { .. } => vec![],
    };
    if let Some(OnError::Do(steps)) = &step.on_error {
        blocks.push(("on_error.do".into(), steps));
    }
    blocks
}
