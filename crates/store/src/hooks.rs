//! Hooks: the places where triggers answer.
//!
//! A hook belongs to a workflow and a label, and keeps its token for ever: when its trigger goes it is switched off, when
//! a trigger of that label comes back so does the URL. Own paths are unique among the active hooks of a workspace, by
//! shape: `/orders/:id` and `/orders/:number` are the same place, `/orders/new` is another, and wins. An alias is the
//! whole path under which the senders of another product know a hook; no two active hooks have the same.

use hookmill_engine::id::{HookId, WorkflowId, WorkspaceId};
use hookmill_engine::time::Timestamp;

use crate::db::Row;
use crate::hook_states::{HookState, OffAnswer};
use crate::words::word;
use crate::{Error, Result, Store, args};

/// Characters of a token; 22 of 62 kinds carry 131 random bits.
const TOKEN_CHARS: usize = 22;
/// What an alias says in place of the hook's token.
const TOKEN_MARK: &str = "{token}";
/// Longest own path.
pub const PATH_BYTES_MAX: usize = 512;
/// Segments of an own path.
pub const PATH_SEGMENTS_MAX: usize = 32;
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
    /// Whether it takes requests, as somebody chose.
    pub state: HookState,
    /// What it answers while it is off.
    pub off_answer: OffAnswer,
    /// When it was made.
    pub created_at: Timestamp,
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

macro_rules! columns {
    () => {
        "SELECT id, workspace, workflow, label, token, path, alias, active, created_at, state, off_status FROM hooks "
    };
}

const ONE: &str = concat!(columns!(), "WHERE id = $1");
const BY_TOKEN: &str = concat!(columns!(), "WHERE token = $1");
const BY_ALIAS: &str = concat!(columns!(), "WHERE alias = $1 AND active = 1 AND alias IS NOT NULL");
const OF_WORKFLOW: &str = concat!(columns!(), "WHERE workflow = $1 ORDER BY id LIMIT $2");
const ACTIVE: &str = concat!(columns!(), "WHERE id > $1 AND active = 1 ORDER BY id LIMIT $2");
const WITH_PATH: &str = concat!(
    columns!(),
    "WHERE workspace = $1 AND active = 1 AND path_shape IS NOT NULL AND path_shape > $2 ORDER BY path_shape LIMIT $3"
);
const AT_SHAPE: &str = "
    SELECT w.id, w.name
      FROM hooks h
      JOIN workflows w ON w.id = h.workflow
     WHERE h.workspace = $1
       AND h.path_shape = $2
       AND h.active = 1
       AND h.path_shape IS NOT NULL";

const AT_ALIAS: &str = "
    SELECT w.id, w.name
      FROM hooks h
      JOIN workflows w ON w.id = h.workflow
     WHERE h.alias = $1
       AND h.active = 1
       AND h.alias IS NOT NULL";

/// A place that only one active hook can have.
#[derive(Clone, Debug)]
pub(crate) enum Claimed {
    Shape(String),
    Alias(String),
}

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

/// An own path as it is stored, and its shape.
pub(crate) fn path_and_shape(path: &str) -> Result<(String, String)> {
    let path = path.trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    if path.is_empty() || path.len() > PATH_BYTES_MAX || segments.len() > PATH_SEGMENTS_MAX || path.contains('\0') {
        return Err(Error::Invalid(format!(
            "a path has 1 to {PATH_BYTES_MAX} bytes in at most {PATH_SEGMENTS_MAX} segments and no NUL character"
        )));
    }
    if segments.iter().any(|segment| segment.is_empty() || *segment == ":") {
        return Err(Error::Invalid(format!("the path `{path}` has an empty segment")));
    }
    let shape: Vec<&str> = segments.iter().map(|segment| if segment.starts_with(':') { ":" } else { segment }).collect();
    let shape = shape.join("/");
    Ok((path.to_owned(), shape))
}

/// Names and values of the parameters of a path.
pub type Parameters = Vec<(String, String)>;

/// How a path fits: for each segment whether it is a parameter (so that of two fits the smaller one wins), and the parameters.
pub type Fit = (Vec<bool>, Parameters);

/// How an own path fits decoded segments.
pub fn fit(path: &str, segments: &[&str]) -> Option<Fit> {
    let mut wanted = path.split('/');
    let mut specificity = Vec::with_capacity(segments.len());
    let mut parameters = Vec::new();
    for segment in segments {
        let wanted = wanted.next()?;
        match wanted.strip_prefix(':') {
            Some(name) => parameters.push((name.to_owned(), (*segment).to_owned())),
            None if wanted == *segment => {}
            None => return None,
        }
        specificity.push(wanted.starts_with(':'));
    }
    wanted.next().is_none().then_some((specificity, parameters))
}

impl Store {
    /// A hook.
    pub async fn hook(&self, id: HookId) -> Result<Option<Hook>> {
        let mut rows = self.db().read(ONE, args![id.0]).await?;
        rows.pop().map(|mut row| read_hook(&mut row)).transpose()
    }

    /// The hook with this token, also if it is switched off.
    pub async fn hook_by_token(&self, token: &str) -> Result<Option<Hook>> {
        let mut rows = self.db().read(BY_TOKEN, args![token.to_owned()]).await?;
        rows.pop().map(|mut row| read_hook(&mut row)).transpose()
    }

    /// The active hook with this alias.
    pub async fn hook_by_alias(&self, path: &str) -> Result<Option<Hook>> {
        let mut rows = self.db().read(BY_ALIAS, args![path.to_owned()]).await?;
        rows.pop().map(|mut row| read_hook(&mut row)).transpose()
    }

    /// The active hook that answers at a path, with its parameters. The segments are decoded. Of several that fit, the
    /// one with the earliest literal segment wins.
    pub async fn hook_by_path(&self, workspace: WorkspaceId, segments: &[&str]) -> Result<Option<(Hook, Parameters)>> {
        let mut best: Option<(Fit, Hook)> = None;
        let mut after = String::new();
        loop {
            let rows = self.db().read(WITH_PATH, args![workspace.0, after, HOOKS_AT_ONCE]).await?;
            let count = rows.len() as i64;
            let mut last = String::new();
            for mut row in rows {
                let hook = read_hook(&mut row)?;
                let Some(path) = hook.path.as_deref() else { continue };
                last = path_and_shape(path)?.1;
                if let Some(fit) = fit(path, segments)
                    && best.as_ref().is_none_or(|(other, _)| fit.0 < other.0)
                {
                    best = Some((fit, hook));
                }
            }
            if count < HOOKS_AT_ONCE {
                return Ok(best.map(|((_, parameters), hook)| (hook, parameters)));
            }
            after = last;
        }
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

    /// The workflow that has an active hook of this shape, or with this alias.
    pub(crate) async fn workflow_at(&self, workspace: WorkspaceId, place: &Claimed) -> Result<Option<(WorkflowId, String)>> {
        let read = match place {
            Claimed::Shape(shape) => self.db().read(AT_SHAPE, args![workspace.0, shape.clone()]),
            Claimed::Alias(alias) => self.db().read(AT_ALIAS, args![alias.clone()]),
        };
        let mut rows = read.await?;
        rows.pop().map(|mut row| Ok((WorkflowId(row.int(0)?), row.take_text(1)?))).transpose()
    }
}

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
    })
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

    #[test]
    fn paths_have_a_shape_and_hostile_ones_are_refused() {
        assert_eq!(path_and_shape("/orders/:id/").unwrap(), ("orders/:id".into(), "orders/:".into()));
        assert_eq!(path_and_shape("münze/\u{1F600}").unwrap().1, "münze/\u{1F600}");
        for path in ["", "/", "a//b", "a/:", "a\0b", &"a/".repeat(33), &"a".repeat(513)] {
            assert!(path_and_shape(path).is_err(), "{path}");
        }
    }

    #[test]
    fn literal_segments_win_over_parameters() {
        let mut fits: Vec<_> = [":a/:b", "orders/:id", ":x/new", "orders/new"]
            .into_iter()
            .filter_map(|path| fit(path, &["orders", "new"]).map(|(specificity, _)| (specificity, path)))
            .collect();
        fits.sort();
        let order: Vec<_> = fits.into_iter().map(|(_, path)| path).collect();
        assert_eq!(order, ["orders/new", "orders/:id", ":x/new", ":a/:b"]);
        assert_eq!(fit("orders/:id", &["orders", "7"]).unwrap().1, [("id".to_owned(), "7".to_owned())]);
        assert!(fit("orders/:id", &["orders"]).is_none() && fit("orders", &["orders", "7"]).is_none());
    }
}
