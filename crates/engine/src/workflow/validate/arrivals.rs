//! What happens to a request before a run starts: rate, encodings, duplicates, conditions, splitting.

use super::Checker;
use super::expressions::Allowed;
use super::limits::RATE_REQUESTS_MAX;
use crate::time::Span;
use crate::workflow::problem::quoted;
use crate::workflow::{Dedupe, DedupeKey, ResponseMode, WebhookTrigger};

/// The length of time that a rate limit may be about.
const RATE_PER_MAX: Span = Span(24 * 60 * 60 * 1_000);
/// For how long a delivery may be remembered.
const DEDUPE_WINDOW_MAX: Span = Span(90 * 24 * 60 * 60 * 1_000);

impl<'w> Checker<'w> {
    pub(super) fn arrivals(&mut self, webhook: &'w WebhookTrigger) {
        if let Some(limit) = webhook.rate_limit {
            self.at_member("rate_limit", |this| {
                this.range("requests", limit.requests, 1..=RATE_REQUESTS_MAX);
                this.span("per", limit.per, RATE_PER_MAX);
            });
        }
        for (index, encoding) in webhook.encodings.iter().enumerate() {
            if webhook.encodings[..index].contains(encoding) {
                let twice = |at: &mut super::Report| at.warn("duplicate_name", "stands here twice", None);
                self.at.member("encodings", |at| at.element(index, twice));
            }
        }
        if let Some(dedupe) = &webhook.dedupe {
            self.at_member("dedupe", |this| this.dedupe(dedupe));
        }
        let mode = webhook.response.as_ref().map(|response| response.mode).unwrap_or_default();
        if webhook.split.is_some() && mode != ResponseMode::Immediately {
            let message = "a request that is split starts many runs, so its sender cannot wait for one; answer immediately";
            self.at.member("split", |at| at.problem("split_cannot_wait", message));
        }
        if let Some(condition) = &webhook.only_if {
            self.at_member("only_if", |this| {
                if this.constant_expression(condition) {
                    let message = format!("{} is a constant text: expressions stand in {{{{ }}}}", quoted(condition));
                    let meant = format!("{{{{ {} }}}}", condition.trim());
                    this.at.suggest("constant_condition", message, (meant.len() < 200).then_some(meant.as_str()));
                }
                this.text(condition, &Allowed::arrival());
            });
        }
    }

    fn dedupe(&mut self, dedupe: &Dedupe) {
        let Dedupe::On { key, window } = dedupe else { return };
        match key {
            Some(DedupeKey::Header(name)) => self.at_member("header", |this| this.header_name(name)),
            Some(DedupeKey::Path(path)) if path.segments().is_empty() => {
                let message = "`$` is the whole body; say `body: true`";
                self.at.member("path", |at| at.suggest("bad_body_path", message, Some("body: true")));
            }
            Some(DedupeKey::Expression(expression)) => self.at_member("expression", |this| {
                if this.constant_expression(expression) {
                    let message = format!("{} is a constant: all deliveries would be the same", quoted(expression));
                    this.at.problem("constant_condition", message);
                }
                this.text(expression, &Allowed::arrival());
            }),
            Some(DedupeKey::Path(_) | DedupeKey::Body) | None => {}
        }
        if let Some(window) = window {
            self.span("window", *window, DEDUPE_WINDOW_MAX);
        }
    }
}
