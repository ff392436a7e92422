//! The functions that stand for operators that must be bounded.

use std::sync::LazyLock;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, Expression, UndefinedBehavior, context};

use super::super::environment::too_large;
use super::super::rewrite::TIMES;
use super::super::{RESULT_BYTES_MAX, bytes_up_to};
use super::invalid;

pub(super) fn functions() -> Vec<(&'static str, Value)> {
    vec![(TIMES, Value::from_function(times))]
}

/// `left * right`. A text or a list is only repeated as long as the result is not too large.
fn times(left: &Value, right: &Value) -> Result<Value, Error> {
    if let (ValueKind::Number, ValueKind::Number) = (left.kind(), right.kind()) {
        return numbers(left, right);
    }
    let (much, count) = if left.is_number() { (right, left) } else { (left, right) };
    let Some(count) = count.as_usize() else { return by_language(left, right) };
    let bytes = much.as_str().map_or_else(|| bytes_up_to(much, RESULT_BYTES_MAX), str::len);
    if bytes.saturating_mul(count.max(1)) > RESULT_BYTES_MAX {
        return Err(too_large());
    }
    by_language(left, right)
}

fn numbers(left: &Value, right: &Value) -> Result<Value, Error> {
    if left.is_integer() && right.is_integer() {
        let product = match (i64::try_from(left.clone()), i64::try_from(right.clone())) {
            (Ok(a), Ok(b)) => a.checked_mul(b),
            _ => None,
        };
        return product.map_or_else(|| by_language(left, right), |product| Ok(Value::from(product)));
    }
    match (f64::try_from(left.clone()), f64::try_from(right.clone())) {
        (Ok(a), Ok(b)) => Ok(Value::from(a * b)),
        _ => Err(invalid("the numbers cannot be multiplied")),
    }
}

/// What the language itself makes of it, errors included.
fn by_language(left: &Value, right: &Value) -> Result<Value, Error> {
    static PRODUCT: LazyLock<Expression<'static, 'static>> = LazyLock::new(|| {
        static BARE: LazyLock<Environment<'static>> = LazyLock::new(|| {
            let mut env = Environment::empty();
            env.set_undefined_behavior(UndefinedBehavior::Strict);
            env
        });
        BARE.compile_expression("left * right").expect("it is an expression")
    });
    PRODUCT.eval(context! { left, right })
}
