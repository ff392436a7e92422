//! Guards the promise that no query about runs reads more as more runs are stored: which index SQLite takes.

use super::{claim, lane, list};
use crate::plans::plan;

#[test]
fn every_query_takes_the_index_that_was_made_for_it() {
    let [newest, oldest] = list::IN_RARE_STATE;
    for (sql, index) in [
        (claim::UNCLAIMED, "runs_free"),
        (claim::NEXT_DUE, "runs_free"),
        (list::FREE, "runs_free"),
        (lane::BLOCKED, "runs_free"),
        (claim::ABANDONED, "runs_due"),
        (list::BACKLOG, "runs_due"),
        (list::IN_OPEN_STATE[0], "runs_due"),
        (lane::HOLDER, "runs_lane"),
        (newest, "runs_by_state"),
        (oldest, "runs_by_state"),
    ] {
        let plan = plan(sql);
        assert!(plan.contains(index), "{sql}\n{plan}");
        assert!(!plan.contains("SCAN r\n") && !plan.contains("SCAN runs\n"), "{sql}\n{plan}");
    }
    // Pages of whole tables and of derived lists come in the order of their keys: nothing is sorted.
    for sql in [list::TABLE, list::OF_WORKFLOW, list::IN_RARE_STATE].into_iter().flatten() {
        let plan = plan(sql);
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{sql}\n{plan}");
    }
}
