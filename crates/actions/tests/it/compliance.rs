//! What every registered action must do, whoever wrote it.

use std::time::Duration;

use hookmill_actions::net::{Net, NetPolicy};
use hookmill_actions::{LOG_LINES_MAX, Registered};
use hookmill_engine::run::Failure;
use hookmill_engine::workflow::Catalog;
use hookmill_testkit::{Answer, Upstream};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{Names, World};

/// A world in which every name leads to `upstream`.
fn world(upstream: &Upstream) -> World {
    World::with(Net::with_lookup(NetPolicy::allowing(["*.example.com"]).unwrap(), Names::always(upstream.address())))
}

/// The action's example without encryption, which the upstream does not speak.
fn example(action: &Registered) -> Value {
    serde_json::from_str(&action.example.to_string().replace("https://", "http://")).unwrap()
}

async fn run(world: &World, action: &Registered, input: Value) -> Result<Value, Failure> {
    action.run(input, world.context.clone()).await
}

#[tokio::test]
async fn schemas_are_valid_complete_and_closed() {
    let upstream = Upstream::start().await;
    for action in world(&upstream).registry.iter() {
        let name = action.name;
        assert!(!action.summary.is_empty() && action.summary.ends_with('.'), "{name}: the summary is a sentence");
        for schema in [&action.input_schema, &action.output_schema] {
            let validator = jsonschema::draft202012::options().build(schema);
            assert!(validator.is_ok(), "{name}: {:?}", validator.err());
            assert!(!schema.to_string().contains("\"$ref\""), "{name}: schemas stand alone");
            every_field_is_described(name, "", schema);
        }
        assert_eq!(action.input_schema["additionalProperties"], json!(false), "{name}: unknown fields are refused");
        let validator = jsonschema::draft202012::new(&action.input_schema).unwrap();
        let problems: Vec<String> = validator.iter_errors(&action.example).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{name}: the example is valid: {problems:?}");
    }
}

fn every_field_is_described(action: &str, path: &str, schema: &Value) {
    let variant = schema["properties"].as_object().is_some_and(|fields| fields.len() == 1);
    for (field, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{field}");
        // A variant of a choice is an object with one field; its description stands at the object.
        let described = [Some(inner), variant.then_some(schema)]
            .into_iter()
            .flatten()
            .any(|schema| schema["description"].as_str().is_some_and(|text| text.ends_with('.')));
        assert!(described, "{action}{path} has no description");
        every_field_is_described(action, &path, inner);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key) {
            every_field_is_described(action, &format!("{path}.{key}"), inner);
        }
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        for inner in schema[key].as_array().into_iter().flatten() {
            every_field_is_described(action, path, inner);
        }
    }
}

#[tokio::test]
async fn the_example_works_and_its_output_is_as_promised() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::json(&json!({ "ok": true })));
    let world = world(&upstream);
    for action in world.registry.iter() {
        let output = run(&world, action, example(action)).await.unwrap();
        let validator = jsonschema::draft202012::new(&action.output_schema).unwrap();
        let problems: Vec<String> = validator.iter_errors(&output).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{}: {output}: {problems:?}", action.name);
    }
}

#[tokio::test]
async fn wrong_inputs_are_failures() {
    let upstream = Upstream::start().await;
    let world = world(&upstream);
    for action in world.registry.iter() {
        let mut unknown = example(action);
        unknown["surely_unknown"] = json!(1);
        let mut inputs = vec![unknown, json!(null), json!(5), json!("text"), json!([]), json!([[]]), json!({ "": null })];
        let fields = action.input_schema["properties"].as_object().unwrap();
        for field in fields.keys() {
            for wrong in [json!({ "surely": { "wrong": [null] } }), json!([[[[]]]]), json!("\u{0}\u{1F600}"), json!(-1e300)] {
                let mut input = example(action);
                input[field] = wrong;
                inputs.push(input);
            }
        }
        for (position, input) in inputs.into_iter().enumerate() {
            let _ = action.safety(&input);
            match run(&world, action, input.clone()).await {
                Err(failure) => assert!(failure.code != "action_panicked", "{}: {input}", action.name),
                // Some values are right for some fields; none of the first ones is.
                Ok(_) => assert!(position > 6, "{}: {input}", action.name),
            }
        }
    }
}

#[tokio::test]
async fn a_deadline_and_a_cancellation_end_every_action_at_once() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::never());
    for stop in ["cancelled", "timeout"] {
        let mut world = world(&upstream);
        if stop == "cancelled" {
            world.context.cancel.cancel();
        } else {
            world.context.deadline = Instant::now();
        }
        for action in world.registry.iter() {
            let ended = tokio::time::timeout(Duration::from_secs(10), run(&world, action, example(action))).await;
            let failure = ended.expect("it ends at once").expect_err("it cannot have succeeded");
            assert_eq!(failure.code, stop, "{}", action.name);
        }
    }
}

#[tokio::test]
async fn logs_stay_within_their_limits() {
    let upstream = Upstream::start().await;
    upstream.otherwise(Answer::json(&json!({})));
    let world = world(&upstream);
    for action in world.registry.iter() {
        for _ in 0..LOG_LINES_MAX + 10 {
            run(&world, action, example(action)).await.unwrap();
        }
        assert!(world.context.log.take().len() <= LOG_LINES_MAX + 1, "{}", action.name);
    }
}

#[tokio::test]
async fn the_catalog_tells_what_is_registered() {
    let upstream = Upstream::start().await;
    let world = world(&upstream);
    assert_eq!(world.registry.action_names(), ["http.request", "log"]);
    assert_eq!(world.registry.action("log").unwrap().retry.attempts, 1);
    assert!(world.registry.action("none").is_none());
    let failure = world.registry.run("none", json!({}), world.context.clone()).await.unwrap_err();
    assert_eq!(failure.code, "unknown_action");
}
