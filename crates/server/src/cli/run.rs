//! `hookmill run`: starts a workflow by hand, waits for its end and shows its steps.

use std::io::Read;
use std::time::{Duration, Instant};

use clap::Args;
use hookmill_engine::time::Span;
use serde_json::{Value, json};

use super::client::{Client, Remote, segment};
use super::exit::{Exit, Failed, Result};
use super::screen::{Screen, Shown, member, single_line, table};
use super::{progress, workflow};

/// The first and the longest pause between two looks at a run.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// How much of a step's output the table shows.
const OUTPUT_CHARS_MAX: usize = 60;
/// The largest input that is read.
const INPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Start a workflow by hand and show what it does.
#[derive(Args)]
pub(crate) struct Run {
    /// The workflow, by id or name.
    workflow: String,
    /// What stands where a webhook's JSON body would: JSON, @FILE, or - for standard input.
    #[arg(long, value_name = "JSON|@FILE|-")]
    input: Option<String>,
    /// Which revision; the published one if not given.
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    /// Print the run's id and do not wait for its end.
    #[arg(long)]
    no_wait: bool,
    /// How long to wait for its end.
    #[arg(long, default_value = "10m", value_name = "TIME")]
    timeout: Span,
    #[command(flatten)]
    remote: Remote,
}

impl Run {
    pub(crate) async fn run(self) -> Result<()> {
        let client = self.remote.client()?;
        let screen = self.remote.screen();
        let mut start = json!({});
        if let Some(input) = &self.input {
            start["input"] = read_input(input)?;
        }
        if let Some(revision) = self.revision {
            start["revision"] = revision.into();
        }
        let id = workflow::id_of(&client, &self.workflow).await?;
        let started = client.post(&format!("/api/v1/workflows/{}/runs", segment(&id)), &start).await?;
        let Some(run) = started["run_id"].as_str() else {
            return Err(Failed::new(Exit::Failed, "the server did not say which run it started"));
        };
        if self.no_wait {
            if self.remote.json {
                screen.json_line(&started)
            } else {
                screen.say(run)
            }
            return Ok(());
        }
        let ended = wait(&client, run, Duration::from_millis(self.timeout.0)).await?;
        show(&ended, screen);
        match ended["state"].as_str() {
            Some("succeeded") => Ok(()),
            Some("asking") => Err(Failed::new(Exit::Failed, "nobody knows how a step ended; decide with the API or the console")),
            _ => Err(Failed::told(Exit::Failed)),
        }
    }
}

/// Waits until a run has ended, or asks for a decision.
async fn wait(client: &Client, run: &str, at_most: Duration) -> Result<Value> {
    let until = Instant::now() + at_most;
    let spinner = progress::spinner(&format!("{run} is running"));
    let mut pause = PAUSES.0;
    loop {
        let seen = client.get(&format!("/api/v1/runs/{}", segment(run)), &[]).await?;
        let state = member(&seen, "state");
        if matches!(state.as_str(), "succeeded" | "failed" | "cancelled" | "asking") {
            spinner.finish_and_clear();
            return Ok(seen);
        }
        if Instant::now() >= until {
            spinner.finish_and_clear();
            let what = format!("{run} is still {state} after {} s; it goes on: hookmill runs {run}", at_most.as_secs());
            return Err(Failed::new(Exit::Failed, what));
        }
        spinner.set_message(format!("{run} is {state}"));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Shows a run with its steps.
pub(crate) fn show(run: &Value, screen: Screen) {
    if screen.json {
        screen.json_line(run);
        return;
    }
    screen.say(&format!(
        "{}{} {} (revision {} of {})",
        if run["test"] == true { "test " } else { "" },
        member(run, "id"),
        member(run, "state"),
        run["revision"],
        member(run, "workflow")
    ));
    let steps = run["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !steps.is_empty() {
        let rows = steps.iter().map(|step| {
            let result = match &step["error"] {
                Value::Null => shortened(&step["output"]),
                error => member(error, "message"),
            };
            let attempts = step["attempts"].as_array().map_or(0, Vec::len);
            let attempts = if attempts == 0 { "-".to_owned() } else { attempts.to_string() };
            vec![
                member(step, "at").into(),
                member(step, "kind").into(),
                Shown::state(member(step, "state")),
                attempts.into(),
                result.into(),
            ]
        });
        table(vec!["step", "what", "state", "attempts", "output or error"], rows.collect());
    }
    if let Some(problem) = run["steps_problem"].as_str() {
        screen.say(&format!("The steps cannot be shown: {}.", single_line(problem)));
    }
    if run["steps_left_out"].as_u64().is_some_and(|count| count > 0) {
        screen.say(&format!("({} more steps are not shown)", run["steps_left_out"]));
    }
    for line in steps.iter().flat_map(|step| step["logs"].as_array().into_iter().flatten()) {
        screen.say(&format!("{} {} {}", member(line, "at"), member(line, "level"), member(line, "message")));
    }
    if let Some(message) = run["error"]["message"].as_str() {
        screen.say(&format!("error: {}", single_line(message)));
    }
    if !run["output"].is_null() {
        screen.say(&format!("output: {}", run["output"]));
    }
}

fn shortened(value: &Value) -> String {
    if value.is_null() {
        return "-".to_owned();
    }
    let text = single_line(&value.to_string());
    if text.chars().count() <= OUTPUT_CHARS_MAX {
        return text;
    }
    format!("{}…", text.chars().take(OUTPUT_CHARS_MAX).collect::<String>())
}

fn read_input(input: &str) -> Result<Value> {
    let mut text = String::new();
    if input == "-" {
        let read = std::io::stdin().take(INPUT_BYTES_MAX).read_to_string(&mut text);
        read.map_err(|error| Failed::new(Exit::Invalid, format!("cannot read standard input: {error}")))?;
    } else if let Some(path) = input.strip_prefix('@') {
        let path = std::path::Path::new(path);
        let file = std::fs::File::open(path).map_err(|error| Failed::file("read", path, &error))?;
        file.take(INPUT_BYTES_MAX).read_to_string(&mut text).map_err(|error| Failed::file("read", path, &error))?;
    } else {
        input.clone_into(&mut text);
    }
    serde_json::from_str(&text).map_err(|error| Failed::new(Exit::Invalid, format!("--input is not JSON: {error}")))
}
