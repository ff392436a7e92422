//! The five products that a hook can stand in for. Each test is named after what the product's document says.

mod hap;
mod smartflow;
mod smarttalk;
mod smashsend;
mod vectense;

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
