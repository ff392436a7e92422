//! What is checked and changed in an expression before it is compiled.
//!
//! Words (filters, tests, functions) must exist, which minijinja would only tell when it meets them. And `a * b` becomes a
//! call of a bounded function: multiplying texts and lists is the only operator that makes much out of little.

use minijinja::machinery::ast::{self, CallArg, Expr};
use minijinja::machinery::{Span, Token, tokenize};
use minijinja::{Error, syntax::SyntaxConfig};

use super::names::{FUNCTIONS, closest};
use super::{EXPRESSION_JOINS_MAX, EXPRESSION_TOKENS_MAX, filters};

/// The function that stands for `*`.
pub(super) const TIMES: &str = "_times";

pub(super) type Tokens<'a> = Vec<(Token<'a>, Span)>;

pub(super) fn tokens(source: &str) -> Result<Tokens<'_>, Error> {
    tokenize(source, true, SyntaxConfig::default()).collect()
}

/// Refuses expressions that would nest or copy too deep to be walked safely.
pub(super) fn check_size(tokens: &Tokens<'_>) -> Result<(), String> {
    if tokens.len() > EXPRESSION_TOKENS_MAX {
        return Err(format!("the expression has more than {EXPRESSION_TOKENS_MAX} words and signs"));
    }
    let joins = tokens.iter().filter(|(token, _)| matches!(token, Token::Plus | Token::Tilde)).count();
    if joins > EXPRESSION_JOINS_MAX {
        return Err(format!("the expression has more than {EXPRESSION_JOINS_MAX} `+` and `~`; use a text with several braces"));
    }
    Ok(())
}

/// Refuses filters, tests and functions that do not exist, and calls of anything else.
pub(super) fn check_words(expr: &Expr<'_>) -> Result<(), (String, Span)> {
    let unknown = |what: &str, name: &str, known: &mut dyn Iterator<Item = &'static str>, span| {
        let hint = closest(name, known).map(|close| format!("; did you mean `{close}`?")).unwrap_or_default();
        Err((format!("there is no {what} `{name}`{hint}"), span))
    };
    match expr {
        Expr::Filter(e) if !filters::names().any(|known| known == e.name) => {
            return unknown("filter", e.name, &mut filters::names(), expr.span());
        }
        Expr::Test(e) if !filters::test_names().any(|known| known == e.name) => {
            return unknown("test", e.name, &mut filters::test_names(), expr.span());
        }
        Expr::Call(e) => match &e.expr {
            Expr::Var(var) if FUNCTIONS.contains(&var.id) => return check_children(expr),
            Expr::Var(var) => return unknown("function", var.id, &mut FUNCTIONS.into_iter(), expr.span()),
            Expr::GetAttr(method) => {
                let name = method.name;
                return Err((
                    format!("values have no functions of their own; write `value | {name}` instead of `value.{name}()`"),
                    expr.span(),
                ));
            }
            _ => return Err(("only functions can be called".to_owned(), expr.span())),
        },
        _ => {}
    }
    check_children(expr)
}

fn check_children(expr: &Expr<'_>) -> Result<(), (String, Span)> {
    let mut result = Ok(());
    for_each_child(expr, &mut |child| {
        if result.is_ok() {
            result = check_words(child);
        }
    });
    result
}

/// The source with every product written as a call of [`TIMES`].
pub(super) fn bound_products(source: &str, expr: &Expr<'_>, tokens: &Tokens<'_>) -> String {
    let mut products = Vec::new();
    find_products(expr, &mut products);
    // Where a text is to be inserted, or (for the sign itself) replaced by a comma.
    let mut edits: Vec<(usize, usize, &str)> = Vec::new();
    let open = format!("{TIMES}(");
    for span in products {
        let Some(sign) = last_sign(tokens, span) else { continue };
        edits.push((span.start_offset as usize, 0, &open));
        edits.push((sign.start_offset as usize, 1, ","));
        edits.push((span.end_offset as usize, 0, ")"));
    }
    // At the same place a closing one comes before an opening one.
    edits.sort_by_key(|(at, length, text)| (*at, *length, *text != ")"));
    let mut out = String::with_capacity(source.len() + edits.len() * 8);
    let mut done = 0;
    for (at, length, text) in edits {
        out.push_str(&source[done..at]);
        out.push_str(text);
        done = at + length;
    }
    out.push_str(&source[done..]);
    out
}

fn find_products(expr: &Expr<'_>, out: &mut Vec<Span>) {
    if let Expr::BinOp(e) = expr
        && matches!(e.op, ast::BinOpKind::Mul)
    {
        out.push(expr.span());
    }
    for_each_child(expr, &mut |child| find_products(child, out));
}

/// The sign of the outermost product within `span`: operators bind to the left, so it is the last one outside of brackets.
fn last_sign(tokens: &Tokens<'_>, span: Span) -> Option<Span> {
    let mut depth = 0usize;
    let mut last = None;
    for (token, at) in tokens {
        if at.start_offset < span.start_offset || at.end_offset > span.end_offset {
            continue;
        }
        match token {
            Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => depth += 1,
            Token::ParenClose | Token::BracketClose | Token::BraceClose => depth = depth.saturating_sub(1),
            Token::Mul if depth == 0 => last = Some(*at),
            _ => {}
        }
    }
    last
}

fn for_each_child<'a, 's>(expr: &'a Expr<'s>, visit: &mut dyn FnMut(&'a Expr<'s>)) {
    let args = |args: &'a [CallArg<'s>], visit: &mut dyn FnMut(&'a Expr<'s>)| {
        for arg in args {
            match arg {
                CallArg::Pos(e) | CallArg::Kwarg(_, e) | CallArg::PosSplat(e) | CallArg::KwargSplat(e) => visit(e),
            }
        }
    };
    match expr {
        Expr::Var(_) | Expr::Const(_) => {}
        Expr::UnaryOp(e) => visit(&e.expr),
        Expr::BinOp(e) => {
            visit(&e.left);
            visit(&e.right);
        }
        Expr::Compare(e) => {
            visit(&e.expr);
            e.ops.iter().for_each(|op| visit(&op.expr));
        }
        Expr::IfExpr(e) => {
            visit(&e.test_expr);
            visit(&e.true_expr);
            e.false_expr.iter().for_each(visit);
        }
        Expr::Filter(e) => {
            e.expr.iter().for_each(&mut *visit);
            args(&e.args, visit);
        }
        Expr::Test(e) => {
            visit(&e.expr);
            args(&e.args, visit);
        }
        Expr::GetAttr(e) => visit(&e.expr),
        Expr::GetItem(e) => {
            visit(&e.expr);
            visit(&e.subscript_expr);
        }
        Expr::Slice(e) => {
            visit(&e.expr);
            [&e.start, &e.stop, &e.step].into_iter().flatten().for_each(visit);
        }
        Expr::Call(e) => args(&e.args, visit),
        Expr::List(e) => e.items.iter().for_each(visit),
        Expr::Tuple(e) => e.items.iter().for_each(visit),
        Expr::Map(e) => e.keys.iter().chain(&e.values).for_each(visit),
    }
}
