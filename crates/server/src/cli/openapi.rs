//! `hookmill openapi`: the description of the API that this version serves.

use clap::Args;

use super::exit::Result;
use super::screen::Screen;

/// Print the OpenAPI description of the API.
#[derive(Args)]
pub(crate) struct OpenApi {}

impl OpenApi {
    pub(crate) fn run(self) -> Result<()> {
        Screen { json: true }.text(&crate::api::openapi::text());
        Ok(())
    }
}
