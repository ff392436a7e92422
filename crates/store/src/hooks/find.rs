//! Which hook is at a URL: by token, by alias, by own path. What it costs does not depend on how many hooks there are.

use hookmill_engine::id::{WorkflowId, WorkspaceId};

use super::path::{Mask, PATH_MASKS_MAX, PATH_SEGMENTS_MAX, Parameters, fit};
use super::{COLUMNS, Hook, columns, read_hook};
use crate::db::{Arg, Args, Row};
use crate::workflows::published;
use crate::{Result, Store, args};

/// A hook, and the published revision of its workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// The hook.
    pub hook: Hook,
    /// The published revision; none if the workflow was never published.
    pub revision: Option<u32>,
}

macro_rules! select {
    () => {
        concat!("SELECT ", columns!(), ", w.revision FROM hooks h JOIN workflows w ON w.id = h.workflow ")
    };
}

/// Shapes that are asked for at once.
const SHAPES_AT_ONCE: usize = 16;

const BY_TOKEN: &str = concat!(select!(), "WHERE h.token = $1");
const BY_ALIAS: &str = concat!(select!(), "WHERE h.alias = $1 AND h.active = 1 AND h.alias IS NOT NULL");
const BY_SHAPES: &str = concat!(
    select!(),
    "WHERE h.workspace = $1 AND h.active = 1 AND h.path_shape IS NOT NULL
       AND h.path_shape IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
);
/// From one mask to the next larger one: as many steps as there are masks, however many hooks have them.
const MASKS: &str = "
    WITH RECURSIVE masks (mask) AS (
        SELECT MIN(path_mask)
          FROM hooks
         WHERE workspace = $1 AND active = 1 AND path_mask IS NOT NULL
     UNION ALL
        SELECT (SELECT MIN(path_mask)
                  FROM hooks
                 WHERE workspace = $1 AND active = 1 AND path_mask IS NOT NULL AND path_mask > masks.mask)
          FROM masks
         WHERE masks.mask IS NOT NULL
    )
    SELECT mask FROM masks WHERE mask IS NOT NULL ORDER BY mask LIMIT $2";

const WITH_SEGMENTS: &str = "
    SELECT path
      FROM hooks
     WHERE workspace = $1
       AND active = 1
       AND path_mask IS NOT NULL
       AND path_mask >= $2
       AND path_mask < $3
     LIMIT $4";

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

impl Store {
    /// The hook with this token, also if it is switched off.
    pub async fn hook_by_token(&self, token: &str) -> Result<Option<Answering>> {
        let mut rows = self.db().read(BY_TOKEN, args![token.to_owned()]).await?;
        rows.pop().map(|mut row| read_answering(&mut row)).transpose()
    }

    /// The active hook with this alias.
    pub async fn hook_by_alias(&self, path: &str) -> Result<Option<Answering>> {
        let mut rows = self.db().read(BY_ALIAS, args![path.to_owned()]).await?;
        rows.pop().map(|mut row| read_answering(&mut row)).transpose()
    }

    /// The masks of the own paths of the active hooks of a workspace, the smallest first.
    pub async fn path_masks(&self, workspace: WorkspaceId) -> Result<Vec<Mask>> {
        // Two that publish at the same moment may exceed the limit together; all masks are known all the same.
        let limit = 2 * PATH_MASKS_MAX as i64;
        self.db().read(MASKS, args![workspace.0, limit]).await?.iter().map(|row| row.int(0).map(Mask)).collect()
    }

    /// The active hook that answers at a path, with its parameters. The segments are decoded; `masks` are those of the
    /// workspace. Of several that fit, the one with the earliest literal segment wins.
    pub async fn hook_by_path(
        &self,
        workspace: WorkspaceId,
        masks: &[Mask],
        segments: &[&str],
    ) -> Result<Option<(Answering, Parameters)>> {
        let shapes: Vec<String> = masks.iter().filter_map(|mask| mask.shape(segments)).collect();
        for some in shapes.chunks(SHAPES_AT_ONCE) {
            // Asking twice for the last one keeps the statement the same.
            let padded = (0..SHAPES_AT_ONCE).filter_map(|at| some.get(at).or(some.last())).cloned().map(Arg::from);
            let arguments: Args = std::iter::once(Arg::from(workspace.0)).chain(padded).collect();
            let mut best = None;
            for mut row in self.db().read(BY_SHAPES, arguments).await? {
                let answering = read_answering(&mut row)?;
                let Some((specificity, parameters)) = answering.hook.path.as_deref().and_then(|path| fit(path, segments)) else {
                    continue;
                };
                if best.as_ref().is_none_or(|(other, _)| specificity < *other) {
                    best = Some((specificity, (answering, parameters)));
                }
            }
            if let Some((_, found)) = best {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Own paths of active hooks of a workspace with so many segments, not more than `limit`: for suggestions.
    pub async fn paths_with_segments(&self, workspace: WorkspaceId, segments: usize, limit: usize) -> Result<Vec<String>> {
        let Some(first) = i64::from(segments <= PATH_SEGMENTS_MAX).checked_shl(u32::try_from(segments).unwrap_or(u32::MAX))
        else {
            return Ok(Vec::new());
        };
        let arguments = args![workspace.0, first, first * 2, limit as i64];
        self.db().read(WITH_SEGMENTS, arguments).await?.iter_mut().map(|row| row.take_text(0)).collect()
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

pub(super) fn read_answering(row: &mut Row) -> Result<Answering> {
    Ok(Answering { hook: read_hook(row)?, revision: published(row.int(COLUMNS)?)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plans::plan;

    #[test]
    fn no_lookup_reads_more_hooks_than_it_finds() {
        for (sql, index) in [
            (BY_TOKEN, "token=?"),
            (BY_ALIAS, "hooks_alias"),
            (BY_SHAPES, "hooks_path"),
            (MASKS, "hooks_masks"),
            (WITH_SEGMENTS, "hooks_masks"),
            (AT_SHAPE, "hooks_path"),
            (AT_ALIAS, "hooks_alias"),
        ] {
            let plan = plan(sql);
            assert!(plan.contains(index), "{sql}\n{plan}");
            assert!(!plan.contains("SCAN h") && !plan.contains("SCAN w"), "{sql}\n{plan}");
        }
    }
}
