//! What waits for the writer or the readers: bounded by count and bytes, and by age.
//!
//! Putting something in never waits. Full means [`Error::Overloaded`]: a caller that is told so at once can tell its own
//! caller, a hidden buffer only postpones the failure. Taking out takes whatever is there, never waiting for more.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::{Notify, oneshot};

use super::batch::{Batch, Written};
use crate::Error;

pub(crate) type WriteQueue = Queue<Batch, Written>;

/// What a caller is told to wait when the queue is full: by then a healthy disk has worked it off several times.
const RETRY_AFTER_MS: u64 = 1_000;

/// Something to do, with a way to answer who asked for it.
#[derive(Debug)]
pub(crate) struct Job<T, A> {
    pub(crate) task: T,
    pub(crate) bytes: usize,
    queued_at: Instant,
    answer: oneshot::Sender<Result<A, Error>>,
}

impl<T, A> Job<T, A> {
    pub(crate) fn new(task: T, bytes: usize) -> (Self, oneshot::Receiver<Result<A, Error>>) {
        let (answer, answered) = oneshot::channel();
        (Self { task, bytes, queued_at: Instant::now(), answer }, answered)
    }

    /// Answers. Nobody may be listening any more, which is their affair.
    pub(crate) fn answer(self, result: Result<A, Error>) {
        let _ = self.answer.send(result);
    }

    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.queued_at)
    }
}

/// How much may wait, and how much is taken out at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) queue_count: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) group_count: usize,
    pub(crate) group_bytes: usize,
    pub(crate) age_max: Duration,
}

#[derive(Debug)]
pub(crate) struct Queue<T, A> {
    bounds: Bounds,
    state: Mutex<State<T, A>>,
    /// Copy of the number of waiting jobs, to be read without the lock.
    depth: AtomicUsize,
    threads: Condvar,
    tasks: Notify,
}

#[derive(Debug)]
struct State<T, A> {
    waiting: VecDeque<Job<T, A>>,
    bytes: usize,
    /// Once set nothing more gets in; what is in is still taken out.
    closed: Option<&'static str>,
}

impl<T, A> Queue<T, A> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: Mutex::new(State { waiting: VecDeque::new(), bytes: 0, closed: None }),
            depth: AtomicUsize::new(0),
            threads: Condvar::new(),
            tasks: Notify::new(),
        }
    }

    /// Number of jobs that wait.
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    pub(crate) fn push(&self, job: Job<T, A>) -> Result<(), Error> {
        {
            let mut state = self.state.lock();
            if let Some(why) = state.closed {
                return Err(Error::unavailable(why));
            }
            let over_bytes = !state.waiting.is_empty() && state.bytes + job.bytes > self.bounds.queue_bytes;
            if over_bytes || state.waiting.len() >= self.bounds.queue_count {
                return Err(Error::Overloaded { retry_after_ms: RETRY_AFTER_MS });
            }
            state.bytes += job.bytes;
            state.waiting.push_back(job);
            self.depth.store(state.waiting.len(), Ordering::Relaxed);
        }
        self.threads.notify_one();
        self.tasks.notify_one();
        Ok(())
    }

    /// Lets nothing more in. What waits is still taken out.
    pub(crate) fn close(&self, why: &'static str) {
        let mut state = self.state.lock();
        state.closed.get_or_insert(why);
        drop(state);
        self.threads.notify_all();
        self.tasks.notify_waiters();
    }

    /// Answers all that wait with `error`.
    pub(crate) fn refuse_all(&self, error: &Error) {
        let waiting = {
            let mut state = self.state.lock();
            state.bytes = 0;
            self.depth.store(0, Ordering::Relaxed);
            std::mem::take(&mut state.waiting)
        };
        for job in waiting {
            job.answer(Err(error.clone()));
        }
    }

    /// Waits, blocking the thread, until something is there and moves it to `group`. False: closed and empty.
    pub(crate) fn take_blocking(&self, group: &mut Vec<Job<T, A>>) -> bool {
        loop {
            let mut state = self.state.lock();
            while state.waiting.is_empty() {
                if state.closed.is_some() {
                    return false;
                }
                self.threads.wait(&mut state);
            }
            self.drain(&mut state, group);
            drop(state);
            if self.drop_aged(group) {
                return true;
            }
        }
    }

    /// Waits until something is there and moves it to `group`. False: closed and empty.
    pub(crate) async fn take(&self, group: &mut Vec<Job<T, A>>) -> bool {
        loop {
            let mut notified = std::pin::pin!(self.tasks.notified());
            notified.as_mut().enable();
            let found = {
                let mut state = self.state.lock();
                if state.waiting.is_empty() && state.closed.is_some() {
                    return false;
                }
                self.drain(&mut state, group);
                if !state.waiting.is_empty() {
                    // More than one group: another writer can begin.
                    self.tasks.notify_one();
                }
                !group.is_empty()
            };
            if !found {
                notified.await;
            } else if self.drop_aged(group) {
                return true;
            }
        }
    }

    fn drain(&self, state: &mut State<T, A>, group: &mut Vec<Job<T, A>>) {
        let mut bytes = 0;
        while let Some(next) = state.waiting.front() {
            bytes += next.bytes;
            if group.len() >= self.bounds.group_count || (!group.is_empty() && bytes > self.bounds.group_bytes) {
                break;
            }
            state.bytes = state.bytes.saturating_sub(next.bytes);
            group.extend(state.waiting.pop_front());
        }
        self.depth.store(state.waiting.len(), Ordering::Relaxed);
    }

    /// Refuses what has waited too long; whether anything is left. Ids are given before queueing, and who reads in the
    /// order of ids relies on that no older id appears later than this age.
    fn drop_aged(&self, group: &mut Vec<Job<T, A>>) -> bool {
        let now = Instant::now();
        if group.first().is_some_and(|oldest| oldest.age(now) > self.bounds.age_max) {
            let (aged, fresh): (Vec<_>, Vec<_>) = group.drain(..).partition(|job| job.age(now) > self.bounds.age_max);
            group.extend(fresh);
            let age_ms = self.bounds.age_max.as_millis();
            for job in aged {
                job.answer(Err(Error::unavailable(format!("it waited longer than {age_ms} ms; nothing was done"))));
            }
        }
        !group.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(age_max: Duration) -> Queue<u32, ()> {
        Queue::new(Bounds { queue_count: 3, queue_bytes: 100, group_count: 2, group_bytes: 50, age_max })
    }

    fn push(queue: &Queue<u32, ()>, task: u32, bytes: usize) -> Result<oneshot::Receiver<Result<(), Error>>, Error> {
        let (job, answered) = Job::new(task, bytes);
        queue.push(job).map(|()| answered)
    }

    fn tasks(group: &[Job<u32, ()>]) -> Vec<u32> {
        group.iter().map(|job| job.task).collect()
    }

    #[test]
    fn full_by_count_or_bytes_is_told_at_once() {
        let queue = queue(Duration::MAX);
        push(&queue, 1, 90).unwrap();
        assert!(matches!(push(&queue, 2, 20), Err(Error::Overloaded { .. })), "bytes");
        push(&queue, 3, 1).unwrap();
        push(&queue, 4, 1).unwrap();
        assert!(matches!(push(&queue, 5, 1), Err(Error::Overloaded { .. })), "count");
        assert_eq!(queue.depth(), 3);
    }

    #[test]
    fn groups_are_bounded_and_in_order_and_one_large_job_still_passes() {
        let queue = queue(Duration::MAX);
        for (task, bytes) in [(1, 60), (2, 20), (3, 20)] {
            push(&queue, task, bytes).unwrap();
        }
        let mut group = Vec::new();
        assert!(queue.take_blocking(&mut group));
        assert_eq!(tasks(&group), [1]);
        group.clear();
        assert!(queue.take_blocking(&mut group));
        assert_eq!(tasks(&group), [2, 3]);
    }

    #[test]
    fn what_waited_too_long_is_refused_and_not_taken() {
        let queue = queue(Duration::ZERO);
        let mut answered = push(&queue, 1, 1).unwrap();
        queue.close("closing");
        let mut group = Vec::new();
        assert!(!queue.take_blocking(&mut group));
        assert!(matches!(answered.try_recv().unwrap(), Err(Error::Unavailable { .. })));
    }

    #[test]
    fn closed_lets_nothing_in_and_everything_out() {
        let queue = queue(Duration::MAX);
        push(&queue, 1, 1).unwrap();
        queue.close("closing");
        assert!(matches!(push(&queue, 2, 1), Err(Error::Unavailable { .. })));
        let mut group = Vec::new();
        assert!(queue.take_blocking(&mut group));
        assert_eq!(tasks(&group), [1]);
        assert!(!queue.take_blocking(&mut Vec::new()));
    }
}
