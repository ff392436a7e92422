//! What happens when a test lets go of its application: the checks that every test makes without saying so.

use std::thread;

use super::{Client, TestApp};
use crate::patience;

/// States of a run that still has something to do now. Waiting, asking and held ones may rest for months.
const UNFINISHED: [&str; 2] = ["ready", "running"];

impl Drop for TestApp {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if thread::panicking() {
            say(&format!("--- what the server said ---\n{}--- end ---", process.stderr()));
            return;
        }
        if process.ended().is_none() && !self.leftovers_allowed {
            assert_nothing_left(&self.client);
        }
        let stopped = process.stop();
        let clean = stopped.status.is_some_and(|status| status.success());
        assert!(clean, "the server ended with {:?}:\n{}", stopped.status, process.stderr());
    }
}

/// Tests run inside a runtime, where nothing may block on another one: hence a thread of its own.
fn assert_nothing_left(client: &Client) {
    let client = Client::new(client.address(), client.key().to_owned());
    let asked = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        runtime.block_on(patience::until("all runs to be finished (or allow leftovers)", async || {
            client.no_run_is(&UNFINISHED).await.then_some(())
        }));
    });
    if let Err(panic) = asked.join() {
        std::panic::resume_unwind(panic);
    }
}

#[expect(clippy::print_stderr, reason = "the test runner shows it with the failed test")]
fn say(text: &str) {
    eprintln!("{text}");
}
