//! The figures: a load generator, the servers it measures, and the cases whose results are in `docs/performance.md`.

mod bare;
mod cases;
mod load;
mod machine;
mod report;
mod subject;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the hookmill binary that lies beside this one.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// What to measure.
    #[arg(value_enum, default_value = "all")]
    cases: Vec<CaseName>,
    /// On which database.
    #[arg(long, value_enum, default_value = "both")]
    database: DatabaseChoice,
    /// The length of one measuring window of the cases accept and bodies.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Keep-alive connections of the closed loop. With 128 both cores are idle for a seventh of the time.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// How many runs the case stored fills in.
    #[arg(long, default_value_t = 1_000_000)]
    runs: u64,
    /// How many hooks the case hooks publishes.
    #[arg(long, default_value_t = 100_000)]
    hooks: usize,
    /// Where the figures go as JSON.
    #[arg(long, default_value = "target/bench/figures.json")]
    json: PathBuf,
    /// The folder for the data of the servers; must be on the disk to be measured, not in memory.
    #[arg(long, default_value = "target/bench")]
    scratch: PathBuf,
    /// The server to measure. Default: `hookmill` beside this binary.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// End with exit code 1 if a target is missed.
    #[arg(long)]
    strict: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Serves what every measurement is compared with: the same HTTP stack, reading the body and answering.
    Bare {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
}

/// A case.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CaseName {
    /// Every case.
    All,
    /// Accept: shared key, four validated variables, 1 KB.
    Accept,
    /// Accept what is signed by Standard Webhooks.
    Signed,
    /// Accept with an idempotency key that is new each time.
    Keyed,
    /// Accept and finish a run of two `set` steps.
    Finish,
    /// Bodies of 1, 16 and 160 KB.
    Bodies,
    /// Loops of 10,000 and 20,000 iterations.
    Loops,
    /// A hundred thousand hooks: finding one, and memory when all were asked for.
    Hooks,
    /// A million stored runs: start, and pages of deliveries.
    Stored,
    /// An empty server at rest.
    Idle,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DatabaseChoice {
    Sqlite,
    Postgres,
    Both,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(Command::Bare { listen }) = arguments.command {
        bare::serve(listen)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(arguments))
}

async fn measure(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let beside = std::env::current_exe()?.with_file_name("hookmill");
    let binary = arguments.binary.unwrap_or(beside);
    anyhow::ensure!(binary.is_file(), "{} does not exist: build it with `make build`", binary.display());
    std::fs::create_dir_all(&arguments.scratch)
        .with_context(|| format!("cannot make the folder {}", arguments.scratch.display()))?;
    let databases: &[subject::DatabaseKind] = match arguments.database {
        DatabaseChoice::Sqlite => &[subject::DatabaseKind::Sqlite],
        DatabaseChoice::Postgres => &[subject::DatabaseKind::Postgres],
        DatabaseChoice::Both => &[subject::DatabaseKind::Sqlite, subject::DatabaseKind::Postgres],
    };
    let bench = subject::Bench {
        binary,
        scratch: std::path::absolute(&arguments.scratch)?,
        connections: arguments.connections,
        window: std::time::Duration::from_secs_f64(arguments.seconds),
        stored_runs: arguments.runs,
        hooks: arguments.hooks,
    };
    let mut report = report::Report::new(machine::Machine::read(&bench.scratch)?);
    for &database in databases {
        for (name, case) in cases::ALL {
            if arguments.cases.contains(&CaseName::All) || arguments.cases.contains(name) {
                let result = case(&bench, database).await.with_context(|| format!("case {}", cases::title(*name)))?;
                report.add(result);
            }
        }
    }
    report.print();
    report.write(&arguments.json)?;
    Ok(if arguments.strict && !report.all_reached() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
