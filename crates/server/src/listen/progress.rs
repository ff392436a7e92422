//! How far a connection is with its current request, shared by everything that touches the connection. All of it is
//! polled by one task; the atomics are there because the task may move between threads.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::framing::Offence;
use super::limits::{Limits, duration};

/// What the connection waits for. Every phase but `Busy` has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing has arrived yet on this connection.
    New,
    /// The first bytes of a request have arrived, its head has not.
    Head,
    /// A request is being handled or answered.
    Busy,
    /// The last request is answered, the next has not begun.
    Idle,
}

const PHASES: [Phase; 4] = [Phase::New, Phase::Head, Phase::Busy, Phase::Idle];
const OFFENCES: [Offence; 4] =
    [Offence::TargetTooLong, Offence::HeadTooLarge, Offence::TooManyHeaders, Offence::LengthAndEncoding];
const NEVER: u64 = u64::MAX;

pub(super) struct Progress {
    pub(super) peer: SocketAddr,
    pub(super) limits: std::sync::Arc<Limits>,
    start: Instant,
    phase: AtomicU8,
    /// When the phase began, in milliseconds after `start`.
    since_ms: AtomicU64,
    /// Since when the peer has not taken a byte of what we want to write.
    write_blocked_ms: AtomicU64,
    /// 1 + the index of the offence; 0 is none.
    offence: AtomicU8,
    /// The peer has sent its last byte.
    ended: AtomicBool,
    /// A request was answered without reading all of its body.
    unread: AtomicBool,
}

impl Progress {
    pub(super) fn new(peer: SocketAddr, limits: std::sync::Arc<Limits>) -> Self {
        Self {
            peer,
            limits,
            start: Instant::now(),
            phase: AtomicU8::new(Phase::New as u8),
            since_ms: AtomicU64::new(0),
            write_blocked_ms: AtomicU64::new(NEVER),
            offence: AtomicU8::new(0),
            ended: AtomicBool::new(false),
            unread: AtomicBool::new(false),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(NEVER)
    }

    pub(super) fn phase(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Relaxed)) % PHASES.len()]
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        if phase != Phase::Busy {
            self.since_ms.store(self.now_ms(), Relaxed);
        }
    }

    /// Bytes arrived: outside of a request they begin the next one.
    pub(super) fn bytes_arrived(&self) {
        if matches!(self.phase(), Phase::New | Phase::Idle) {
            self.enter(Phase::Head);
        }
    }

    pub(super) fn write_blocked(&self, blocked: bool) {
        if !blocked {
            self.write_blocked_ms.store(NEVER, Relaxed);
        } else if self.write_blocked_ms.load(Relaxed) == NEVER {
            self.write_blocked_ms.store(self.now_ms(), Relaxed);
        }
    }

    pub(super) fn offend(&self, offence: Offence) {
        let index = OFFENCES.iter().position(|known| *known == offence).unwrap_or(0);
        self.offence.store(u8::try_from(index + 1).unwrap_or(1), Relaxed);
    }

    pub(super) fn offence(&self) -> Option<Offence> {
        OFFENCES.get(usize::from(self.offence.load(Relaxed)).wrapping_sub(1)).copied()
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    pub(super) fn ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    pub(super) fn unread(&self) -> bool {
        self.unread.load(Relaxed)
    }

    /// When the connection has waited for long enough, as things are now.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let limit = match self.phase() {
            Phase::New => Some(self.limits.first_byte),
            Phase::Head => Some(self.limits.head),
            Phase::Idle => Some(self.limits.keep_alive),
            Phase::Busy => None,
        };
        let phase = limit.map(|limit| Duration::from_millis(self.since_ms.load(Relaxed)) + duration(limit));
        let blocked = self.write_blocked_ms.load(Relaxed);
        let write = (blocked != NEVER).then(|| Duration::from_millis(blocked) + duration(self.limits.write_stall));
        let after = match (phase, write) {
            (Some(phase), Some(write)) => phase.min(write),
            (phase, write) => phase.or(write)?,
        };
        self.start.checked_add(after)
    }
}
