//! What is said about a hook as a whole.

use super::callers::{Shown, WaysIn};
use super::signer::Signer;
use super::{Audience, Described, address};

/// The description of an operation: what the owner wrote, then what every sender has to know.
pub(super) fn description(described: &Described<'_>, audience: Audience, ways: &WaysIn, signer: Option<&Signer>) -> String {
    let trigger = described.trigger;
    let mut paragraphs: Vec<String> = trigger.description.iter().cloned().collect();
    let mut addresses = address::of(described, audience, ways.is_guarded()).into_iter().skip(1).peekable();
    if addresses.peek().is_some() {
        let others: Vec<String> = addresses.map(|address| format!("`{}`", address.template)).collect();
        paragraphs.push(format!("The same hook answers at {}.", others.join(" and ")));
    }
    if let Some(signer) = signer {
        let asked = ways.mentions(&Shown::Signature) && !signer.is_optional(trigger);
        let (name, how) = (signer.name(), signer.in_words());
        paragraphs.push(if asked { format!("Called by {name}. {how}") } else { format!("Called by {name}.") });
    }
    if ways.has_more {
        paragraphs.push("There are more ways to show who is calling than are listed here.".to_owned());
    }
    let mut limits = vec![format!("Bodies have at most {} bytes.", described.body_bytes_max())];
    if let Some(limit) = &trigger.rate_limit {
        limits.push(format!("At most {} requests are taken in {}.", limit.requests, limit.per));
    }
    if !trigger.encodings.is_empty() {
        let names: Vec<String> = trigger
            .encodings
            .iter()
            .map(|encoding| serde_json::json!(encoding))
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        limits.push(format!("Bodies may be compressed with {}.", names.join(", ")));
    }
    if let Some(split) = &trigger.split {
        limits.push(format!("Each element of `{split}` is taken on its own."));
    }
    if let Some(cors) = &trigger.cors {
        let origins =
            if cors.origins.iter().any(|origin| origin == "*") { "all origins".to_owned() } else { cors.origins.join(", ") };
        limits.push(format!("Web pages of {origins} may call it from a browser."));
    }
    limits.push("Other methods are answered with 405, and `Allow` names those that are taken.".to_owned());
    paragraphs.push(limits.join(" "));
    paragraphs.join("\n\n")
}
