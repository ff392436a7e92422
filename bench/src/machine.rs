//! What the figures were measured on.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

const SYNCS: usize = 200;

/// The machine, as far as it matters for the figures.
#[derive(Serialize)]
pub(crate) struct Machine {
    cores: usize,
    cpu: String,
    memory_bytes: u64,
    kernel: String,
    file_system: String,
    /// Median time to write and sync 4 KiB at the end of a growing file.
    sync_microseconds: f64,
}

impl Machine {
    /// Looks at the machine, and at the disk that holds the folder.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory_info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let memory_kib: u64 = field(&memory_info, "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            cpu: field(&cpu_info, "model name"),
            memory_bytes: memory_kib * 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            file_system: file_system(folder),
            sync_microseconds: sync_time(folder)?.as_secs_f64() * 1e6,
        })
    }

    pub(crate) fn line(&self) -> String {
        format!(
            "{} cores ({}), {} GiB, Linux {}, {}, sync of 4 KiB {:.0} µs",
            self.cores,
            self.cpu,
            self.memory_bytes >> 30,
            self.kernel,
            self.file_system,
            self.sync_microseconds
        )
    }
}

fn field(text: &str, name: &str) -> String {
    text.lines()
        .find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name))
        .map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
}

/// The type of the mount with the longest path that holds the folder.
fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut parts = line.split(' ').skip(1);
            Some((parts.next()?, parts.next()?))
        })
        .filter(|(path, _)| folder.starts_with(path))
        .max_by_key(|(path, _)| path.len())
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

fn sync_time(folder: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begin = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(begin.elapsed());
    }
    times.sort();
    Ok(times[SYNCS / 2])
}
