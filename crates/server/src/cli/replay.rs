//! `hookmill replay`: runs the workflow of stored deliveries again, or accepts refused ones after all.
//!
//! Many deliveries are one wish that the server works off, also when nobody looks any more; the command shows how far it
//! is.

use std::time::Duration;

use clap::Args;
use hookmill_engine::id::DeliveryId;
use serde_json::{Map, Value, json};

use super::client::{Client, Remote};
use super::deliveries::Which;
use super::exit::{Exit, Failed, Result};
use super::progress;
use super::screen::complain;

/// How often the server is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// Deliveries of one wish, at most; the server's own limit.
const DELIVERIES_MAX: u64 = 1_000_000;

/// Run the workflow of stored deliveries again.
#[derive(Args)]
pub(crate) struct Replay {
    /// The deliveries.
    #[arg(value_name = "DELIVERY", required_unless_present = "all", conflicts_with = "all")]
    deliveries: Vec<String>,
    /// All that match the filters, the oldest first; accepted ones unless --outcome says otherwise, and
    /// those of tests only with --test true.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    which: Which,
    /// With --all: at most so many.
    #[arg(long, requires = "all", default_value_t = DELIVERIES_MAX, value_name = "N")]
    limit: u64,
    /// Accept refused ones after all, each once, instead of running accepted ones again.
    #[arg(long)]
    accept: bool,
    /// Which revision: the server's choice if not given, `published`, `original`, or a number.
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// With --all: do not wait until all are run; the server goes on by itself.
    #[arg(long, requires = "all")]
    detach: bool,
    /// Only list what would be replayed.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Replay {
    pub(crate) async fn run(self) -> Result<()> {
        let client = self.remote.client()?;
        let filter = self.which.query()?;
        match (self.all, self.dry_run) {
            (false, _) if !filter.is_empty() => Err(Failed::usage("filters choose among --all; without it, name the deliveries")),
            (true, true) => self.list(&client, filter).await,
            (true, false) => self.run_all(&client, filter).await,
            (false, _) => self.run_each(&client).await,
        }
    }

    async fn run_each(&self, client: &Client) -> Result<()> {
        let bar = progress::bar("Replaying", self.deliveries.len() as u64);
        let mut worst: Option<Exit> = None;
        for delivery in &self.deliveries {
            bar.inc(1);
            if self.dry_run {
                bar.suspend(|| self.tell(delivery, None));
                continue;
            }
            match self.replay(client, delivery).await {
                Ok(run) => bar.suspend(|| self.tell(delivery, Some(&run))),
                // One delivery whose workflow is gone must not keep the others from being replayed.
                Err(failed) if matches!(failed.exit, Exit::Failed | Exit::NotFound | Exit::Invalid) => {
                    bar.suspend(|| complain(&format!("{delivery}: {}", failed.message)));
                    worst = worst.max(Some(failed.exit));
                }
                Err(failed) => return Err(failed),
            }
        }
        bar.finish_and_clear();
        worst.map_or(Ok(()), |exit| Err(Failed::told(exit)))
    }

    fn tell(&self, delivery: &str, run: Option<&str>) {
        let screen = self.remote.screen();
        match run {
            _ if self.remote.json => screen.json_line(&json!({ "delivery": delivery, "run_id": run })),
            Some(run) => screen.say(&format!("{delivery} → {run}")),
            None => screen.say(delivery),
        }
    }

    async fn replay(&self, client: &Client, delivery: &str) -> Result<String> {
        let delivery: DeliveryId = delivery.parse()?;
        let what = if self.accept { "accept" } else { "replay" };
        let body = Value::Object(self.revision().into_iter().collect());
        let started = client.post(&format!("/api/v1/deliveries/{delivery}/{what}"), &body).await?;
        let run = started["run_id"].as_str();
        run.map(str::to_owned).ok_or_else(|| Failed::new(Exit::Failed, "the server did not say which run it started"))
    }

    fn revision(&self) -> Option<(String, Value)> {
        let text = self.revision.as_deref()?;
        let revision = text.parse::<u32>().map_or_else(|_| Value::from(text), Value::from);
        Some(("revision".to_owned(), revision))
    }

    /// What is replayed if nothing else is said.
    fn outcome(&self) -> &'static str {
        if self.accept { "refused" } else { "accepted" }
    }

    /// Lists all that match, the oldest first.
    async fn list(&self, client: &Client, mut query: Vec<(&'static str, String)>) -> Result<()> {
        if self.which.outcome.is_none() {
            query.push(("outcome", self.outcome().to_owned()));
        }
        if self.which.test.is_none() {
            query.push(("test", false.to_string()));
        }
        let spinner = progress::spinner("Looking for deliveries");
        let mut found = client.list("/api/v1/deliveries", &query, usize::MAX).await?;
        spinner.finish_and_clear();
        found.reverse();
        found.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        found.iter().filter_map(|delivery| delivery["id"].as_str()).for_each(|delivery| self.tell(delivery, None));
        if found.is_empty() {
            self.remote.screen().say("There are no such deliveries.");
        }
        Ok(())
    }

    async fn run_all(&self, client: &Client, query: Vec<(&'static str, String)>) -> Result<()> {
        let filter: Map<String, Value> = query
            .into_iter()
            .map(|(name, value)| {
                // What is not text in the API's filter; what cannot be read is left to the server to refuse.
                let typed = match name {
                    "status" => value.parse::<u16>().ok().map(Value::from),
                    "test" => value.parse::<bool>().ok().map(Value::from),
                    _ => None,
                };
                (name.to_owned(), typed.unwrap_or_else(|| value.into()))
            })
            .collect();
        let kind = if self.accept { "accept" } else { "replay" };
        let mut wanted = json!({ "kind": kind, "filter": filter, "limit": self.limit });
        wanted.as_object_mut().expect("it was just made").extend(self.revision());
        let mut bulk = client.post("/api/v1/replays", &wanted).await?;
        let path = format!("/api/v1/replays/{}", bulk["id"].as_str().unwrap_or_default());
        let spinner = progress::spinner("Replaying");
        while !self.detach && bulk["state"] == "running" {
            tokio::time::sleep(ASK_EVERY).await;
            bulk = client.get(&path, &[]).await?;
            spinner.set_message(format!("Replaying: {} run, {} failed", bulk["done"], bulk["failed"]));
        }
        spinner.finish_and_clear();
        self.tell_all(&bulk)
    }

    fn tell_all(&self, bulk: &Value) -> Result<()> {
        let screen = self.remote.screen();
        let (id, done, failed) = (bulk["id"].as_str().unwrap_or_default(), bulk["done"].as_u64(), bulk["failed"].as_u64());
        let (done, failed) = (done.unwrap_or_default(), failed.unwrap_or_default());
        if self.remote.json {
            screen.json_line(bulk);
        } else {
            screen.say(&format!("{id}: {}, {done} run, {failed} failed", bulk["state"].as_str().unwrap_or_default()));
            if done + failed >= self.limit {
                screen.say(&format!("Stopped at the limit of {}; there may be more.", self.limit));
            }
        }
        if failed == 0 {
            return Ok(());
        }
        complain(&format!("{failed} could not be run; the last one: {}", bulk["error"].as_str().unwrap_or("no reason was told")));
        Err(Failed::told(Exit::Failed))
    }
}
