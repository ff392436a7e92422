//! `hookmill secret`: values that documents refer to by name. They travel to the server and never back.

use std::io::Read;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::client::{Remote, segment};
use super::exit::{Exit, Failed, Result};
use super::moment;
use super::pending::{Confirm, Handshake, Pending};
use super::screen::{Column, member};

/// The largest value that is read; the server's own limit is lower.
const VALUE_BYTES_MAX: u64 = 1024 * 1024;

/// Store, list and delete secrets.
#[derive(Subcommand)]
pub(crate) enum Secret {
    /// Store a secret; workflows use the new value at once.
    Set(Set),
    /// List the names of secrets.
    List(List),
    /// Delete a secret.
    Delete(Delete),
    /// List secrets that senders handed over, waiting for a decision.
    Pending(Pending),
    /// Store what a sender handed over, so that its requests are compared with it.
    Confirm(Confirm),
    /// Forget what a sender handed over.
    Discard(Handshake),
}

#[derive(Args)]
pub(crate) struct Set {
    /// Its name, as documents use it.
    name: String,
    /// Its value, or - to read it from standard input (one line end at its end is not part of it).
    #[arg(long, value_name = "VALUE|-", allow_hyphen_values = true)]
    value: String,
    /// When hooks stop comparing callers with it: a time, or a span from now such as 30d. Without it: never.
    #[arg(long, value_name = "TIME|SPAN")]
    expires: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(crate) struct Delete {
    /// Its name.
    name: String,
    #[command(flatten)]
    remote: Remote,
}

const COLUMNS: [Column; 4] = [
    Column { title: "name", show: |secret| member(secret, "name").into() },
    Column { title: "version", show: |secret| member(secret, "version").into() },
    Column { title: "set", show: |secret| member(secret, "updated_at").into() },
    Column { title: "expires", show: |secret| expiry(secret).into() },
];

fn expiry(secret: &Value) -> String {
    let at = member(secret, "expires_at");
    if secret["expired"] == true { format!("{at} (expired)") } else { at }
}

impl Secret {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Set(set) => set.run().await,
            Self::Pending(pending) => pending.run().await,
            Self::Confirm(confirm) => confirm.run().await,
            Self::Discard(handshake) => handshake.discard().await,
            Self::List(list) => {
                let secrets = list.remote.client()?.list("/api/v1/secrets", &[], usize::MAX).await?;
                list.remote.screen().items(&secrets, &COLUMNS, "There are no secrets.");
                Ok(())
            }
            Self::Delete(delete) => {
                let Delete { name, remote } = delete;
                remote.client()?.delete(&format!("/api/v1/secrets/{}", segment(&name))).await?;
                if remote.json {
                    remote.screen().json_line(&json!({ "name": name, "deleted": true }));
                } else {
                    remote.screen().say(&format!("Deleted the secret {name}."));
                }
                Ok(())
            }
        }
    }
}

impl Set {
    async fn run(self) -> Result<()> {
        let value = if self.value == "-" { read_value()? } else { Zeroizing::new(self.value.clone()) };
        let path = format!("/api/v1/secrets/{}", segment(&self.name));
        let now = jiff::Timestamp::now();
        let expires = self.expires.as_deref().map(|text| moment::read_ahead("--expires", text, now)).transpose()?;
        let mut secret = json!({ "value": value.as_str() });
        if let Some(at) = expires {
            secret["expires_at"] = at.to_string().into();
        }
        let stored = self.remote.client()?.put(&path, &secret).await?;
        if self.remote.json {
            let stored = if stored.is_null() { json!({ "name": self.name }) } else { stored };
            self.remote.screen().json_line(&stored);
        } else {
            let until = expires.map(|at| format!("; callers are compared with it until {at}")).unwrap_or_default();
            self.remote.screen().say(&format!("Stored the secret {}{until}.", self.name));
        }
        Ok(())
    }
}

fn read_value() -> Result<Zeroizing<String>> {
    let mut value = Zeroizing::new(String::new());
    let read = std::io::stdin().take(VALUE_BYTES_MAX).read_to_string(&mut value);
    read.map_err(|error| Failed::new(Exit::Invalid, format!("cannot read the value from standard input: {error}")))?;
    let end = value.strip_suffix('\n').map_or(value.len(), |rest| rest.strip_suffix('\r').unwrap_or(rest).len());
    value.truncate(end);
    Ok(value)
}
