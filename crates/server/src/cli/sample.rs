//! `hookmill sample`: the variables that follow from an example of what is sent.

use std::path::Path;

use clap::{ArgGroup, Args};
use hookmill_engine::id::{DeliveryId, HookId};
use serde_json::{Value, json};

use super::client::{Client, Remote};
use super::exit::{Failed, Result};
use super::screen::{Screen, single_line};

/// Print the variables that follow from a sample, ready for a trigger.
#[derive(Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(false)))]
pub(crate) struct Sample {
    /// A file with an example of a JSON body; `-` is standard input.
    #[arg(long = "json", value_name = "FILE", group = "what")]
    file: Option<String>,
    /// Key-value pairs.
    #[arg(long, value_name = "KEY=VALUE", num_args = 1.., group = "what")]
    pairs: Vec<String>,
    /// A form as it is sent: `a=1&b=2`.
    #[arg(long, value_name = "FORM", group = "what")]
    form: Option<String>,
    /// A delivery, whatever became of it.
    #[arg(long, value_name = "DELIVERY", group = "what")]
    delivery: Option<String>,
    /// The sample that a hook keeps.
    #[arg(long = "of", value_name = "HOOK", group = "what")]
    shown: Option<String>,
    /// Variables that every request must have; `all` for all of them.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    required: Vec<String>,
    /// Keep the sample with this hook.
    #[arg(long, value_name = "HOOK", conflicts_with = "shown")]
    keep: Option<String>,
    /// Print everything as one JSON object instead of the block of YAML.
    #[arg(long)]
    all: bool,
    /// Where the server is.
    #[arg(long, env = "HOOKMILL_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    url: String,
    /// The API key.
    #[arg(long, env = "HOOKMILL_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
}

impl Sample {
    pub(crate) async fn run(self) -> Result<()> {
        // `--json` names the file of the sample here, so that the usual flags cannot be taken over as they are.
        let remote = Remote { url: self.url.clone(), key: self.key.clone(), json: self.all };
        let (client, screen) = (remote.client()?, remote.screen());
        if let Some(hook) = &self.shown {
            let hook: HookId = hook.parse()?;
            show(screen, &client.get(&format!("/api/v1/hooks/{hook}/sample"), &[]).await?);
            return Ok(());
        }
        let mut sample = self.sample()?;
        if let Some(hook) = &self.keep {
            keep(&client, hook.parse()?, &sample).await?;
        }
        match self.required.as_slice() {
            [] => {}
            [all] if all == "all" => sample["required"] = true.into(),
            names => sample["required"] = names.into(),
        }
        show(screen, &client.post("/api/v1/samples/infer", &sample).await?);
        Ok(())
    }

    /// The sample as the API takes it.
    fn sample(&self) -> Result<Value> {
        if let Some(file) = &self.file {
            return Ok(json!({ "json": read(file)? }));
        }
        if let Some(form) = &self.form {
            return Ok(json!({ "form": form }));
        }
        if let Some(delivery) = &self.delivery {
            return Ok(json!({ "delivery_id": delivery.parse::<DeliveryId>()? }));
        }
        let pair = |text: &String| {
            let (name, value) = text.split_once('=').ok_or_else(|| Failed::usage(format!("--pairs: `{text}` has no `=`")))?;
            Ok(json!([name, value]))
        };
        Ok(json!({ "pairs": self.pairs.iter().map(pair).collect::<Result<Vec<_>>>()? }))
    }
}

/// Keeps a sample with a hook.
pub(super) async fn keep(client: &Client, hook: HookId, sample: &Value) -> Result<()> {
    client.put(&format!("/api/v1/hooks/{hook}/sample"), sample).await.map(drop)
}

/// Shows what follows from a sample.
pub(super) fn show(screen: Screen, inferred: &Value) {
    if screen.json {
        return screen.json_line(inferred);
    }
    screen.text(inferred["yaml"].as_str().unwrap_or_default());
    for note in inferred["notes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        super::screen::complain(&single_line(note));
    }
}

fn read(file: &str) -> Result<String> {
    if file == "-" {
        return std::io::read_to_string(std::io::stdin()).map_err(|why| Failed::usage(format!("standard input: {why}")));
    }
    std::fs::read_to_string(Path::new(file)).map_err(|why| Failed::file("read", Path::new(file), &why))
}
