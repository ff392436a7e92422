//! Prepared statements of one connection, kept for its life, and the way of values in and out.

use std::collections::HashMap;

use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, ToSql};
use smallvec::SmallVec;

use crate::Error;
use crate::db::arg::Arg;
use crate::db::batch::{OnConflict, Table};
use crate::db::read::RowBounds;
use crate::db::row::{Row, Value};

/// Bindings larger than this are not kept in the statement until its next use.
const KEPT_BINDING_BYTES_MAX: usize = 64 << 10;

impl ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(text) => ValueRef::Text(text.as_str().as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Statements by the address of their text: they are `'static`, so the address says which it is without hashing the text.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    prepared: HashMap<(usize, usize), Prepared<'c>>,
}

pub(super) struct Prepared<'c> {
    statement: Statement<'c>,
    /// For each parameter of SQLite the position of its argument. SQLite numbers `$3, $1` in the order they appear.
    order: SmallVec<[u16; 16]>,
    args_wanted: usize,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, prepared: HashMap::new() }
    }

    pub(super) fn get(&mut self, sql: &'static str) -> rusqlite::Result<&mut Prepared<'c>> {
        self.find((sql.as_ptr() as usize, sql.len()), || sql.to_owned())
    }

    pub(super) fn insert_into(&mut self, table: &'static Table) -> rusqlite::Result<&mut Prepared<'c>> {
        self.find((std::ptr::from_ref(table) as usize, 0), || insert_sql(table))
    }

    fn find(&mut self, key: (usize, usize), sql: impl FnOnce() -> String) -> rusqlite::Result<&mut Prepared<'c>> {
        use std::collections::hash_map::Entry;
        match self.prepared.entry(key) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(Prepared::new(self.connection, &sql())?)),
        }
    }
}

fn insert_sql(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let places: Vec<String> = (1..=names.len()).map(|place| format!("${place}")).collect();
    let conflict = match table.on_conflict {
        OnConflict::Fail => "",
        OnConflict::Ignore => " ON CONFLICT DO NOTHING",
    };
    format!("INSERT INTO {} ({}) VALUES ({}){conflict}", table.name, names.join(", "), places.join(", "))
}

impl<'c> Prepared<'c> {
    fn new(connection: &'c Connection, sql: &str) -> rusqlite::Result<Self> {
        let statement = connection.prepare(sql)?;
        let mut order = SmallVec::new();
        let mut args_wanted = 0;
        for index in 1..=statement.parameter_count() {
            let number =
                statement.parameter_name(index).and_then(|name| name[1..].parse::<u16>().ok()).filter(|number| *number > 0);
            let number = number.ok_or_else(|| rusqlite::Error::InvalidParameterName(sql.to_owned()))?;
            args_wanted = args_wanted.max(usize::from(number));
            order.push(number - 1);
        }
        Ok(Self { statement, order, args_wanted })
    }

    fn bind(&mut self, args: &[Arg]) -> rusqlite::Result<()> {
        if args.len() != self.args_wanted {
            return Err(rusqlite::Error::InvalidParameterCount(args.len(), self.args_wanted));
        }
        for (index, &arg) in (1..).zip(&self.order) {
            self.statement.raw_bind_parameter::<usize, _>(index, &args[usize::from(arg)])?;
        }
        Ok(())
    }

    fn forget_large(&mut self, args: &[Arg]) {
        if args.iter().any(|arg| arg.bytes() > KEPT_BINDING_BYTES_MAX) {
            self.statement.clear_bindings();
        }
    }

    /// Runs a statement that returns nothing.
    pub(super) fn execute(&mut self, args: &[Arg]) -> rusqlite::Result<u64> {
        self.bind(args)?;
        let changed = self.statement.raw_execute();
        self.forget_large(args);
        Ok(changed? as u64)
    }

    pub(super) fn returns_rows(&self) -> bool {
        self.statement.column_count() > 0
    }

    /// Runs a statement that returns rows, to its end.
    pub(super) fn query(&mut self, args: &[Arg], bounds: RowBounds) -> Result<Vec<Row>, QueryError> {
        self.bind(args)?;
        let columns = self.statement.column_count();
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut rows = self.statement.raw_query();
        while let Some(row) = rows.next()? {
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                let value = value_of(row.get_ref(column)?)?;
                bytes += value.bytes();
                values.push(value);
            }
            found.push(Row::new(values));
            bounds.check(found.len(), bytes)?;
        }
        drop(rows);
        self.forget_large(args);
        Ok(found)
    }
}

/// Either SQLite failed or what it said is of no use.
pub(super) enum QueryError {
    Sqlite(rusqlite::Error),
    Answer(Error),
}

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for QueryError {
    fn from(error: Error) -> Self {
        Self::Answer(error)
    }
}

fn value_of(value: ValueRef<'_>) -> Result<Value, Error> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(value) => Ok(Value::Int(value)),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(_) => Err(Error::corrupt("a text is not UTF-8")),
        },
        ValueRef::Blob(bytes) => Ok(Value::Bytes(Bytes::copy_from_slice(bytes))),
        ValueRef::Real(value) => {
            Err(Error::Invalid(format!("a statement returned the fraction {value}; values are integers, texts and bytes")))
        }
    }
}
