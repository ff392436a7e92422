//! All actions by name, and the guard around every attempt.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hookmill_engine::run::{Failure, LogLevel, Safety};
use hookmill_engine::time::Span;
use hookmill_engine::workflow::{ActionInfo, Catalog, Retry};
use schemars::generate::SchemaSettings;
use serde_json::Value;
use tokio::time::Instant;
use tracing::error;

use crate::action::Action;
use crate::context::Context;
use crate::failure::failed;
use crate::http_request::HttpRequest;
use crate::log::Log;
use crate::net::Net;

/// The largest output of an attempt, as JSON text.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest an attempt may take, whatever the step says.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// All actions by name. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    actions: Arc<BTreeMap<&'static str, Registered>>,
}

/// One action as the rest of the system sees it: data about it, and a way to run it.
pub struct Registered {
    /// How documents name it.
    pub name: &'static str,
    /// One sentence about it.
    pub summary: &'static str,
    /// JSON Schema (2020-12, nothing referenced) of its input.
    pub input_schema: Value,
    /// JSON Schema of its output.
    pub output_schema: Value,
    /// An input as a user would write it.
    pub example: Value,
    /// How often a failed attempt is repeated unless the step says otherwise.
    pub retry: Retry,
    /// How long an attempt may take unless the step says otherwise.
    pub timeout: Span,
    erased: Box<dyn Erased>,
}

impl Registry {
    /// The actions that come with the server. `net` is their way to other machines.
    #[must_use]
    pub fn builtin(net: Net) -> Self {
        Self::default().with(HttpRequest::new(net)).with(Log)
    }

    /// This registry and `action`, which replaces one of the same name.
    ///
    /// # Panics
    /// If the registry was cloned already: it is put together once, at start.
    #[must_use]
    pub fn with<A: Action>(mut self, action: A) -> Self {
        let registered = Registered {
            name: A::NAME,
            summary: A::summary(),
            input_schema: schema::<A::Input>(SchemaSettings::draft2020_12().for_deserialize()),
            output_schema: schema::<A::Output>(SchemaSettings::draft2020_12().for_serialize()),
            example: A::example(),
            retry: action.retry(),
            timeout: action.timeout(),
            erased: Box::new(Typed(action)),
        };
        let actions = Arc::get_mut(&mut self.actions).expect("a registry is completed before it is shared");
        actions.insert(A::NAME, registered);
        self
    }

    /// The action of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Registered> {
        self.actions.get(name)
    }

    /// All actions in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Registered> {
        self.actions.values()
    }

    /// Makes one attempt of the action called `name`. See [`Registered::run`].
    ///
    /// # Errors
    /// The attempt's failure; `unknown_action` if there is no such action.
    pub async fn run(&self, name: &str, input: Value, context: Context) -> Result<Value, Failure> {
        match self.get(name) {
            Some(action) => action.run(input, context).await,
            None => Err(failed("unknown_action", format!("there is no action `{name}`"))),
        }
    }
}

impl Registered {
    /// Whether an attempt with this input may be repeated when nobody knows how it ended. An input that the action will
    /// refuse has no effect, so it may.
    #[must_use]
    pub fn safety(&self, input: &Value) -> Safety {
        self.erased.safety(input)
    }

    /// Makes one attempt: at most until the context's deadline, until it is cancelled, with a bounded output. A panic is
    /// a failure of this attempt alone.
    ///
    /// # Errors
    /// The attempt's failure.
    pub async fn run(&self, input: Value, context: Context) -> Result<Value, Failure> {
        let (cancel, log) = (context.cancel.clone(), context.log.clone());
        let deadline = context.deadline.min(Instant::now() + TIMEOUT_MAX);
        let safety = self.safety(&input);
        let attempt = AssertUnwindSafe(async { self.erased.run(input, context).await }).catch_unwind();
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(failed("cancelled", "the attempt was cancelled")),
            () = tokio::time::sleep_until(deadline) => Err(Failure {
                // What may have had its effect is not tried again just because nobody waited for the end.
                retryable: safety == Safety::Repeatable,
                ..failed("timeout", "the attempt took longer than it may")
            }),
            ended = attempt => ended.unwrap_or_else(|panic| {
                let said = panic_message(&*panic);
                error!(action = self.name, panic = said, "Action {} panicked", self.name);
                log.write(LogLevel::Error, format!("the action panicked: {said}"));
                Err(failed("action_panicked", format!("`{}` stopped with an internal error; please report it", self.name)))
            }),
        }
    }
}

/// An action without its types.
trait Erased: Send + Sync {
    fn safety(&self, input: &Value) -> Safety;
    fn run(&self, input: Value, context: Context) -> BoxFuture<'_, Result<Value, Failure>>;
}

struct Typed<A>(A);

impl<A: Action> Erased for Typed<A> {
    fn safety(&self, input: &Value) -> Safety {
        use serde::Deserialize;
        A::Input::deserialize(input).map_or(Safety::Repeatable, |input| self.0.safety(&input))
    }

    fn run(&self, input: Value, mut context: Context) -> BoxFuture<'_, Result<Value, Failure>> {
        Box::pin(async move {
            let unusable = |why: &str| failed("invalid_input", format!("the input of `{}` is not usable: {why}", A::NAME));
            if !input.is_object() {
                // Serde would take a list as the fields in their order.
                return Err(unusable("it is not an object"));
            }
            let input = serde_json::from_value(input).map_err(|error| unusable(&error.to_string()))?;
            let output = self.0.run(input, &mut context).await?;
            bounded(output)
        })
    }
}

fn bounded<T: serde::Serialize>(output: T) -> Result<Value, Failure> {
    let output = serde_json::to_value(output).map_err(|error| failed("invalid_output", error.to_string()))?;
    if crate::output_size::exceeds(&output, OUTPUT_BYTES_MAX) {
        return Err(failed("output_too_large", format!("the output is larger than {OUTPUT_BYTES_MAX} bytes as JSON")));
    }
    Ok(output)
}

fn schema<T: schemars::JsonSchema>(settings: SchemaSettings) -> Value {
    settings.with(|settings| settings.inline_subschemas = true).into_generator().into_root_schema_for::<T>().to_value()
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

impl Catalog for Registry {
    fn action(&self, name: &str) -> Option<ActionInfo> {
        let Registered { input_schema, output_schema, retry, .. } = self.get(name)?;
        Some(ActionInfo { input_schema: input_schema.clone(), output_schema: output_schema.clone(), retry: retry.clone() })
    }

    fn action_names(&self) -> Vec<String> {
        self.iter().map(|action| action.name.to_owned()).collect()
    }

    /// Actions know nothing of secrets; whoever does wraps this catalog.
    fn secret_exists(&self, _: &str) -> Option<bool> {
        None
    }
}
