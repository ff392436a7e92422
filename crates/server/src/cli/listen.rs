//! `hookmill listen`: prints deliveries as they come and forwards them; or waits for one request as a sample.

mod cursor;
mod feed;
mod forward;
mod live;
mod sample;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::client::Remote;
use super::exit::{Exit, Failed, Result};

/// Print deliveries as they come, and forward them; or capture one request as a sample.
#[derive(Args)]
pub(crate) struct Listen {
    /// Capture the next request of this hook as a sample, for three minutes; it starts nothing.
    #[arg(long, value_name = "HOOK", conflicts_with = "live")]
    sample: Option<String>,
    /// Keep what is captured as the hook's sample.
    #[arg(long, requires = "sample")]
    keep: bool,
    #[command(flatten)]
    live: live::Live,
    #[command(flatten)]
    remote: Remote,
}

impl Listen {
    pub(crate) async fn run(self) -> Result<()> {
        match &self.sample {
            Some(hook) => sample::capture(hook.parse()?, self.keep, &self.remote).await,
            None => self.live.run(&self.remote).await,
        }
    }
}

/// Ctrl-C, from now on.
fn interrupts() -> Result<Signal> {
    signal(SignalKind::interrupt()).map_err(|why| Failed::new(Exit::Failed, format!("cannot wait for Ctrl-C: {why}")))
}
