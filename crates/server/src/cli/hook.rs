//! `hookmill hook`: shows a hook, pauses and resumes it, switches it off and on, prints calls of it.

use clap::{Args, Subcommand};
use hookmill_store::hook_states::OffAnswer;
use serde_json::{Value, json};

use super::client::Remote;
use super::exit::Result;
use super::screen::member;
use super::{hooks, moment};

/// Show a hook, pause it, resume it, switch it off or on; print calls of it.
#[derive(Subcommand)]
pub(crate) enum Hook {
    /// Show a hook: its URLs and what it takes.
    Show(One),
    /// Take and answer requests, but let their runs wait until the hook is resumed.
    Pause(One),
    /// Start what a paused hook held, in the order of reception, and go on as before.
    Resume(One),
    /// Take no requests; their senders get 404, or 503 with --answer.
    Off(Off),
    /// Take requests again.
    On(One),
    /// Print programs that call the hook; secrets are taken from environment variables.
    Snippets(Snippets),
    /// Give a hook a new unguessable URL; the old one ends at once, or works on with --keep.
    Rotate(Rotate),
    /// End the old URLs of a hook now.
    EndOld(EndOld),
}

#[derive(Args)]
pub(crate) struct Snippets {
    #[command(flatten)]
    one: One,
    /// Only this language, and nothing but the program: curl, fetch, axios, python, php, go.
    #[arg(long, value_name = "LANGUAGE")]
    lang: Option<String>,
}

#[derive(Args)]
pub(crate) struct One {
    /// The hook's id (hook_…), or any of its URLs.
    #[arg(value_name = "HOOK|URL")]
    hook: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(crate) struct Off {
    #[command(flatten)]
    one: One,
    /// What senders get: 404, or 503 with `Retry-After`.
    #[arg(long, value_name = "STATUS", default_value = "404",
          value_parser = |text: &str| text.parse::<OffAnswer>().map_err(|error| error.to_string()))]
    answer: OffAnswer,
}

#[derive(Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    one: One,
    /// Until when, or how long, the old URL works on: a time or a span such as 7d.
    #[arg(long, value_name = "TIME|SPAN")]
    keep: Option<String>,
}

#[derive(Args)]
pub(crate) struct EndOld {
    #[command(flatten)]
    one: One,
    /// Only the one with this token.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
}

impl Hook {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Show(one) => one.show().await,
            Self::Pause(one) => one.switch("pause", &json!({})).await,
            Self::Resume(one) => one.switch("resume", &json!({})).await,
            Self::Rotate(rotate) => {
                let now = jiff::Timestamp::now();
                let keep = rotate.keep.as_deref().map(|text| moment::read_ahead("--keep", text, now)).transpose()?;
                rotate.one.urls("rotate", &json!({ "keep_old_until": keep.map(|at| at.to_string()) })).await
            }
            Self::EndOld(end) => end.one.urls("end-old-urls", &json!({ "token": end.token })).await,
            Self::On(one) => one.switch("on", &json!({})).await,
            Self::Snippets(snippets) => snippets.run().await,
            Self::Off(off) => off.one.switch("off", &json!({ "answer": off.answer.status() })).await,
        }
    }
}

impl Snippets {
    async fn run(&self) -> Result<()> {
        let id = hooks::id_of(&self.one.remote, &self.one.hook).await?;
        let query: Vec<(&str, String)> = self.lang.iter().map(|lang| ("lang", lang.clone())).collect();
        let answer = self.one.remote.client()?.get(&format!("/api/v1/hooks/{id}/snippets"), &query).await?;
        let screen = self.one.remote.screen();
        for snippet in answer["items"].as_array().into_iter().flatten() {
            let source = snippet["source"].as_str().unwrap_or_default();
            match &self.lang {
                _ if screen.json => screen.json_line(snippet),
                Some(_) => screen.text(source),
                None => screen.text(&format!("── {} ──\n{source}\n", member(snippet, "label"))),
            }
        }
        Ok(())
    }
}

impl One {
    async fn show(&self) -> Result<()> {
        let id = hooks::id_of(&self.remote, &self.hook).await?;
        let found = self.remote.client()?.get(&format!("/api/v1/hooks/{id}"), &[]).await?;
        hooks::show(&found, self.remote.screen());
        Ok(())
    }

    /// Changes its URLs, and shows them.
    async fn urls(&self, how: &str, body: &Value) -> Result<()> {
        let id = hooks::id_of(&self.remote, &self.hook).await?;
        let changed = self.remote.client()?.post(&format!("/api/v1/hooks/{id}/{how}"), body).await?;
        hooks::show(&changed, self.remote.screen());
        Ok(())
    }

    async fn switch(&self, how: &str, body: &Value) -> Result<()> {
        let id = hooks::id_of(&self.remote, &self.hook).await?;
        let switched = self.remote.client()?.post(&format!("/api/v1/hooks/{id}/{how}"), body).await?;
        let screen = self.remote.screen();
        if screen.json {
            screen.json_line(&switched);
            return Ok(());
        }
        let state = switched["state"].as_str().unwrap_or_default();
        match switched["held"].as_u64().unwrap_or_default() {
            0 => screen.say(&format!("{id} is {state}.")),
            held if state == "active" => screen.say(&format!("{id} is active; {held} held deliveries start now.")),
            held => screen.say(&format!("{id} is {state}, and holds {held} deliveries.")),
        }
        Ok(())
    }
}
