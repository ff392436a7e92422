//! Whether what was read under an older version of the catalog still holds.
//!
//! A new version is somebody's publication, and mostly about a workflow that has nothing to do with what is cached. What
//! it changed is read once, for everything that is cached together; what it did not change stays.

use std::collections::HashMap;

use hookmill_engine::id::WorkflowId;
use hookmill_store::Store;
use hookmill_store::catalog::Changes;
use parking_lot::RwLock;
use tokio::sync::Mutex;

/// Workflows of which it is known when they changed last. One more, and everything older counts as changed.
const CHANGED_MAX: usize = 4_096;

/// What is known of the catalog's history.
#[derive(Debug, Default)]
struct History {
    /// Up to this version.
    version: i64,
    /// Of what was read before this version nothing is known.
    floor: i64,
    /// The last version with which URLs began to lead elsewhere.
    places: i64,
    /// The last version that changed a workflow, for those that changed since the floor.
    workflows: HashMap<WorkflowId, i64>,
}

/// Follows the catalog.
pub(super) struct Freshness {
    store: Store,
    history: RwLock<History>,
    /// One reads the changes, the others wait for what it learns.
    following: Mutex<()>,
}

impl Freshness {
    pub(super) fn new(store: Store) -> Self {
        Self { store, history: RwLock::default(), following: Mutex::default() }
    }

    /// Learns everything that changed up to a version.
    pub(super) async fn follow(&self, version: i64) -> hookmill_store::Result<()> {
        if self.history.read().version >= version {
            return Ok(());
        }
        let _one_at_a_time = self.following.lock().await;
        let from = self.history.read().version;
        if from < version {
            let changes = self.store.catalog_changes(from).await?;
            self.history.write().learn(changes, version);
        }
        Ok(())
    }

    /// Whether what was read of a workflow and its hooks under a version still holds, as far as [`Self::follow`] went.
    pub(super) fn holds(&self, workflow: WorkflowId, read_at: i64) -> bool {
        self.history.read().holds(workflow, read_at)
    }

    /// Whether URLs that led nowhere under a version still do.
    pub(super) fn places_hold(&self, read_at: i64) -> bool {
        let history = self.history.read();
        read_at >= history.floor && read_at >= history.places
    }
}

impl History {
    fn learn(&mut self, changes: Changes, wanted: i64) {
        if !changes.complete || changes.version < wanted {
            let version = changes.version.max(wanted);
            *self = Self { version, floor: version, places: version, workflows: HashMap::new() };
            return;
        }
        self.version = changes.version;
        self.places = changes.places.unwrap_or(self.places);
        self.workflows.extend(changes.workflows);
        if self.workflows.len() > CHANGED_MAX {
            self.floor = self.version;
            self.workflows = HashMap::new();
        }
    }

    fn holds(&self, workflow: WorkflowId, read_at: i64) -> bool {
        read_at >= self.floor && self.workflows.get(&workflow).is_none_or(|changed| *changed <= read_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(version: i64, workflows: &[(i64, i64)], places: Option<i64>) -> Changes {
        let workflows = workflows.iter().map(|(id, version)| (WorkflowId(*id), *version)).collect();
        Changes { version, workflows, places, complete: true }
    }

    #[test]
    fn only_what_changed_is_forgotten() {
        let mut history = History::default();
        history.learn(changes(7, &[(1, 6), (2, 7)], Some(6)), 7);
        assert!(!history.holds(WorkflowId(1), 5) && history.holds(WorkflowId(1), 6));
        assert!(!history.holds(WorkflowId(2), 6) && history.holds(WorkflowId(3), 1));
        assert_eq!((history.floor, history.places), (0, 6));
        history.learn(changes(8, &[], None), 8);
        assert_eq!((history.version, history.places), (8, 6), "secrets change no hook");
    }

    #[test]
    fn what_the_log_does_not_tell_is_forgotten_altogether() {
        for told in [Changes { complete: false, ..changes(9, &[], None) }, changes(8, &[], None)] {
            let mut history = History::default();
            history.learn(told, 9);
            assert!(!history.holds(WorkflowId(1), 8) && history.holds(WorkflowId(1), 9));
            assert_eq!(history.places, 9);
        }
        let mut history = History::default();
        let many: Vec<_> = (1..=CHANGED_MAX as i64 + 1).map(|n| (n, n)).collect();
        history.learn(changes(CHANGED_MAX as i64 + 1, &many, None), 1);
        assert!(history.workflows.is_empty() && !history.holds(WorkflowId(0), 1));
    }
}
