//! A disk that can be filled without harm: a small file system in memory. Only root may mount one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const CHUNK: usize = 64 * 1024;

/// A file system of a few megabytes; unmounted when dropped.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one; none where that is not allowed, which is said on standard output.
    ///
    /// # Panics
    /// If no folder can be made for it.
    #[must_use]
    pub fn mount(megabytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let size = format!("size={megabytes}m");
        if mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], folder.path()) { Some(Self { folder }) } else { None }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Refuses all writes from now on.
    ///
    /// # Panics
    /// If that is refused, for example because files are open for writing.
    pub fn make_read_only(&self) {
        assert!(mount(&["-o", "remount,ro"], self.folder.path()), "what is mounted can be remounted");
    }

    /// Writes a file until so many bytes are left, or until nothing fits any more. Drop it to free the space.
    ///
    /// # Panics
    /// If writing fails for another reason than a full disk.
    #[must_use]
    pub fn fill(&self, left: u64) -> Filler {
        let path = self.folder.path().join("filler");
        let mut file = File::create(&path).expect("the disk can be written");
        let chunk = vec![0; CHUNK];
        loop {
            let free = self.free();
            if free <= left {
                break;
            }
            let length = usize::try_from(free - left).unwrap_or(CHUNK).min(CHUNK);
            match file.write_all(&chunk[..length]) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
        Filler { path }
    }

    /// Bytes that are free.
    ///
    /// # Panics
    /// If the file system cannot be asked.
    #[must_use]
    pub fn free(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.folder.path()).expect("the file system can be asked");
        stat.f_bavail * stat.f_frsize
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is about to end may still have a file open.
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

/// What takes the space; gives it back when dropped.
pub struct Filler {
    path: PathBuf,
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[expect(clippy::print_stdout, reason = "the test runner shows why a test could not do its work")]
fn mount(arguments: &[&str], folder: &Path) -> bool {
    let mounted = Command::new("mount").args(arguments).arg(folder).output();
    match mounted {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            println!("cannot mount a small disk here: {}", String::from_utf8_lossy(&output.stderr).trim());
            false
        }
        Err(error) => {
            println!("cannot mount a small disk here: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_full_until_the_filler_is_gone() {
        let Some(disk) = SmallDisk::mount(4) else { return };
        let filler = disk.fill(0);
        assert!(disk.free() < 4096, "{} bytes are left", disk.free());
        drop(filler);
        assert!(disk.free() > 3 << 20);
        disk.make_read_only();
        assert!(File::create(disk.path().join("x")).is_err());
    }
}
