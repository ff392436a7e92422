//! `hookmill doctor`: looks for what may keep the server from working, and says what to do about it.

use clap::Args;
use serde_json::{Value, json};

use super::client::Remote;
use super::exit::{Exit, Failed, Result};
use super::local::{Local, open_beside};
use super::screen::{Column, Shown, member};
use crate::config::Config;
use crate::serve::open_vault;
use crate::vault::MASTER_KEY_VARIABLE;

/// Look for what may keep the server from working.
#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    local: Local,
    #[command(flatten)]
    remote: Remote,
}

const COLUMNS: [Column; 3] = [
    Column { title: "what", show: |check| member(check, "check").into() },
    Column { title: "result", show: |check| Shown::state(member(check, "result")) },
    Column { title: "detail", show: |check| member(check, "detail").into() },
];

/// What a check found: all well and a fact, something worth knowing, or something that must be mended.
enum Found {
    Ok(String),
    Warning(String),
    Problem(String),
}

impl Doctor {
    pub(crate) async fn run(self) -> Result<()> {
        let mut checks = Vec::new();
        match self.local.load(Vec::new()) {
            Err(failed) => checks.push(("configuration", Found::Problem(failed.message))),
            Ok(config) => {
                checks.push(("configuration", Found::Ok("is valid".to_owned())));
                checks.push(("data folder", data_folder(&config)));
                checks.push(("master key", master_key(&config)));
                checks.push(("database", database(&config).await));
                checks.push(("outgoing requests", outgoing(&config)));
            }
        }
        let server = self.server().await;
        let answers = matches!(server, Found::Ok(_) | Found::Problem(_));
        checks.push(("server", server));
        if answers {
            checks.push(("webhooks", self.accepting().await));
        }
        let failed = checks.iter().any(|(_, found)| matches!(found, Found::Problem(_)));
        let items: Vec<Value> = checks.into_iter().map(|(check, found)| item(check, &found)).collect();
        self.remote.screen().items(&items, &COLUMNS, "");
        if failed { Err(Failed::told(Exit::Failed)) } else { Ok(()) }
    }

    async fn server(&self) -> Found {
        let asked = match self.remote.client() {
            Ok(client) => client.get("/api/v1/server", &[]).await,
            Err(failed) => Err(failed),
        };
        match asked {
            Ok(server) => {
                let own = env!("CARGO_PKG_VERSION");
                let version = member(&server, "version");
                let about = format!("version {version} on {} answers at {}", member(&server, "database"), self.remote.url);
                if version == own {
                    Found::Ok(about)
                } else {
                    Found::Warning(format!("{about}, but this command is version {own}"))
                }
            }
            Err(failed) if failed.exit == Exit::Unreachable => Found::Warning(failed.message),
            Err(failed) => Found::Problem(failed.message),
        }
    }

    async fn accepting(&self) -> Found {
        let asked = match self.remote.client() {
            Ok(client) => client.get_text("/readyz", &[]).await,
            Err(failed) => Err(failed),
        };
        match asked {
            Ok(_) => Found::Ok("are accepted".to_owned()),
            Err(failed) => Found::Problem(format!("are refused: {}", failed.message)),
        }
    }
}

fn item(check: &str, found: &Found) -> Value {
    let (result, detail) = match found {
        Found::Ok(detail) => ("ok", detail),
        Found::Warning(detail) => ("warning", detail),
        Found::Problem(detail) => ("problem", detail),
    };
    json!({ "check": check, "result": result, "detail": detail })
}

fn data_folder(config: &Config) -> Found {
    let data = &config.store.data;
    if !data.exists() {
        return Found::Warning(format!("{} does not exist yet; `hookmill serve` makes it", data.display()));
    }
    match tempfile::tempfile_in(data) {
        Ok(_) => Found::Ok(format!("{} can be written", data.display())),
        Err(error) => {
            Found::Problem(format!("{} cannot be written: {error}; give it to this user, or choose another", data.display()))
        }
    }
}

fn master_key(config: &Config) -> Found {
    let variable = std::env::var(MASTER_KEY_VARIABLE).ok();
    let file = config.vault.file(&config.store.data);
    if variable.is_none() && !file.exists() {
        return Found::Warning(format!("{} does not exist yet; the first `hookmill serve` makes it", file.display()));
    }
    match open_vault(config, variable.as_deref()) {
        Ok(vault) => Found::Ok(format!("{} can be used", vault.key_id())),
        Err(error) => Found::Problem(error.to_string()),
    }
}

async fn database(config: &Config) -> Found {
    let sqlite_missing = config.store.database.is_none() && !config.store.data.join("hookmill.db").exists();
    if sqlite_missing {
        return Found::Warning("does not exist yet; `hookmill serve` makes it".to_owned());
    }
    let store = match open_beside(config).await {
        Ok(store) => store,
        Err(failed) => return Found::Problem(failed.message),
    };
    let keys = store.keys(hookmill_store::workspaces::FIRST_WORKSPACE).await;
    store.close().await;
    match keys {
        Ok(keys) if keys.is_empty() => Found::Warning("has no API key yet; `hookmill key create` makes one".to_owned()),
        Ok(keys) => Found::Ok(format!("can be read; it has {} API keys", keys.len())),
        Err(error) => Found::Problem(error.to_string()),
    }
}

fn outgoing(config: &Config) -> Found {
    match hookmill_actions::net::NetPolicy::allowing(&config.net.allow) {
        Ok(_) if config.net.allow.is_empty() => Found::Ok("reach public addresses".to_owned()),
        Ok(_) => Found::Ok(format!("reach public addresses and {}", config.net.allow.join(", "))),
        Err(error) => Found::Problem(format!("net.allow: {error}")),
    }
}
