//! The way of values to PostgreSQL and back.

use std::error::Error as StdError;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::db::arg::Arg;
use crate::db::batch::Kind;
use crate::db::row::Value;

type BoxError = Box<dyn StdError + Sync + Send>;

fn is_text(ty: &Type) -> bool {
    matches!(*ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN)
}

impl ToSql for Arg {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Int(value) => match *ty {
                Type::INT8 => out.put_i64(*value),
                Type::INT4 => out.put_i32(i32::try_from(*value)?),
                Type::INT2 => out.put_i16(i16::try_from(*value)?),
                Type::BOOL => out.put_u8(u8::from(*value != 0)),
                _ => return Err(format!("an integer was given where {ty} is wanted").into()),
            },
            Self::Text(text) if is_text(ty) => out.put_slice(text.as_str().as_bytes()),
            Self::Bytes(bytes) if *ty == Type::BYTEA => out.put_slice(bytes),
            Self::Text(_) => return Err(format!("a text was given where {ty} is wanted").into()),
            Self::Bytes(_) => return Err(format!("bytes were given where {ty} is wanted").into()),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // The value decides, in `to_sql`.
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, BoxError> {
        Ok(match *ty {
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Self::Int(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Self::Int(bool::from_sql(ty, raw)?.into()),
            Type::BYTEA => Self::Bytes(Bytes::copy_from_slice(raw)),
            ref text if is_text(text) => Self::Text(std::str::from_utf8(raw)?.to_owned()),
            ref other => return Err(format!("a statement returned {other}; values are integers, texts and bytes").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, BoxError> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// One column of many rows as one array argument, written without copying the rows first.
#[derive(Debug)]
pub(super) struct ColumnOf<'a> {
    pub(super) rows: &'a [&'a [Arg]],
    pub(super) column: usize,
    pub(super) kind: Kind,
}

impl Kind {
    fn element(self) -> Type {
        match self {
            Self::Int => Type::INT8,
            Self::Text => Type::TEXT,
            Self::Bytes => Type::BYTEA,
        }
    }

    /// The type of an array of this kind in SQL.
    pub(super) fn array(self) -> &'static str {
        match self {
            Self::Int => "bigint[]",
            Self::Text => "text[]",
            Self::Bytes => "bytea[]",
        }
    }
}

impl ToSql for ColumnOf<'_> {
    /// The binary form of a one-dimensional array that begins at 1.
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        let element = self.kind.element();
        let has_null = self.rows.iter().any(|row| row[self.column] == Arg::Null);
        out.put_i32(1);
        out.put_i32(has_null.into());
        out.put_u32(element.oid());
        out.put_i32(i32::try_from(self.rows.len())?);
        out.put_i32(1);
        for row in self.rows {
            let length_at = out.len();
            out.put_i32(-1);
            if let IsNull::No = row[self.column].to_sql(&element, out)? {
                let length = i32::try_from(out.len() - length_at - 4)?;
                out[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &impl ToSql, ty: &Type) -> BytesMut {
        let mut out = BytesMut::new();
        value.to_sql(ty, &mut out).unwrap();
        out
    }

    #[test]
    fn a_column_is_the_array_that_the_driver_would_write() {
        let rows: [Vec<Arg>; 3] =
            [vec![Arg::Int(1), Arg::text("a")], vec![Arg::Int(2), Arg::Null], vec![Arg::Int(-3), Arg::text("ü")]];
        let rows: Vec<&[Arg]> = rows.iter().map(Vec::as_slice).collect();
        let ours = written(&ColumnOf { rows: &rows, column: 0, kind: Kind::Int }, &Type::INT8_ARRAY);
        assert_eq!(ours, written(&vec![1i64, 2, -3], &Type::INT8_ARRAY));
        let ours = written(&ColumnOf { rows: &rows, column: 1, kind: Kind::Text }, &Type::TEXT_ARRAY);
        assert_eq!(ours, written(&vec![Some("a"), None, Some("ü")], &Type::TEXT_ARRAY));
    }

    #[test]
    fn a_value_of_another_kind_is_an_error_and_not_a_guess() {
        let mut out = BytesMut::new();
        assert!(Arg::text("1").to_sql(&Type::INT8, &mut out).is_err());
        assert!(Arg::Int(1).to_sql(&Type::TEXT, &mut out).is_err());
        assert!(Arg::Int(1 << 40).to_sql(&Type::INT4, &mut out).is_err());
    }
}
