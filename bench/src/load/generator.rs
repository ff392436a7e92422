//! The loop that sends, waits and counts.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime};

use super::connection::{Connection, Progress, find};
use super::{Histogram, Outcome, Pace, Plan, SERIAL};

/// How long answers may be outstanding after the last request.
const DRAIN_MAX: Duration = Duration::from_secs(10);
const EVENTS_MAX: usize = 256;
const BUFFER_BYTES: usize = 64 * 1024;
/// The epoll datum of the timer; connections have their index.
const TIMER: u64 = u64::MAX;
/// A server that breaks so many connections is not worth measuring.
const BROKEN_MAX: u64 = 10_000;
/// A wait that is shorter than this is not worth arming the timer for.
const SOON: Duration = Duration::from_micros(5);
/// Numbers go on from one measurement to the next: a server remembers them.
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(0);

pub(super) struct Generator<'a> {
    plan: &'a Plan,
    epoll: OwnedFd,
    timer: OwnedFd,
    /// When the timer goes off, if it was set.
    armed: Option<Instant>,
    connections: Vec<Connection>,
    free: Vec<usize>,
    /// Due times of requests that found no free connection.
    waiting: VecDeque<Instant>,
    next_request: usize,
    /// Where each request has its number, if it has one.
    serial_at: Vec<Option<usize>>,
    submitted: u64,
    requests_max: u64,
    counted_from: Instant,
    ends: Instant,
    outcome: Outcome,
}

impl<'a> Generator<'a> {
    pub(super) fn new(plan: &'a Plan) -> io::Result<Self> {
        assert!(!plan.requests.is_empty() && plan.connections > 0, "a plan sends something");
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        // An epoll timeout counts whole milliseconds; a timer descriptor is precise to microseconds.
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        let mut connections = Vec::with_capacity(plan.connections);
        for index in 0..plan.connections {
            let connection = Connection::open(plan.address)?;
            epoll::add(&epoll, &connection.stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            connections.push(connection);
        }
        let begin = Instant::now();
        Ok(Self {
            plan,
            epoll,
            timer,
            armed: None,
            free: (0..plan.connections).collect(),
            connections,
            waiting: VecDeque::new(),
            next_request: 0,
            serial_at: plan.requests.iter().map(|request| find(request, SERIAL.as_bytes())).collect(),
            submitted: 0,
            requests_max: plan.requests_max.unwrap_or(u64::MAX),
            counted_from: begin + plan.warm_up,
            ends: begin + plan.warm_up + plan.length,
            outcome: Outcome {
                succeeded: 0,
                succeeded_in_all: 0,
                refused: BTreeMap::new(),
                broken: 0,
                elapsed: plan.length,
                latency: Histogram::new(),
            },
        })
    }

    pub(super) fn run(mut self) -> io::Result<Outcome> {
        let begin = self.counted_from - self.plan.warm_up;
        let interval = match self.plan.pace {
            Pace::Closed => Duration::ZERO,
            Pace::Open { rate } => Duration::from_secs_f64(1.0 / rate),
        };
        let mut due = begin;
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_MAX);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let now = Instant::now();
            match self.plan.pace {
                Pace::Closed if now < self.ends => {
                    while self.submitted < self.requests_max
                        && let Some(index) = self.free.pop()
                    {
                        self.submit(index, now)?;
                    }
                    if self.submitted >= self.requests_max {
                        self.ends = now;
                        self.outcome.elapsed = now.saturating_duration_since(self.counted_from);
                    }
                }
                Pace::Open { .. } => {
                    while due <= now && due < self.ends {
                        self.waiting.push_back(due);
                        due += interval;
                    }
                    self.submit_waiting()?;
                }
                Pace::Closed => {}
            }
            let all_sent = now >= self.ends && self.waiting.is_empty();
            if all_sent && self.free.len() == self.connections.len() {
                break;
            }
            if now > self.ends + DRAIN_MAX {
                self.outcome.broken += (self.connections.len() - self.free.len() + self.waiting.len()) as u64;
                break;
            }
            let wake = match self.plan.pace {
                Pace::Open { .. } if due < self.ends => due,
                _ if now < self.ends => self.ends,
                _ => self.ends + DRAIN_MAX,
            };
            self.wait(wake, &mut events)?;
            for event in events.drain(..) {
                self.handle(event, &mut buffer)?;
            }
        }
        Ok(self.outcome)
    }

    fn wait(&mut self, wake: Instant, events: &mut Vec<Event>) -> io::Result<()> {
        let left = wake.saturating_duration_since(Instant::now());
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timeout = if left <= SOON {
            Some(&at_once)
        } else if self.armed == Some(wake) {
            None
        } else {
            let it_value = Timespec::try_from(left).map_err(io::Error::other)?;
            let once = Itimerspec { it_interval: at_once, it_value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
            self.armed = Some(wake);
            None
        };
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn handle(&mut self, event: Event, buffer: &mut [u8]) -> io::Result<()> {
        // Copied: the event is packed.
        let (data, flags) = (event.data.u64(), event.flags);
        if data == TIMER {
            let mut expirations = [0; 8];
            self.armed = None;
            // Setting the timer anew clears it too; then there is nothing to read.
            let _ = rustix::io::read(&self.timer, &mut expirations);
            return Ok(());
        }
        let index = usize::try_from(data).expect("it was made from an index");
        if flags.contains(EventFlags::OUT) && !self.connections[index].send_rest()? {
            self.interest(index, EventFlags::IN)?;
        }
        if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            match self.connections[index].receive(buffer) {
                Progress::Unfinished => {}
                Progress::Answered(status) => {
                    self.count(index, status);
                    self.free.push(index);
                    self.submit_waiting()?;
                }
                Progress::Broken => self.reopen(index)?,
            }
        }
        Ok(())
    }

    fn count(&mut self, index: usize, status: u16) {
        let now = Instant::now();
        let Some(intended) = self.connections[index].intended.take() else {
            // An answer that nobody asked for.
            self.outcome.broken += 1;
            return;
        };
        if !(200..300).contains(&status) {
            *self.outcome.refused.entry(status).or_default() += 1;
            return;
        }
        self.outcome.succeeded_in_all += 1;
        let counts = match self.plan.pace {
            Pace::Closed => now >= self.counted_from && now < self.ends,
            Pace::Open { .. } => intended >= self.counted_from,
        };
        if counts {
            self.outcome.succeeded += 1;
            self.outcome.latency.record(now - intended);
        }
    }

    fn submit_waiting(&mut self) -> io::Result<()> {
        while let Some(due) = self.waiting.front().copied() {
            let Some(index) = self.free.pop() else { break };
            self.waiting.pop_front();
            self.submit(index, due)?;
        }
        Ok(())
    }

    fn submit(&mut self, index: usize, intended: Instant) -> io::Result<()> {
        let request = &self.plan.requests[self.next_request];
        let serial = self.serial_at[self.next_request].map(|at| (at, NEXT_SERIAL.fetch_add(1, Ordering::Relaxed)));
        self.submitted += 1;
        self.next_request = (self.next_request + 1) % self.plan.requests.len();
        match self.connections[index].submit(request, serial, intended) {
            Ok(true) => self.interest(index, EventFlags::IN | EventFlags::OUT),
            Ok(false) => Ok(()),
            Err(_) => self.reopen(index),
        }
    }

    fn interest(&self, index: usize, flags: EventFlags) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, &self.connections[index].stream, EventData::new_u64(index as u64), flags)?)
    }

    fn reopen(&mut self, index: usize) -> io::Result<()> {
        self.outcome.broken += 1;
        if self.outcome.broken > BROKEN_MAX {
            return Err(io::Error::other(format!("more than {BROKEN_MAX} connections broke")));
        }
        // Closing the old socket takes it out of the epoll.
        self.connections[index] = Connection::open(self.plan.address)?;
        epoll::add(&self.epoll, &self.connections[index].stream, EventData::new_u64(index as u64), EventFlags::IN)?;
        self.free.push(index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::load::post;

    /// What the generator says of a bare server in this process.
    async fn measure(pace: Pace, length: Duration, requests_max: Option<u64>, body_bytes: usize) -> Outcome {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(crate::bare::serve_on(listener, shutdown.clone()));
        let requests = vec![post(address, "/", &[], &vec![b'x'; body_bytes])];
        let plan = Plan { address, connections: 4, requests, pace, warm_up: Duration::ZERO, length, requests_max };
        let outcome = tokio::task::spawn_blocking(move || plan.run()).await.unwrap().unwrap();
        shutdown.cancel();
        serving.await.unwrap();
        outcome
    }

    #[tokio::test]
    async fn an_open_loop_sends_exactly_what_is_due() {
        let outcome = measure(Pace::Open { rate: 500.0 }, Duration::from_millis(400), None, 10).await;
        assert_eq!((outcome.succeeded, outcome.succeeded_in_all), (200, 200));
        assert!((outcome.rate() - 500.0).abs() < 1.0, "{}", outcome.rate());
        outcome.all_succeeded().unwrap();
    }

    #[tokio::test]
    async fn a_closed_loop_ends_after_so_many_requests() {
        let outcome = measure(Pace::Closed, Duration::from_secs(60), Some(1000), 10).await;
        assert_eq!(outcome.succeeded_in_all, 1000);
        assert!(outcome.elapsed < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn bodies_larger_than_the_socket_takes_at_once_arrive_whole() {
        let outcome = measure(Pace::Closed, Duration::from_secs(60), Some(20), 4 << 20).await;
        assert_eq!(outcome.all_succeeded().unwrap().succeeded_in_all, 20);
    }

    #[tokio::test]
    async fn what_is_refused_is_counted_apart() {
        let outcome = measure(Pace::Closed, Duration::from_secs(60), Some(20), 0).await;
        assert_eq!((outcome.succeeded_in_all, outcome.refused.get(&400)), (0, Some(&20)));
        assert!(outcome.all_succeeded().is_err());
    }
}
