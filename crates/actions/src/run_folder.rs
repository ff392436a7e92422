//! The files of one run as they lie in a folder: for who copies or checks them without writing any.

use std::io;
use std::path::{Path, PathBuf};

use hookmill_engine::id::RunId;

use crate::files::FileRef;

/// The folder with the files of one run.
#[derive(Debug)]
pub struct RunFolder {
    /// The run that owns them.
    pub run: RunId,
    pub(crate) path: PathBuf,
}

impl RunFolder {
    /// All inside of a folder of files; none if there is no such folder.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn list(folder: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for path in entries(folder)? {
            let run = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            found.extend(run.map(|run| Self { run, path }));
        }
        Ok(found)
    }

    /// The contents of its complete files. What is known about one lies beside it, with the extension `json`.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn complete(&self) -> io::Result<Vec<PathBuf>> {
        let mut all = entries(&self.path)?;
        all.retain(|path| extension(path) == "data" && path.with_extension("json").exists());
        Ok(all)
    }

    /// The ids of files whose content is missing or has another length than it had.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn damaged(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for path in entries(&self.path)?.into_iter().filter(|path| extension(path) == "json") {
            let bytes = path.with_extension("data").metadata().map(|about| about.len()).ok();
            let told = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
            let is_whole = told.is_some_and(|file: FileRef| Some(file.bytes) == bytes);
            // One that is just being finished, or was removed since it was listed, is not damaged.
            if !is_whole && path.exists() && !path.with_extension("part").exists() {
                found.push(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
            }
        }
        Ok(found)
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| entry.map(|entry| entry.path())).collect(),
    }
}

pub(crate) fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}
