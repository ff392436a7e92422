//! `hookmill deliveries`: the newest deliveries, found by what is known of them; and one, shown or as a cURL command.

use clap::{Args, Subcommand};
use hookmill_engine::id::{DeliveryId, HookId, WorkflowId};
use serde_json::Value;

use super::client::Remote;
use super::exit::Result;
use super::moment;
use super::screen::{Column, Screen, Shown, member, single_line, table};

/// List deliveries, newest first.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Deliveries {
    #[command(subcommand)]
    one: Option<One>,
    #[command(flatten)]
    which: Which,
    /// How many.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// What can be asked of one delivery.
#[derive(Subcommand)]
enum One {
    /// Show everything that is kept of a delivery but its body.
    Show {
        /// The delivery.
        #[arg(value_name = "DELIVERY")]
        delivery: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Print the command that sends a delivery again; credentials are left out.
    Curl {
        /// The delivery.
        #[arg(value_name = "DELIVERY")]
        delivery: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Which deliveries.
#[derive(Args, Clone, Default)]
pub(crate) struct Which {
    /// Only this delivery, or the one that started this run.
    #[arg(long, value_name = "DELIVERY|RUN")]
    id: Option<String>,
    /// Only those of this hook.
    #[arg(long, value_name = "HOOK")]
    hook: Option<String>,
    /// Only those of this workflow.
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// Only those with this outcome: accepted, held, duplicate, filtered, handshake, refused.
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Only those with this reason code.
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Only those that were answered with this status.
    #[arg(long, value_name = "STATUS")]
    status: Option<u16>,
    /// Only those received after this time (2026-03-14T09:26:53Z) or within this span (2h).
    #[arg(long, visible_alias = "since", value_name = "TIME|SPAN")]
    from: Option<String>,
    /// Only those received before this time or longer ago than this span.
    #[arg(long, visible_alias = "until", value_name = "TIME|SPAN")]
    to: Option<String>,
    /// Only those with this text in path, query, headers or the first 16 KiB of the body.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only those that came to test URLs (true), or only the others (false).
    #[arg(long, value_name = "true|false")]
    pub(crate) test: Option<bool>,
}

impl Which {
    /// The same for the API.
    pub(crate) fn query(&self) -> Result<Vec<(&'static str, String)>> {
        let now = jiff::Timestamp::now();
        let mut query = Vec::new();
        query.extend(self.id.clone().map(|id| ("id", id)));
        if let Some(hook) = &self.hook {
            query.push(("hook", hook.parse::<HookId>()?.to_string()));
        }
        if let Some(workflow) = &self.workflow {
            query.push(("workflow", workflow.parse::<WorkflowId>()?.to_string()));
        }
        query.extend(self.outcome.clone().map(|outcome| ("outcome", outcome)));
        query.extend(self.reason.clone().map(|reason| ("reason", reason)));
        query.extend(self.status.map(|status| ("status", status.to_string())));
        for (flag, name, given) in [("--from", "from", &self.from), ("--to", "to", &self.to)] {
            if let Some(text) = given {
                query.push((name, moment::read(flag, text, now)?.to_string()));
            }
        }
        query.extend(self.text.clone().map(|text| ("text", text)));
        query.extend(self.test.map(|test| ("test", test.to_string())));
        Ok(query)
    }
}

const COLUMNS: [Column; 8] = [
    Column { title: "delivery", show: |delivery| member(delivery, "id").into() },
    Column { title: "outcome", show: |delivery| Shown::state(member(delivery, "outcome")) },
    Column { title: "status", show: |delivery| member(delivery, "status").into() },
    Column { title: "reason", show: |delivery| member(delivery, "reason").into() },
    Column { title: "received", show: |delivery| member(delivery, "received_at").into() },
    Column { title: "hook", show: |delivery| member(delivery, "hook").into() },
    Column { title: "runs", show: |delivery| member(delivery, "runs").into() },
    Column { title: "test", show: |delivery| test(delivery).to_owned().into() },
];

/// A mark for what came to a test URL.
pub(super) fn test(item: &Value) -> &'static str {
    if item["test"] == true { "test" } else { "" }
}

impl Deliveries {
    pub(crate) async fn run(self) -> Result<()> {
        match self.one {
            None => {}
            Some(One::Show { delivery, remote }) => {
                let delivery: DeliveryId = delivery.parse()?;
                let found = remote.client()?.get(&format!("/api/v1/deliveries/{delivery}"), &[]).await?;
                show(&found, remote.screen());
                return Ok(());
            }
            Some(One::Curl { delivery, remote }) => {
                let delivery: DeliveryId = delivery.parse()?;
                let command = remote.client()?.get_text(&format!("/api/v1/deliveries/{delivery}/curl"), &[]).await?;
                remote.screen().text(&command);
                return Ok(());
            }
        }
        let query = self.which.query()?;
        let deliveries = self.remote.client()?.list("/api/v1/deliveries", &query, self.limit).await?;
        self.remote.screen().items(&deliveries, &COLUMNS, "There are no such deliveries.");
        Ok(())
    }
}

/// What is known of a delivery, a line each.
fn show(delivery: &Value, screen: Screen) {
    if screen.json {
        return screen.json_line(delivery);
    }
    let known = delivery.as_object().into_iter().flatten();
    let known = known.filter(|(name, value)| !value.is_null() && *name != "headers");
    let mut rows: Vec<Vec<Shown>> =
        known.map(|(name, _)| vec![name.clone().into(), Shown::state(member(delivery, name))]).collect();
    let headers = delivery["headers"].as_array().into_iter().flatten();
    let text = |part: &Value| single_line(part.as_str().unwrap_or_default());
    rows.extend(headers.map(|header| vec![format!("{}:", text(&header[0])).into(), text(&header[1]).into()]));
    table(vec!["what", "value"], rows);
}
