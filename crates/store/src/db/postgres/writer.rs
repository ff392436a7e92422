//! A task that writes on a connection of its own: takes whatever waits, commits it as one transaction, then answers.
//!
//! As with SQLite a group is first tried plainly, here with the rows of all batches merged to one statement a table and
//! everything sent without waiting in between. If that fails, it is done again batch by batch with savepoints.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::poll_fn;

use super::connect::Session;
use super::failure::Failure;
use super::link::Link;
use super::merge::{Execute, Insert, Plan};
use super::reader::{check_count, collect};
use super::value::ColumnOf;
use crate::Error;
use crate::db::batch::{Batch, Written};
use crate::db::queue::{Job, WriteQueue};
use crate::db::read::RowBounds;
use crate::db::row::Row;

/// A batch that met others at work (deadlock, serialisation) is tried so many times.
const TRIES: usize = 3;
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

type Results = Vec<Result<Written, Error>>;
type Step<'a> = Pin<Box<dyn Future<Output = Result<(Vec<Row>, u64), Failure>> + Send + 'a>>;

pub(super) struct Writer {
    pub(super) queue: Arc<WriteQueue>,
    pub(super) link: Link,
    pub(super) time_max: Duration,
    pub(super) bounds: RowBounds,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        let mut group = Vec::new();
        while self.queue.take(&mut group).await {
            let results = self.write_group(&group).await;
            for (job, result) in group.drain(..).zip(results) {
                job.answer(result);
            }
        }
    }

    async fn write_group(&mut self, group: &[Job<Batch, Written>]) -> Results {
        let batches: Vec<&Batch> = group.iter().map(|job| &job.task).collect();
        let written = match self.link.session().await {
            Ok(session) => {
                match tokio::time::timeout(self.time_max, write_on(session, &batches, self.time_max, self.bounds)).await {
                    Ok(written) => written.inspect_err(|_| self.link.drop_session()),
                    Err(_) => {
                        self.link.drop_session();
                        let time_max_ms = self.time_max.as_millis();
                        Err(Error::unavailable(format!(
                            "PostgreSQL did not commit within {time_max_ms} ms; whether it will is unknown"
                        )))
                    }
                }
            }
            Err(error) => Err(error),
        };
        written.unwrap_or_else(|error| batches.iter().map(|_| Err(error.clone())).collect())
    }
}

/// Commits a group. `Err`: the connection is of no use any more, and nobody knows what became of the group.
async fn write_on(session: &mut Session, batches: &[&Batch], time_max: Duration, bounds: RowBounds) -> Result<Results, Error> {
    session.limit_statements(time_max).await.map_err(|error| Failure::of(&error, 0).into_error())?;
    let results = match try_merged(session, batches, bounds).await {
        Ok(written) => written.into_iter().map(Ok).collect(),
        Err(Failure::Connection(error)) => return Err(error),
        Err(Failure::Batch(error)) if batches.len() == 1 => {
            roll_back(session).await?;
            return Ok(vec![Err(error)]);
        }
        Err(_) => {
            roll_back(session).await?;
            try_each(session, batches, bounds).await.map_err(Failure::into_error)?
        }
    };
    if session.take_sync_wait_cancelled() {
        return Err(Error::unavailable("PostgreSQL gave up waiting for its synchronous replica"));
    }
    Ok(results)
}

async fn roll_back(session: &Session) -> Result<(), Error> {
    session.client.batch_execute("ROLLBACK").await.map_err(|error| Failure::of(&error, 0).into_error())
}

async fn try_merged(session: &mut Session, batches: &[&Batch], bounds: RowBounds) -> Result<Vec<Written>, Failure> {
    let plan = Plan::of(batches.iter().copied());
    session.prepare_all(&plan).await?;
    let session = &*session;
    let mut steps = vec![control(session, BEGIN)];
    push_steps(&mut steps, session, &plan, bounds)?;
    // Without expectations nothing has to be looked at before the commit. If a step fails, the server makes of it a
    // rollback, and the failed step tells.
    let commit_at_once = !plan.has_expectations();
    if commit_at_once {
        steps.push(control(session, "COMMIT"));
    }
    let done = in_one_go(steps).await?;
    let written = sort_out(&plan, batches.len(), done)?;
    if !commit_at_once {
        control(session, "COMMIT").await?;
    }
    Ok(written)
}

/// The group once more, each batch for itself between savepoints, in one transaction.
async fn try_each(session: &mut Session, batches: &[&Batch], bounds: RowBounds) -> Result<Results, Failure> {
    control(session, BEGIN).await?;
    let mut results = Vec::with_capacity(batches.len());
    for batch in batches {
        let mut tries = 0;
        let result = loop {
            tries += 1;
            control(session, "SAVEPOINT batch").await?;
            let failure = match try_one(session, batch, bounds).await {
                Ok(written) => {
                    control(session, "RELEASE SAVEPOINT batch").await?;
                    break Ok(written);
                }
                Err(Failure::Connection(error)) => return Err(Failure::Connection(error)),
                Err(failure) => failure,
            };
            control(session, "ROLLBACK TO SAVEPOINT batch").await?;
            match failure {
                Failure::Again(_) if tries < TRIES => {}
                failure => break Err(failure.into_error()),
            }
        };
        results.push(result);
    }
    // A commit that fails concerns all of them, and the connection with it.
    control(session, "COMMIT").await.map_err(|failure| Failure::Connection(failure.into_error()))?;
    Ok(results)
}

async fn try_one(session: &mut Session, batch: &Batch, bounds: RowBounds) -> Result<Written, Failure> {
    let plan = Plan::of([batch]);
    session.prepare_all(&plan).await?;
    let mut steps = Vec::new();
    push_steps(&mut steps, session, &plan, bounds)?;
    let done = in_one_go(steps).await?;
    Ok(sort_out(&plan, 1, done)?.pop().unwrap_or_default())
}

fn push_steps<'p>(steps: &mut Vec<Step<'p>>, session: &'p Session, plan: &'p Plan<'_>, bounds: RowBounds) -> Result<(), Failure> {
    for level in &plan.levels {
        for insert in &level.inserts {
            steps.push(insert_step(session, insert));
        }
        for execute in &level.executes {
            steps.push(execute_step(session, execute, bounds)?);
        }
    }
    Ok(())
}

fn insert_step<'p>(session: &'p Session, insert: &'p Insert<'_>) -> Step<'p> {
    Box::pin(async move {
        let statement = session.insert_into(insert.table);
        let columns = insert.table.columns.iter().enumerate();
        let columns: Vec<ColumnOf<'_>> =
            columns.map(|(column, of)| ColumnOf { rows: &insert.rows, column, kind: of.kind }).collect();
        let count = session.client.execute_raw(statement, &columns).await;
        count.map(|count| (Vec::new(), count)).map_err(|error| Failure::of(&error, insert.statement))
    })
}

fn execute_step<'p>(session: &'p Session, execute: &'p Execute<'_>, bounds: RowBounds) -> Result<Step<'p>, Failure> {
    let statement = session.statement(execute.sql);
    check_count(statement, execute.args, execute.statement)?;
    Ok(Box::pin(collect(&session.client, statement, execute.args, bounds, execute.statement)))
}

fn control<'a>(session: &'a Session, sql: &'static str) -> Step<'a> {
    Box::pin(async move {
        match session.client.batch_execute(sql).await {
            Ok(()) => Ok((Vec::new(), 0)),
            Err(error) => Err(Failure::of(&error, 0)),
        }
    })
}

/// Sends all steps before it waits for the first answer; ends at the first failure.
async fn in_one_go(mut steps: Vec<Step<'_>>) -> Result<Vec<(Vec<Row>, u64)>, Failure> {
    let mut early = Vec::with_capacity(steps.len());
    // A step sends when it is asked the first time, so that they arrive in their order.
    poll_fn(|context| {
        early.extend(steps.iter_mut().map(|step| step.as_mut().poll(context)));
        Poll::Ready(())
    })
    .await;
    let mut done = Vec::with_capacity(steps.len());
    for (step, early) in steps.into_iter().zip(early) {
        done.push(match early {
            Poll::Ready(result) => result?,
            Poll::Pending => step.await?,
        });
    }
    Ok(done)
}

/// Gives each batch its answers, if all expectations hold. `done` may begin with `BEGIN` and end with `COMMIT`.
fn sort_out(plan: &Plan<'_>, batches: usize, done: Vec<(Vec<Row>, u64)>) -> Result<Vec<Written>, Failure> {
    let steps: usize = plan.levels.iter().map(|level| level.inserts.len() + level.executes.len()).sum();
    let begins = usize::from(done.len() > steps);
    let mut done = done.into_iter().skip(begins);
    let mut written: Vec<Written> = (0..batches).map(|_| Written::default()).collect();
    for level in &plan.levels {
        // Inserts have no answer of their own.
        let mut answers = done.by_ref().take(level.inserts.len() + level.executes.len()).skip(level.inserts.len());
        for execute in &level.executes {
            let (rows, count) = answers.next().unwrap_or_default();
            if !execute.expect.holds(count) {
                return Err(Failure::Batch(Error::Conflict { statement: execute.statement }));
            }
            let of_batch = &mut written[execute.batch];
            of_batch.counts.push(count);
            of_batch.rows.push(rows);
        }
        // Takes the inserts of a level without executes.
        answers.for_each(drop);
    }
    Ok(written)
}
