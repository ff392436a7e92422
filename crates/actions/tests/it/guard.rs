//! The guard around attempts: panics, endless work and huge outputs stay inside the attempt.

use async_trait::async_trait;
use hookmill_actions::{Action, Context};
use hookmill_engine::run::{Failure, LogLevel, Safety};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::World;

/// Does what its input says.
struct Naughty;

/// What to do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    deed: Deed,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Deed {
    Panic,
    Hang,
    Fill(usize),
}

#[derive(Serialize, JsonSchema)]
struct Output {
    text: String,
}

#[async_trait]
impl Action for Naughty {
    const NAME: &'static str = "naughty";
    type Input = Input;
    type Output = Output;

    fn summary() -> &'static str {
        "Misbehaves."
    }

    fn example() -> Value {
        json!({ "deed": { "fill": 1 } })
    }

    fn safety(&self, _: &Input) -> Safety {
        Safety::Once
    }

    async fn run(&self, input: Input, context: &mut Context) -> Result<Output, Failure> {
        context.log.write(LogLevel::Info, "begun");
        match input.deed {
            Deed::Panic => panic!("on purpose"),
            Deed::Hang => std::future::pending().await,
            Deed::Fill(bytes) => Ok(Output { text: "x".repeat(bytes) }),
        }
    }
}

#[tokio::test]
async fn a_panic_is_the_failure_of_one_attempt_and_its_log_survives() {
    let mut world = World::open();
    world.registry = std::mem::take(&mut world.registry).with(Naughty);
    let failure = world.registry.run("naughty", json!({ "deed": "panic" }), world.context.clone()).await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.retryable), ("action_panicked", false));
    let lines: Vec<String> = world.context.log.take().into_iter().map(|line| line.message).collect();
    assert_eq!(lines, ["begun", "the action panicked: on purpose"]);
    assert!(world.registry.run("naughty", json!({ "deed": { "fill": 1 } }), world.context.clone()).await.is_ok());
}

#[tokio::test]
async fn an_output_beyond_the_limit_and_an_endless_attempt_are_failures() {
    let mut world = World::open();
    world.registry = std::mem::take(&mut world.registry).with(Naughty);
    let too_much = json!({ "deed": { "fill": hookmill_actions::OUTPUT_BYTES_MAX } });
    let failure = world.registry.run("naughty", too_much, world.context.clone()).await.unwrap_err();
    assert_eq!(failure.code, "output_too_large");
    world.context.deadline = Instant::now();
    let failure = world.registry.run("naughty", json!({ "deed": "hang" }), world.context.clone()).await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.retryable), ("timeout", false), "its effect may have happened");
}
