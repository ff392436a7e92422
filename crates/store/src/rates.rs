//! Rate limits that hold across nodes: a window for each limit, from which nodes take permits in blocks.
//!
//! One statement opens a window or takes from the one that is open, so two nodes never get the same permit. What a node took
//! and did not use by the end of the window is lost: the limit may be reached a little early, and is never exceeded.

use hookmill_engine::id::{HookId, WorkspaceId};
use hookmill_engine::time::{Span, Timestamp};

use crate::db::{Batch, Expect};
use crate::{Error, Result, Store, args, narrow};

/// How far the clocks of nodes may be apart before one takes the window of another for a leftover of a longer limit.
const SKEW_MAX: Span = Span(60_000);

/// Whose requests are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limited {
    /// Those of one hook.
    Hook(HookId),
    /// Those at the test URL of one hook.
    Test(HookId),
    /// Those of all hooks of a workspace.
    Workspace(WorkspaceId),
}

impl Limited {
    /// What it is, in a word; it is stored.
    #[must_use]
    pub fn scope(self) -> &'static str {
        match self {
            Self::Hook(_) => "hook",
            Self::Test(_) => "test",
            Self::Workspace(_) => "workspace",
        }
    }

    fn id(self) -> i64 {
        match self {
            Self::Hook(id) | Self::Test(id) => id.0,
            Self::Workspace(id) => id.0,
        }
    }
}

/// What taking permits came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// When the window ends.
    pub ends_at: Timestamp,
    /// All that was taken in it so far, this time included; more than the limit if some of it is not granted.
    pub taken: u64,
}

/// A window that ended is followed by a new one; so is one that ends later than any window of this limit could, which was
/// opened under another limit.
const TAKE: &str = "
    INSERT INTO rate_windows (scope, id, ends_at, taken)
    VALUES ($1, $2, $3, $4)
        ON CONFLICT (scope, id) DO UPDATE
       SET taken = CASE WHEN rate_windows.ends_at <= $5 OR rate_windows.ends_at > $6
                        THEN $4 ELSE rate_windows.taken + $4 END,
           ends_at = CASE WHEN rate_windows.ends_at <= $5 OR rate_windows.ends_at > $6
                          THEN $3 ELSE rate_windows.ends_at END
    RETURNING ends_at, taken";

impl Store {
    /// Takes permits from the window of a limit whose windows are `per` long.
    pub async fn take_permits(&self, limited: Limited, permits: u32, per: Span, now: Timestamp) -> Result<Taken> {
        let after = |span: Span| Timestamp(now.0.saturating_add_unsigned(span.0));
        let (fresh, latest) = (after(per), after(Span(per.0.saturating_add(SKEW_MAX.0))));
        let mut batch = Batch::new();
        let arguments = args![limited.scope(), limited.id(), fresh.0, permits, now.0, latest.0];
        batch.execute(TAKE, arguments, Expect::Exactly(1));
        let written = self.db().write(batch).await?;
        let row = written.rows.first().and_then(|rows| rows.first());
        let row = row.ok_or_else(|| Error::corrupt("taking permits returned nothing"))?;
        Ok(Taken { ends_at: Timestamp(row.int(0)?), taken: narrow(row.int(1)?)? })
    }
}
