//! `hookmill serve`.

use clap::Args;

use super::exit::{Failed, Result};
use super::local::Local;
use crate::config::Flag;

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
        Ok(crate::serve::serve(config).await?)
    }
}
