//! `hookmill deliveries`: the newest deliveries.

use clap::Args;
use hookmill_engine::id::HookId;

use super::client::Remote;
use super::exit::Result;
use super::screen::{Column, Shown, member};

/// List deliveries, newest first.
#[derive(Args)]
pub(crate) struct Deliveries {
    /// Only those of this hook.
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Only those with this outcome: accepted, held, duplicate, filtered, handshake, refused.
    #[arg(long)]
    outcome: Option<String>,
    /// Only those that were answered with this status.
    #[arg(long, value_name = "STATUS")]
    status: Option<u16>,
    /// How many.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

const COLUMNS: [Column; 7] = [
    Column { title: "delivery", show: |delivery| member(delivery, "id").into() },
    Column { title: "outcome", show: |delivery| Shown::state(member(delivery, "outcome")) },
    Column { title: "status", show: |delivery| member(delivery, "status").into() },
    Column { title: "reason", show: |delivery| member(delivery, "reason").into() },
    Column { title: "received", show: |delivery| member(delivery, "received_at").into() },
    Column { title: "hook", show: |delivery| member(delivery, "hook").into() },
    Column { title: "runs", show: |delivery| member(delivery, "runs").into() },
];

impl Deliveries {
    pub(crate) async fn run(self) -> Result<()> {
        let mut query = Vec::new();
        if let Some(hook) = &self.hook {
            query.push(("hook", hook.parse::<HookId>()?.to_string()));
        }
        query.extend(self.outcome.map(|outcome| ("outcome", outcome)));
        query.extend(self.status.map(|status| ("status", status.to_string())));
        let deliveries = self.remote.client()?.list("/api/v1/deliveries", &query, self.limit).await?;
        self.remote.screen().items(&deliveries, &COLUMNS, "There are no such deliveries.");
        Ok(())
    }
}
