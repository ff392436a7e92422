//! A task that writes on a connection of its own: takes whatever waits, commits it, then answers.
//!
//! A group is first tried as one transaction, with the rows of all batches merged to one statement a table and everything
//! sent without waiting in between. If some of its batches meet other rows than they expect, the others are committed without
//! them and each of them is tried for itself; if a statement fails, the group is halved until only the bad batch is left. So
//! that no transaction waits for another that waits for it, whatever is in it is merged, and with that in order (`merge`).

use std::collections::BTreeMap;
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

/// A transaction that met others at work (deadlock, serialisation) is tried so many times. The server has undone all of it.
const TRIES: usize = 2;
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// What became of a batch; none while nobody knows.
type Answer = Option<Result<Written, Error>>;
/// Batches that met other rows than they expect, each with the first statement that did.
type Unmet = Vec<(usize, usize)>;
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
            let answers = self.write_group(&group).await;
            for (job, answer) in group.drain(..).zip(answers) {
                job.answer(answer);
            }
        }
    }

    async fn write_group(&mut self, group: &[Job<Batch, Written>]) -> Vec<Result<Written, Error>> {
        let batches: Vec<&Batch> = group.iter().map(|job| &job.task).collect();
        // Outlives the connection and the deadline: what was committed before them is.
        let mut answers: Vec<Answer> = batches.iter().map(|_| None).collect();
        let ended = match self.link.session().await {
            Ok(session) => {
                let writing = write_on(session, &batches, &mut answers, self.time_max, self.bounds);
                match tokio::time::timeout(self.time_max, writing).await {
                    Ok(ended) => ended.inspect_err(|_| self.link.drop_session()),
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
        let unknown = ended.err().unwrap_or_else(|| Error::unavailable("nobody tried to write it"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Err(unknown.clone()))).collect()
    }
}

/// How a transaction ended.
enum Ended {
    Committed(Vec<Written>),
    /// Undone: for some, expectations do not hold.
    Unmet(Unmet),
    /// Undone: something failed.
    Failed(Error),
}

/// Commits a group in as many transactions as that takes. `Err`: the connection is of no use any more, and nobody knows what
/// became of those that have no answer.
async fn write_on(
    session: &mut Session,
    batches: &[&Batch],
    answers: &mut [Answer],
    time_max: Duration,
    bounds: RowBounds,
) -> Result<(), Error> {
    session.limit_statements(time_max).await.map_err(|error| Failure::of(&error, 0).into_error())?;
    let mut parts: Vec<Vec<usize>> = vec![(0..batches.len()).collect()];
    while let Some(mut part) = parts.pop() {
        let of_part: Vec<&Batch> = part.iter().map(|at| batches[*at]).collect();
        match commit(session, &of_part, bounds).await? {
            Ended::Committed(written) => {
                for (at, written) in part.into_iter().zip(written) {
                    answers[at] = Some(Ok(written));
                }
            }
            Ended::Unmet(unmet) if part.len() == 1 => {
                answers[part[0]] = unmet.first().map(|(_, statement)| Err(Error::Conflict { statement: *statement }));
            }
            Ended::Failed(error) if part.len() == 1 => answers[part[0]] = Some(Err(error)),
            Ended::Unmet(unmet) => {
                // Each for itself, after the others: what it met may have been theirs, or another's of those that failed.
                let alone: Vec<usize> = unmet.iter().map(|(at, _)| part[*at]).collect();
                part.retain(|at| alone.binary_search(at).is_err());
                parts.extend(alone.into_iter().map(|at| vec![at]));
                if !part.is_empty() {
                    parts.push(part);
                }
            }
            Ended::Failed(_) => {
                let rest = part.split_off(part.len() / 2);
                parts.extend([rest, part]);
            }
        }
    }
    Ok(())
}

/// One transaction. `Err`: the connection.
async fn commit(session: &mut Session, batches: &[&Batch], bounds: RowBounds) -> Result<Ended, Error> {
    let mut tries = 1;
    loop {
        let ended = match try_merged(session, batches, bounds).await {
            Ok(Ok(_)) if session.take_sync_wait_cancelled() => {
                return Err(Error::unavailable("PostgreSQL gave up waiting for its synchronous replica"));
            }
            Ok(Ok(written)) => return Ok(Ended::Committed(written)),
            Ok(Err(unmet)) => Some(Ended::Unmet(unmet)),
            Err(Failure::Connection(error)) => return Err(error),
            Err(Failure::Again(_)) if tries < TRIES => None,
            Err(Failure::Again(error) | Failure::Batch(error)) => Some(Ended::Failed(error)),
        };
        roll_back(session).await?;
        match ended {
            Some(ended) => return Ok(ended),
            None => tries += 1,
        }
    }
}

async fn roll_back(session: &Session) -> Result<(), Error> {
    session.client.batch_execute("ROLLBACK").await.map_err(|error| Failure::of(&error, 0).into_error())
}

async fn try_merged(
    session: &mut Session,
    batches: &[&Batch],
    bounds: RowBounds,
) -> Result<Result<Vec<Written>, Unmet>, Failure> {
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
    let written = sort_out(&plan, batches.len(), done);
    if !commit_at_once && written.is_ok() {
        control(session, "COMMIT").await?;
    }
    Ok(written)
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
fn sort_out(plan: &Plan<'_>, batches: usize, done: Vec<(Vec<Row>, u64)>) -> Result<Vec<Written>, Unmet> {
    let steps: usize = plan.levels.iter().map(|level| level.inserts.len() + level.executes.len()).sum();
    let begins = usize::from(done.len() > steps);
    let mut done = done.into_iter().skip(begins);
    let mut written: Vec<Written> = (0..batches).map(|_| Written::default()).collect();
    let mut unmet: BTreeMap<usize, usize> = BTreeMap::new();
    for level in &plan.levels {
        // Inserts have no answer of their own.
        let mut answers = done.by_ref().take(level.inserts.len() + level.executes.len()).skip(level.inserts.len());
        for execute in &level.executes {
            let (rows, count) = answers.next().unwrap_or_default();
            if !execute.expect.holds(count) {
                unmet.entry(execute.batch).or_insert(execute.statement);
            }
            let of_batch = &mut written[execute.batch];
            of_batch.counts.push(count);
            of_batch.rows.push(rows);
        }
        // Takes the inserts of a level without executes.
        answers.for_each(drop);
    }
    if unmet.is_empty() { Ok(written) } else { Err(unmet.into_iter().collect()) }
}
