//! Speaking to a run in memory: cancel it, tell it how a step of unknown outcome ended. A run listens from the moment it
//! enters the queue until it leaves memory; at any other time it must be claimed from the database first.

use std::collections::HashMap;
use std::sync::Arc;

use hookmill_engine::id::RunId;
use hookmill_engine::run::Event;
use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Debug, Default)]
struct Mailbox {
    events: Mutex<Vec<Event>>,
    arrived: Notify,
}

type Boxes = Arc<Mutex<HashMap<RunId, Arc<Mailbox>>>>;

/// The mailboxes of the runs in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveRuns {
    boxes: Boxes,
}

impl LiveRuns {
    /// Leaves `event` for a run. `false`: it is not in memory.
    pub(crate) fn post(&self, run: RunId, event: Event) -> bool {
        // The map's lock is held while the event is put down, so that a box that is being closed cannot swallow it.
        let boxes = self.boxes.lock();
        let Some(mailbox) = boxes.get(&run) else { return false };
        mailbox.events.lock().push(event);
        mailbox.arrived.notify_one();
        true
    }

    /// The run begins to listen.
    pub(crate) fn open(&self, run: RunId) -> Live {
        let mailbox = Arc::new(Mailbox::default());
        self.boxes.lock().insert(run, mailbox.clone());
        Live { run, mailbox, boxes: self.boxes.clone() }
    }
}

/// The run's own end of its mailbox.
#[derive(Debug)]
pub(crate) struct Live {
    run: RunId,
    mailbox: Arc<Mailbox>,
    boxes: Boxes,
}

impl Live {
    /// The next event somebody left.
    pub(crate) async fn next(&self) -> Event {
        loop {
            let arrived = self.mailbox.arrived.notified();
            if let Some(event) = self.take_first() {
                return event;
            }
            arrived.await;
        }
    }

    fn take_first(&self) -> Option<Event> {
        let mut events = self.mailbox.events.lock();
        (!events.is_empty()).then(|| events.remove(0))
    }

    /// Stops listening. What was left but not read must find the run another way.
    pub(crate) fn close(self) -> Vec<Event> {
        self.boxes.lock().remove(&self.run);
        std::mem::take(&mut self.mailbox.events.lock())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.boxes.lock().remove(&self.run);
    }
}
