//! How far somebody has listened: up to when, and what of the last moments before that was shown already.
//!
//! Deliveries do not appear in lists in the order of their ids: of two that come at the same time either may be stored first. So
//! the last moments are always looked at again, and what was shown of them is remembered. All times are the server's.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::exit::{Exit, Failed, Result};

/// How long a delivery may take from getting its id to where lists show it. A batch that waited longer than five seconds is
/// refused by the server; the rest is for clocks of nodes.
const LATE: SignedDuration = SignedDuration::from_secs(15);

/// How far somebody has listened.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// What came before this was shown, or is not of interest.
    #[serde(with = "text")]
    from: Timestamp,
    /// The ids of what was shown of what came since.
    shown: BTreeSet<String>,
}

impl Cursor {
    /// Before everything that comes at this time or later.
    pub(super) fn at(from: Timestamp) -> Self {
        Self { from, shown: BTreeSet::new() }
    }

    /// The one that a file keeps, if there is such a file.
    pub(super) fn kept(file: &Path) -> Result<Option<Self>> {
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failed::file("read", file, &error)),
        };
        let unreadable = |error| Failed::new(Exit::Invalid, format!("{} is no cursor of listen: {error}", file.display()));
        serde_json::from_slice(&text).map(Some).map_err(unreadable)
    }

    /// Keeps it in a file: the whole of it or what was there before.
    pub(super) fn keep(&self, file: &Path) -> Result<()> {
        let failed = |error: std::io::Error| Failed::file("write", file, &error);
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let text = serde_json::to_vec(self).expect("a cursor is representable as JSON");
        let mut next = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        std::io::Write::write_all(&mut next, &text).map_err(failed)?;
        next.as_file().sync_all().map_err(failed)?;
        next.persist(file).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// From when deliveries have to be looked at.
    pub(super) fn from(&self) -> Timestamp {
        self.from
    }

    pub(super) fn has_shown(&self, id: &str) -> bool {
        self.shown.contains(id)
    }

    /// Something was shown.
    pub(super) fn shown(&mut self, id: &str) {
        self.shown.insert(id.to_owned());
    }

    /// Everything that was listed from [`Cursor::from`] on was shown; the newest of it came at `newest`. What was not listed any
    /// more never will be again, so it is forgotten.
    pub(super) fn pass(&mut self, listed: &BTreeSet<String>, newest: Option<Timestamp>) {
        self.shown.retain(|id| listed.contains(id));
        let settled = newest.and_then(|newest| newest.checked_sub(LATE).ok());
        self.from = settled.map_or(self.from, |settled| self.from.max(settled));
    }
}

/// A time as it is read on the command line.
mod text {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + seconds).unwrap()
    }

    fn ids(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn the_last_moments_are_looked_at_again_and_shown_once() {
        let mut cursor = Cursor::at(at(0));
        cursor.shown("a");
        cursor.pass(&ids(&["a"]), Some(at(2)));
        assert_eq!((cursor.from(), cursor.has_shown("a")), (at(0), true), "never before where it began");
        cursor.shown("b");
        cursor.pass(&ids(&["a", "b"]), Some(at(30)));
        assert_eq!((cursor.from(), cursor.has_shown("a")), (at(15), true), "the next list may still have it");
        cursor.pass(&ids(&["b"]), Some(at(30)));
        assert_eq!((cursor.has_shown("a"), cursor.has_shown("b")), (false, true));
        cursor.pass(&ids(&[]), None);
        assert_eq!(cursor.from(), at(15), "silence takes nothing back");
    }

    #[test]
    fn it_is_kept_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cursor");
        assert_eq!(Cursor::kept(&file).unwrap(), None);
        let mut cursor = Cursor::at(at(0));
        cursor.shown("a");
        cursor.keep(&file).unwrap();
        cursor.keep(&file).unwrap();
        assert_eq!(Cursor::kept(&file).unwrap(), Some(cursor));
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(Cursor::kept(&file).unwrap_err().exit, Exit::Invalid);
    }
}
