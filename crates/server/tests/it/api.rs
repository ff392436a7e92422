//! The API over real sockets.

mod access;
mod contacts;
mod deliveries;
mod drafts;
mod events;
mod faults;
mod hooks;
mod listening;
mod replays;
mod runs;
mod samples;
mod search;
mod secrets;
mod workflows;
mod workspaces;

use hookmill_testkit::app::Client;
use hookmill_testkit::patience::until;
use serde_json::Value;

/// Two steps and a webhook that asks for nothing.
const DOUBLE: &str = "
hookmill: 1
name: Double
triggers:
  - webhook:
      label: number
      path: double/:who
      variables: { n: { type: number, required: true } }
steps:
  - id: first
    set: { half: '{{ webhook.n }}' }
  - id: second
    set: { whole: '{{ half * 2 }}' }
";

/// Fails at its second step.
const BROKEN: &str = "
hookmill: 1
name: Broken
triggers: [{ webhook: {} }]
steps:
  - id: fine
    use: log
    with: { message: on the way }
  - id: broken
    set: { x: '{{ webhook.body.missing.deeper }}' }
";

/// Waits for a day.
const SLOW: &str = "
hookmill: 1
name: Slow
triggers: [{ webhook: {} }]
steps:
  - id: pause
    wait: { for: 1d }
";

/// The run, once it is in one of these states.
async fn run_in(client: &Client, id: &str, states: &[&str]) -> Value {
    until(&format!("run {id} is {states:?}"), async || {
        let run = client.get(&format!("/api/v1/runs/{id}")).await;
        states.contains(&run["state"].as_str().unwrap()).then_some(run)
    })
    .await
}

/// Replaces what differs from run to run.
fn steady(mut value: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::String(text) => {
                let id = text
                    .split_once('_')
                    .is_some_and(|(prefix, digits)| ["run", "dlv", "wf", "hook", "key"].contains(&prefix) && digits.len() == 13);
                let time = text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
                if id {
                    *text = format!("[{}]", text.split_once('_').unwrap().0);
                } else if time {
                    "[time]".clone_into(text);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(walk),
            Value::Object(members) => members.values_mut().for_each(walk),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    walk(&mut value);
    value
}
