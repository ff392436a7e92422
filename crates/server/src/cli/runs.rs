//! `hookmill runs`: the newest runs, or one of them with its steps.

use clap::Args;
use hookmill_engine::id::{DeliveryId, RunId};

use super::client::Remote;
use super::deliveries::test;
use super::exit::Result;
use super::screen::{Column, Shown, member};
use super::{run, workflow};

/// List runs, newest first, or show one.
#[derive(Args)]
pub(crate) struct Runs {
    /// The run to show.
    #[arg(value_name = "RUN", conflicts_with_all = ["workflow", "state", "delivery"])]
    run: Option<String>,
    /// Only those of this workflow (id or name).
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// Only those in this state: ready, running, waiting, asking, held, succeeded, failed, cancelled.
    #[arg(long)]
    state: Option<String>,
    /// Only those of this delivery.
    #[arg(long, value_name = "DELIVERY")]
    delivery: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

const COLUMNS: [Column; 7] = [
    Column { title: "run", show: |run| member(run, "id").into() },
    Column { title: "state", show: |run| Shown::state(member(run, "state")) },
    Column { title: "workflow", show: |run| member(run, "workflow").into() },
    Column { title: "delivery", show: |run| member(run, "delivery").into() },
    Column { title: "started", show: |run| member(run, "started_at").into() },
    Column { title: "error", show: |run| member(&run["error"], "message").into() },
    Column { title: "test", show: |run| test(run).to_owned().into() },
];

impl Runs {
    pub(crate) async fn run(self) -> Result<()> {
        let client = self.remote.client()?;
        let screen = self.remote.screen();
        if let Some(id) = &self.run {
            let id: RunId = id.parse()?;
            let found = client.get(&format!("/api/v1/runs/{id}"), &[]).await?;
            run::show(&found, screen);
            return Ok(());
        }
        let mut query = Vec::new();
        if let Some(named) = &self.workflow {
            query.push(("workflow", workflow::id_of(&client, named).await?));
        }
        query.extend(self.state.map(|state| ("state", state)));
        if let Some(delivery) = &self.delivery {
            let id: DeliveryId = delivery.parse()?;
            client.get(&format!("/api/v1/deliveries/{id}"), &[]).await?;
            query.push(("delivery", id.to_string()));
        }
        let runs = client.list("/api/v1/runs", &query, self.limit).await?;
        screen.items(&runs, &COLUMNS, "There are no such runs.");
        Ok(())
    }
}
