//! `hookmill serve`.

use clap::Args;

use super::exit::{Exit, Failed, Result};
use super::local::Local;
use crate::config::Flag;
use crate::serve::Error;

/// Start the server.
#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    local: Local,
    /// Address and port to listen on [default: 127.0.0.1:8080].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<()> {
        let listen = self.listen.map(|value| Flag { name: "--listen", key: "server.listen", value });
        let config = self.local.load(listen.into_iter().collect())?;
        crate::log::start(&config.log).map_err(Failed::usage)?;
        crate::serve::serve(config).await.map_err(failed)
    }
}

/// Why the server cannot serve, with the exit code for it.
pub(crate) fn failed(error: Error) -> Failed {
    let exit = match error {
        Error::Net(_) => Exit::Usage,
        Error::Store(error) | Error::Worker(hookmill_worker::Error::Store(error)) => return error.into(),
        Error::Files { .. } | Error::Vault(_) => Exit::Storage,
        Error::Listen { .. } | Error::Worker(_) | Error::Other(_) => Exit::Failed,
    };
    Failed::new(exit, error)
}
