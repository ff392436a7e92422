//! Which names an expression uses, and what to say about one that does not exist.

use minijinja::machinery::ast::{CallArg, Expr};
use minijinja::value::{Value, ValueKind};

use super::scope::Scope;

/// A name that an expression uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameUse {
    /// The name and the members that are asked of it, as far as they are written out: `steps`, `confirm`, `status`.
    pub path: Vec<String>,
    /// `default` or `is defined` takes care of its absence.
    pub guarded: bool,
    /// The line in the text, from 1.
    pub line: u32,
    /// The column in the line, from 1.
    pub column: u32,
}

impl NameUse {
    /// The path as it is written: `steps.confirm.status`.
    #[must_use]
    pub fn text(&self) -> String {
        self.path.join(".")
    }
}

/// Functions of the language, which are names but not of the scope.
pub(super) const FUNCTIONS: [&str; 4] = ["range", "dict", "now", "uuid"];

/// The names that `expr` uses, in the order of their use. Fails with the name of a filter, test or function that is unknown.
pub(super) fn collect(expr: &Expr<'_>, guarded: bool, out: &mut Vec<NameUse>) {
    match expr {
        Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => collect_path(expr, guarded, out),
        Expr::Const(_) => {}
        Expr::UnaryOp(e) => collect(&e.expr, guarded, out),
        Expr::BinOp(e) => {
            collect(&e.left, guarded, out);
            collect(&e.right, guarded, out);
        }
        Expr::Compare(e) => {
            collect(&e.expr, guarded, out);
            e.ops.iter().for_each(|op| collect(&op.expr, guarded, out));
        }
        Expr::IfExpr(e) => {
            collect(&e.test_expr, guarded, out);
            collect(&e.true_expr, guarded, out);
            e.false_expr.iter().for_each(|e| collect(e, guarded, out));
        }
        Expr::Filter(e) => {
            let guards = matches!(e.name, "default" | "d");
            e.expr.iter().for_each(|e| collect(e, guarded || guards, out));
            collect_args(&e.args, guarded, out);
        }
        Expr::Test(e) => {
            let guards = matches!(e.name, "defined" | "undefined");
            collect(&e.expr, guarded || guards, out);
            collect_args(&e.args, guarded, out);
        }
        Expr::Call(e) => {
            match &e.expr {
                Expr::Var(var) if FUNCTIONS.contains(&var.id) => {}
                callee => collect(callee, guarded, out),
            }
            collect_args(&e.args, guarded, out);
        }
        Expr::Slice(e) => {
            collect(&e.expr, guarded, out);
            [&e.start, &e.stop, &e.step].into_iter().flatten().for_each(|e| collect(e, guarded, out));
        }
        Expr::List(e) => e.items.iter().for_each(|e| collect(e, guarded, out)),
        Expr::Tuple(e) => e.items.iter().for_each(|e| collect(e, guarded, out)),
        Expr::Map(e) => e.keys.iter().chain(&e.values).for_each(|e| collect(e, guarded, out)),
    }
}

fn collect_args(args: &[CallArg<'_>], guarded: bool, out: &mut Vec<NameUse>) {
    for arg in args {
        match arg {
            CallArg::Pos(e) | CallArg::Kwarg(_, e) | CallArg::PosSplat(e) | CallArg::KwargSplat(e) => collect(e, guarded, out),
        }
    }
}

fn collect_path(expr: &Expr<'_>, guarded: bool, out: &mut Vec<NameUse>) {
    let mut members = Vec::new();
    let mut at = expr;
    loop {
        match at {
            Expr::Var(var) => {
                let mut path = vec![var.id.to_owned()];
                path.extend(members.into_iter().rev());
                let span = var.span();
                out.push(NameUse { path, guarded, line: span.start_line.into(), column: u32::from(span.start_col) + 1 });
                return;
            }
            Expr::GetAttr(e) => {
                members.push(e.name.to_owned());
                at = &e.expr;
            }
            Expr::GetItem(e) => {
                match e.subscript_expr.as_const() {
                    Some(key) if key.as_str().is_some() || key.is_integer() => members.push(key.to_string()),
                    _ => {
                        // What follows a computed member cannot be known.
                        members.clear();
                        collect(&e.subscript_expr, guarded, out);
                    }
                }
                at = &e.expr;
            }
            other => return collect(other, guarded, out),
        }
    }
}

/// Says which of the names is not there, with the closest one that is; `None` if all are.
pub(super) fn explain_missing(names: &[NameUse], scope: &Scope) -> Option<String> {
    names.iter().filter(|name| !name.guarded).find_map(|name| missing(name, scope))
}

fn missing(name: &NameUse, scope: &Scope) -> Option<String> {
    let first = &name.path[0];
    let Some(mut value) = scope.get(first) else {
        if first == "secrets" {
            return Some("`secrets` can only be used in the input of an action (`with`)".to_owned());
        }
        return Some(sentence(first, "", scope.all()));
    };
    for (position, member) in name.path.iter().enumerate().skip(1) {
        let parent = name.path[..position].join(".");
        let next = match member.parse::<usize>() {
            Ok(index) if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) => value.get_item_by_index(index),
            _ => value.get_attr(member),
        };
        match next {
            Ok(next) if !next.is_undefined() => value = next,
            _ => return Some(about_member(&parent, &value, member)),
        }
    }
    None
}

fn about_member(parent: &str, value: &Value, member: &str) -> String {
    let whole = format!("{parent}.{member}");
    match value.kind() {
        ValueKind::None => format!("`{whole}` is not defined, because `{parent}` is null"),
        ValueKind::Map | ValueKind::Plain => {
            let keys = value.try_iter().into_iter().flatten().take(1_000).map(|key| key.to_string()).collect();
            sentence(&whole, &format!("{parent}."), keys)
        }
        ValueKind::Seq | ValueKind::Iterable => match value.len() {
            Some(len) => format!("`{whole}` is not defined: `{parent}` is a list of {len}"),
            None => format!("`{whole}` is not defined: `{parent}` is a list"),
        },
        kind => format!("`{whole}` is not defined: `{parent}` is a {kind}"),
    }
}

fn sentence(whole: &str, prefix: &str, known: Vec<String>) -> String {
    let wanted = &whole[prefix.len()..];
    match closest(wanted, known.iter().map(String::as_str)) {
        Some(close) => format!("`{whole}` is not defined; did you mean `{prefix}{close}`?"),
        None => format!("`{whole}` is not defined"),
    }
}

/// The candidate that is most like `wanted`, if one is alike enough to be meant.
pub(super) fn closest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: String = wanted.chars().take(100).collect();
    let worst = (wanted.chars().count() / 3).max(1);
    candidates
        .filter(|candidate| candidate.len() <= 200)
        .map(|candidate| (strsim::osa_distance(&wanted.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= worst)
        .min()
        .map(|(_, candidate)| candidate)
}
