//! One expression, checked and compiled.

use std::sync::Arc;

use minijinja::machinery::{ast, parse_expr};
use minijinja::{Error, ErrorKind};

use super::environment::ENVIRONMENT;
use super::names::{NameUse, collect, explain_missing};
use super::scope::Scope;
use super::{EXPRESSION_BYTES_MAX, ExpressionError, SyntaxError, Value, rewrite, settle};

/// An expression without its braces.
#[derive(Debug)]
pub(super) struct Compiled {
    source: Arc<str>,
    names: Vec<NameUse>,
    code: Code,
}

enum Code {
    /// Names with dots between them: by far the most frequent, and faster without a machine.
    Path,
    Constant(Value),
    Expression(minijinja::Expression<'static, 'static>),
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Path => "Path",
            Self::Constant(_) => "Constant",
            Self::Expression(_) => "Expression",
        })
    }
}

/// Where an expression stands in its text, so that errors tell the place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Position {
    pub(super) fn error(self, message: impl Into<String>, expression: &str) -> SyntaxError {
        let expression = expression.trim().chars().take(200).collect();
        SyntaxError { message: message.into(), line: self.line, column: self.column, expression }
    }

    /// The place `line` lines and `column` columns (both from 0) into what begins here.
    fn inside(self, line: u32, column: u32) -> Self {
        if line == 0 {
            Self { line: self.line, column: self.column + column }
        } else {
            Self { line: self.line + line, column: column + 1 }
        }
    }
}

impl Compiled {
    pub(super) fn new(source: &str, position: Position) -> Result<Self, SyntaxError> {
        if source.trim().is_empty() {
            return Err(position.error("the braces hold no expression", source));
        }
        if source.len() > EXPRESSION_BYTES_MAX {
            return Err(position.error(format!("the expression is longer than {EXPRESSION_BYTES_MAX} bytes"), source));
        }
        let tokens = rewrite::tokens(source).map_err(|e| syntax_error(&e, source, position))?;
        rewrite::check_size(&tokens).map_err(|why| position.error(why, source))?;
        let parsed = parse_expr(source).map_err(|e| syntax_error(&e, source, position))?;
        rewrite::check_words(&parsed).map_err(|(why, span)| {
            position.inside(u32::from(span.start_line).saturating_sub(1), span.start_col.into()).error(why, source)
        })?;
        let mut names = Vec::new();
        collect(&parsed, false, &mut names);
        for name in &mut names {
            let at = position.inside(name.line.saturating_sub(1), name.column - 1);
            (name.line, name.column) = (at.line, at.column);
        }
        let code = if let ast::Expr::Const(constant) = &parsed {
            Code::Constant(constant.value.clone())
        } else if is_path(&parsed) {
            Code::Path
        } else {
            let bounded = rewrite::bound_products(source, &parsed, &tokens);
            let compiled = ENVIRONMENT.compile_expression_owned(bounded);
            Code::Expression(compiled.map_err(|e| syntax_error(&e, source, position))?)
        };
        Ok(Self { source: Arc::from(source.trim()), names, code })
    }

    pub(super) fn names(&self) -> &[NameUse] {
        &self.names
    }

    /// The value, with nothing lazy in it.
    pub(super) fn eval(&self, scope: &Scope) -> Result<Value, ExpressionError> {
        let value = match &self.code {
            Code::Constant(value) => return Ok(value.clone()),
            Code::Path => match self.look_up(scope) {
                Some(value) => return Ok(value),
                None => Value::UNDEFINED,
            },
            Code::Expression(expression) => expression.eval(scope.to_value()).map_err(|e| self.explain(&e, scope))?,
        };
        if value.is_undefined() {
            let why = explain_missing(&self.names, scope).unwrap_or_else(|| format!("`{}` is not defined", self.source));
            return Err(ExpressionError::new(why, &*self.source));
        }
        settle(value, &self.source)
    }

    fn look_up(&self, scope: &Scope) -> Option<Value> {
        let (first, members) = self.names[0].path.split_first()?;
        let mut value = scope.get(first)?;
        for member in members {
            value = value.get_attr(member).ok()?;
        }
        (!value.is_undefined()).then_some(value)
    }

    fn explain(&self, error: &Error, scope: &Scope) -> ExpressionError {
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        let why = match error.kind() {
            _ if error.kind() == ErrorKind::UndefinedError || detail.contains("` is undefined") => {
                let blamed: Vec<NameUse> = self
                    .names
                    .iter()
                    .filter(|name| {
                        // The detail quotes what was undefined, maybe only the beginning of the path.
                        (1..=name.path.len()).any(|end| detail.contains(&format!("`{}`", name.path[..end].join("."))))
                    })
                    .map(|name| NameUse { guarded: false, ..name.clone() })
                    .collect();
                explain_missing(&blamed, scope).or_else(|| explain_missing(&self.names, scope)).unwrap_or(detail)
            }
            ErrorKind::OutOfFuel if error.detail().is_none() => "the expression takes too long".to_owned(),
            _ => detail,
        };
        ExpressionError::new(why, &*self.source)
    }
}

fn is_path(expr: &ast::Expr<'_>) -> bool {
    match expr {
        ast::Expr::Var(_) => true,
        ast::Expr::GetAttr(e) => is_path(&e.expr),
        _ => false,
    }
}

fn syntax_error(error: &Error, source: &str, position: Position) -> SyntaxError {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let place = match (error.line(), error.range()) {
        (Some(line), Some(range)) => {
            let before = source.get(..range.start).unwrap_or(source);
            let column = before.chars().rev().take_while(|c| *c != '\n').count();
            position.inside(u32::try_from(line.saturating_sub(1)).unwrap_or(0), u32::try_from(column).unwrap_or(0))
        }
        _ => position,
    };
    place.error(message, source)
}
