//! `hookmill completions`: for bash, zsh and fish (and what else the generator knows).

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::screen::Screen;

/// Print completions for a shell.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "hookmill", &mut script);
        Screen { json: false }.text(&String::from_utf8_lossy(&script));
    }
}
