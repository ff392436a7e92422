//! `hookmill replay`: runs the workflow of stored deliveries again.

use clap::Args;
use hookmill_engine::id::{DeliveryId, HookId};
use serde_json::{Value, json};

use super::client::{Client, Remote};
use super::exit::{Exit, Failed, Result};
use super::moment;
use super::progress;
use super::screen::complain;

/// Run the workflow of stored deliveries again.
#[derive(Args)]
pub(crate) struct Replay {
    /// The deliveries.
    #[arg(value_name = "DELIVERY", required_unless_present = "all", conflicts_with = "all")]
    deliveries: Vec<String>,
    /// All that match the filters, the oldest first.
    #[arg(long)]
    all: bool,
    /// With --all: only those of this hook.
    #[arg(long, requires = "all", value_name = "HOOK")]
    hook: Option<String>,
    /// With --all: only those with this outcome.
    #[arg(long, requires = "all", default_value = "accepted")]
    outcome: String,
    /// With --all: only those received after this time (2026-03-14T09:26:53Z) or within this span (2h).
    #[arg(long, requires = "all", value_name = "TIME|SPAN")]
    since: Option<String>,
    /// With --all: only those received before this time or longer ago than this span.
    #[arg(long, requires = "all", value_name = "TIME|SPAN")]
    until: Option<String>,
    /// Which revision: the server's choice if not given, `latest`, `same`, or a number.
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// Only list what would be replayed.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Replay {
    pub(crate) async fn run(self) -> Result<()> {
        let client = self.remote.client()?;
        let screen = self.remote.screen();
        let deliveries = if self.all { self.matching(&client).await? } else { self.deliveries.clone() };
        let bar = progress::bar("Replaying", deliveries.len() as u64);
        let mut worst: Option<Exit> = None;
        for delivery in &deliveries {
            bar.inc(1);
            if self.dry_run {
                bar.suspend(|| self.tell(delivery, None));
                continue;
            }
            match self.replay(&client, delivery).await {
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
        if deliveries.is_empty() {
            screen.say("There are no such deliveries.");
        }
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
        let body = match &self.revision {
            None => json!({}),
            Some(text) => json!({ "revision": text.parse::<u32>().map_or_else(|_| Value::from(text.as_str()), Value::from) }),
        };
        let delivery: DeliveryId = delivery.parse()?;
        let started = client.post(&format!("/api/v1/deliveries/{delivery}/replay"), &body).await?;
        let run = started["run_id"].as_str();
        run.map(str::to_owned).ok_or_else(|| Failed::new(Exit::Failed, "the server did not say which run it started"))
    }

    /// The ids of all that match, the oldest first.
    async fn matching(&self, client: &Client) -> Result<Vec<String>> {
        let now = jiff::Timestamp::now();
        let since = self.since.as_deref().map(|text| moment::read("--since", text, now)).transpose()?;
        let until = self.until.as_deref().map(|text| moment::read("--until", text, now)).transpose()?;
        let mut query = vec![("outcome", self.outcome.clone())];
        if let Some(hook) = &self.hook {
            query.push(("hook", hook.parse::<HookId>()?.to_string()));
        }
        let mut found = Vec::new();
        let spinner = progress::spinner("Looking for deliveries");
        client
            .each("/api/v1/deliveries", &query, usize::MAX, |delivery| {
                let received: Option<jiff::Timestamp> = delivery["received_at"].as_str().and_then(|text| text.parse().ok());
                if received.zip(since).is_some_and(|(received, since)| received < since) {
                    return false;
                }
                let too_new = received.zip(until).is_some_and(|(received, until)| received >= until);
                found.extend(delivery["id"].as_str().filter(|_| !too_new).map(str::to_owned));
                true
            })
            .await?;
        spinner.finish_and_clear();
        found.reverse();
        Ok(found)
    }
}
