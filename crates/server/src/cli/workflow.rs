//! Finds a workflow by what people call it.

use hookmill_engine::id::WorkflowId;
use serde_json::Value;

use super::client::Client;
use super::exit::{Exit, Failed, Result};

/// The id of the workflow with this id or this name, which exists.
pub(crate) async fn id_of(client: &Client, named: &str) -> Result<String> {
    if named.starts_with("wf_") {
        let id: WorkflowId = named.parse()?;
        client.get(&format!("/api/v1/workflows/{id}"), &[]).await?;
        return Ok(id.to_string());
    }
    let mut found = None;
    client
        .each("/api/v1/workflows", &[], usize::MAX, |workflow: Value| {
            if workflow["name"] == named {
                found = workflow["id"].as_str().map(str::to_owned);
            }
            found.is_none()
        })
        .await?;
    found.ok_or_else(|| Failed::new(Exit::NotFound, format!("there is no workflow called `{named}`")))
}
