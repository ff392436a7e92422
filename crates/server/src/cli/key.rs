//! `hookmill key`: API keys, directly in the database or through a running server.

use clap::{Args, Subcommand};
use hookmill_engine::id::KeyId;
use hookmill_engine::time::Timestamp;
use hookmill_store::Store;
use hookmill_store::keys::{ApiKey, Role};
use hookmill_store::workspaces::FIRST_WORKSPACE;
use serde_json::{Value, json};

use super::client::{Remote, segment};
use super::exit::{Failed, Result};
use super::local::{Local, open_beside, open_or_make};
use super::screen::{Column, Screen, member};

/// Make, list and revoke API keys. With --data or --database directly in the database, whether a server runs or not.
#[derive(Subcommand)]
pub(crate) enum Key {
    /// Make a key and print it; it is not shown again.
    Create(Create),
    /// List keys, without their text.
    List(List),
    /// Revoke a key.
    Revoke(Revoke),
}

#[derive(Args)]
pub(crate) struct Create {
    /// What people call it.
    #[arg(long)]
    name: String,
    /// What its holder may do: owner, editor, operator, viewer.
    #[arg(long, value_parser = |text: &str| text.parse::<Role>().map_err(|error| error.to_string()))]
    role: Role,
    /// From when on it is refused (2027-01-31T00:00:00Z).
    #[arg(long, value_name = "TIME")]
    expires: Option<jiff::Timestamp>,
    #[command(flatten)]
    local: Local,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    local: Local,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Args)]
pub(crate) struct Revoke {
    /// The key's id: key_….
    id: String,
    #[command(flatten)]
    local: Local,
    #[command(flatten)]
    remote: Remote,
}

const COLUMNS: [Column; 6] = [
    Column { title: "id", show: |key| member(key, "id").into() },
    Column { title: "name", show: |key| member(key, "name").into() },
    Column { title: "role", show: |key| member(key, "role").into() },
    Column { title: "starts with", show: |key| member(key, "prefix").into() },
    Column { title: "expires", show: |key| member(key, "expires_at").into() },
    Column { title: "last used", show: |key| member(key, "last_used").into() },
];

impl Key {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Revoke(revoke) => revoke.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<()> {
        let screen = self.remote.screen();
        let made = if self.local.is_named() || self.remote.key.is_none() {
            self.in_database().await?
        } else {
            let mut body = json!({ "name": self.name, "role": self.role.to_string() });
            if let Some(expires) = self.expires {
                body["expires_at"] = expires.to_string().into();
            }
            self.remote.client()?.post("/api/v1/keys", &body).await?
        };
        show(&made, screen);
        Ok(())
    }

    async fn in_database(&self) -> Result<Value> {
        let expires = self.expires.map(|at| Timestamp(at.as_millisecond()));
        if expires.is_some_and(|at| at <= now()) {
            return Err(Failed::usage("--expires is in the past"));
        }
        let store = open_or_make(&self.local.load(Vec::new())?).await?;
        let made = store.create_key(FIRST_WORKSPACE, &self.name, self.role, expires, now()).await;
        store.close().await;
        let (about, key) = made?;
        let mut made = item(&about);
        made["key"] = key.into();
        Ok(made)
    }
}

impl List {
    async fn run(self) -> Result<()> {
        let keys = if self.local.is_named() {
            let store = open_beside(&self.local.load(Vec::new())?).await?;
            let keys = store.keys(FIRST_WORKSPACE).await;
            store.close().await;
            keys?.iter().map(item).collect()
        } else {
            self.remote.client()?.list("/api/v1/keys", &[], usize::MAX).await?
        };
        self.remote.screen().items(&keys, &COLUMNS, "There are no API keys; `hookmill key create` makes one.");
        Ok(())
    }
}

impl Revoke {
    async fn run(self) -> Result<()> {
        let id: KeyId = self.id.parse()?;
        if self.local.is_named() {
            let store = open_beside(&self.local.load(Vec::new())?).await?;
            let revoked = revoke(&store, id).await;
            store.close().await;
            revoked?;
        } else {
            self.remote.client()?.delete(&format!("/api/v1/keys/{}", segment(&self.id))).await?;
        }
        done(self.remote.screen(), id);
        Ok(())
    }
}

async fn revoke(store: &Store, id: KeyId) -> Result<()> {
    use super::exit::Exit;
    store.delete_key(FIRST_WORKSPACE, id).await.map_err(|error| match error {
        hookmill_store::Error::NotFound => Failed::new(Exit::NotFound, format!("there is no key {id}")),
        other => other.into(),
    })
}

fn done(screen: Screen, id: KeyId) {
    if screen.json {
        screen.json_line(&json!({ "id": id, "revoked": true }));
    } else {
        screen.say(&format!("Revoked {id}; a running server may honour it for a few seconds more."));
    }
}

/// The key alone on standard output, so that `KEY=$(hookmill key create …)` works.
fn show(made: &Value, screen: Screen) {
    if screen.json {
        screen.json_line(made);
    } else {
        screen.say(made["key"].as_str().unwrap_or_default());
    }
}

fn item(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "role": key.role.to_string(),
        "prefix": key.prefix,
        "created_at": key.created_at.to_string(),
        "expires_at": key.expires_at.map(|at| at.to_string()),
        "last_used": key.last_used.map(|at| at.to_string()),
    })
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
