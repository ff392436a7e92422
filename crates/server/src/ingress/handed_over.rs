//! Secrets that senders hand over in their handshakes (Asana, Notion).
//!
//! Anybody who knows the URL can hand one over, so it is sealed as a pending secret, for the owner to confirm
//! ([`hookmill_store::pending_secrets`]); one that came to the test URL stands beside that of production. It is on disk before
//! the handshake is answered, because the sender hands it over once; and it is kept nowhere else.

use hookmill_store::Error as StoreError;
use hookmill_store::deliveries::NewDelivery;
use hookmill_store::pending_secrets::PendingSecret;

use super::Inner;
use super::budget::Budget;
use super::code::Code;
use super::refused::{Refused, Result};
use crate::vault::{self, Binding, pending_name};

/// How often something is handed over to a hook in a window: each is a write that anybody can ask for.
const HANDED_OVER_MAX: u16 = 30;
const HANDED_OVER_WINDOW_MS: u64 = 60_000;

/// What strangers may hand over to one hook.
pub(super) const fn hook_budget() -> Budget {
    Budget::new(HANDED_OVER_MAX, HANDED_OVER_WINDOW_MS)
}

impl Inner {
    /// Seals what came with a handshake, on disk when this returns. What its owner is told.
    pub(super) async fn take_over(&self, handshake: &NewDelivery, secret: &str) -> Result<String> {
        let NewDelivery { id, hook, workspace, received_at, address, .. } = handshake;
        let name = pending_name(*hook, *id);
        let binding = Binding { workspace: *workspace, name: &name, version: vault::PENDING_VERSION };
        let sealed = self.vault.seal(binding, secret).map_err(|error| {
            tracing::error!(%error, "What a sender handed over cannot be sealed: {error}");
            Refused::new(Code::Internal, "The request could not be stored.")
        })?;
        let pending = PendingSecret {
            hook: *hook,
            test: handshake.is_test(),
            handshake: *id,
            key_id: self.vault.key_id(),
            sealed: sealed.into(),
            received_at: *received_at,
            address: address.clone(),
        };
        self.store.keep_pending_secret(pending).await.map_err(|error| match error {
            // It was dropped since it was found. It will not come back, so there is nothing to send again.
            StoreError::NotFound => Refused::hook_not_found(),
            error => Refused::store(&error),
        })?;
        let whose = if handshake.is_test() { " It came to the test URL, so the draft names it, if there is one." } else { "" };
        Ok(format!(
            "The sender handed over the secret of its later signatures. It is sealed, and nobody is compared with it until you \
             confirm it: `hookmill secret confirm {hook} {id}`. Do so only if you have just registered this hook at the \
             sender.{whose}"
        ))
    }
}
