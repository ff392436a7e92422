//! Jinja's own filters and functions. Left out: `debug` (shows everything in scope), `namespace` (keeps values).

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, filters as f, functions};

use super::super::environment::too_large;
use super::super::{RESULT_BYTES_MAX, bytes_up_to};
use super::{Entry, Guard, invalid};

/// The widest padding, indentation and grouping that can be asked for.
const WIDTH_MAX: usize = 10_000;

pub(super) fn filters() -> Vec<Entry> {
    fn plain(name: &'static str, filter: Value) -> Entry {
        (name, filter, None)
    }
    fn guarded(name: &'static str, filter: Value, guard: Guard) -> Entry {
        (name, filter, Some(guard))
    }
    vec![
        plain("abs", Value::from_function(f::abs)),
        plain("attr", Value::from_function(f::attr)),
        guarded("batch", Value::from_function(f::batch), small_number),
        plain("bool", Value::from_function(f::bool)),
        plain("capitalize", Value::from_function(f::capitalize)),
        plain("chain", Value::from_function(f::chain)),
        plain("count", Value::from_function(f::length)),
        plain("d", Value::from_function(f::default)),
        plain("default", Value::from_function(f::default)),
        plain("dictsort", Value::from_function(f::dictsort)),
        guarded("escape", Value::from_function(f::escape), printable),
        plain("first", Value::from_function(f::first)),
        plain("float", Value::from_function(f::float)),
        guarded("format", Value::from_function(f::format), format_guard),
        plain("groupby", Value::from_function(f::groupby)),
        guarded("indent", Value::from_function(f::indent), indent_guard),
        plain("int", Value::from_function(f::int)),
        plain("items", Value::from_function(f::items)),
        guarded("join", Value::from_function(f::join), join_guard),
        plain("last", Value::from_function(f::last)),
        plain("length", Value::from_function(f::length)),
        plain("lines", Value::from_function(f::lines)),
        plain("list", Value::from_function(f::list)),
        plain("lower", Value::from_function(f::lower)),
        plain("map", Value::from_function(f::map)),
        plain("max", Value::from_function(f::max)),
        plain("min", Value::from_function(f::min)),
        plain("reject", Value::from_function(f::reject)),
        plain("rejectattr", Value::from_function(f::rejectattr)),
        guarded("replace", Value::from_function(f::replace), replace_guard),
        plain("reverse", Value::from_function(f::reverse)),
        plain("round", Value::from_function(f::round)),
        plain("select", Value::from_function(f::select)),
        plain("selectattr", Value::from_function(f::selectattr)),
        guarded("slice", Value::from_function(f::slice), small_number),
        plain("sort", Value::from_function(f::sort)),
        plain("split", Value::from_function(f::split)),
        guarded("string", Value::from_function(f::string), printable),
        plain("sum", Value::from_function(f::sum)),
        plain("title", Value::from_function(f::title)),
        plain("trim", Value::from_function(f::trim)),
        plain("unique", Value::from_function(f::unique)),
        plain("upper", Value::from_function(f::upper)),
        guarded("urlencode", Value::from_function(f::urlencode), printable),
        plain("zip", Value::from_function(f::zip)),
    ]
}

pub(super) fn functions() -> Vec<(&'static str, Value)> {
    vec![("range", Value::from_function(functions::range)), ("dict", Value::from_function(functions::dict))]
}

/// The value is not too large to be written out.
pub(super) fn printable(args: &[Value]) -> Result<(), Error> {
    match args.first() {
        Some(value) if bytes_up_to(value, RESULT_BYTES_MAX) > RESULT_BYTES_MAX => Err(too_large()),
        _ => Ok(()),
    }
}

fn small_number(args: &[Value]) -> Result<(), Error> {
    match args.get(1).and_then(Value::as_usize) {
        Some(number) if number > WIDTH_MAX => Err(invalid(format!("{number} is more than {WIDTH_MAX}"))),
        _ => Ok(()),
    }
}

fn indent_guard(args: &[Value]) -> Result<(), Error> {
    small_number(args)?;
    let lines = args.first().and_then(Value::as_str).map_or(0, |text| text.matches('\n').count() + 1);
    let width = args.get(1).map_or(4, |width| width.as_usize().unwrap_or_else(|| width.as_str().map_or(4, str::len)));
    if lines.saturating_mul(width) > RESULT_BYTES_MAX { Err(too_large()) } else { Ok(()) }
}

fn join_guard(args: &[Value]) -> Result<(), Error> {
    let Some(list) = args.first() else { return Ok(()) };
    printable(args)?;
    let count = match list.kind() {
        ValueKind::String => list.as_str().map_or(0, |text| text.chars().count()),
        _ => list.len().unwrap_or_else(|| list.try_iter().map_or(0, Iterator::count)),
    };
    let joiner = args.get(1).and_then(Value::as_str).map_or(0, str::len);
    if count.saturating_mul(joiner) > RESULT_BYTES_MAX { Err(too_large()) } else { Ok(()) }
}

fn replace_guard(args: &[Value]) -> Result<(), Error> {
    let (Some(text), Some(from), Some(to)) = (args.first().and_then(Value::as_str), args.get(1), args.get(2)) else {
        return printable(args);
    };
    printable(&args[2..])?;
    let from = from.as_str().map_or_else(|| from.to_string(), str::to_owned);
    let to_bytes = to.as_str().map_or(64, str::len);
    let count = if from.is_empty() { text.len() + 1 } else { text.matches(&*from).count() };
    if count.saturating_mul(to_bytes).saturating_add(text.len()) > RESULT_BYTES_MAX { Err(too_large()) } else { Ok(()) }
}

/// A width in a format (`%50d`) is a number that makes text.
fn format_guard(args: &[Value]) -> Result<(), Error> {
    for arg in args {
        printable(std::slice::from_ref(arg))?;
    }
    let format = args.first().and_then(Value::as_str).unwrap_or_default();
    let mut fields = format.split('%');
    let _ = fields.next();
    for field in fields {
        let head: String = field.chars().take_while(|c| !c.is_alphabetic()).collect();
        let wide = head.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 4);
        if wide || head.contains('*') {
            return Err(invalid(format!("a width or precision in a format is a number below {WIDTH_MAX}")));
        }
    }
    Ok(())
}
