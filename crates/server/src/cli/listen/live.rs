//! Deliveries as they come.
//!
//! The server's feed only says that there is something new, and only of one node; what it is, the list tells. So a feed that
//! breaks, an event that is missed and a server that is started again lose nothing.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hookmill_engine::id::HookId;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::super::client::{self, Client, Remote};
use super::super::exit::{Exit, Failed, Result};
use super::super::screen::{Screen, complain, member, single_line};
use super::super::{moment, workflow};
use super::cursor::Cursor;
use super::feed::Feed;
use super::forward::Forwarding;

/// How often the list is asked although the feed says nothing: another node may have something.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How soon a server that is gone is looked for again.
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// Deliveries that are told at once.
const LOOK_MAX: usize = 10_000;

/// Deliveries as they come.
#[derive(Args)]
#[group(id = "live", multiple = true)]
pub(super) struct Live {
    /// Only deliveries of this hook.
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Only those of this workflow (id or name).
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// Only those with this outcome: accepted, held, duplicate, filtered, handshake, captured, refused.
    #[arg(long)]
    outcome: Option<String>,
    /// Also send each to this URL, as it was received; its answer is printed. Without --outcome only what was taken.
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// Begin with what was received after this time (2026-03-14T09:26:53Z) or within this span (2h). Default: now.
    #[arg(long, value_name = "TIME|SPAN")]
    since: Option<String>,
    /// A file that keeps how far this listened, so that listening goes on from there the next time.
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,
}

/// What goes on while listening.
struct Listening<'a> {
    client: &'a Client,
    query: Vec<(&'static str, String)>,
    forwarding: Option<Forwarding>,
    cursor: Cursor,
    file: Option<PathBuf>,
    /// Whether the server was there when it was asked last.
    reached: bool,
    screen: Screen,
}

impl Live {
    pub(super) async fn run(&self, remote: &Remote) -> Result<()> {
        let mut interrupts = super::interrupts()?;
        let client = remote.client()?;
        // Who cannot reach the server at all has something to mend; later it may be gone for a while.
        let response = client.feed("/api/v1/events").await?;
        let mut listening = self.listening(&client, client::date(&response), remote.screen()).await?;
        let mut feed = Some(Feed::new(response));
        complain("Waiting for deliveries. Ctrl-C ends it.");
        loop {
            tokio::select! {
                biased;
                _ = interrupts.recv() => return Ok(()),
                gone_on = listening.step(&mut feed) => gone_on?,
            }
        }
    }

    async fn listening<'a>(&self, client: &'a Client, now: Timestamp, screen: Screen) -> Result<Listening<'a>> {
        let mut query = Vec::new();
        if let Some(hook) = &self.hook {
            query.push(("hook", hook.parse::<HookId>()?.to_string()));
        }
        if let Some(named) = &self.workflow {
            query.push(("workflow", workflow::id_of(client, named).await?));
        }
        query.extend(self.outcome.clone().map(|outcome| ("outcome", outcome)));
        let forwarding = match &self.forward {
            Some(url) => {
                let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
                let url = parsed.ok_or_else(|| Failed::usage(format!("--forward: `{}` is no URL", single_line(url))))?;
                Some(Forwarding::to(url, self.outcome.is_some())?)
            }
            None => None,
        };
        let kept = self.cursor.as_deref().map(Cursor::kept).transpose()?.flatten();
        let cursor = match (kept, &self.since) {
            (_, Some(since)) => Cursor::at(moment::read("--since", since, now)?),
            (Some(kept), None) => kept,
            (None, None) => Cursor::at(now),
        };
        Ok(Listening { client, query, forwarding, cursor, file: self.cursor.clone(), reached: true, screen })
    }
}

impl Listening<'_> {
    /// Looks once, then waits for a reason to look again.
    async fn step(&mut self, feed: &mut Option<Feed>) -> Result<()> {
        if feed.is_none() {
            match self.client.feed("/api/v1/events").await {
                Ok(response) => *feed = Some(Feed::new(response)),
                Err(failed) => return self.wait_for_server(failed).await,
            }
        }
        if let Err(failed) = self.look().await {
            *feed = None;
            return self.wait_for_server(failed).await;
        }
        if !self.reached {
            self.reached = true;
            complain("The server is there again.");
        }
        // A feed has its end, and servers stop: the next look tells whether it is there.
        if let Some(open) = feed
            && let Ok(Err(_)) = tokio::time::timeout(LOOK_EVERY, open.next()).await
        {
            *feed = None;
            tokio::time::sleep(RETRY_EVERY).await;
        }
        Ok(())
    }

    /// Gives a server that stops, starts or is overloaded time; what it refuses for good ends listening.
    async fn wait_for_server(&mut self, failed: Failed) -> Result<()> {
        match failed.exit {
            Exit::Unreachable | Exit::Failed => {
                if self.reached {
                    self.reached = false;
                    complain(&format!("{}; trying again", failed.message));
                }
                tokio::time::sleep(RETRY_EVERY).await;
                Ok(())
            }
            Exit::Usage | Exit::NotFound | Exit::Refused | Exit::Invalid | Exit::Storage => Err(failed),
        }
    }

    /// Tells what is new, the oldest first.
    async fn look(&mut self) -> Result<()> {
        let mut query = self.query.clone();
        query.push(("from", self.cursor.from().to_string()));
        let found = self.client.list("/api/v1/deliveries", &query, LOOK_MAX).await?;
        let id = |delivery: &Value| delivery["id"].as_str().unwrap_or_default().to_owned();
        let news: Vec<&Value> = found.iter().rev().filter(|delivery| !self.cursor.has_shown(&id(delivery))).collect();
        for delivery in &news {
            self.tell(delivery).await?;
            self.cursor.shown(&id(delivery));
        }
        let newest = found.first().and_then(|newest| newest["received_at"].as_str()?.parse().ok());
        let has_news = !news.is_empty();
        if found.len() == LOOK_MAX {
            complain(&format!("More than {LOOK_MAX} deliveries came at once; the oldest of them are left out."));
        }
        self.cursor.pass(&found.iter().map(id).collect(), newest);
        match &self.file {
            // Not the server's fault, and not mended by waiting.
            Some(file) if has_news => self.cursor.keep(file).map_err(|failed| Failed::new(Exit::Storage, failed.message)),
            _ => Ok(()),
        }
    }

    async fn tell(&self, delivery: &Value) -> Result<()> {
        // Everything that can fail because the server is gone comes before anything is told.
        let forwarded = match &self.forwarding {
            Some(forwarding) => forwarding.fetch(self.client, delivery).await?,
            None => None,
        };
        if self.screen.json {
            self.screen.json_line(delivery);
        } else {
            self.screen.say(&line(delivery));
        }
        if let Some(forwarded) = forwarded {
            forwarded.send(self.screen).await;
        }
        Ok(())
    }
}

fn line(delivery: &Value) -> String {
    let [at, outcome, status, method, id, hook, size] =
        ["received_at", "outcome", "status", "method", "id", "hook", "size"].map(|name| member(delivery, name));
    let more = match (delivery["reason"].as_str(), delivery["runs"].as_array()) {
        (Some(reason), _) => single_line(reason),
        (None, Some(runs)) if !runs.is_empty() => member(delivery, "runs"),
        _ => String::new(),
    };
    format!("{at}  {outcome:<9} {status}  {method:<6} {id}  {hook}  {size} bytes  {more}").trim_end().to_owned()
}
