//! One `hookmill serve` process: started, told to stop, or killed; what it said is kept.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to print its `ready` line.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a process may take to end after SIGTERM.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// How a command is started: the binary, its arguments and its environment.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The `hookmill` binary.
    pub binary: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Environment variables on top of the test's own.
    pub environment: Vec<(OsString, OsString)>,
}

impl Invocation {
    /// A command without any surroundings of its own.
    pub fn new(binary: impl AsRef<Path>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            binary: binary.as_ref().to_owned(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(&self.arguments).stdin(Stdio::null());
        for inherited in ["HOOKMILL_URL", "HOOKMILL_KEY", "HOOKMILL_DATA", "HOOKMILL_DATABASE", "HOOKMILL_CONFIG"] {
            command.env_remove(inherited);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end; its exit status and everything it printed.
    ///
    /// # Panics
    /// If the binary cannot be started.
    #[must_use]
    pub fn output(&self) -> Output {
        let output = self.command().output().unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        Output {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What a finished command left behind.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// Why a server did not come up: it ended, or said nothing.
#[derive(Debug)]
pub struct NotReady {
    /// How it ended; none if it had to be killed because it said nothing for a minute.
    pub status: Option<ExitStatus>,
    /// Everything it wrote to standard error.
    pub stderr: String,
}

/// A serving process.
pub struct Process {
    child: Child,
    stderr: PathBuf,
    status: Option<ExitStatus>,
    /// Where it answers.
    pub address: SocketAddr,
}

impl Process {
    /// Starts a server and waits for its line `ready http://HOST:PORT`. Standard error goes to the given file.
    pub fn start(invocation: &Invocation, stderr: PathBuf) -> Result<Self, NotReady> {
        let file = File::create(&stderr).unwrap_or_else(|error| panic!("{}: {error}", stderr.display()));
        let mut child = invocation
            .command()
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", invocation.binary.display()));
        let stdout = child.stdout.take().expect("it was asked for");
        let (tell, told) = std::sync::mpsc::channel();
        // Reads on after the first line, so that the server never meets a full or closed pipe.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("ready http://")
                    && let Ok(address) = url.trim_end_matches('/').parse::<SocketAddr>()
                {
                    let _ = tell.send(address);
                }
            }
        });
        // The sender is dropped when standard output closes, which ends the waiting as soon as the process dies.
        match told.recv_timeout(READY_WITHIN) {
            Ok(address) => Ok(Self { child, stderr, status: None, address }),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                let status = child.wait().expect("it is our child");
                Err(NotReady { status: Some(status), stderr: read(&stderr) })
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                child.kill().expect("it is our child");
                child.wait().expect("it is our child");
                Err(NotReady { status: None, stderr: read(&stderr) })
            }
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it wrote to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("it is our child");
        }
        self.status
    }

    /// Sends a signal, unless it has ended already.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            let id = Pid::from_child(&self.child);
            kill_process(id, signal).expect("a child that was not waited for exists");
        }
    }

    /// SIGKILL, then waits for the end.
    pub fn kill_9(&mut self) {
        self.signal(Signal::KILL);
        self.status = Some(self.child.wait().expect("it is our child"));
    }

    /// SIGTERM, then waits for the end. Killed if it does not stop in time.
    pub fn stop(&mut self) -> Stopped {
        let begin = Instant::now();
        self.signal(Signal::TERM);
        while begin.elapsed() < STOP_WITHIN {
            if let Some(status) = self.ended() {
                return Stopped { status: Some(status), took: begin.elapsed() };
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill_9();
        Stopped { status: None, took: begin.elapsed() }
    }

    /// Resident memory in bytes, from `/proc`.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        resident_bytes(self.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.kill_9();
        }
    }
}

/// How a process took the request to stop.
#[derive(Debug)]
pub struct Stopped {
    /// Its exit status; none if it had to be killed.
    pub status: Option<ExitStatus>,
    /// From the signal to its end.
    pub took: Duration,
}

/// The resident memory of a process in bytes, from `/proc`; none once it is gone.
#[must_use]
pub fn resident_bytes(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn read(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => format!("(standard error could not be read: {error})"),
    }
}
