//! Texts with expressions in them: `Order {{ webhook.id }}{% if webhook.rush %}, quick{% endif %}`.
//!
//! Only what is needed to write a text: values, conditions, loops, comments and `{% raw %}`. There is no way to keep a
//! value under a name, which is what keeps sizes bounded.

use super::compiled::Compiled;
use super::names::NameUse;
use super::scope::Scope;
use super::value::bytes_up_to;
use super::{ExpressionError, RESULT_BYTES_MAX, TEXT_PIECES_MAX, Value};

mod parse;

pub(super) use parse::parse;

/// A part of a text.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    Value(Compiled),
    If { arms: Vec<(Compiled, Vec<Piece>)>, otherwise: Vec<Piece> },
    For { names: Vec<String>, items: Compiled, body: Vec<Piece>, otherwise: Vec<Piece> },
}

/// The names that the pieces use, without those that their loops make.
pub(super) fn names(pieces: &[Piece], out: &mut Vec<NameUse>) {
    for piece in pieces {
        match piece {
            Piece::Text(_) => {}
            Piece::Value(value) => out.extend_from_slice(value.names()),
            Piece::If { arms, otherwise } => {
                for (condition, body) in arms {
                    out.extend_from_slice(condition.names());
                    names(body, out);
                }
                names(otherwise, out);
            }
            Piece::For { names: own, items, body, otherwise } => {
                out.extend_from_slice(items.names());
                let mut inside = Vec::new();
                names(body, &mut inside);
                inside.retain(|name| name.path[0] != "loop" && !own.contains(&name.path[0]));
                out.append(&mut inside);
                names(otherwise, out);
            }
        }
    }
}

/// What is written so far, and how much may still be done.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) out: String,
    pieces_left: usize,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { out: String::new(), pieces_left: TEXT_PIECES_MAX }
    }

    fn push(&mut self, text: &str) -> Result<(), ExpressionError> {
        if self.out.len() + text.len() > RESULT_BYTES_MAX {
            let limit = RESULT_BYTES_MAX / (1024 * 1024);
            return Err(ExpressionError::new(format!("the text is larger than {limit} MiB"), ""));
        }
        self.out.push_str(text);
        Ok(())
    }

    pub(super) fn write(&mut self, pieces: &[Piece], scope: &Scope) -> Result<(), ExpressionError> {
        for piece in pieces {
            self.pieces_left = self.pieces_left.checked_sub(1).ok_or_else(|| {
                ExpressionError::new(format!("the text's loops go through more than {TEXT_PIECES_MAX} pieces"), "")
            })?;
            match piece {
                Piece::Text(text) => self.push(text)?,
                Piece::Value(value) => self.value(&value.eval(scope)?)?,
                Piece::If { arms, otherwise } => {
                    let mut chosen = otherwise;
                    for (condition, body) in arms {
                        if condition.eval(scope)?.is_true() {
                            chosen = body;
                            break;
                        }
                    }
                    self.write(chosen, scope)?;
                }
                Piece::For { names, items, body, otherwise } => self.each(names, &items.eval(scope)?, body, otherwise, scope)?,
            }
        }
        Ok(())
    }

    /// A list or an object in a text is written as JSON, nothing as nothing, everything else as one would say it.
    fn value(&mut self, value: &Value) -> Result<(), ExpressionError> {
        use minijinja::value::ValueKind as Kind;
        match value.kind() {
            Kind::String => self.push(value.as_str().unwrap_or_default()),
            Kind::None => Ok(()),
            Kind::Seq | Kind::Iterable | Kind::Map => {
                if bytes_up_to(value, RESULT_BYTES_MAX) > RESULT_BYTES_MAX {
                    return self.push(&"x".repeat(RESULT_BYTES_MAX + 1));
                }
                self.push(&super::to_json(value).to_string())
            }
            _ => self.push(&value.to_string()),
        }
    }

    fn each(
        &mut self,
        names: &[String],
        items: &Value,
        body: &[Piece],
        otherwise: &[Piece],
        scope: &Scope,
    ) -> Result<(), ExpressionError> {
        let items: Vec<Value> = match items.try_iter() {
            Ok(items) => items.collect(),
            Err(_) => return Err(ExpressionError::new(format!("{{% for %}} needs a list, not a {}", items.kind()), "")),
        };
        if items.is_empty() {
            return self.write(otherwise, scope);
        }
        let count = items.len();
        for (index, item) in items.into_iter().enumerate() {
            let mut own = vec![("loop".to_owned(), loop_object(index, count))];
            match names {
                [name] => own.push((name.clone(), item)),
                names => {
                    for (position, name) in names.iter().enumerate() {
                        own.push((name.clone(), item.get_item_by_index(position).unwrap_or_default()));
                    }
                }
            }
            self.write(body, &scope.with(own))?;
        }
        Ok(())
    }
}

fn loop_object(index: usize, count: usize) -> Value {
    Value::from_pairs([
        ("index", Value::from(index + 1)),
        ("index0", Value::from(index)),
        ("first", Value::from(index == 0)),
        ("last", Value::from(index + 1 == count)),
        ("length", Value::from(count)),
    ])
}
