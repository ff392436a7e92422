//! The JSON Schema of the document, for editors and other tools.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{FORMAT, Workflow};

/// The JSON Schema (2020-12) that a document must match; `docs/workflow.schema.json` holds it.
#[must_use]
pub fn json_schema() -> Value {
    // The types are written by hand for reading; what they always write is what a reader may rely on.
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Workflow>();
    schema.insert("title".to_owned(), "Hookmill workflow".into());
    let mut schema = schema.to_value();
    schema["properties"]["hookmill"]["const"] = FORMAT.into();
    // Written always, but read without: a variable is a string unless it says otherwise.
    if let Some(variable) = schema.pointer_mut("/$defs/Variable").and_then(Value::as_object_mut) {
        variable.remove("required");
    }
    close(&mut schema);
    schema
}

/// Forbids keys that are not named, in every object that names its keys.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let names_keys = members.contains_key("properties") && members.get("type") == Some(&"object".into());
            if names_keys && (members.contains_key("anyOf") || members.contains_key("oneOf")) {
                // The keys of a step's kind, or of a signature's place, stand beside its own. Only the whole is closed.
                members.insert("unevaluatedProperties".to_owned(), false.into());
                if let Some(properties) = members.get_mut("properties") {
                    close(properties);
                }
                return;
            }
            if names_keys {
                members.entry("additionalProperties").or_insert(false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
