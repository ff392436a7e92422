//! A run on its way into memory: from the door, where everything about it is known already, or from the database.

use std::sync::Arc;

use bytes::Bytes;
use hookmill_engine::id::{DeliveryId, RunId, WorkflowId, WorkspaceId};
use hookmill_engine::request::Parsed;
use hookmill_engine::run::Event;
use hookmill_engine::time::Timestamp;
use hookmill_store::deliveries::Delivery;
use hookmill_store::runs::{ClaimedRun, NewRun, RunRow};

use crate::live::Live;
use crate::programs::Revision;
use crate::queue::LaneKey;

/// What identifies a run and who may write it.
#[derive(Clone, Debug)]
pub struct Head {
    /// The run.
    pub id: RunId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// The workflow it executes.
    pub workflow: WorkflowId,
    /// The request that started it; none for a run started by hand.
    pub delivery: Option<DeliveryId>,
    /// The bucket that says which node owns it.
    pub bucket: u16,
    /// The epoch under which this node owns it. Every write carries it.
    pub epoch: i64,
    /// Runs with the same key run in order.
    pub lane: Option<Arc<str>>,
    /// What jitter and `uuid()` are made from.
    pub seed: u64,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Whether it has been started before, so that its journal must be read.
    pub started_at: Option<Timestamp>,
}

impl Head {
    /// The head of a run that is being stored.
    #[must_use]
    pub fn of(run: &NewRun) -> Self {
        Self {
            id: run.id,
            workspace: run.workspace,
            workflow: run.workflow,
            delivery: run.delivery,
            bucket: run.bucket,
            epoch: run.epoch,
            lane: run.lane.as_deref().map(Arc::from),
            seed: run.seed,
            created_at: run.created_at,
            started_at: run.started_at,
        }
    }
}

impl From<&RunRow> for Head {
    fn from(run: &RunRow) -> Self {
        Self {
            id: run.id,
            workspace: run.workspace,
            workflow: run.workflow,
            delivery: run.delivery,
            bucket: run.bucket,
            epoch: run.epoch,
            lane: run.lane.as_deref().map(Arc::from),
            seed: run.seed,
            created_at: run.created_at,
            started_at: run.started_at,
        }
    }
}

/// Where the input of a run comes from.
#[derive(Debug)]
pub enum Input {
    /// The door has just parsed it.
    Parsed(Parsed),
    /// It is parsed again from the stored bytes.
    Stored(Box<StoredInput>),
}

/// The stored input of a run.
#[derive(Debug)]
pub struct StoredInput {
    pub(crate) trigger: u16,
    /// The element of the delivery that the run is about.
    pub(crate) element: Option<u32>,
    /// JSON text, for a run that somebody started by hand.
    pub(crate) by_hand: Option<String>,
    pub(crate) delivery: Option<Delivery>,
    pub(crate) body: hookmill_store::Result<Bytes>,
}

impl From<ClaimedRun> for StoredInput {
    fn from(claimed: ClaimedRun) -> Self {
        let ClaimedRun { run, delivery, body } = claimed;
        Self { trigger: run.trigger, element: run.element, by_hand: run.input, delivery, body }
    }
}

/// A run for the queue.
#[derive(Debug)]
pub struct Handed {
    /// Which run.
    pub head: Head,
    /// The revision it is pinned to.
    pub revision: Arc<Revision>,
    /// Where its input comes from.
    pub input: Input,
    /// What happened to it while it was not in memory (cancelled, resolved).
    pub events: Vec<Event>,
    /// How others speak to it while it is in memory.
    pub(crate) live: Option<Live>,
}

impl Handed {
    /// A run as the door accepted it.
    #[must_use]
    pub fn accepted(head: Head, revision: Arc<Revision>, parsed: Parsed) -> Self {
        Self { head, revision, input: Input::Parsed(parsed), events: Vec::new(), live: None }
    }

    /// A run as it stands in the database.
    pub(crate) fn stored(claimed: ClaimedRun, revision: Arc<Revision>, events: Vec<Event>) -> Self {
        let head = Head::from(&claimed.run);
        let input = Input::Stored(Box::new(StoredInput::from(claimed)));
        Self { head, revision, input, events, live: None }
    }

    /// Bytes it holds while it waits, roughly.
    pub(crate) fn bytes(&self) -> usize {
        const FIXED: usize = 1_024;
        match &self.input {
            Input::Parsed(_) => FIXED,
            Input::Stored(stored) => FIXED + stored.body.as_ref().map_or(0, Bytes::len),
        }
    }

    pub(crate) fn lane(&self) -> Option<LaneKey> {
        self.head.lane.clone().map(|key| LaneKey { workflow: self.head.workflow, key })
    }
}
