//! Waits for the next request of a hook, shows it, and what variables follow from it.

use hookmill_engine::id::HookId;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::super::client::{Client, Remote};
use super::super::exit::{Exit, Failed, Result};
use super::super::screen::{Screen, complain, member, single_line};
use super::super::{progress, sample};
use super::feed::Feed;

/// The longest part of a body that is shown.
const SHOWN_CHARS_MAX: usize = 2_000;

/// Captures the next request of a hook as a sample.
pub(super) async fn capture(hook: HookId, keep: bool, remote: &Remote) -> Result<()> {
    let (client, path) = (remote.client()?, format!("/api/v1/hooks/{hook}/listen"));
    // Before the hook is armed, so that whenever Ctrl-C comes it cancels.
    let mut interrupts = super::interrupts()?;
    let armed = client.post(&path, &json!({})).await?;
    let seconds = armed["seconds_left"].as_u64().unwrap_or_default();
    if !remote.json {
        complain(&format!("Send a GET or POST to {hook} within {seconds} seconds; it starts nothing. Ctrl-C cancels."));
    }
    let bar = progress::bar("Listening", seconds);
    let ended = tokio::select! {
        ended = follow(&client, &path, &bar, remote.screen()) => ended,
        _ = interrupts.recv() => {
            client.delete(&path).await?;
            Err(Failed::new(Exit::Failed, "cancelled"))
        }
    };
    bar.finish_and_clear();
    let captured = ended?;
    if keep {
        sample::keep(&client, hook, &json!({ "delivery_id": captured["delivery_id"] })).await?;
    }
    Ok(())
}

/// Follows the feed to its end; what was captured.
async fn follow(client: &Client, path: &str, bar: &ProgressBar, screen: Screen) -> Result<Value> {
    let mut feed = Feed::new(client.feed(path).await?);
    loop {
        for event in feed.next().await? {
            match event.name.as_str() {
                "tick" => bar.set_position(bar.length().unwrap_or_default().saturating_sub(left(&event.data))),
                "refused" => bar.suspend(|| complain(&refused(&event.data))),
                "captured" => {
                    bar.suspend(|| captured(screen, &event.data));
                    return Ok(event.data);
                }
                "expired" => return Err(Failed::new(Exit::Failed, "no request came within three minutes; try again")),
                "cancelled" => return Err(Failed::new(Exit::Failed, "somebody cancelled it")),
                _ => {}
            }
        }
    }
}

fn left(tick: &Value) -> u64 {
    tick["seconds_left"].as_u64().unwrap_or_default()
}

fn refused(data: &Value) -> String {
    let [delivery, status, reason, detail] = ["delivery_id", "status", "reason", "detail"].map(|name| member(data, name));
    format!("Refused with {status} {reason} ({delivery}): {detail}")
}

fn captured(screen: Screen, data: &Value) {
    if screen.json {
        return screen.json_line(data);
    }
    if let Some(problem) = data["problem"]["detail"].as_str() {
        return complain(&single_line(problem));
    }
    let request = &data["request"];
    let query = request["query"].as_str().filter(|query| !query.is_empty()).map(|query| format!("?{query}")).unwrap_or_default();
    complain(&single_line(&format!("Captured {}: {}{query}", member(data, "delivery_id"), member(request, "method"))));
    for header in request["headers"].as_array().into_iter().flatten() {
        let [name, value] = [0, 1].map(|place| header[place].as_str().unwrap_or_default());
        complain(&single_line(&format!("{name}: {value}")));
    }
    if let Some(body) = request["body"].as_str() {
        let shown: String = body.chars().take(SHOWN_CHARS_MAX).filter(|c| *c == '\n' || !c.is_control()).collect();
        complain(&format!("\n{shown}\n"));
    }
    sample::show(screen, &data["inferred"]);
}
