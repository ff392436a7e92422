//! Free space of the data folder's disk: a floor below which nothing new is accepted, and a reserve file that is given up
//! when the disk is full all the same, so that runs can still end and retention can still delete.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::Error;
use crate::folder::unusable;

/// Size of the reserve file: as much as the write-ahead log may hold on to.
pub const RESERVE_BYTES: u64 = 64 << 20;
/// The floor is one part in this many of the disk…
const FLOOR_SHARE: u64 = 20;
/// …but at least this much…
const FLOOR_BYTES_MIN: u64 = 512 << 20;
/// …and at most this much: a twentieth of a large disk is room enough for weeks.
const FLOOR_BYTES_MAX: u64 = 10 << 30;
/// No floor above this share of the disk, or a small volume would never accept anything.
const FLOOR_SHARE_MAX: u64 = 2;
/// Accepting resumes only when the floor is exceeded by one part in this many, so that it does not flap.
const HYSTERESIS_SHARE: u64 = 4;
/// How old a look at the disk may be.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const RESERVE_FILE: &str = "reserve";
static CHUNK: [u8; 1 << 16] = [0; 1 << 16];

/// Watches the disk of a folder.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    floor_bytes: u64,
    reserve_bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    looked_at: Option<Instant>,
    accepting: bool,
    free_bytes: u64,
}

impl Disk {
    /// Watches the disk of `folder`; makes the reserve file if there is room for it above the floor.
    pub fn watch(folder: &Path, floor_bytes: Option<u64>, reserve_bytes: u64) -> Result<Self, Error> {
        let (free_bytes, total_bytes) = space(folder)?;
        let floor_bytes = floor_bytes.unwrap_or_else(|| floor_of(total_bytes));
        let state = Mutex::new(State { looked_at: None, accepting: true, free_bytes });
        let disk = Self { folder: folder.to_owned(), floor_bytes, reserve_bytes, state };
        disk.look(&mut disk.state.lock());
        Ok(disk)
    }

    /// Free bytes below which nothing new is accepted.
    pub fn floor_bytes(&self) -> u64 {
        self.floor_bytes
    }

    /// Free bytes at the last look.
    pub fn free_bytes(&self) -> u64 {
        self.state.lock().free_bytes
    }

    /// Whether new deliveries may be accepted; looks at the disk at most once a second.
    pub fn accepting(&self) -> Result<(), Error> {
        let mut state = self.state.lock();
        if state.looked_at.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            self.look(&mut state);
        }
        if state.accepting { Ok(()) } else { Err(Error::Full { free_bytes: state.free_bytes }) }
    }

    /// The database met a full disk: gives up the reserve and accepts nothing until there is space again.
    pub(crate) fn met_full(&self) -> Error {
        let mut state = self.state.lock();
        state.accepting = false;
        state.looked_at = Some(Instant::now());
        match std::fs::remove_file(self.reserve()) {
            Ok(()) => tracing::error!("The disk is full: gave up the reserve of {} bytes", self.reserve_bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => tracing::error!("The disk is full, and the reserve cannot be given up: {error}"),
        }
        if let Ok((free_bytes, _)) = space(&self.folder) {
            state.free_bytes = free_bytes;
        }
        Error::Full { free_bytes: state.free_bytes }
    }

    fn reserve(&self) -> PathBuf {
        self.folder.join(RESERVE_FILE)
    }

    fn look(&self, state: &mut State) {
        state.looked_at = Some(Instant::now());
        match space(&self.folder) {
            Ok((free_bytes, _)) => state.free_bytes = free_bytes,
            // Not being able to look is no reason to refuse: the write itself will tell.
            Err(error) => return tracing::warn!("Cannot look at the free space: {error}"),
        }
        let resume_at = self.floor_bytes.saturating_add(self.floor_bytes / HYSTERESIS_SHARE);
        let accepting = state.free_bytes >= if state.accepting { self.floor_bytes } else { resume_at };
        if accepting != state.accepting {
            tracing::warn!(disk.free_bytes = state.free_bytes, accepting, "Free space crossed the floor");
        }
        state.accepting = accepting;
        if state.free_bytes >= resume_at.saturating_add(self.reserve_bytes) && !self.reserve().exists() {
            self.make_reserve();
        }
    }

    /// Writes the reserve for real: a file with holes would reserve nothing.
    fn make_reserve(&self) {
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(self.reserve())?;
            let mut left = self.reserve_bytes;
            while left > 0 {
                let part = usize::try_from(left).map_or(CHUNK.len(), |left| left.min(CHUNK.len()));
                file.write_all(&CHUNK[..part])?;
                left -= part as u64;
            }
            Ok(())
        };
        if let Err(error) = write() {
            tracing::warn!("Cannot make the reserve file: {error}");
            let _ = std::fs::remove_file(self.reserve());
        }
    }
}

fn floor_of(total_bytes: u64) -> u64 {
    (total_bytes / FLOOR_SHARE).clamp(FLOOR_BYTES_MIN, FLOOR_BYTES_MAX).min(total_bytes / FLOOR_SHARE_MAX)
}

/// Free and total bytes of the disk of a folder.
pub(crate) fn space(folder: &Path) -> Result<(u64, u64), Error> {
    let stat = rustix::fs::statvfs(folder).map_err(|errno| unusable(folder, &errno.into()))?;
    Ok((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_fits_the_disk() {
        assert_eq!(floor_of(100 << 30), 5 << 30);
        assert_eq!(floor_of(10 << 40), FLOOR_BYTES_MAX);
        assert_eq!(floor_of(4 << 30), FLOOR_BYTES_MIN);
        assert_eq!(floor_of(100 << 20), 50 << 20);
    }

    #[test]
    fn below_the_floor_nothing_is_accepted_and_a_full_disk_gets_the_reserve_back() {
        let folder = tempfile::tempdir().unwrap();
        let roomy = Disk::watch(folder.path(), Some(0), 4096).unwrap();
        roomy.accepting().unwrap();
        let reserve = folder.path().join(RESERVE_FILE);
        assert_eq!(std::fs::metadata(&reserve).unwrap().len(), 4096);
        assert!(matches!(roomy.met_full(), Error::Full { .. }));
        assert!(!reserve.exists(), "the reserve was given up");
        assert!(matches!(roomy.accepting(), Err(Error::Full { .. })), "until somebody looks again");

        let tight = Disk::watch(folder.path(), Some(u64::MAX), 4096).unwrap();
        assert!(matches!(tight.accepting(), Err(Error::Full { .. })));
        assert!(!reserve.exists(), "no reserve where there is no room");
    }
}
