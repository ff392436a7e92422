//! PostgreSQL: a few connections that write, a few that read, each with a task of its own.

mod connect;
mod failure;
mod link;
mod merge;
mod reader;
mod tls;
mod value;
mod writer;

use std::sync::Arc;

use hookmill_engine::time::Timestamp;
use tokio::task::JoinHandle;
use tokio_postgres::Statement;

use self::connect::{Address, Session};
use self::failure::{Failure, describe};
use self::link::Link;
use self::merge::{Plan, insert_sql};
use self::writer::Writer;
use super::batch::Table;
use super::config::{Access, CLOSING, DbConfig};
use super::dialect::Dialect;
use super::queue::WriteQueue;
use super::read::{ReadQueue, RowBounds};
use crate::Error;
use crate::migrate::{self, Ladder};

/// Lock under which one process at a time migrates ("HOOKMILL").
const MIGRATION_LOCK: i64 = 0x484f_4f4b_4d49_4c4c;

/// The tasks and what they take their work from.
pub(super) struct Engine {
    pub(super) writes: Arc<WriteQueue>,
    pub(super) reads: Arc<ReadQueue>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Connects once to migrate, so that a wrong address is told at the start; then starts the tasks.
    pub(super) async fn open(config: DbConfig, url: &str) -> Result<Self, Error> {
        let ladder = Ladder::new(config.migrations)?;
        let limits = &config.limits;
        let address = Address::parse(url, limits.connect_time_max)?;
        let mut session = address.connect(limits.connect_time_max).await?;
        migrate(&mut session, &ladder, config.access, config.now).await?;
        drop(session);

        let writes = Arc::new(WriteQueue::new(limits.write_bounds()));
        let reads = Arc::new(ReadQueue::new(limits.read_bounds()));
        let bounds = RowBounds::of(limits);
        let link = || Link::new(address.clone(), limits.connect_time_max);
        let mut tasks = Vec::new();
        for _ in 0..limits.writers.max(1) {
            let writer = Writer { queue: Arc::clone(&writes), link: link(), time_max: limits.write_time_max, bounds };
            tasks.push(tokio::spawn(writer.run()));
        }
        for _ in 0..limits.readers.max(1) {
            tasks.push(tokio::spawn(reader::run(Arc::clone(&reads), link(), bounds)));
        }
        Ok(Self { writes, reads, tasks: tokio::sync::Mutex::new(tasks) })
    }

    /// Lets nothing more in, without waiting for what is in.
    pub(super) fn stop(&self) {
        self.reads.close(CLOSING);
        self.writes.close(CLOSING);
    }

    /// Works off what waits and ends the tasks. Waits for that however often it is called.
    pub(super) async fn close(&self) {
        self.stop();
        let mut tasks = self.tasks.lock().await;
        for task in tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!("A task of the store did not end well: {error}");
            }
        }
    }
}

async fn migrate(session: &mut Session, ladder: &Ladder, access: Access, now: Timestamp) -> Result<(), Error> {
    let client = &session.client;
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: tokio_postgres::Error| match Failure::of(&error, 0).into_error() {
            Error::Invalid(_) => Error::Invalid(format!("{what}: {}", describe(&error))),
            other => other,
        }
    };
    let begin = format!("BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
    client.batch_execute(&begin).await.map_err(failed("locking the schema"))?;
    if access == Access::Owner {
        client.batch_execute(migrate::CREATE_TABLE).await.map_err(failed("making the table of migrations"))?;
    }
    let newest = client.query_one(migrate::FIND_NEWEST, &[]).await.map_err(failed("reading the schema's number"))?;
    let found: i64 = newest.try_get(0).map_err(failed("reading the schema's number"))?;
    if access == Access::Guest {
        ladder.check_same(found)?;
    } else {
        for migration in ladder.missing(found)? {
            let script = migration.script(Dialect::Postgres, now)?;
            client
                .batch_execute(&script)
                .await
                .map_err(failed(&format!("migration {} ({})", migration.number, migration.name)))?;
        }
    }
    client.batch_execute("COMMIT").await.map_err(failed("keeping the migrations"))
}

fn text_key(sql: &'static str) -> (usize, usize) {
    (sql.as_ptr() as usize, sql.len())
}

fn table_key(table: &'static Table) -> (usize, usize) {
    (std::ptr::from_ref(table) as usize, 0)
}

/// Statements by the address of their text, as with SQLite.
impl Session {
    async fn prepare(&mut self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.get(&text_key(sql)) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(text_key(sql), statement.clone());
        Ok(statement)
    }

    /// Prepares what a plan needs and is not prepared yet.
    async fn prepare_all(&mut self, plan: &Plan<'_>) -> Result<(), Failure> {
        for insert in plan.levels.iter().flat_map(|level| &level.inserts) {
            let key = table_key(insert.table);
            if !self.statements.contains_key(&key) {
                let statement = self.client.prepare(&insert_sql(insert.table)).await;
                self.statements.insert(key, statement.map_err(|error| Failure::of(&error, insert.statement))?);
            }
        }
        for execute in plan.executes() {
            if !self.statements.contains_key(&text_key(execute.sql)) {
                let statement = self.client.prepare(execute.sql).await;
                self.statements.insert(text_key(execute.sql), statement.map_err(|error| Failure::of(&error, execute.statement))?);
            }
        }
        Ok(())
    }

    fn statement(&self, sql: &'static str) -> &Statement {
        self.statements.get(&text_key(sql)).expect("the plan was prepared")
    }

    fn insert_into(&self, table: &'static Table) -> &Statement {
        self.statements.get(&table_key(table)).expect("the plan was prepared")
    }
}
