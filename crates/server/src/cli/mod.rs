//! The command line: one file a command. [`main`] is all that the binary does.

mod apply;
mod backup;
mod client;
mod completions;
mod config;
mod contacts;
mod deliveries;
mod doctor;
mod draft;
mod exit;
mod explain;
mod export;
mod hook;
mod hooks;
mod key;
mod listen;
mod local;
mod moment;
mod openapi;
mod pending;
mod progress;
mod replay;
mod restore;
mod run;
mod runs;
mod sample;
mod screen;
mod secret;
mod send;
mod serve;
mod stored_files;
mod verify;
mod workflow;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::Exit;
use exit::Result;

/// Printed below the list of commands.
const AFTER_HELP: &str = "\
Exit codes: 0 done · 1 failed · 2 wrong command line or configuration · 3 not found · 4 no API key or not allowed · \
5 server unreachable · 6 invalid document or input · 70 data folder or database unusable

HOOKMILL_URL and HOOKMILL_KEY stand in for --url and --key, HOOKMILL_CONFIG for --config. NO_COLOR switches colours off.";

/// Receives webhooks durably and runs workflows on them.
#[derive(Parser)]
#[command(name = "hookmill", version, after_help = AFTER_HELP, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server.
    Serve(serve::Serve),
    /// Publish workflows from files or folders.
    Apply(apply::Apply),
    /// Save, show, drop or publish the draft of a workflow.
    #[command(subcommand)]
    Draft(draft::Draft),
    /// Print a published workflow, or write all of them to a folder.
    Export(export::Export),
    /// Start a workflow by hand and show what it does.
    Run(run::Run),
    /// List runs, newest first, or show one.
    Runs(runs::Runs),
    /// List deliveries, newest first.
    Deliveries(deliveries::Deliveries),
    /// Run the workflow of stored deliveries again.
    Replay(replay::Replay),
    /// List hooks, newest first, or find the one that a URL leads to.
    Hooks(hooks::Hooks),
    /// Explain which hook answers a request, or why none does.
    Explain(explain::Explain),
    /// Show a hook, pause it, resume it, switch it off or on, give it a new URL.
    #[command(subcommand)]
    Hook(hook::Hook),
    /// Print deliveries as they come and forward them, or capture one as a sample.
    Listen(listen::Listen),
    /// Call a hook as its provider would, signed.
    Send(send::Send),
    /// Print the variables that follow from a sample.
    Sample(sample::Sample),
    /// List contacts, newest first.
    Contacts(contacts::Contacts),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(key::Key),
    /// Store, list and delete secrets.
    #[command(subcommand)]
    Secret(secret::Secret),
    /// Show and change the settings of a workspace.
    #[command(subcommand)]
    Workspace(workspace::Workspace),
    /// Print the effective configuration, secrets as stars.
    Config(config::Config),
    /// Look for what may keep the server from working.
    Doctor(doctor::Doctor),
    /// Check everything that is stored: structure, checksums, journals against runs.
    Verify(verify::Verify),
    /// Copy the database to one file, also while the server runs.
    Backup(backup::Backup),
    /// Make a data folder from a backup.
    Restore(restore::Restore),
    /// Print the OpenAPI description of the API.
    Openapi(openapi::OpenApi),
    /// Print completions for a shell.
    Completions(completions::Completions),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8);
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(Exit::Failed as u8),
            };
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen::complain(&format!("error: cannot start the runtime: {error}"));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    match runtime.block_on(Box::pin(dispatch(command))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            if !failed.message.is_empty() {
                screen::complain(&format!("error: {}", failed.message));
            }
            ExitCode::from(failed.exit as u8)
        }
    }
}

async fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Serve(serve) => Box::pin(serve.run()).await,
        Command::Apply(apply) => apply.run().await,
        Command::Draft(draft) => draft.run().await,
        Command::Export(export) => export.run().await,
        Command::Run(run) => run.run().await,
        Command::Runs(runs) => runs.run().await,
        Command::Deliveries(deliveries) => deliveries.run().await,
        Command::Replay(replay) => replay.run().await,
        Command::Explain(explain) => explain.run().await,
        Command::Hooks(hooks) => hooks.run().await,
        Command::Hook(hook) => hook.run().await,
        Command::Listen(listen) => listen.run().await,
        Command::Send(send) => Box::pin(send.run()).await,
        Command::Sample(sample) => sample.run().await,
        Command::Contacts(contacts) => contacts.run().await,
        Command::Key(key) => Box::pin(key.run()).await,
        Command::Secret(secret) => secret.run().await,
        Command::Workspace(workspace) => workspace.run().await,
        Command::Config(config) => config.run(),
        Command::Doctor(doctor) => Box::pin(doctor.run()).await,
        Command::Verify(verify) => Box::pin(verify.run()).await,
        Command::Backup(backup) => Box::pin(backup.run()).await,
        Command::Restore(restore) => Box::pin(restore.run()).await,
        Command::Openapi(openapi) => openapi.run(),
        Command::Completions(completions) => {
            completions.run();
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_consistent_and_the_scripted_forms_are_understood() {
        Cli::command().debug_assert();
        for line in [
            "hookmill serve --data d --listen 127.0.0.1:0 --database sqlite:x --config c.toml",
            "hookmill key create --data d --database postgres://u@h/d --name n --role owner --json",
            "hookmill secret set NAME --value - --url http://h --key k",
            "hookmill apply a.yaml folder --url http://h --key k --json",
            "hookmill runs --url http://h --key k --json --workflow wf_1 --state failed --limit 5",
            "hookmill deliveries --url http://h --key k --json --limit 5",
            "hookmill deliveries --workflow wf_1 --reason unauthorized --from 2h --to 2026-03-14T09:26:53Z --text x --id run_1",
            "hookmill deliveries curl dlv_1 --url http://h --key k",
            "hookmill replay dlv_1 dlv_2",
            "hookmill replay --all --hook hook_1 --since 2h",
            "hookmill draft save - --name x --url http://h --key k --json",
            "hookmill draft show wf --json",
            "hookmill draft drop wf",
            "hookmill draft publish wf",
            "hookmill deliveries --test true",
            "hookmill hook pause hook_1 --url http://h --key k",
            "hookmill hook off hook_1 --answer 503 --json",
            "hookmill hooks --search https://h/hooks/x --workflow wf_1",
            "hookmill hook show hook_1",
            "hookmill hook snippets hook_1 --lang curl",
            "hookmill hook rotate hook_1 --keep 7d",
            "hookmill hook end-old hook_1 --token x",
            "hookmill explain POST https://h/hooks/x -H a:b --header c:d --address 192.0.2.1 --json",
            "hookmill run wf --input @file",
            "hookmill workspace docs on --workspace main",
            "hookmill workspace docs",
            "hookmill completions fish",
            "hookmill listen --sample hook_1 --url http://h --key k --json",
            "hookmill listen --hook hook_1 --workflow w --outcome refused --since 2h --cursor c --forward http://h --json",
            "hookmill listen",
            "hookmill sample --json - --required a,b --url http://h --key k",
            "hookmill sample --pairs a=1 b=2 --keep hook_1",
            "hookmill sample --delivery dlv_1 --all",
            "hookmill send hook_1 --url http://h --key k --json --event push --id 1 --print",
            "hookmill send https://h/hooks/x --preset github --secret-file s --file - -H a:b --header c:d --method PUT",
            "hookmill send https://h/hooks/x --preset twilio --data a=1 --public-url https://p/x",
            "hookmill contacts --text x --limit 5 --json",
            "hookmill contacts delete ctc_1",
        ] {
            if let Err(error) = Cli::try_parse_from(line.split(' ')) {
                panic!("{line}: {error}");
            }
        }
        for line in [
            "hookmill",
            "hookmill replay",
            "hookmill key create",
            "hookmill apply",
            "hookmill runs --limit x",
            "hookmill sample",
            "hookmill listen --sample hook_1 --forward http://h",
            "hookmill listen --keep",
            "hookmill send",
            "hookmill send hook_1 --file a --data b",
            "hookmill draft",
            "hookmill draft show",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
