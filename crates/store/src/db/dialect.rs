//! Every difference between the two databases that SQL texts can see, by name. Think twice before the list grows.
//!
//! The common subset: `TEXT`, `BIGINT`, `BYTEA`, `$1` parameters, `ON CONFLICT`, `RETURNING`, `UPDATE … FROM`, row
//! values, partial indexes. A parameter whose type cannot be seen from its place (`$1 IS NULL`) is written
//! `CAST($1 AS BIGINT)`; so is a `SUM`, which is no `BIGINT` in PostgreSQL. Values are integers, texts and bytes only.

use crate::Error;

/// Which database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, one file.
    Sqlite,
    /// PostgreSQL 14 or newer.
    Postgres,
}

/// What stands in migration texts for things that are spelled differently: name, in SQLite, in PostgreSQL, why.
const SPELLINGS: [(&str, &str, &str); 4] = [
    // Only this spelling makes the key SQLite's row number, so that rows in id order are appended and need no index.
    ("{id}", "INTEGER PRIMARY KEY", "BIGINT PRIMARY KEY"),
    // A text that is compared or sorted by its bytes, whatever the language of the PostgreSQL cluster.
    ("{key}", "TEXT", "TEXT COLLATE \"C\""),
    // After the closing parenthesis of a table whose primary key is not an integer: SQLite keeps the rows in that order.
    ("{without_rowid}", "WITHOUT ROWID", ""),
    // After the closing parenthesis of a table whose rows are updated often: leaves room for the new version of a row
    // on its page, so that PostgreSQL need not touch the indexes.
    ("{hot}", "", "WITH (fillfactor = 60)"),
];

impl Dialect {
    /// The text of a migration in this dialect.
    pub fn spell(self, text: &str) -> Result<String, Error> {
        let mut spelled = text.to_owned();
        for (name, sqlite, postgres) in SPELLINGS {
            spelled = spelled.replace(name, if self == Self::Sqlite { sqlite } else { postgres });
        }
        match spelled.find('{') {
            None => Ok(spelled),
            Some(at) => {
                let rest: String = spelled[at..].chars().take(20).collect();
                Err(Error::Invalid(format!("unknown spelling at `{rest}` in a migration")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_gets_its_spelling_and_unknown_ones_are_refused() {
        let text = "CREATE TABLE t (id {id}, name {key}) {hot}";
        assert_eq!(Dialect::Sqlite.spell(text).unwrap(), "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT) ");
        assert_eq!(
            Dialect::Postgres.spell(text).unwrap(),
            "CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT COLLATE \"C\") WITH (fillfactor = 60)"
        );
        assert!(Dialect::Sqlite.spell("{idd}").is_err());
    }
}
