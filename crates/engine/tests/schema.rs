//! The published JSON Schema is the one that the types give.

use hookmill_engine::workflow::json_schema;

const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/workflow.schema.json");

#[test]
#[expect(clippy::disallowed_methods, reason = "the engine does no I/O; this test compares it with a file")]
fn the_published_schema_is_fresh() {
    let schema = format!("{:#}\n", json_schema());
    if std::env::var("UPDATE_SCHEMA").is_ok() {
        std::fs::write(PUBLISHED, &schema).expect("the schema can be written");
    }
    let published = std::fs::read_to_string(PUBLISHED).unwrap_or_default();
    assert!(
        published == schema,
        "docs/workflow.schema.json is stale; refresh it with: UPDATE_SCHEMA=1 cargo test -p hookmill-engine --test schema"
    );
}
