//! Files in a folder: the content under a random id, what is known about it beside it.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::files::{FileError, FileRef, FileStore, FileWriter, NewFile, OpenFile};

/// Bytes of chance in a file's id.
const ID_BYTES: usize = 16;
/// What a file's id starts with.
const ID_PREFIX: &str = "file_";
/// The longest file name that is kept; the rest is cut off.
const NAME_BYTES_MAX: usize = 255;
/// The longest media type that is kept.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// How much a folder takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// The largest single file.
    pub file_bytes_max: u64,
    /// All files together.
    pub total_bytes_max: u64,
    /// The number of files.
    pub files_max: u64,
}

impl Default for FileLimits {
    /// 100 MiB a file, 2 GiB and 100,000 files in all.
    fn default() -> Self {
        Self { file_bytes_max: 100 << 20, total_bytes_max: 2 << 30, files_max: 100_000 }
    }
}

/// Files in a folder of the server. Cheap to clone.
#[derive(Clone)]
pub struct FolderFiles {
    folder: Arc<Path>,
    limits: FileLimits,
    used: Arc<Mutex<Used>>,
}

#[derive(Clone, Copy, Default)]
struct Used {
    files: u64,
    bytes: u64,
}

impl FolderFiles {
    /// Uses `folder`, which is created if it is missing. What a killed process left half written is removed; so only one
    /// process may use the folder.
    ///
    /// # Errors
    /// The folder cannot be created or listed.
    pub fn open(folder: impl Into<PathBuf>, limits: FileLimits) -> io::Result<Self> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder)?;
        let mut used = Used::default();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("part") => std::fs::remove_file(&path)?,
                Some("data") if !path.with_extension("json").exists() => std::fs::remove_file(&path)?,
                Some("data") => {
                    used.files += 1;
                    used.bytes += path.metadata()?.len();
                }
                _ => {}
            }
        }
        Ok(Self { folder: folder.into(), limits, used: Arc::new(Mutex::new(used)) })
    }

    /// Removes the files that are older than `age` and tells how many.
    ///
    /// # Errors
    /// The folder cannot be listed, or a file cannot be removed.
    pub fn remove_older_than(&self, age: Duration, now: SystemTime) -> io::Result<u64> {
        let mut old = VecDeque::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let metadata = path.metadata()?;
            let is_old = now.duration_since(metadata.modified()?).is_ok_and(|passed| passed > age);
            if is_old && path.extension().is_some_and(|extension| extension == "data") {
                old.push_back((path, metadata.len()));
            }
        }
        let count = old.len() as u64;
        for (path, bytes) in old {
            std::fs::remove_file(path.with_extension("json"))?;
            std::fs::remove_file(&path)?;
            self.give_back(1, bytes);
        }
        Ok(count)
    }

    fn take(&self, files: u64, bytes: u64) -> Result<(), FileError> {
        let mut used = self.used.lock();
        if used.files + files > self.limits.files_max {
            return Err(FileError::Full { what: format!("it holds {} files, its limit", used.files) });
        }
        if used.bytes + bytes > self.limits.total_bytes_max {
            return Err(FileError::Full { what: format!("its limit is {} bytes in all", self.limits.total_bytes_max) });
        }
        used.files += files;
        used.bytes += bytes;
        Ok(())
    }

    fn give_back(&self, files: u64, bytes: u64) {
        let mut used = self.used.lock();
        used.files = used.files.saturating_sub(files);
        used.bytes = used.bytes.saturating_sub(bytes);
    }

    fn path(&self, id: &str, extension: &str) -> PathBuf {
        self.folder.join(format!("{id}.{extension}"))
    }
}

#[async_trait]
impl FileStore for FolderFiles {
    async fn create(&self, file: NewFile) -> Result<Box<dyn FileWriter>, FileError> {
        self.take(1, 0)?;
        let mut writer =
            Writer { store: self.clone(), id: new_id()?, about: clean(file), bytes: 0, content: None, finished: false };
        writer.content = Some(File::create_new(self.path(&writer.id, "part")).await?);
        Ok(Box::new(writer))
    }

    async fn open(&self, id: &str) -> Result<OpenFile, FileError> {
        let missing = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => FileError::NotFound(id.chars().take(60).collect()),
            _ => FileError::Io(error),
        };
        if !is_id(id) {
            return Err(FileError::NotFound(id.chars().take(60).collect()));
        }
        let about = tokio::fs::read(self.path(id, "json")).await.map_err(missing)?;
        let file: FileRef = serde_json::from_slice(&about).map_err(io::Error::from)?;
        let content = File::open(self.path(id, "data")).await.map_err(missing)?;
        Ok(OpenFile { file, content: Box::pin(content) })
    }
}

struct Writer {
    store: FolderFiles,
    id: String,
    about: NewFile,
    bytes: u64,
    content: Option<File>,
    finished: bool,
}

#[async_trait]
impl FileWriter for Writer {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let limit = self.store.limits.file_bytes_max;
        let added = bytes.len() as u64;
        if self.bytes + added > limit {
            return Err(FileError::TooLarge { limit });
        }
        self.store.take(0, added)?;
        self.bytes += added;
        let content = self.content.as_mut().ok_or_else(|| io::Error::other("the file is closed"))?;
        Ok(content.write_all(bytes).await?)
    }

    async fn finish(mut self: Box<Self>) -> Result<FileRef, FileError> {
        let mut content = self.content.take().ok_or_else(|| io::Error::other("the file is closed"))?;
        content.flush().await?;
        // A later step of the same run relies on the file after a crash, like on the journal entry that names it.
        content.sync_all().await?;
        drop(content);
        let NewFile { name, media_type } = self.about.clone();
        let file = FileRef { id: self.id.clone(), name, media_type, bytes: self.bytes };
        let about = serde_json::to_vec(&file).map_err(io::Error::from)?;
        tokio::fs::rename(self.store.path(&self.id, "part"), self.store.path(&self.id, "data")).await?;
        tokio::fs::write(self.store.path(&self.id, "json"), about).await?;
        self.finished = true;
        Ok(file)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        self.store.give_back(1, self.bytes);
        for extension in ["part", "data", "json"] {
            // Missing ones are the normal case; what cannot be removed now is removed at the next start.
            let _ = std::fs::remove_file(self.store.path(&self.id, extension));
        }
    }
}

fn new_id() -> io::Result<String> {
    let mut chance = [0u8; ID_BYTES];
    getrandom::fill(&mut chance).map_err(io::Error::other)?;
    Ok(format!("{ID_PREFIX}{}", hex::encode(chance)))
}

/// Ids become paths: nothing but our own form gets that far.
fn is_id(id: &str) -> bool {
    id.strip_prefix(ID_PREFIX)
        .is_some_and(|digits| digits.len() == 2 * ID_BYTES && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn clean(file: NewFile) -> NewFile {
    let shorten = |text: String, bytes_max| {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        text[..text.floor_char_boundary(bytes_max)].to_owned()
    };
    let last = file.name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let name = shorten(last, NAME_BYTES_MAX);
    let name = if matches!(name.as_str(), "" | "." | "..") { "file".to_owned() } else { name };
    NewFile { name, media_type: shorten(file.media_type, MEDIA_TYPE_BYTES_MAX) }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn named(name: &str) -> NewFile {
        NewFile { name: name.to_owned(), media_type: "text/plain".to_owned() }
    }

    async fn store(files: &FolderFiles, content: &[u8]) -> Result<FileRef, FileError> {
        let mut writer = files.create(named("a.txt")).await?;
        writer.write(content).await?;
        writer.finish().await
    }

    #[tokio::test]
    async fn a_file_comes_back_as_it_was_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let files = FolderFiles::open(folder.path(), FileLimits::default()).unwrap();
        let stored = store(&files, b"hello").await.unwrap();
        let again = FolderFiles::open(folder.path(), FileLimits::default()).unwrap();
        let mut opened = again.open(&stored.id).await.unwrap();
        let mut content = Vec::new();
        opened.content.read_to_end(&mut content).await.unwrap();
        assert_eq!((opened.file, content.as_slice()), (stored, b"hello".as_slice()));
    }

    #[tokio::test]
    async fn limits_hold_for_one_file_and_for_all_and_space_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let limits = FileLimits { file_bytes_max: 6, total_bytes_max: 10, files_max: 2 };
        let files = FolderFiles::open(folder.path(), limits).unwrap();
        assert!(matches!(store(&files, b"1234567").await, Err(FileError::TooLarge { limit: 6 })));
        store(&files, b"123456").await.unwrap();
        assert!(matches!(store(&files, b"12345").await, Err(FileError::Full { .. })));
        store(&files, b"1234").await.unwrap();
        assert!(matches!(store(&files, b"").await, Err(FileError::Full { .. })));
        let later = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(files.remove_older_than(Duration::from_secs(1), later).unwrap(), 2);
        store(&files, b"123456").await.unwrap();
    }

    #[tokio::test]
    async fn a_dropped_writer_and_a_killed_process_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = FolderFiles::open(folder.path(), FileLimits::default()).unwrap();
        let mut writer = files.create(named("a")).await.unwrap();
        writer.write(b"half").await.unwrap();
        drop(writer);
        std::fs::write(folder.path().join("file_00.part"), b"half").unwrap();
        std::fs::write(folder.path().join("file_00.data"), b"no description").unwrap();
        FolderFiles::open(folder.path(), FileLimits::default()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn ids_and_names_never_become_paths() {
        let folder = tempfile::tempdir().unwrap();
        let files = FolderFiles::open(folder.path().join("files"), FileLimits::default()).unwrap();
        std::fs::write(folder.path().join("secret.json"), b"{}").unwrap();
        for id in ["../secret", "file_../secret", "", "file_", "file_GG", "/etc/passwd", "file_\u{0}"] {
            assert!(matches!(files.open(id).await, Err(FileError::NotFound(_))), "{id}");
        }
        let writer = files.create(named("../../etc/passwd\r\n")).await.unwrap();
        assert_eq!(writer.finish().await.unwrap().name, "passwd");
    }
}
