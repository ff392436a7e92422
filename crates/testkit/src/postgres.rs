//! A private PostgreSQL server for tests: in a temporary folder, on a free port, gone when the test process is gone.
//!
//! Tests share one server ([`fresh_database`]) and get a database each. A test that kills the server starts its own
//! ([`Cluster::start`]). `HOOKMILL_TEST_POSTGRES=postgres://…` names a server to use for the shared one instead.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

use crate::patience::until_deadline;

/// Names a server to use for the shared one. Its role must be allowed to create databases, which are left there.
pub const SERVER_VARIABLE: &str = "HOOKMILL_TEST_POSTGRES";

/// The password in every URL. The server trusts everybody on this machine, so it only serves to show that it never leaks.
pub const PASSWORD: &str = "never-print-me";

/// Two processes may find the same free port; another one is tried so many times.
const PORTS_TRIED: usize = 5;

/// Where ports are looked for: below those that Linux gives to outgoing connections, one of which could take the port
/// of a killed server before it is back.
const PORTS: Range<u16> = 20_000..32_000;

/// How long a server may take to start. After a kill it syncs its whole folder first, which a busy disk makes slow.
const START_TIME_MAX: Duration = Duration::from_secs(120);

/// Ends the server and removes its folder when its standard input ends, which is when the test process ends, however
/// it does: a static is never dropped, and a killed process drops nothing at all.
const WATCHDOG: &str = r#"
    trap '' INT TERM HUP
    read -r _
    pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" && for _ in $(seq 200); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    rm -rf "$1""#;

/// Whether the server waits for its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// No: fast, for tests in which the machine does not lose its power.
    Off,
    /// Yes, as in production.
    On,
}

/// A PostgreSQL server of our own.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    sync: Sync,
    user: Option<(u32, u32)>,
    server: Option<Child>,
    databases: AtomicU32,
    watchdog: Option<Child>,
}

/// The URL of a new, empty database on the server that the tests of this process share.
///
/// # Panics
/// If there is no PostgreSQL to start.
pub async fn fresh_database() -> String {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    if let Ok(server) = std::env::var(SERVER_VARIABLE) {
        let name = format!("hookmill_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        return create_database(&server, &name).await;
    }
    SHARED.get_or_init(|| Cluster::start(Sync::Off)).await.create_database().await
}

/// A connection of the test's own, to look at a database or to stand in its way. It ends when it is dropped.
///
/// # Panics
/// If the server does not answer.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the test server answers");
    // Ends with its client; what went wrong is told to whoever asks on it.
    tokio::spawn(connection);
    client
}

impl Cluster {
    /// Starts a server.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start; the message says why.
    pub async fn start(sync: Sync) -> Self {
        let programs = find_programs().expect(
            "PostgreSQL is not installed: no initdb in /usr/lib/postgresql/*/bin or on the PATH (`make test` installs it)",
        );
        let folder = tempfile::Builder::new().prefix("hookmill-postgres-").tempdir().expect("a temporary folder can be made");
        let user = unprivileged_user(folder.path());
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).expect("root can give the folder away");
        }
        let mut cluster =
            Self { folder, programs, port: 0, sync, user, server: None, databases: AtomicU32::new(0), watchdog: None };
        cluster.initialise();
        cluster.watchdog = Some(start_watchdog(cluster.folder.path()));
        for _ in 0..PORTS_TRIED {
            cluster.port = free_port();
            if cluster.launch().await {
                return cluster;
            }
        }
        panic!("PostgreSQL does not start:\n{}", cluster.log());
    }

    fn initialise(&self) {
        let output = self
            .program("initdb")
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--no-locale",
                "--no-sync",
                "--no-instructions",
                "-D",
            ])
            .arg(self.folder.path().join("data"))
            .output()
            .expect("initdb can be started");
        assert!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).env_remove("PGDATA").env_remove("PGPORT").env("LC_ALL", "C");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Starts the server on its port; whether it is there.
    async fn launch(&mut self) -> bool {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).expect("the log can be written");
        let fsync = if self.sync == Sync::On { "on" } else { "off" };
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        for setting in [format!("fsync={fsync}"), format!("full_page_writes={fsync}"), "max_connections=200".into()] {
            command.args(["-c", &setting]);
        }
        // Its own process group: an interrupt on the terminal is for the tests, the watchdog ends the server after them.
        let server = command.process_group(0).stdout(Stdio::null()).stderr(log).spawn();
        self.server = Some(server.expect("the server can be started"));
        self.is_ready().await
    }

    async fn is_ready(&mut self) -> bool {
        let url = self.url("postgres");
        let server = self.server.as_mut().expect("the server was started");
        until_deadline("PostgreSQL to answer", START_TIME_MAX, async || {
            if server.try_wait().expect("a child can be asked").is_some() {
                return Some(false);
            }
            tokio_postgres::connect(&url, NoTls).await.is_ok().then_some(true)
        })
        .await
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }

    /// The URL of a new, empty database.
    pub async fn create_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        create_database(&self.url("postgres"), &name).await
    }

    /// Kills the server as a crash of the machine would: `kill -9` for all of its processes, nothing is said to anybody.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // Without their parent these end too, but a busy one may commit once more before it notices.
            let others = children_of(server.id());
            server.kill().expect("a child can be killed");
            server.wait().expect("a child can be waited for");
            let mut kill = Command::new("kill");
            // Some are gone by then.
            let _ = kill.arg("-KILL").args(others).stderr(Stdio::null()).status();
        }
    }

    /// Starts the server again after [`Cluster::kill`], on the same port, and waits until it has recovered.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart(&mut self) {
        // The processes of killed connections hold on to the shared memory for a moment, then it starts.
        let begin = std::time::Instant::now();
        while !self.launch().await {
            assert!(begin.elapsed() < START_TIME_MAX, "PostgreSQL does not start again:\n{}", self.log());
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
        // With its input closed it finds no server and removes the folder.
        if let Some(mut watchdog) = self.watchdog.take() {
            drop(watchdog.stdin.take());
            let _ = watchdog.wait();
        }
    }
}

async fn create_database(server: &str, name: &str) -> String {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.expect("the test server answers");
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await.expect("the test server creates databases");
    drop(client);
    let _ = driver.await;
    let (before, query) = server.split_once('?').map_or((server, ""), |(before, query)| (before, query));
    let (host, _) = before.rsplit_once('/').expect("the URL of the test server names a database: postgres://…/NAME");
    if query.is_empty() { format!("{host}/{name}") } else { format!("{host}/{name}?{query}") }
}

/// The folder with `initdb` and `postgres`: the newest of Debian's, else the first on the PATH.
fn find_programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let folders = versions.into_iter().rev().map(|(_, folder)| folder).chain(std::env::split_paths(&on_path));
    folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// PostgreSQL refuses to run as root, so root becomes somebody else: `postgres` if there is one, else `nobody`.
fn unprivileged_user(ours: &Path) -> Option<(u32, u32)> {
    if std::fs::metadata(ours).expect("our folder is there").uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("there is a user `postgres` or `nobody`"))
}

/// The numbers of the processes whose parent is `parent`.
fn children_of(parent: u32) -> Vec<String> {
    let parent = parent.to_string();
    let processes = std::fs::read_dir("/proc").expect("this system tells about its processes");
    let names = processes.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| {
            // "PID (NAME) STATE PARENT …", where NAME may hold anything.
            let stat = std::fs::read_to_string(format!("/proc/{name}/stat")).unwrap_or_default();
            stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)) == Some(parent.as_str())
        })
        .collect()
}

fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    // Processes begin far from each other, so that they seldom meet.
    let first = std::process::id().wrapping_mul(97);
    let mut ports = (0..count).map(|_| {
        let step = first.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)) % count;
        PORTS.start + u16::try_from(step).expect("it is less than the number of ports")
    });
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).expect("a port is free")
}

fn start_watchdog(folder: &Path) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", WATCHDOG, "watchdog"]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut watchdog = command.process_group(0).spawn().expect("a shell can be started");
    // Never a line is written: only the end of this process ends the input. Flushing keeps the pipe honest.
    watchdog.stdin.as_mut().expect("it was piped").flush().expect("an empty pipe flushes");
    watchdog
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_survives_a_kill_and_ends_with_its_owner() {
        let mut cluster = Cluster::start(Sync::Off).await;
        let folder = cluster.folder.path().to_owned();
        let url = cluster.create_database().await;
        assert_ne!(url, cluster.create_database().await, "every test has its own");
        cluster.kill();
        assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
        cluster.restart().await;
        drop(tokio_postgres::connect(&url, NoTls).await.unwrap());
        drop(cluster);
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn the_watchdog_ends_a_server_whose_owner_died() {
        let mut cluster = Cluster::start(Sync::Off).await;
        let folder = cluster.folder.path().to_owned();
        // What the kernel does when the process dies: it closes the pipe, and drops nothing.
        drop(cluster.watchdog.as_mut().unwrap().stdin.take());
        cluster.server.as_mut().unwrap().wait().unwrap();
        cluster.watchdog.as_mut().unwrap().wait().unwrap();
        assert!(!folder.exists());
    }
}
