//! The JSON Schema of the document, for editors and other tools.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Workflow;

/// The JSON Schema (2020-12) that a document must match; `docs/workflow.schema.json` holds it.
#[must_use]
pub fn json_schema() -> Value {
    // The types are written by hand for reading; what they always write is what a reader may rely on.
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Workflow>();
    schema.insert("title".to_owned(), "Hookmill workflow".into());
    schema.to_value()
}
