//! Jinja's own tests: what may stand after `is`.

use minijinja::tests as t;
use minijinja::value::Value;

pub(super) fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("boolean", Value::from_function(t::is_boolean)),
        ("defined", Value::from_function(t::is_defined)),
        ("divisibleby", Value::from_function(t::is_divisibleby)),
        ("endingwith", Value::from_function(t::is_endingwith)),
        ("eq", Value::from_function(t::is_eq)),
        ("equalto", Value::from_function(t::is_eq)),
        ("even", Value::from_function(t::is_even)),
        ("false", Value::from_function(t::is_false)),
        ("float", Value::from_function(t::is_float)),
        ("ge", Value::from_function(t::is_ge)),
        ("greaterthan", Value::from_function(t::is_gt)),
        ("gt", Value::from_function(t::is_gt)),
        ("in", Value::from_function(t::is_in)),
        ("integer", Value::from_function(t::is_integer)),
        ("iterable", Value::from_function(t::is_iterable)),
        ("le", Value::from_function(t::is_le)),
        ("lessthan", Value::from_function(t::is_lt)),
        ("lower", Value::from_function(t::is_lower)),
        ("lt", Value::from_function(t::is_lt)),
        ("mapping", Value::from_function(t::is_mapping)),
        ("ne", Value::from_function(t::is_ne)),
        ("none", Value::from_function(t::is_none)),
        ("number", Value::from_function(t::is_number)),
        ("odd", Value::from_function(t::is_odd)),
        ("sequence", Value::from_function(t::is_sequence)),
        ("startingwith", Value::from_function(t::is_startingwith)),
        ("string", Value::from_function(t::is_string)),
        ("true", Value::from_function(t::is_true)),
        ("undefined", Value::from_function(t::is_undefined)),
        ("upper", Value::from_function(t::is_upper)),
    ]
}
