//! The ladder: numbered migrations, forward only, one text for both databases.
//!
//! Each is one transaction together with the row that says it was made. A database from a newer version is refused
//! before anything is touched.

use hookmill_engine::time::Timestamp;

use crate::Error;
use crate::db::Dialect;

/// One step of the ladder.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its number; the first is 1, and there are no gaps.
    pub number: i64,
    /// What it makes, in a few words.
    pub name: &'static str,
    /// Statements separated by semicolons, with the spellings of [`Dialect::spell`]; a comment in it says why.
    pub sql: &'static str,
}

/// Where the database keeps what was made.
pub(crate) const CREATE_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS schema_version (
        number  BIGINT PRIMARY KEY,
        name    TEXT   NOT NULL,
        made_at BIGINT NOT NULL
    )";

/// The newest migration that was made.
pub(crate) const FIND_NEWEST: &str = "SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) FROM schema_version";

/// The ladder, checked, from the point of view of a database.
#[derive(Debug)]
pub(crate) struct Ladder {
    migrations: &'static [Migration],
}

impl Ladder {
    pub(crate) fn new(migrations: &'static [Migration]) -> Result<Self, Error> {
        for (migration, wanted) in migrations.iter().zip(1..) {
            if migration.number != wanted {
                return Err(Error::Invalid(format!("migration {} stands where {wanted} must", migration.number)));
            }
        }
        Ok(Self { migrations })
    }

    /// The number of the newest migration of this build.
    pub(crate) fn known(&self) -> i64 {
        self.migrations.last().map_or(0, |last| last.number)
    }

    /// What must be made on a database whose newest is `found`.
    pub(crate) fn missing(&self, found: i64) -> Result<&'static [Migration], Error> {
        usize::try_from(found)
            .ok()
            .and_then(|made| self.migrations.get(made..))
            .ok_or(Error::Newer { found, known: self.known() })
    }

    /// Whether a visitor, who makes nothing, can work with a database whose newest is `found`.
    pub(crate) fn check_same(&self, found: i64) -> Result<(), Error> {
        if self.missing(found)?.is_empty() { Ok(()) } else { Err(Error::Older { found, known: self.known() }) }
    }
}

impl Migration {
    /// The whole transaction but its `BEGIN` and `COMMIT`.
    pub(crate) fn script(&self, dialect: Dialect, now: Timestamp) -> Result<String, Error> {
        let sql = dialect.spell(self.sql)?;
        let name = self.name.replace('\'', "''");
        Ok(format!("{sql}\n;\nINSERT INTO schema_version (number, name, made_at) VALUES ({}, '{name}', {})", self.number, now.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static LADDER: [Migration; 2] = [
        Migration { number: 1, name: "one", sql: "CREATE TABLE a (id {id})" },
        Migration { number: 2, name: "two", sql: "CREATE TABLE b (id {id})" },
    ];
    static GAP: [Migration; 1] = [Migration { number: 2, name: "two", sql: "" }];

    #[test]
    fn what_is_missing_follows_from_what_was_found() {
        let ladder = Ladder::new(&LADDER).unwrap();
        assert_eq!(ladder.missing(0).unwrap().len(), 2);
        assert_eq!(ladder.missing(1).unwrap()[0].number, 2);
        assert!(ladder.missing(2).unwrap().is_empty());
        assert_eq!(ladder.missing(3).unwrap_err(), Error::Newer { found: 3, known: 2 });
        assert_eq!(ladder.check_same(1).unwrap_err(), Error::Older { found: 1, known: 2 });
        assert!(Ladder::new(&GAP).is_err());
    }
}
