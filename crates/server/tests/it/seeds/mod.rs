//! The five products that a hook can stand in for. Each test is named after what the product's document says.

mod hap;
mod smartflow;
mod smarttalk;
mod smashsend;
mod vectense;

use hookmill_engine::id::RunId;
use hookmill_store::runs::RunRow;
use hookmill_testkit::patience::until;
use serde_json::Value;

use crate::door::Door;

/// A workflow that keeps what it was sent.
pub(crate) fn document(webhook: &str) -> String {
    format!(
        "hookmill: 1\nname: Seed\ntriggers:\n  - webhook:\n{webhook}\nsteps:\n  - set: {{ seen: '{{{{ webhook.body }}}}' }}\n"
    )
}

/// A door with one published hook and these secrets.
pub(crate) async fn door(webhook: &str, secrets: &[(&str, &str)]) -> Door {
    let door = Door::open().await;
    door.set_secrets(secrets);
    door.publish(&document(webhook)).await;
    door
}

/// The run that a product's answer names, once it has ended.
pub(crate) async fn run_of(door: &Door, id: &Value) -> RunRow {
    let id: RunId = id.as_str().unwrap_or_else(|| panic!("{id} names no run")).parse().unwrap();
    until("the run has ended", async || {
        let run = door.store.run(id).await.unwrap().expect("an acknowledged run is stored");
        run.state.is_final().then_some(run)
    })
    .await
}
