//! One connection to PostgreSQL: where to, how trusted, and what must be true of the server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure::describe;
use super::tls::{self, Trust};
use crate::Error;

/// The oldest server that is supported, as it numbers itself.
const VERSION_MIN: i64 = 140_000;
/// A silent connection is probed after this time: what is in between may have forgotten it.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// What was sent and is not acknowledged by then means that the server is gone.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
/// The server ends a transaction of ours that does nothing for so long, so that a hanging process blocks nobody.
const IDLE_IN_TRANSACTION_MAX_MS: u32 = 60_000;
/// How the server begins the warning that a commit is on its disk but perhaps not on the replica's.
const SYNC_WAIT_CANCELLED: &str = "canceling wait for synchronous replication";

/// Where the database is. Never shows the password.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    trust: Trust,
    /// `HOST:PORT`, for messages.
    pub(super) shown: String,
}

/// One connection with the statements prepared on it.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) statements: HashMap<(usize, usize), Statement>,
    pub(super) statement_time_max: Option<Duration>,
    sync_wait_cancelled: Arc<AtomicBool>,
}

impl Address {
    pub(super) fn parse(url: &str, connect_time_max: Duration) -> Result<Self, Error> {
        let (url, trust, mode) = tls::split_options(url)?;
        // The driver names the option that is wrong, never its value.
        let unreadable = |error: tokio_postgres::Error| {
            Error::Invalid(format!(
                "the PostgreSQL URL cannot be read: {}; write postgres://USER:PASSWORD@HOST:PORT/DATABASE",
                describe(&error)
            ))
        };
        let mut config: Config = url.parse().map_err(unreadable)?;
        config
            .ssl_mode(mode)
            .connect_timeout(connect_time_max)
            .tcp_user_timeout(UNACKNOWLEDGED_MAX)
            .keepalives_idle(KEEPALIVE_IDLE)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("hookmill");
        }
        let shown = shown(&config);
        Ok(Self { config, trust, shown })
    }

    /// Connects and checks the server.
    pub(super) async fn connect(&self, time_max: Duration) -> Result<Session, Error> {
        let connecting = async {
            let session = self.reach().await?;
            session.check_server().await.map(|()| session)
        };
        let Ok(connected) = tokio::time::timeout(time_max, connecting).await else {
            return Err(self.unreachable(&format!("no answer within {} ms", time_max.as_millis())));
        };
        connected
    }

    async fn reach(&self) -> Result<Session, Error> {
        let flag = Arc::new(AtomicBool::new(false));
        let client = if self.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = self.config.connect(NoTls).await.map_err(|error| self.refused(&error))?;
            tokio::spawn(drive(connection, Arc::clone(&flag)));
            client
        } else {
            let connector = MakeRustlsConnect::new(self.trust.client_config()?);
            let (client, connection) = self.config.connect(connector).await.map_err(|error| self.refused(&error))?;
            tokio::spawn(drive(connection, Arc::clone(&flag)));
            client
        };
        Ok(Session { client, statements: HashMap::new(), statement_time_max: None, sync_wait_cancelled: flag })
    }

    fn refused(&self, error: &tokio_postgres::Error) -> Error {
        let shown = &self.shown;
        let Some(cause) = error.as_db_error() else {
            return self.unreachable(&describe(error));
        };
        let message = cause.message();
        match *cause.code() {
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                Error::Invalid(format!("PostgreSQL at {shown} refuses the login: {message}; check user and password in the URL"))
            }
            SqlState::INVALID_CATALOG_NAME => {
                Error::Invalid(format!("PostgreSQL at {shown} says: {message}; create it with `createdb`, or correct the URL"))
            }
            _ => Error::unavailable(format!("PostgreSQL at {shown} does not let us in: {message}")),
        }
    }

    fn unreachable(&self, why: &str) -> Error {
        Error::unavailable(format!("cannot reach PostgreSQL at {}: {why}; is it running, is the address right?", self.shown))
    }
}

impl Session {
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether the last commit may be missing on the replica that it had to wait for. Asking forgets it.
    pub(super) fn take_sync_wait_cancelled(&self) -> bool {
        self.sync_wait_cancelled.swap(false, Ordering::AcqRel)
    }

    /// Bounds every statement from now on, at the server. Does nothing if it is so already.
    pub(super) async fn limit_statements(&mut self, time_max: Duration) -> Result<(), tokio_postgres::Error> {
        if self.statement_time_max != Some(time_max) {
            // 0 would mean no limit.
            let time_max_ms = time_max.as_millis().clamp(1, i32::MAX as u128);
            self.client.batch_execute(&format!("SET statement_timeout = {time_max_ms}")).await?;
            self.statement_time_max = Some(time_max);
        }
        Ok(())
    }

    async fn check_server(&self) -> Result<(), Error> {
        const ASK: &str = "SELECT current_setting('server_version_num')::bigint, current_setting('server_encoding'),
                                  current_setting('synchronous_commit'), current_setting('fsync')";
        let ask = async {
            self.client.batch_execute(&format!("SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_MAX_MS}")).await?;
            let row = self.client.query_one(ASK, &[]).await?;
            let settings = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            Ok::<(i64, String, String, String), tokio_postgres::Error>(settings)
        };
        let failed = |error: &tokio_postgres::Error| {
            Error::unavailable(format!("asking PostgreSQL for its settings: {}", describe(error)))
        };
        let (version, encoding, synchronous_commit, fsync) = ask.await.map_err(|error| failed(&error))?;
        if version < VERSION_MIN {
            return Err(Error::Invalid(format!(
                "PostgreSQL has version {}, at least {} is needed",
                version / 10_000,
                VERSION_MIN / 10_000
            )));
        }
        if encoding != "UTF8" {
            return Err(Error::Invalid(format!("the database has the encoding {encoding}; create it with ENCODING 'UTF8'")));
        }
        if fsync == "off" {
            tracing::warn!("PostgreSQL runs with fsync = off: a power cut loses acknowledged deliveries");
        }
        // Off answers before anything is on a disk, which is not what an answer of ours promises.
        if synchronous_commit == "off" {
            self.client.batch_execute("SET synchronous_commit = on").await.map_err(|error| failed(&error))?;
        }
        Ok(())
    }
}

/// Moves bytes until the connection ends. What ended it is told to whoever waits for an answer on it.
async fn drive<S, T>(mut connection: Connection<S, T>, sync_wait_cancelled: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message {
            if notice.message().starts_with(SYNC_WAIT_CANCELLED) {
                // Comes before the end of the commit that it belongs to, so that it is seen before that is answered.
                sync_wait_cancelled.store(true, Ordering::Release);
            }
            tracing::debug!(postgres.notice = notice.message(), "PostgreSQL says: {}", notice.message());
        }
    }
}

fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(folder) => format!("{}/.s.PGSQL.{port}", folder.display()),
        }
    });
    let hosts: Vec<String> = hosts.collect();
    if hosts.is_empty() { "localhost:5432".into() } else { hosts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn nobody_there_is_a_clear_error_without_the_password() {
        let address = Address::parse("postgres://me:geheim@127.0.0.1:1/db", SECOND).unwrap();
        let Err(error) = address.connect(SECOND).await else { panic!("port 1 answers") };
        let error = error.to_string();
        assert!(error.contains("cannot reach PostgreSQL at 127.0.0.1:1") && error.contains("is it running"), "{error}");
        assert!(!error.contains("geheim"), "{error}");
    }

    #[test]
    fn unreadable_urls_say_what_is_wrong_without_the_password() {
        for url in [
            "postgres://me:geheim@host:port/db",
            "postgres://me:geheim@host/db?colour=red",
            "postgres://me:geheim@host/db?sslmode=maybe",
        ] {
            let Err(error) = Address::parse(url, SECOND) else { panic!("{url} was read") };
            assert!(matches!(error, Error::Invalid(_)));
            assert!(!error.to_string().contains("geheim"), "{error}");
        }
    }
}
