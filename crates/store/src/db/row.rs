//! A row that came back, and its values.

use bytes::Bytes;

use crate::Error;

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
}

/// One row; its columns are counted from 0 in the order of the `SELECT` or `RETURNING`.
///
/// A value of another kind than asked for is [`Error::Corrupt`]: the schema says what a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(Vec<Value>);

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// All values.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    fn value(&self, column: usize) -> Result<&Value, Error> {
        self.0.get(column).ok_or_else(|| Error::corrupt(format!("a row has {} columns, not {}", self.0.len(), column + 1)))
    }

    /// The integer in a column.
    pub fn int(&self, column: usize) -> Result<i64, Error> {
        self.opt_int(column)?.ok_or_else(|| missing(column))
    }

    /// The integer in a column, or `None` for NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, Error> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(*value)),
            other => Err(mistyped(column, "an integer", other)),
        }
    }

    /// The text in a column.
    pub fn text(&self, column: usize) -> Result<&str, Error> {
        self.opt_text(column)?.ok_or_else(|| missing(column))
    }

    /// The text in a column, or `None` for NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, Error> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            other => Err(mistyped(column, "a text", other)),
        }
    }

    /// The text in a column, taken out of the row.
    pub fn take_text(&mut self, column: usize) -> Result<String, Error> {
        self.take_opt_text(column)?.ok_or_else(|| missing(column))
    }

    /// The text in a column or `None` for NULL, taken out of the row.
    pub fn take_opt_text(&mut self, column: usize) -> Result<Option<String>, Error> {
        self.value(column)?;
        match std::mem::replace(&mut self.0[column], Value::Null) {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            other => Err(mistyped(column, "a text", &other)),
        }
    }

    /// The bytes in a column; cheap to clone.
    pub fn bytes(&self, column: usize) -> Result<Bytes, Error> {
        self.opt_bytes(column)?.ok_or_else(|| missing(column))
    }

    /// The bytes in a column, or `None` for NULL; cheap to clone.
    pub fn opt_bytes(&self, column: usize) -> Result<Option<Bytes>, Error> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Bytes(value) => Ok(Some(value.clone())),
            other => Err(mistyped(column, "bytes", other)),
        }
    }
}

impl Value {
    /// Bytes that this value holds.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => 8,
            Self::Text(text) => text.len() + 8,
            Self::Bytes(bytes) => bytes.len() + 8,
        }
    }
}

fn missing(column: usize) -> Error {
    Error::corrupt(format!("column {column} is NULL where a value must be"))
}

fn mistyped(column: usize, wanted: &str, found: &Value) -> Error {
    let found = match found {
        Value::Null => "NULL",
        Value::Int(_) => "an integer",
        Value::Text(_) => "a text",
        Value::Bytes(_) => "bytes",
    };
    Error::corrupt(format!("column {column} holds {found}, not {wanted}"))
}
