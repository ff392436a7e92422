//! `hookmill explain`: which hook answers a request, or why none does.

use clap::Args;
use serde_json::{Map, Value, json};

use super::client::Remote;
use super::exit::{Exit, Failed, Result};
use super::screen::member;

/// Explain which hook answers a request, or the one reason why none does. Exit code 0: a hook takes it; 3: no hook is
/// there; 1: one is there and refuses it.
#[derive(Args)]
pub(crate) struct Explain {
    /// Its method.
    #[arg(value_name = "METHOD")]
    method: String,
    /// Its URL, with host and query or without.
    #[arg(value_name = "URL")]
    request_url: String,
    /// A header that it has; may be given several times.
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The address from which it comes.
    #[arg(long, value_name = "IP")]
    address: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl Explain {
    pub(crate) async fn run(self) -> Result<()> {
        let mut headers = Map::new();
        for header in &self.headers {
            let (name, value) =
                header.split_once(':').ok_or_else(|| Failed::usage(format!("--header: `{header}` is not `NAME: VALUE`")))?;
            headers.insert(name.trim().to_owned(), value.trim().into());
        }
        let asked = json!({ "method": self.method, "url": self.request_url, "headers": headers, "address": self.address });
        let told = self.remote.client()?.post("/api/v1/hooks/explain", &asked).await?;
        let screen = self.remote.screen();
        if screen.json {
            screen.json_line(&told);
        }
        let reason = &told["reason"];
        if !told["hook"].is_null() {
            let revision = told["revision"].as_u64().map(|number| format!(", revision {number}")).unwrap_or_default();
            screen.say(&format!(
                "{} of {}{revision} is there ({} URL).",
                member(&told, "hook"),
                member(&told, "workflow"),
                member(&told, "style")
            ));
        }
        for (name, value) in told["parameters"].as_object().into_iter().flatten() {
            screen.say(&format!("  {name}: {}", value.as_str().map(super::screen::single_line).unwrap_or_default()));
        }
        if reason.is_null() {
            screen.say("It takes the request.");
        } else {
            screen.say(&format!(
                "Refused with {} ({}): {}",
                member(reason, "status"),
                member(reason, "code"),
                member(reason, "detail")
            ));
        }
        for note in told["notes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            screen.say(&super::screen::single_line(note));
        }
        if !told["suggestion"].is_null() {
            screen.say(&format!("Probably meant: {}", member(&told, "suggestion")));
        }
        match (reason.is_null(), reason["code"] == "hook_not_found") {
            (true, _) => Ok(()),
            (false, true) => Err(Failed::told(Exit::NotFound)),
            (false, false) => Err(Failed::told(Exit::Failed)),
        }
    }
}
