//! The sample of a hook: a request that stands for those to come, for previews, documentation and test runs.

use bytes::Bytes;
use hookmill_engine::id::HookId;
use hookmill_engine::request::Headers;
use hookmill_engine::time::Timestamp;

use crate::db::{Batch, Expect};
use crate::words::{word, words};
use crate::{Error, Result, Store, args};

/// The largest body of a sample.
pub const SAMPLE_BYTES_MAX: usize = 256 * 1024;
/// Query and headers of a sample together, as text.
pub const SAMPLE_HEAD_BYTES_MAX: usize = 64 * 1024;

words! {
    /// Where a sample comes from.
    pub enum Origin {
        /// Somebody wrote it down as JSON.
        Json = "json",
        /// Somebody wrote down key-value pairs or a form.
        Pairs = "pairs",
        /// It is a delivery, captured or another one.
        Delivery = "delivery",
    }
}

/// A request that stands for those to come. Secrets must be removed from query and headers before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Where it comes from.
    pub origin: Origin,
    /// The method, upper case.
    pub method: String,
    /// The query without the question mark.
    pub query: String,
    /// The headers, names in lower case.
    pub headers: Headers,
    /// The bytes of the body.
    pub body: Bytes,
    /// Who chose it.
    pub author: String,
    /// When.
    pub updated_at: Timestamp,
}

const ONE: &str = "
    SELECT source, method, query, headers, body, author, updated_at
      FROM hook_samples
     WHERE hook = $1";

const PUT: &str = "
    INSERT INTO hook_samples (hook, source, method, query, headers, body, author, updated_at)
    SELECT id, $2, $3, $4, $5, $6, $7, CAST($8 AS BIGINT) FROM hooks WHERE id = $1
        ON CONFLICT (hook) DO UPDATE
       SET source = $2, method = $3, query = $4, headers = $5, body = $6, author = $7, updated_at = $8";

const DELETE: &str = "DELETE FROM hook_samples WHERE hook = $1";

impl Store {
    /// The sample of a hook, if it has one.
    pub async fn sample(&self, hook: HookId) -> Result<Option<Sample>> {
        let mut rows = self.db().read(ONE, args![hook.0]).await?;
        let Some(mut row) = rows.pop() else { return Ok(None) };
        let headers = row.take_text(3)?;
        Ok(Some(Sample {
            origin: word(&row, 0)?,
            method: row.take_text(1)?,
            query: row.take_text(2)?,
            headers: serde_json::from_str(&headers)
                .map_err(|error| Error::corrupt(format!("the headers of the sample of {hook}: {error}")))?,
            body: row.bytes(4)?,
            author: row.take_text(5)?,
            updated_at: Timestamp(row.int(6)?),
        }))
    }

    /// Gives a hook its sample, in place of the one that it had.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such hook; [`Error::Invalid`] if the sample is too large.
    pub async fn put_sample(&self, hook: HookId, sample: &Sample) -> Result<()> {
        let headers = serde_json::to_string(&sample.headers).expect("pairs of texts are always JSON");
        if sample.body.len() > SAMPLE_BYTES_MAX {
            return Err(Error::Invalid(format!(
                "the body of a sample has at most {SAMPLE_BYTES_MAX} bytes, not {}",
                sample.body.len()
            )));
        }
        if headers.len() + sample.query.len() > SAMPLE_HEAD_BYTES_MAX {
            return Err(Error::Invalid(format!(
                "query and headers of a sample have at most {SAMPLE_HEAD_BYTES_MAX} bytes together"
            )));
        }
        let arguments = args![
            hook.0,
            sample.origin,
            sample.method.clone(),
            sample.query.clone(),
            headers,
            sample.body.clone(),
            sample.author.clone(),
            sample.updated_at.0
        ];
        let mut batch = Batch::new();
        batch.execute(PUT, arguments, Expect::Exactly(1));
        self.db().write(batch).await.map_err(absent)?;
        Ok(())
    }

    /// Takes a hook's sample away.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it has none.
    pub async fn delete_sample(&self, hook: HookId) -> Result<()> {
        let mut batch = Batch::new();
        batch.execute(DELETE, args![hook.0], Expect::Exactly(1));
        self.db().write(batch).await.map_err(absent)?;
        Ok(())
    }
}

fn absent(error: Error) -> Error {
    match error {
        Error::Conflict { .. } => Error::NotFound,
        other => other,
    }
}
