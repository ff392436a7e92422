//! `hookmill listen --sample`: waits for the next request of a hook, shows it, and what variables follow from it.

use clap::Args;
use hookmill_engine::id::HookId;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::client::{Client, Remote};
use super::exit::{Exit, Failed, Result};
use super::screen::{Screen, complain, member, single_line};
use super::{progress, sample};

/// Bytes of a feed that may wait for the end of their event.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest part of a body that is shown.
const SHOWN_CHARS_MAX: usize = 2_000;

/// Capture the next request of a hook as a sample; it starts nothing.
#[derive(Args)]
pub(crate) struct Listen {
    /// The hook that is to wait, for three minutes: hook_….
    #[arg(long, value_name = "HOOK")]
    sample: String,
    /// Keep what is captured as the hook's sample.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    remote: Remote,
}

/// What a feed says.
struct Event {
    name: String,
    data: Value,
}

impl Listen {
    pub(crate) async fn run(self) -> Result<()> {
        let hook: HookId = self.sample.parse()?;
        let (client, path) = (self.remote.client()?, format!("/api/v1/hooks/{hook}/listen"));
        // Before the hook is armed, so that whenever Ctrl-C comes it cancels.
        let interrupts = signal(SignalKind::interrupt());
        let mut interrupts = interrupts.map_err(|why| Failed::new(Exit::Failed, format!("cannot wait for Ctrl-C: {why}")))?;
        let armed = client.post(&path, &json!({})).await?;
        let seconds = armed["seconds_left"].as_u64().unwrap_or_default();
        if !self.remote.json {
            complain(&format!("Send a GET or POST to {hook} within {seconds} seconds; it starts nothing. Ctrl-C cancels."));
        }
        let bar = progress::bar("Listening", seconds);
        let ended = tokio::select! {
            ended = follow(&client, &path, &bar, self.remote.screen()) => ended,
            _ = interrupts.recv() => {
                client.delete(&path).await?;
                Err(Failed::new(Exit::Failed, "cancelled"))
            }
        };
        bar.finish_and_clear();
        let captured = ended?;
        if self.keep {
            sample::keep(&client, hook, &json!({ "delivery_id": captured["delivery_id"] })).await?;
        }
        Ok(())
    }
}

/// Follows the feed to its end; what was captured.
async fn follow(client: &Client, path: &str, bar: &ProgressBar, screen: Screen) -> Result<Value> {
    let mut response = client.feed(path).await?;
    let mut text = Vec::new();
    loop {
        let broken = |why: &dyn std::fmt::Display| Failed::new(Exit::Unreachable, format!("the server's feed ended: {why}"));
        match response.chunk().await.map_err(|error| broken(&error))? {
            None => return Err(broken(&"the server is stopping")),
            Some(part) => text.extend_from_slice(&part),
        }
        while let Some(event) = next(&mut text) {
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
        if text.len() > EVENT_BYTES_MAX {
            return Err(broken(&"an event is too long"));
        }
    }
}

fn left(tick: &Value) -> u64 {
    tick["seconds_left"].as_u64().unwrap_or_default()
}

/// Takes the next whole event out of what has come.
fn next(text: &mut Vec<u8>) -> Option<Event> {
    let end = text.windows(2).position(|two| two == b"\n\n")? + 2;
    let whole: Vec<u8> = text.drain(..end).collect();
    let mut event = Event { name: String::new(), data: Value::Null };
    for line in String::from_utf8_lossy(&whole).lines() {
        if let Some(name) = line.strip_prefix("event:") {
            name.trim().clone_into(&mut event.name);
        } else if let Some(data) = line.strip_prefix("data:") {
            event.data = serde_json::from_str(data.trim_start()).unwrap_or_default();
        }
    }
    Some(event)
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
