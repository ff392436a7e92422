//! A connection is an open file, and systems start processes with room for a thousand of them.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the process' limit of open files as far as the system lets it. Where it does not, accepting backs off when the
/// limit is met.
pub(super) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(why) = setrlimit(Resource::Nofile, limit) {
        crate::log::few_open_files(&why);
    }
}
