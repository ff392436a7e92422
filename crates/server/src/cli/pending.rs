//! `hookmill secret pending`, `confirm` and `discard`: secrets that senders handed over in their handshakes.

use clap::Args;
use hookmill_engine::id::DeliveryId;
use serde_json::{Value, json};

use super::client::Remote;
use super::deliveries::test;
use super::exit::Result;
use super::hooks;
use super::screen::{Column, member};

#[derive(Args)]
pub(crate) struct Pending {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(crate) struct Handshake {
    /// The hook's id (hook_…), or any of its URLs.
    #[arg(value_name = "HOOK|URL")]
    hook: String,
    /// The handshake that it came with (dlv_…), as `secret pending` shows it.
    handshake: String,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(crate) struct Confirm {
    #[command(flatten)]
    handshake: Handshake,
    /// The name under which it is stored, one that the hook's trigger names. Without it: the first that holds no live value.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Let it take the place of a live value.
    #[arg(long)]
    replace: bool,
    /// Print its value, this once: Notion asks for it.
    #[arg(long)]
    show: bool,
}

const COLUMNS: [Column; 6] = [
    Column { title: "hook", show: |pending| member(pending, "hook").into() },
    Column { title: "handshake", show: |pending| member(pending, "handshake").into() },
    Column { title: "test", show: |pending| test(pending).to_owned().into() },
    Column { title: "received", show: |pending| member(pending, "received_at").into() },
    Column { title: "from", show: |pending| member(pending, "address").into() },
    Column { title: "times", show: |pending| member(pending, "times").into() },
];

impl Pending {
    pub(crate) async fn run(self) -> Result<()> {
        let pending = self.remote.client()?.list("/api/v1/pending-secrets", &[], usize::MAX).await?;
        self.remote.screen().items(&pending, &COLUMNS, "No secret waits for a decision.");
        Ok(())
    }
}

impl Handshake {
    async fn decide(&self, how: &str, mut body: Value) -> Result<Value> {
        let id = hooks::id_of(&self.remote, &self.hook).await?;
        body["handshake"] = self.handshake.parse::<DeliveryId>()?.to_string().into();
        self.remote.client()?.post(&format!("/api/v1/hooks/{id}/pending-secret/{how}"), &body).await
    }

    pub(crate) async fn discard(self) -> Result<()> {
        self.decide("discard", json!({})).await?;
        let screen = self.remote.screen();
        if screen.json {
            screen.json_line(&json!({ "handshake": self.handshake, "discarded": true }));
        }
        screen.say(&format!("Forgot what {} handed over.", self.handshake));
        Ok(())
    }
}

impl Confirm {
    pub(crate) async fn run(self) -> Result<()> {
        let Self { handshake, name, replace, show } = self;
        let stored = handshake.decide("confirm", json!({ "name": name, "replace": replace, "show": show })).await?;
        let screen = handshake.remote.screen();
        if screen.json {
            screen.json_line(&stored);
            return Ok(());
        }
        screen.say(&format!("Stored the secret {}; requests are compared with it from now on.", member(&stored, "name")));
        if show {
            screen.say(&member(&stored, "value"));
        }
        Ok(())
    }
}
