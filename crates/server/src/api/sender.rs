//! What the owner of a hook should know of the provider that calls it: when it tries again, and what in the document does not go
//! well with that.

use std::time::Duration;

use hookmill_engine::time::Span;
use hookmill_engine::workflow::{Dedupe, ResponseMode, WebhookTrigger};
use hookmill_signatures::{Preset, Proof};
use serde::Serialize;

use crate::ingress::DEADLINE;

/// The provider that calls a hook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SenderOut {
    /// As people call it.
    name: &'static str,
    /// The page that documents it.
    source: &'static str,
    /// What it calls a success, and when it sends a delivery again that was none; null where it does not say.
    retries: Option<&'static str>,
    /// The statuses that it takes for a success; empty: any from 200 to 299.
    success: &'static [u16],
    /// How long it waits for an answer, in milliseconds.
    answer_within_ms: Option<u64>,
    /// For how long it sends a delivery again, in milliseconds.
    tries_for_ms: Option<u64>,
    /// What in the hook's document does not go well with that, a sentence each.
    advice: Vec<String>,
}

impl SenderOut {
    /// What is known of who calls a hook; none without a provider's preset.
    pub(super) fn of(trigger: &WebhookTrigger) -> Option<Self> {
        let preset = hookmill_signatures::preset(trigger.preset.as_deref()?)?;
        let advice = [status(preset, trigger), waiting(preset, trigger), forgetting(preset, trigger), nameless(preset, trigger)];
        Some(Self {
            name: preset.name,
            source: preset.source,
            retries: preset.retries,
            success: preset.success,
            answer_within_ms: preset.answer_within.map(|within| span(within).0),
            tries_for_ms: preset.tries_for.map(|tries| span(tries).0),
            advice: advice.into_iter().flatten().collect(),
        })
    }
}

fn span(duration: Duration) -> Span {
    Span(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// The status that the document chose is a failure for this sender.
fn status(preset: &Preset, trigger: &WebhookTrigger) -> Option<String> {
    let chosen = trigger.response.as_ref()?.status?;
    let fits = if preset.success.is_empty() { (200..300).contains(&chosen) } else { preset.success.contains(&chosen) };
    let known: Vec<String> = preset.success.iter().map(u16::to_string).collect();
    let known = if known.is_empty() { "from 200 to 299".to_owned() } else { known.join(" or ") };
    (!fits).then(|| format!("{} takes {chosen} for a failure and sends again: let `response.status` be {known}.", preset.name))
}

/// The sender gives up before the run has to have ended.
fn waiting(preset: &Preset, trigger: &WebhookTrigger) -> Option<String> {
    let response = trigger.response.as_ref().filter(|response| response.mode != ResponseMode::Immediately)?;
    let (within, deadline) = (span(preset.answer_within?), response.deadline.unwrap_or(DEADLINE));
    (deadline >= within).then(|| {
        format!(
            "{} waits {within} for an answer, this hook up to {deadline} for its run: answer immediately, or set \
             `response.deadline` to less.",
            preset.name
        )
    })
}

/// The sender tries for longer than ids are remembered.
fn forgetting(preset: &Preset, trigger: &WebhookTrigger) -> Option<String> {
    let window = match &trigger.dedupe {
        Some(Dedupe::Off) => return None,
        Some(Dedupe::On { window, .. }) => window.unwrap_or(Dedupe::WINDOW),
        None => Dedupe::WINDOW,
    };
    let tries = span(preset.tries_for?);
    (tries > window).then(|| {
        format!(
            "{} may send a delivery again for {tries}, but this hook knows it again for {window} only: set `dedupe.window` to \
             {tries}.",
            preset.name
        )
    })
}

/// The sender tells no id by which a second copy could be known.
fn nameless(preset: &Preset, trigger: &WebhookTrigger) -> Option<String> {
    // What documents describe themselves says itself where its ids are; such senders are many.
    let says_itself = matches!(preset.proof, Proof::Configured | Proof::MessageSignature);
    let has_key = matches!(&trigger.dedupe, Some(Dedupe::Off | Dedupe::On { key: Some(_), .. }));
    (preset.ids.is_empty() && !says_itself && !has_key).then(|| {
        format!(
            "{} tells no id of a delivery, so that one that it sends again starts another run: `dedupe: {{ body: true }}` knows \
             it by its body.",
            preset.name
        )
    })
}

#[cfg(test)]
mod tests {
    use hookmill_engine::workflow::{self, Trigger};

    use super::*;

    fn advice(trigger: &str) -> Vec<String> {
        let text = format!("hookmill: 1\nname: A\ntriggers: [{{ webhook: {trigger} }}]\nsteps: []\n");
        let workflow = workflow::read(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
        let Trigger::Webhook(trigger) = &workflow.triggers[0];
        SenderOut::of(trigger).map(|sender| sender.advice).unwrap_or_default()
    }

    #[test]
    fn what_does_not_go_well_with_a_sender_is_told_and_nothing_else_is() {
        for (trigger, expected) in [
            ("{}", &[][..]),
            ("{ preset: hap }", &[]),
            ("{ preset: github, secret: s }", &[]),
            ("{ preset: mailgun, secret: s, response: { status: 200 } }", &[]),
            ("{ preset: mailgun, secret: s, response: { status: 202 } }", &["Mailgun takes 202 for a failure"]),
            ("{ preset: github, secret: s, response: { status: 302 } }", &["from 200 to 299"]),
            (
                "{ preset: slack, secret: s, response: { mode: when_finished } }",
                &["Slack waits 3s for an answer, this hook up to 30s"],
            ),
            ("{ preset: slack, secret: s, response: { mode: when_finished, deadline: 2s } }", &[]),
            ("{ preset: meta, secret: s }", &["for 7d, but this hook knows it again for 3d only: set `dedupe.window` to 7d"]),
            ("{ preset: meta, secret: s, dedupe: { window: 7d } }", &[]),
            ("{ preset: calendly, secret: s }", &["Calendly tells no id"]),
            ("{ preset: calendly, secret: s, dedupe: { body: true } }", &[]),
            ("{ preset: calendly, secret: s, dedupe: false }", &[]),
        ] {
            let given = advice(trigger);
            let fits = given.len() == expected.len() && given.iter().zip(expected).all(|(given, part)| given.contains(part));
            assert!(fits, "{trigger}: {given:?}");
        }
    }

    #[test]
    fn what_is_told_in_words_and_in_numbers_is_the_same() {
        for preset in hookmill_signatures::presets() {
            let Some(words) = preset.retries else { continue };
            let within = words.split("within ").nth(1).and_then(|rest| rest.split([' ', '.']).next()?.parse().ok());
            // Of a range or of milliseconds the words tell more than one number of seconds.
            if within.is_some() && !words.contains(" ms") && !words.contains(" to 30 s") {
                assert_eq!(preset.answer_within.map(|within| within.as_secs()), within, "{}: {words}", preset.id);
            }
            let only = words.split(" within").next().unwrap_or_default().split('.').next().unwrap_or_default();
            for status in preset.success {
                assert!(words.contains(&status.to_string()), "{}: {status}", preset.id);
            }
            assert_eq!(only.starts_with("200"), !preset.success.is_empty(), "{}: {words}", preset.id);
        }
    }
}
