//! `log`: writes a line into the run's log.

use async_trait::async_trait;
use hookmill_engine::run::{Failure, LogLevel, Safety};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::action::Action;
use crate::context::Context;

/// The `log` action.
pub struct Log;

/// What `log` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What to write. A text is written as it is, anything else as JSON.
    pub message: Value,
    /// How important it is. Default `info`.
    #[serde(default)]
    pub level: Level,
}

/// How important a line is.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Of interest when looking for a mistake.
    Debug,
    /// Normal.
    #[default]
    Info,
    /// Somebody may want to look.
    Warn,
    /// Somebody should look.
    Error,
}

/// What `log` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The line as it was written.
    pub message: String,
}

#[async_trait]
impl Action for Log {
    const NAME: &'static str = "log";
    type Input = Input;
    type Output = Output;

    fn summary() -> &'static str {
        "Writes a line into the run's log."
    }

    fn example() -> Value {
        json!({ "message": "Order {{ webhook.order_id }} is confirmed.", "level": "info" })
    }

    fn safety(&self, _: &Input) -> Safety {
        Safety::Repeatable
    }

    async fn run(&self, input: Input, context: &mut Context) -> Result<Output, Failure> {
        let level = match input.level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let message = match input.message {
            Value::String(text) => text,
            other => other.to_string(),
        };
        context.log.write(level, message.as_str());
        Ok(Output { message })
    }
}
