//! The ladder of schemas. Forward only: a step that was released is never changed, a mistake is mended by the next one.
//!
//! To add one: a new file `NNNN_what_for.sql` whose first lines say why, and a line here.

use crate::migrate::Migration;

/// All steps, in order.
pub static MIGRATIONS: [Migration; 19] = [
    Migration { number: 1, name: "first", sql: include_str!("0001_first.sql") },
    Migration { number: 2, name: "budget of refused requests", sql: include_str!("0002_refused.sql") },
    Migration { number: 3, name: "many replays, acceptances", sql: include_str!("0003_replays.sql") },
    Migration { number: 4, name: "samples of requests", sql: include_str!("0004_samples.sql") },
    Migration { number: 5, name: "contacts", sql: include_str!("0005_contacts.sql") },
    Migration { number: 6, name: "facts of deliveries", sql: include_str!("0006_facts.sql") },
    Migration { number: 7, name: "public documentation", sql: include_str!("0007_public_docs.sql") },
    Migration { number: 8, name: "expiry of secrets", sql: include_str!("0008_secret_expiry.sql") },
    Migration { number: 9, name: "paused hooks, hooks that are off", sql: include_str!("0009_hook_states.sql") },
    Migration { number: 10, name: "windows of rate limits", sql: include_str!("0010_rate_windows.sql") },
    Migration { number: 11, name: "paths by mask, changes of the catalog", sql: include_str!("0011_paths.sql") },
    Migration { number: 12, name: "old tokens of hooks", sql: include_str!("0012_old_tokens.sql") },
    Migration { number: 13, name: "elements of split deliveries", sql: include_str!("0013_run_elements.sql") },
    Migration { number: 14, name: "fresh idempotency keys", sql: include_str!("0014_fresh_keys.sql") },
    Migration { number: 15, name: "secrets handed over", sql: include_str!("0015_pending_secrets.sql") },
    Migration { number: 16, name: "drafts", sql: include_str!("0016_drafts.sql") },
    Migration { number: 17, name: "drafts that were tried", sql: include_str!("0017_tried_drafts.sql") },
    Migration { number: 18, name: "secrets handed over in tests", sql: include_str!("0018_pending_tests.sql") },
    Migration { number: 19, name: "dropped workflows", sql: include_str!("0019_dropped_workflows.sql") },
];
