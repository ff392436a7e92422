//! Hooks: the places where triggers answer.
//!
//! A hook belongs to a workflow and a label, and keeps its token for ever: when its trigger goes it is switched off, when
//! a trigger of that label comes back so does the URL. Own paths are unique among the active hooks of a workspace, by
//! shape: `/orders/:id` and `/orders/:number` are the same place, `/orders/new` is another, and wins. An alias is the
//! whole path under which the senders of another product know a hook; no two active hooks have the same. A trigger that only
//! a draft has gets a hook too, which is proposed: its token leads to tests until the trigger is published.
//!
//! `path` knows what paths look like, `find` which hook is at a URL, `rotate` gives new tokens.

mod find;
mod path;
mod rotate;

use hookmill_engine::id::{HookId, WorkflowId, WorkspaceId};
use hookmill_engine::time::Timestamp;

use crate::db::Row;
use crate::hook_states::{HookState, OffAnswer};
use crate::words::word;
use crate::workflows::{page_limit, published};
use crate::{Error, Result, Store, args};

pub use find::Answering;
pub(crate) use find::Claimed;
pub(crate) use path::path_and_shape;
pub use path::{Fit, Mask, PATH_BYTES_MAX, PATH_MASKS_MAX, PATH_SEGMENTS_MAX, Parameters, fit};
pub use rotate::{OLD_TOKENS_MAX, OldToken};

/// What the paths of test URLs begin with; a token follows. Whoever sends there tests the draft.
pub const TEST_PATHS: &str = "/hooks/test/";
/// Characters of a token; 22 of 62 kinds carry 131 random bits.
pub const TOKEN_CHARS: usize = 22;
/// What an alias says in place of the hook's token.
const TOKEN_MARK: &str = "{token}";
/// Hooks that are read at once.
const HOOKS_AT_ONCE: i64 = 1_000;

/// A hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its id.
    pub id: HookId,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The workflow that it starts.
    pub workflow: WorkflowId,
    /// The label of its trigger.
    pub label: String,
    /// The unguessable part of its URL.
    pub token: String,
    /// Its own path, without slashes at the ends.
    pub path: Option<String>,
    /// Another whole path at which it answers.
    pub alias: Option<String>,
    /// Whether the published revision has its trigger.
    pub active: bool,
    /// Whether no published revision ever had its trigger: only a draft has.
    pub proposed: bool,
    /// Whether it takes requests, as somebody chose.
    pub state: HookState,
    /// What it answers while it is off.
    pub off_answer: OffAnswer,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Hook {
    /// A hook for a trigger that no published revision has had yet.
    pub(crate) fn proposed(
        id: HookId,
        workspace: WorkspaceId,
        workflow: WorkflowId,
        label: &str,
        now: Timestamp,
    ) -> Result<Self> {
        Ok(Self {
            id,
            workspace,
            workflow,
            label: label.to_owned(),
            token: new_token()?,
            path: None,
            alias: None,
            active: false,
            proposed: true,
            state: HookState::Active,
            off_answer: OffAnswer::NotFound,
            created_at: now,
        })
    }
}

/// A hook that a document asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedHook {
    /// The label of the trigger; unique in the document.
    pub label: String,
    /// The own path of the trigger.
    pub path: Option<String>,
    /// Another whole path, with a slash at its start; `{token}` stands for the hook's token.
    pub alias: Option<String>,
}

impl WantedHook {
    /// The alias of a hook with this token.
    pub(crate) fn alias(&self, token: &str) -> Option<String> {
        self.alias.as_ref().map(|alias| alias.replace(TOKEN_MARK, token))
    }
}

/// A hook in a list, with what is shown of its workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The hook.
    pub hook: Hook,
    /// The name of its workflow.
    pub workflow_name: String,
    /// The published revision of its workflow; none if it was never published.
    pub revision: Option<u32>,
}

/// The columns of a [`Hook`], from `hooks h`.
macro_rules! columns {
    () => {
        "h.id, h.workspace, h.workflow, h.label, h.token, h.path, h.alias, h.active, h.created_at, h.state, \
         h.off_status, h.proposed"
    };
}
use columns;

macro_rules! select {
    () => {
        concat!("SELECT ", columns!(), " FROM hooks h ")
    };
}

macro_rules! listed {
    () => {
        concat!("SELECT ", columns!(), ", w.name, w.revision FROM hooks h JOIN workflows w ON w.id = h.workflow ")
    };
}

const ONE: &str = concat!(select!(), "WHERE h.id = $1");
const OF_WORKFLOW: &str = concat!(select!(), "WHERE h.workflow = $1 ORDER BY h.id LIMIT $2");
const ACTIVE: &str = concat!(select!(), "WHERE h.id > $1 AND h.active = 1 ORDER BY h.id LIMIT $2");
const LISTED_ONE: &str = concat!(listed!(), "WHERE h.id = $1");
const LIST: &str = concat!(listed!(), "WHERE h.workspace = $1 AND h.id < $2 ORDER BY h.id DESC LIMIT $3");
const LIST_OF_WORKFLOW: &str =
    concat!(listed!(), "WHERE h.workspace = $1 AND h.workflow = $4 AND h.id < $2 ORDER BY h.id DESC LIMIT $3");

/// Letters and digits, of the system's random numbers.
pub(crate) fn random_text(chars: usize) -> Result<String> {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    /// The largest multiple of 62 in a byte: what lies above would favour the first letters.
    const FAIR_BELOW: u8 = 248;
    let mut text = String::with_capacity(chars);
    let mut random = [0u8; 64];
    while text.len() < chars {
        getrandom::fill(&mut random).map_err(|error| Error::unavailable(format!("no random numbers: {error}")))?;
        let fair = random.iter().filter(|byte| **byte < FAIR_BELOW).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(fair.take(chars - text.len()));
    }
    Ok(text)
}

pub(crate) fn new_token() -> Result<String> {
    random_text(TOKEN_CHARS)
}

impl Store {
    /// A hook.
    pub async fn hook(&self, id: HookId) -> Result<Option<Hook>> {
        let mut rows = self.db().read(ONE, args![id.0]).await?;
        rows.pop().map(|mut row| read_hook(&mut row)).transpose()
    }

    /// A hook with what is shown of its workflow.
    pub async fn listed_hook(&self, id: HookId) -> Result<Option<Listed>> {
        let mut rows = self.db().read(LISTED_ONE, args![id.0]).await?;
        rows.pop().map(|mut row| read_listed(&mut row)).transpose()
    }

    /// Hooks of a workspace, the newest first, those before a given one; also those that are switched off.
    pub async fn hooks(
        &self,
        workspace: WorkspaceId,
        workflow: Option<WorkflowId>,
        before: Option<HookId>,
        limit: usize,
    ) -> Result<Vec<Listed>> {
        let mut arguments = args![workspace.0, before.map_or(i64::MAX, |id| id.0), page_limit(limit)?];
        arguments.extend(workflow.map(|id| id.0.into()));
        let sql = if workflow.is_some() { LIST_OF_WORKFLOW } else { LIST };
        self.db().read(sql, arguments).await?.iter_mut().map(read_listed).collect()
    }

    /// All hooks of a workflow, also those that are switched off.
    pub async fn hooks_of(&self, workflow: WorkflowId) -> Result<Vec<Hook>> {
        self.db().read(OF_WORKFLOW, args![workflow.0, HOOKS_AT_ONCE]).await?.iter_mut().map(read_hook).collect()
    }

    /// The active hooks after a given one, by id; fewer than [`Self::hooks_page_max`] at the end.
    pub async fn active_hooks(&self, after: Option<HookId>) -> Result<Vec<Hook>> {
        let after = after.map_or(-1, |id| id.0);
        self.db().read(ACTIVE, args![after, HOOKS_AT_ONCE]).await?.iter_mut().map(read_hook).collect()
    }

    /// How many hooks [`Self::active_hooks`] returns at once.
    pub const fn hooks_page_max() -> usize {
        HOOKS_AT_ONCE as usize
    }
}

/// The number of columns of a hook: what follows them in a row is at this place.
const COLUMNS: usize = 12;

fn read_hook(row: &mut Row) -> Result<Hook> {
    Ok(Hook {
        id: HookId(row.int(0)?),
        workspace: WorkspaceId(row.int(1)?),
        workflow: WorkflowId(row.int(2)?),
        label: row.take_text(3)?,
        token: row.take_text(4)?,
        path: row.take_opt_text(5)?,
        alias: row.take_opt_text(6)?,
        active: row.int(7)? != 0,
        created_at: Timestamp(row.int(8)?),
        state: word(row, 9)?,
        off_answer: OffAnswer::of_status(row.int(10)?)?,
        proposed: row.int(11)? != 0,
    })
}

fn read_listed(row: &mut Row) -> Result<Listed> {
    Ok(Listed { hook: read_hook(row)?, workflow_name: row.take_text(COLUMNS)?, revision: published(row.int(COLUMNS + 1)?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_enough_letters_of_every_kind() {
        let text = random_text(100_000).unwrap();
        let mut counts = std::collections::HashMap::new();
        text.bytes().for_each(|byte| *counts.entry(byte).or_insert(0u32) += 1);
        assert_eq!(counts.len(), 62);
        // Expected 1613 each, standard deviation 40.
        assert!(counts.values().all(|count| (1_300..1_950).contains(count)), "{counts:?}");
        assert_ne!(new_token().unwrap(), new_token().unwrap());
        assert_eq!(new_token().unwrap().len(), TOKEN_CHARS);
    }
}
