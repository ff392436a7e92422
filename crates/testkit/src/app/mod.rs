//! The whole application as its users meet it: the real binary in a data folder of its own, spoken to over HTTP.
//!
//! Nothing here knows the inside of the server, only the documented interfaces: the command line, the `ready` line, the
//! API and the hooks. A dropped [`TestApp`] checks that no run is left over and that the server stops with exit code 0.

mod client;
mod ending;
mod process;
mod sql;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use client::{Answer, Client, Hook, Published};
pub use process::{Invocation, NotReady, Output, Process, Stopped, resident_bytes};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::patience;

/// How long a server may take to end after SIGTERM before the test fails.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Where the application keeps its data.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file in the data folder: the default of the binary.
    Sqlite,
    /// The PostgreSQL database with this URL.
    Postgres(String),
}

/// How an application is to be started.
pub struct Builder {
    binary: PathBuf,
    database: Database,
    config: Option<String>,
    data: Option<PathBuf>,
    environment: Vec<(OsString, OsString)>,
    leftovers_allowed: bool,
}

impl Builder {
    /// Keeps the data there instead of in SQLite.
    #[must_use]
    pub fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// Starts it with this text as its configuration file.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config = Some(toml.to_owned());
        self
    }

    /// Uses a data folder that the caller keeps.
    #[must_use]
    pub fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }

    /// Sets an environment variable for the server and the commands.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs may be left unfinished at the end.
    #[must_use]
    pub fn leftovers_allowed(mut self) -> Self {
        self.leftovers_allowed = true;
        self
    }

    /// Starts the server and makes an owner's key.
    ///
    /// # Panics
    /// With everything the server said, if it does not come up.
    pub async fn start(self) -> TestApp {
        match self.try_start().await {
            Ok(app) => app,
            Err(NotReady { status, stderr }) => panic!("the server did not come up ({status:?}):\n{stderr}"),
        }
    }

    /// Starts the server; how it ended, if it does not come up.
    pub async fn try_start(self) -> Result<TestApp, NotReady> {
        let scratch = tempfile::tempdir().expect("a temporary folder can be made");
        let data = self.data.unwrap_or_else(|| scratch.path().join("data"));
        let config = self.config.map(|text| {
            let path = scratch.path().join("hookmill.toml");
            std::fs::write(&path, text).expect("the temporary folder can be written");
            path
        });
        let mut app = TestApp {
            binary: self.binary,
            database: self.database,
            config,
            data,
            environment: self.environment,
            leftovers_allowed: self.leftovers_allowed,
            starts: 0,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            process: None,
            client: Client::new(SocketAddr::from(([127, 0, 0, 1], 0)), String::new()),
            scratch,
        };
        app.begin()?;
        let key = app.create_key("test", "owner");
        app.client = Client::new(app.listen, key);
        Ok(app)
    }
}

/// A running server with its data, a client that holds an owner's key, and the means to end and revive it.
pub struct TestApp {
    binary: PathBuf,
    database: Database,
    config: Option<PathBuf>,
    data: PathBuf,
    environment: Vec<(OsString, OsString)>,
    leftovers_allowed: bool,
    starts: u32,
    listen: SocketAddr,
    process: Option<Process>,
    client: Client,
    scratch: TempDir,
}

impl TestApp {
    /// Describes an application: SQLite, no configuration file, a free port.
    #[must_use]
    pub fn builder(binary: impl AsRef<Path>) -> Builder {
        Builder {
            binary: binary.as_ref().to_owned(),
            database: Database::Sqlite,
            config: None,
            data: None,
            environment: Vec::new(),
            leftovers_allowed: false,
        }
    }

    /// Starts a server with nothing configured.
    pub async fn start(binary: impl AsRef<Path>) -> Self {
        Self::builder(binary).start().await
    }

    /// What speaks to the API with the owner's key; cheap to clone.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The folder of the data.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where it listens, also while it is down.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listen
    }

    /// The running process.
    ///
    /// # Panics
    /// If it has been killed or stopped.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the server runs")
    }

    /// `hookmill` with these arguments, and `--data` and `--database` of this application.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Invocation {
        let mut all: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        all.extend(["--data".into(), self.data.clone().into_os_string()]);
        if let Database::Postgres(url) = &self.database {
            all.extend(["--database".into(), url.into()]);
        }
        let mut invocation = Invocation::new(&self.binary, all);
        invocation.environment.clone_from(&self.environment);
        invocation
    }

    /// `hookmill` with these arguments, and this server's URL and key in the environment.
    #[must_use]
    pub fn remote_command(&self, arguments: &[&str]) -> Invocation {
        let mut invocation = Invocation::new(&self.binary, arguments);
        invocation.environment.clone_from(&self.environment);
        invocation.environment.push(("HOOKMILL_URL".into(), format!("http://{}", self.listen).into()));
        invocation.environment.push(("HOOKMILL_KEY".into(), self.client.key().into()));
        invocation
    }

    /// Makes an API key with the command line, as an administrator does.
    ///
    /// # Panics
    /// If the command fails.
    #[must_use]
    pub fn create_key(&self, name: &str, role: &str) -> String {
        let output = self.command(&["key", "create", "--name", name, "--role", role, "--json"]).output();
        assert!(output.status.success(), "key create failed ({}):\n{}{}", output.status, output.stdout, output.stderr);
        let made: Value = serde_json::from_str(output.stdout.trim()).expect("key create --json prints JSON");
        made["key"].as_str().expect("key create --json prints the key").to_owned()
    }

    /// Publishes a workflow document.
    pub async fn publish(&self, text: &str) -> Published {
        self.client.publish(text).await
    }

    /// Stores a secret.
    pub async fn secret(&self, name: &str, value: &str) {
        self.client.secret(name, value).await;
    }

    /// Posts a JSON body to a hook.
    pub async fn send(&self, hook: &Hook, body: &Value) -> Answer {
        self.client.send(hook, body).await
    }

    /// The newest runs, at most 500.
    pub async fn runs(&self) -> Vec<Value> {
        self.client.list("/api/v1/runs?limit=500").await
    }

    /// One run with its steps.
    pub async fn run(&self, id: &str) -> Value {
        self.client.get(&format!("/api/v1/runs/{id}")).await
    }

    /// Waits until a run has succeeded, failed or been cancelled; the run with its steps.
    pub async fn finished(&self, id: &str) -> Value {
        patience::until(&format!("the end of {id}"), async || {
            let answer = self.client.call("GET", &format!("/api/v1/runs/{id}"), None).await;
            if answer.status == 503 {
                // The database may have to be reached again first.
                return None;
            }
            assert_eq!(answer.status, 200, "{id}: {}", answer.text());
            let run = answer.json();
            matches!(run["state"].as_str(), Some("succeeded" | "failed" | "cancelled")).then_some(run)
        })
        .await
    }

    /// Asks until there is an answer; panics with `what` if there is none soon.
    pub async fn wait_for<T>(&self, what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
        patience::until(what, ask).await
    }

    /// SIGKILL: no chance to write anything.
    pub fn kill_9(&mut self) {
        self.process().kill_9();
        self.process = None;
    }

    /// SIGTERM: the server must end with exit code 0, and soon. How long it took.
    ///
    /// # Panics
    /// If it does not, with everything that it said.
    pub async fn stop(&mut self) -> Duration {
        let mut process = self.process.take().expect("the server runs");
        let begin = std::time::Instant::now();
        process.signal(Signal::TERM);
        let what = "the end of the server after SIGTERM";
        let status = patience::until_deadline(what, STOP_WITHIN, async || process.ended()).await;
        assert!(status.success(), "stopped with {status}:\n{}", process.stderr());
        begin.elapsed()
    }

    /// Starts it again on the same data and the same port.
    ///
    /// # Panics
    /// If it does not come up, or still runs.
    pub fn restart(&mut self) {
        if let Err(NotReady { status, stderr }) = self.try_restart() {
            panic!("the server did not come up again ({status:?}):\n{stderr}");
        }
    }

    /// Starts it again on the same data and the same port; how it ended, if it does not come up.
    pub fn try_restart(&mut self) -> Result<(), NotReady> {
        assert!(self.process.is_none(), "the server still runs");
        self.begin()
    }

    /// Changes the database behind the server's back.
    pub async fn execute_sql(&self, statement: &str) {
        sql::execute(&self.database, &self.data, statement).await;
    }

    /// The one number that a query gives, behind the server's back.
    pub async fn read_number(&self, query: &str) -> i64 {
        sql::number(&self.database, &self.data, query).await
    }

    /// Runs may be left unfinished at the end from now on.
    pub fn allow_leftovers(&mut self) {
        self.leftovers_allowed = true;
    }

    fn begin(&mut self) -> Result<(), NotReady> {
        let mut invocation = self.command(&["serve", "--listen", &self.listen.to_string()]);
        if let Some(config) = &self.config {
            invocation.arguments.extend(["--config".into(), config.clone().into_os_string()]);
        }
        self.starts += 1;
        let process = Process::start(&invocation, self.scratch.path().join(format!("stderr-{}.log", self.starts)))?;
        self.listen = process.address;
        self.process = Some(process);
        Ok(())
    }
}
