//! What a document holds where a value is expected: any JSON, with expressions in its texts.

use std::sync::Arc;

use minijinja::value::Value;

use super::compiled::Compiled;
use super::names::NameUse;
use super::scope::Scope;
use super::text::{self, Piece, Writer};
use super::value::from_json;
use super::{ExpressionError, RESULT_DEPTH_MAX, SyntaxError};

/// A text, object, array or scalar with `{{ }}` in its texts, compiled once per revision.
#[derive(Debug)]
pub struct Template(Kind);

#[derive(Debug)]
enum Kind {
    Constant(Value),
    Expression(Compiled),
    Text(Vec<Piece>),
    List(Vec<Template>),
    Object(Vec<(Arc<str>, Template)>),
}

impl Template {
    /// Compiles a value of a document.
    ///
    /// # Errors
    /// The first text that is not an expression, with its place in the text.
    pub fn compile(json: &serde_json::Value) -> Result<Self, SyntaxError> {
        Self::compile_within(json, RESULT_DEPTH_MAX)
    }

    /// Compiles one text.
    ///
    /// # Errors
    /// The text is not an expression.
    pub fn compile_text(text: &str) -> Result<Self, SyntaxError> {
        let pieces = text::parse(text)?;
        let blank = |piece: &Piece| matches!(piece, Piece::Text(text) if text.trim().is_empty());
        let values = pieces.iter().filter(|piece| !blank(piece)).count();
        if values == 1 && pieces.iter().any(|piece| matches!(piece, Piece::Value(_))) {
            let whole = pieces.into_iter().find_map(|piece| match piece {
                Piece::Value(value) => Some(value),
                _ => None,
            });
            return Ok(Self(Kind::Expression(whole.expect("there is exactly one value"))));
        }
        if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            let whole: String =
                pieces.iter().map(|piece| if let Piece::Text(text) = piece { text.as_str() } else { "" }).collect();
            return Ok(Self(Kind::Constant(Value::from(whole))));
        }
        Ok(Self(Kind::Text(pieces)))
    }

    fn compile_within(json: &serde_json::Value, depth: usize) -> Result<Self, SyntaxError> {
        if depth == 0 {
            let message = format!("the value is nested deeper than {RESULT_DEPTH_MAX} levels");
            return Err(SyntaxError { message, line: 1, column: 1, expression: String::new() });
        }
        Ok(match json {
            serde_json::Value::String(text) => Self::compile_text(text)?,
            serde_json::Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| Self::compile_within(item, depth - 1)).collect::<Result<_, _>>()?;
                match items.iter().map(Self::constant).collect::<Option<Vec<_>>>() {
                    Some(constants) => Self(Kind::Constant(Value::from(constants))),
                    None => Self(Kind::List(items)),
                }
            }
            serde_json::Value::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, member)| Ok((Arc::from(name.as_str()), Self::compile_within(member, depth - 1)?)))
                    .collect::<Result<_, _>>()?;
                if members.iter().all(|(_, member)| member.constant().is_some()) {
                    Self(Kind::Constant(Value::from_pairs(
                        members
                            .into_iter()
                            .map(|(name, member): (Arc<str>, _)| (Value::from(name), member.constant().unwrap_or_default())),
                    )))
                } else {
                    Self(Kind::Object(members))
                }
            }
            scalar => Self(Kind::Constant(from_json(scalar))),
        })
    }

    /// The value, if no expression is in it.
    #[must_use]
    pub fn constant(&self) -> Option<Value> {
        match &self.0 {
            Kind::Constant(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// Every name that its expressions use.
    #[must_use]
    pub fn names(&self) -> Vec<NameUse> {
        let mut names = Vec::new();
        self.collect_names(&mut names);
        names
    }

    fn collect_names(&self, out: &mut Vec<NameUse>) {
        match &self.0 {
            Kind::Constant(_) => {}
            Kind::Expression(expression) => out.extend_from_slice(expression.names()),
            Kind::Text(pieces) => text::names(pieces, out),
            Kind::List(items) => items.iter().for_each(|item| item.collect_names(out)),
            Kind::Object(members) => members.iter().for_each(|(_, member)| member.collect_names(out)),
        }
    }

    /// The value in `scope`.
    ///
    /// # Errors
    /// The first expression that gives no value.
    pub fn eval(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        match &self.0 {
            Kind::Constant(value) => Ok(value.clone()),
            Kind::Expression(expression) => expression.eval(scope),
            Kind::Text(pieces) => {
                let mut writer = Writer::new();
                writer.write(pieces, scope)?;
                Ok(Value::from(writer.out))
            }
            Kind::List(items) => Ok(Value::from(items.iter().map(|item| item.eval(scope)).collect::<Result<Vec<_>, _>>()?)),
            Kind::Object(members) => {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, member)| Ok((Value::from(Arc::clone(name)), member.eval(scope)?)))
                    .collect::<Result<_, _>>()?;
                Ok(Value::from_pairs(members))
            }
        }
    }
}
