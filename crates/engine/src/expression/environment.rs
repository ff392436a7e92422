//! The one set of filters, tests and functions, and the meter that bounds what they may cost.

use std::sync::LazyLock;

use minijinja::value::{ArgType, Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior};

use super::{FUEL_MAX, RESULT_BYTES_MAX, WORK_BYTES_MAX, bytes_up_to, filters};

/// Names are fixed, so one environment serves every expression of every workflow.
pub(super) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(build);

fn build() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL_MAX));
    // Errors about undefined values then tell which name it was.
    env.set_debug(true);
    for (name, filter, guard) in filters::all() {
        env.add_filter(name, move |state: &mut State<'_, '_>, args: Rest<Argument>| {
            let args: Vec<Value> = args.0.into_iter().map(|Argument(value)| value).collect();
            if let Some(guard) = guard {
                guard(&args)?;
            }
            metered(state, &filter, &args)
        });
    }
    for (name, test) in filters::tests() {
        env.add_test(name, move |state: &mut State<'_, '_>, args: Rest<Argument>| {
            let args: Vec<Value> = args.0.into_iter().map(|Argument(value)| value).collect();
            metered(state, &test, &args)
        });
    }
    for (name, function) in filters::functions() {
        env.add_global(name, function);
    }
    env
}

/// An argument as it was given, also the one that holds the named ones, which `Value` does not accept.
struct Argument(Value);

impl<'a> ArgType<'a> for Argument {
    type Output = Self;

    fn from_value(value: Option<&'a Value>) -> Result<Self, Error> {
        value.cloned().map(Self).ok_or_else(|| ErrorKind::MissingArgument.into())
    }
}

/// How many bytes the filters of one evaluation have read and written so far.
#[derive(Debug, Default)]
struct Meter {
    bytes: usize,
}

/// Calls a filter, counting what goes in and out: one call is bounded by its guard, many calls by the meter.
fn metered(state: &mut State<'_, '_>, function: &Value, args: &[Value]) -> Result<Value, Error> {
    let read = args.iter().map(shallow_bytes).sum::<usize>();
    charge(state, read)?;
    let result = function.call(state, args)?;
    match result.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            let bytes = bytes_up_to(&result, RESULT_BYTES_MAX);
            if bytes > RESULT_BYTES_MAX {
                return Err(too_large());
            }
        }
        _ => charge(state, shallow_bytes(&result))?,
    }
    Ok(result)
}

fn charge(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    let meter = state.get_or_insert_extension(Meter::default());
    meter.bytes = meter.bytes.saturating_add(bytes);
    if meter.bytes > WORK_BYTES_MAX {
        let limit = WORK_BYTES_MAX / (1024 * 1024);
        return Err(Error::new(ErrorKind::OutOfFuel, format!("the expression works on more than {limit} MiB")));
    }
    Ok(())
}

fn shallow_bytes(value: &Value) -> usize {
    const CALL_BYTES: usize = 16;
    CALL_BYTES
        + match value.kind() {
            ValueKind::String => value.as_str().map_or(0, str::len),
            ValueKind::Bytes => value.as_bytes().map_or(0, <[u8]>::len),
            ValueKind::Seq | ValueKind::Map => value.len().unwrap_or(0) * CALL_BYTES,
            _ => 0,
        }
}

/// The error of an operation whose result would be larger than a value may be.
pub(super) fn too_large() -> Error {
    let limit = RESULT_BYTES_MAX / (1024 * 1024);
    Error::new(ErrorKind::InvalidOperation, format!("the value would be larger than {limit} MiB"))
}
