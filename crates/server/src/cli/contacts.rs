//! `hookmill contacts`: the people that requests brought.

use clap::{Args, Subcommand};
use hookmill_engine::id::ContactId;
use serde_json::json;

use super::client::Remote;
use super::exit::Result;
use super::screen::{Column, member};

/// List contacts, newest first.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Contacts {
    #[command(subcommand)]
    one: Option<One>,
    /// Only those with this text in the address or in a field.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only the one with this address.
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Subcommand)]
enum One {
    /// Remove a contact.
    Delete {
        /// The contact: ctc_….
        contact: String,
        #[command(flatten)]
        remote: Remote,
    },
}

const COLUMNS: [Column; 4] = [
    Column { title: "contact", show: |contact| member(contact, "id").into() },
    Column { title: "email", show: |contact| member(contact, "email").into() },
    Column { title: "fields", show: |contact| member(contact, "fields").into() },
    Column { title: "updated", show: |contact| member(contact, "updated_at").into() },
];

impl Contacts {
    pub(crate) async fn run(self) -> Result<()> {
        if let Some(One::Delete { contact, remote }) = self.one {
            let id: ContactId = contact.parse()?;
            remote.client()?.delete(&format!("/api/v1/contacts/{id}")).await?;
            if remote.json {
                remote.screen().json_line(&json!({ "id": id, "deleted": true }));
            } else {
                remote.screen().say(&format!("Removed {id}."));
            }
            return Ok(());
        }
        let mut query = Vec::new();
        query.extend(self.text.map(|text| ("text", text)));
        query.extend(self.email.map(|email| ("email", email)));
        let contacts = self.remote.client()?.list("/api/v1/contacts", &query, self.limit).await?;
        self.remote.screen().items(&contacts, &COLUMNS, "There are no such contacts.");
        Ok(())
    }
}
