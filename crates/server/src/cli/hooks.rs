//! `hookmill hooks`: hooks, or the one that a URL leads to.

use clap::Args;
use hookmill_engine::id::HookId;
use serde_json::Value;

use super::client::Remote;
use super::exit::{Exit, Failed, Result};
use super::screen::{Column, Screen, Shown, member, single_line};
use super::workflow;

/// List hooks, newest first, or find the one that a URL leads to.
#[derive(Args)]
pub(crate) struct Hooks {
    /// Only the one that this leads to: a URL, a path, a token or the id in another product's URL.
    #[arg(long, value_name = "URL")]
    search: Option<String>,
    /// Only those of this workflow (id or name).
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

const COLUMNS: [Column; 5] = [
    Column { title: "hook", show: |hook| member(hook, "id").into() },
    Column { title: "state", show: |hook| Shown::state(member(hook, "state")) },
    Column { title: "workflow", show: |hook| member(hook, "workflow_name").into() },
    Column { title: "label", show: |hook| member(hook, "label").into() },
    Column { title: "url", show: |hook| urls(hook).next().unwrap_or_default().into() },
];

/// Members of a hook that hold URLs, the one that people chose first.
const URLS: [&str; 3] = ["path_url", "product_url", "url"];

/// The URLs of a hook.
pub(super) fn urls(hook: &Value) -> impl Iterator<Item = String> + '_ {
    URLS.iter().filter(|name| hook[**name].is_string()).map(|name| member(hook, name))
}

impl Hooks {
    pub(crate) async fn run(self) -> Result<()> {
        let client = self.remote.client()?;
        let mut query = Vec::new();
        if let Some(named) = &self.workflow {
            query.push(("workflow", workflow::id_of(&client, named).await?));
        }
        let searched = self.search.is_some();
        query.extend(self.search.map(|text| ("search", text)));
        let hooks = client.list("/api/v1/hooks", &query, self.limit).await?;
        if searched && hooks.is_empty() {
            return Err(Failed::new(Exit::NotFound, "no hook is at this URL; `hookmill explain POST URL` tells why"));
        }
        self.remote.screen().items(&hooks, &COLUMNS, "There are no such hooks.");
        Ok(())
    }
}

/// The id of the hook that is named by its id or by a URL.
pub(super) async fn id_of(remote: &Remote, named: &str) -> Result<HookId> {
    if named.starts_with("hook_") {
        return Ok(named.parse()?);
    }
    let found = remote.client()?.list("/api/v1/hooks", &[("search", named.to_owned())], 1).await?;
    let id = found.first().and_then(|hook| hook["id"].as_str());
    let id = id.ok_or_else(|| Failed::new(Exit::NotFound, format!("no hook is at `{}`", super::screen::single_line(named))))?;
    Ok(id.parse()?)
}

/// Shows a hook.
pub(super) fn show(hook: &Value, screen: Screen) {
    if screen.json {
        screen.json_line(hook);
        return;
    }
    screen.say(&format!("{}: {} of {}", member(hook, "id"), member(hook, "label"), member(hook, "workflow_name")));
    for name in ["state", "workflow", "revision", "description", "preset", "methods", "created_at"] {
        if !hook[name].is_null() {
            screen.say(&format!("  {name}: {}", member(hook, name)));
        }
    }
    let sender = &hook["sender"];
    if sender["retries"].is_string() {
        screen.say(&format!("  sender: {}. {}", member(sender, "name"), member(sender, "retries")));
    }
    for advice in sender["advice"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        screen.say(&format!("  advice: {}", single_line(advice)));
    }
    urls(hook).for_each(|url| screen.say(&format!("  url: {url}")));
    screen.say(&format!("  test url: {}", member(hook, "test_url")));
    for old in hook["old_urls"].as_array().into_iter().flatten() {
        let tense = if old["works"] == true { "works until" } else { "ended" };
        screen.say(&format!("  old url: {} {tense} {}", member(old, "url"), member(old, "ends_at")));
    }
}
