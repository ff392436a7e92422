//! A task that reads on a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio_postgres::Statement;

use super::connect::Session;
use super::failure::Failure;
use super::link::Link;
use crate::Error;
use crate::db::arg::Arg;
use crate::db::read::{Read, ReadQueue, RowBounds, too_slow};
use crate::db::row::{Row, Value};

/// A read that the server did not end in its time is given up by us after this much more, with its connection.
const GRACE: Duration = Duration::from_secs(1);

/// Works until the queue is closed and empty.
pub(super) async fn run(queue: Arc<ReadQueue>, mut link: Link, bounds: RowBounds) {
    let mut group = Vec::with_capacity(1);
    while queue.take(&mut group).await {
        for job in group.drain(..) {
            let rows = read(&mut link, &job.task, bounds).await;
            job.answer(rows);
        }
    }
}

async fn read(link: &mut Link, read: &Read, bounds: RowBounds) -> Result<Vec<Row>, Error> {
    // A connection that died since its last use is found out only by using it; reading twice does no harm.
    for is_last in [false, true] {
        let session = link.session_after_pause().await?;
        match tokio::time::timeout(read.time_max + GRACE, read_on(session, read, bounds)).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(Failure::Connection(error))) => {
                link.drop_session();
                if is_last {
                    return Err(error);
                }
            }
            Ok(Err(Failure::Batch(Error::Unavailable { .. }))) => return Err(too_slow(read.time_max)),
            Ok(Err(failure)) => return Err(failure.into_error()),
            Err(_) => {
                link.drop_session();
                return Err(too_slow(read.time_max));
            }
        }
    }
    unreachable!("the last round returns")
}

async fn read_on(session: &mut Session, read: &Read, bounds: RowBounds) -> Result<Vec<Row>, Failure> {
    let failed = |error: tokio_postgres::Error| Failure::of(&error, 0);
    session.limit_statements(read.time_max).await.map_err(failed)?;
    let statement = session.prepare(read.sql).await.map_err(failed)?;
    check_count(&statement, &read.args, 0)?;
    let (rows, _) = collect(&session.client, &statement, &read.args, bounds, 0).await?;
    Ok(rows)
}

/// Runs a statement and takes all that it returns, with the number of rows that it met.
pub(super) async fn collect(
    client: &tokio_postgres::Client,
    statement: &Statement,
    args: &[Arg],
    bounds: RowBounds,
    number: usize,
) -> Result<(Vec<Row>, u64), Failure> {
    let failed = |error: tokio_postgres::Error| Failure::of(&error, number);
    let stream = client.query_raw(statement, args).await.map_err(failed)?;
    let mut stream = std::pin::pin!(stream);
    let columns = statement.columns().len();
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut answer = Ok(());
    while let Some(row) = stream.try_next().await.map_err(failed)? {
        // Too much is read to its end all the same: what follows on the connection waits behind it.
        if answer.is_err() {
            continue;
        }
        let mut values = Vec::with_capacity(columns);
        for column in 0..columns {
            let value: Value = row.try_get(column).map_err(failed)?;
            bytes += value.bytes();
            values.push(value);
        }
        found.push(Row::new(values));
        answer = bounds.check(found.len(), bytes);
    }
    answer.map_err(Failure::Batch)?;
    Ok((found, stream.rows_affected().unwrap_or(0)))
}

/// Whether a statement gets as many arguments as it has parameters.
pub(super) fn check_count(statement: &Statement, args: &[Arg], number: usize) -> Result<(), Failure> {
    let wanted = statement.params().len();
    if wanted == args.len() {
        return Ok(());
    }
    Err(Failure::Batch(Error::Invalid(format!("operation {number}: {wanted} arguments are wanted, {} were given", args.len()))))
}
