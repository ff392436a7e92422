//! Verifying: reads everything that is stored and tells what cannot be right. Changes nothing.
//!
//! It reads in pages, so that it can run beside a server that is working; what changes meanwhile is judged as it was
//! when its page was read. Whether a journal folds to the state of its run is the caller's to check: that takes the
//! engine.

use std::time::Duration;

use hookmill_engine::id::{DeliveryId, RunId};

use crate::db::{Args, Dialect, Row};
use crate::deliveries::Facts;
use crate::deliveries::body::{StoredBody, unpack};
use crate::{Error, Result, Store, args, narrow};

/// Bodies of one page: they can be large.
const BODIES_AT_ONCE: i64 = 64;
/// Rows of one page.
const ROWS_AT_ONCE: i64 = 1_000;
/// Findings that are reported; a database that is damaged all over has more.
pub const FINDINGS_MAX: usize = 1_000;
/// How long the database may take to check its own structure.
const STRUCTURE_TIME_MAX: Duration = Duration::from_secs(3_600);

/// What is being looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The structure of the SQLite file.
    Structure,
    /// Bodies against their checksums, headers.
    Deliveries,
    /// Rows of runs in themselves, and against their journals.
    Runs,
    /// Journals against the rows of their runs.
    Journal,
    /// Files of runs. They are not the store's; whoever keeps them looks.
    Files,
}

/// How far verifying has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being looked at.
    pub part: Part,
    /// Rows (runs, for the journal) of this part that were looked at.
    pub looked_at: u64,
    /// Rows of this part altogether, when it began.
    pub of: u64,
}

/// Something that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it was found.
    pub part: Part,
    /// The delivery or the run, in its text form; empty for the structure of the file.
    pub id: String,
    /// What is wrong.
    pub what: String,
}

/// What verifying found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Deliveries that were looked at.
    pub deliveries: u64,
    /// Runs that were looked at.
    pub runs: u64,
    /// Journals that were looked at.
    pub journals: u64,
    /// What cannot be right, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub findings_left_out: u64,
}

const COUNT_DELIVERIES: &str = "SELECT COUNT(*) FROM deliveries";
const COUNT_RUNS: &str = "SELECT COUNT(*) FROM runs";
/// SQLite only: the first hundred problems that it finds in the file, or `ok`.
const STRUCTURE: &str = "SELECT integrity_check FROM pragma_integrity_check";

const BODIES: &str = "
    SELECT id, body_bytes, crc, zstd, body, headers, facts
      FROM deliveries
     WHERE id > $1
     ORDER BY id
     LIMIT $2";

const RUNS: &str = "
    SELECT r.id, r.state, r.due_at, r.finished_at, r.entries,
           (SELECT COUNT(*) FROM journal j WHERE j.run = r.id),
           (SELECT COUNT(*) FROM buckets b WHERE b.bucket = r.bucket AND b.epoch >= r.epoch)
      FROM runs r
     WHERE r.id > $1
     ORDER BY r.id
     LIMIT $2";

const JOURNALS: &str = "
    SELECT j.run, MIN(j.seq), MAX(j.seq), COUNT(*),
           (SELECT COUNT(*) FROM runs r WHERE r.id = j.run)
      FROM journal j
     WHERE j.run > $1
     GROUP BY j.run
     ORDER BY j.run
     LIMIT $2";

impl Report {
    fn found(&mut self, part: Part, id: impl ToString, what: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { part, id: id.to_string(), what: what.into() });
        } else {
            self.findings_left_out += 1;
        }
    }
}

impl Store {
    /// Looks at everything. `tell` hears how far it has got.
    pub async fn verify(&self, mut tell: impl FnMut(Progress)) -> Result<Report> {
        let mut report = Report::default();
        self.verify_structure(&mut report, &mut tell).await?;
        let deliveries = self.count(COUNT_DELIVERIES).await?;
        let runs = self.count(COUNT_RUNS).await?;
        self.pages(BODIES, BODIES_AT_ONCE, |rows| {
            for mut row in rows {
                let id = DeliveryId(row.int(0)?);
                if let Err(error) = check_delivery(&mut row) {
                    report.found(Part::Deliveries, id, error.to_string());
                }
                report.deliveries += 1;
            }
            tell(Progress { part: Part::Deliveries, looked_at: report.deliveries, of: deliveries });
            Ok(())
        })
        .await?;
        self.pages(RUNS, ROWS_AT_ONCE, |rows| {
            for row in rows {
                check_run(&row, &mut report)?;
                report.runs += 1;
            }
            tell(Progress { part: Part::Runs, looked_at: report.runs, of: runs });
            Ok(())
        })
        .await?;
        self.pages(JOURNALS, ROWS_AT_ONCE, |rows| {
            for row in rows {
                check_journal(&row, &mut report)?;
                report.journals += 1;
            }
            tell(Progress { part: Part::Journal, looked_at: report.journals, of: runs });
            Ok(())
        })
        .await?;
        Ok(report)
    }

    async fn verify_structure(&self, report: &mut Report, tell: &mut impl FnMut(Progress)) -> Result<()> {
        if self.db().dialect() != Dialect::Sqlite {
            return Ok(());
        }
        tell(Progress { part: Part::Structure, looked_at: 0, of: 1 });
        for row in self.db().read_within(STRUCTURE_TIME_MAX, STRUCTURE, Args::new()).await? {
            if row.text(0)? != "ok" {
                report.found(Part::Structure, "", row.text(0)?);
            }
        }
        tell(Progress { part: Part::Structure, looked_at: 1, of: 1 });
        Ok(())
    }

    async fn count(&self, sql: &'static str) -> Result<u64> {
        let rows = self.db().read_within(STRUCTURE_TIME_MAX, sql, Args::new()).await?;
        rows.first().map_or(Ok(0), |row| narrow(row.int(0)?))
    }

    async fn pages(&self, sql: &'static str, at_once: i64, mut look: impl FnMut(Vec<Row>) -> Result<()>) -> Result<()> {
        let mut after = i64::MIN;
        loop {
            let rows = self.db().read_within(STRUCTURE_TIME_MAX, sql, args![after, at_once]).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.int(0)?;
            look(rows)?;
        }
    }
}

fn check_delivery(row: &mut Row) -> Result<()> {
    unpack(StoredBody { body_bytes: row.int(1)?, crc: row.int(2)?, zstd: row.int(3)? != 0, bytes: row.bytes(4)? })?;
    let headers: std::result::Result<Vec<(String, String)>, _> = serde_json::from_str(row.text(5)?);
    headers.map_err(|error| Error::corrupt(format!("the headers cannot be read: {error}")))?;
    Facts::of_text(row.opt_text(6)?).map(drop).map_err(|error| Error::corrupt(format!("the facts cannot be read: {error}")))
}

fn check_run(row: &Row, report: &mut Report) -> Result<()> {
    let id = RunId(row.int(0)?);
    let (due, finished) = (row.opt_int(2)?.is_some(), row.opt_int(3)?.is_some());
    match row.text(1)?.parse::<crate::runs::State>() {
        Err(error) => report.found(Part::Runs, id, error.to_string()),
        Ok(state) => {
            if state.is_final() && !finished {
                report.found(Part::Runs, id, format!("is {state} but has no end time"));
            }
            if !state.is_final() && finished {
                report.found(Part::Runs, id, format!("is {state} but has an end time"));
            }
            if state.is_due_sometime() && !due {
                report.found(Part::Runs, id, format!("is {state} but has no due time, so it would never go on"));
            }
        }
    }
    if row.int(4)? != row.int(5)? {
        report.found(Part::Runs, id, format!("has {} journal entries, should have {}", row.int(5)?, row.int(4)?));
    }
    if row.int(6)? == 0 {
        report.found(Part::Runs, id, "has an epoch that its bucket never had");
    }
    Ok(())
}

fn check_journal(row: &Row, report: &mut Report) -> Result<()> {
    let id = RunId(row.int(0)?);
    let (first, last, count) = (row.int(1)?, row.int(2)?, row.int(3)?);
    if first != 0 || last != count - 1 {
        report.found(Part::Journal, id, format!("has {count} entries, numbered {first} to {last}: some are missing"));
    }
    if row.int(4)? == 0 {
        report.found(Part::Journal, id, "belongs to a run that does not exist");
    }
    Ok(())
}
