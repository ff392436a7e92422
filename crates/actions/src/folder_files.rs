//! Files in a folder, in one folder a run, so that they go with it: the content under a random id, what is known about it
//! beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hookmill_engine::id::RunId;
use parking_lot::Mutex;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::files::{FileError, FileRef, FileStore, FileWriter, NewFile, OpenFile};
use crate::run_folder::{RunFolder, extension};

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
        for RunFolder { path: of_run, .. } in RunFolder::list(&folder)? {
            for entry in std::fs::read_dir(&of_run)? {
                let path = entry?.path();
                match extension(&path) {
                    "data" if path.with_extension("json").exists() => {
                        used.files += 1;
                        used.bytes += path.metadata()?.len();
                    }
                    "json" if path.with_extension("data").exists() => {}
                    _ => std::fs::remove_file(&path)?,
                }
            }
            remove_if_empty(&of_run)?;
        }
        Ok(Self { folder: folder.into(), limits, used: Arc::new(Mutex::new(used)) })
    }

    fn remove_now(&self, run: RunId) -> io::Result<()> {
        let of_run = self.folder.join(run.to_string());
        let entries = match std::fs::read_dir(&of_run) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            let bytes = path.metadata()?.len();
            std::fs::remove_file(&path)?;
            if extension(&path) == "data" {
                self.give_back(1, bytes);
            }
        }
        remove_if_empty(&of_run)
    }

    fn owners_now(&self, unchanged_for: Duration) -> io::Result<Vec<RunId>> {
        let now = SystemTime::now();
        let mut found = Vec::new();
        for RunFolder { run, path } in RunFolder::list(&self.folder)? {
            let changed = path.metadata()?.modified()?;
            if now.duration_since(changed).unwrap_or_default() >= unchanged_for {
                found.push(run);
            }
        }
        found.sort_unstable();
        Ok(found)
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

    /// Where a file is, by the owner and the chance in its id. `None`: it is no id of a file.
    fn path(&self, id: &str, extension: &str) -> Option<PathBuf> {
        Some(self.folder.join(owner(id)?.to_string()).join(format!("{id}.{extension}")))
    }
}

/// Does what blocks beside the tasks that must not.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, FileError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??)
}

fn remove_if_empty(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
        _ => Ok(()),
    }
}

#[async_trait]
impl FileStore for FolderFiles {
    async fn create(&self, file: NewFile) -> Result<Box<dyn FileWriter>, FileError> {
        self.take(1, 0)?;
        let of_run = self.folder.join(file.run.to_string());
        let id = new_id(file.run)?;
        let mut writer = Writer {
            store: self.clone(),
            path: of_run.join(&id),
            id,
            about: clean(file),
            bytes: 0,
            content: None,
            finished: false,
        };
        tokio::fs::create_dir_all(&of_run).await?;
        writer.content = Some(File::create_new(writer.path.with_extension("part")).await?);
        Ok(Box::new(writer))
    }

    async fn open(&self, id: &str) -> Result<OpenFile, FileError> {
        let unknown = || FileError::NotFound(id.chars().take(60).collect());
        let missing = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => unknown(),
            _ => FileError::Io(error),
        };
        let (about, data) = self.path(id, "json").zip(self.path(id, "data")).ok_or_else(unknown)?;
        let about = tokio::fs::read(about).await.map_err(missing)?;
        let file: FileRef = serde_json::from_slice(&about).map_err(io::Error::from)?;
        let content = File::open(data).await.map_err(missing)?;
        Ok(OpenFile { file, content: Box::pin(content) })
    }

    async fn remove(&self, run: RunId) -> Result<(), FileError> {
        let files = self.clone();
        blocking(move || files.remove_now(run)).await
    }

    async fn owners(&self, unchanged_for: Duration) -> Result<Vec<RunId>, FileError> {
        let files = self.clone();
        blocking(move || files.owners_now(unchanged_for)).await
    }
}

struct Writer {
    store: FolderFiles,
    /// Where it will be, without an extension.
    path: PathBuf,
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
        let NewFile { name, media_type, .. } = self.about.clone();
        let file = FileRef { id: self.id.clone(), name, media_type, bytes: self.bytes };
        let about = serde_json::to_vec(&file).map_err(io::Error::from)?;
        let mut beside = File::create_new(self.path.with_extension("json")).await?;
        beside.write_all(&about).await?;
        beside.flush().await?;
        beside.sync_all().await?;
        tokio::fs::rename(self.path.with_extension("part"), self.path.with_extension("data")).await?;
        let (folder, of_run) = (self.store.folder.clone(), self.path.parent().map(Path::to_owned));
        blocking(move || {
            // The names as well as the content.
            std::fs::File::open(&folder)?.sync_all()?;
            of_run.map_or(Ok(()), |of_run| std::fs::File::open(of_run)?.sync_all())
        })
        .await?;
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
        for extension in ["part", "json", "data"] {
            // Missing ones are the normal case; what cannot be removed now is removed at the next start.
            let _ = std::fs::remove_file(self.path.with_extension(extension));
        }
    }
}

/// `file_`, the digits of the owner's id, `_`, and chance, so that nobody guesses it.
fn new_id(run: RunId) -> io::Result<String> {
    let mut chance = [0u8; ID_BYTES];
    getrandom::fill(&mut chance).map_err(io::Error::other)?;
    let owner = run.to_string();
    let digits = owner.strip_prefix(RunId::PREFIX).unwrap_or_default();
    Ok(format!("{ID_PREFIX}{}_{}", digits.trim_start_matches('_'), hex::encode(chance)))
}

/// The run that owns the file with this id. Ids become paths: nothing but our own form gets that far.
fn owner(id: &str) -> Option<RunId> {
    let (digits, chance) = id.strip_prefix(ID_PREFIX)?.split_once('_')?;
    let is_chance = chance.len() == 2 * ID_BYTES && chance.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    format!("{}_{digits}", RunId::PREFIX).parse().ok().filter(|_| is_chance)
}

fn clean(file: NewFile) -> NewFile {
    let shorten = |text: String, bytes_max| {
        let text: String = text.chars().filter(|c| !c.is_control()).collect();
        text[..text.floor_char_boundary(bytes_max)].to_owned()
    };
    let last = file.name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let name = shorten(last, NAME_BYTES_MAX);
    let name = if matches!(name.as_str(), "" | "." | "..") { "file".to_owned() } else { name };
    NewFile { run: file.run, name, media_type: shorten(file.media_type, MEDIA_TYPE_BYTES_MAX) }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    const RUN: RunId = RunId(77);

    fn named(name: &str) -> NewFile {
        NewFile { run: RUN, name: name.to_owned(), media_type: "text/plain".to_owned() }
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
        files.remove(RunId(1)).await.unwrap();
        assert!(matches!(store(&files, b"").await, Err(FileError::Full { .. })), "those of another run");
        files.remove(RUN).await.unwrap();
        store(&files, b"123456").await.unwrap();
    }

    #[tokio::test]
    async fn a_dropped_writer_and_a_killed_process_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let files = FolderFiles::open(folder.path(), FileLimits::default()).unwrap();
        let mut writer = files.create(named("a")).await.unwrap();
        writer.write(b"half").await.unwrap();
        drop(writer);
        let of_run = folder.path().join(RUN.to_string());
        std::fs::create_dir_all(&of_run).unwrap();
        for left in ["00.part", "01.data", "02.json"] {
            std::fs::write(of_run.join(format!("file_{left}")), b"half").unwrap();
        }
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
