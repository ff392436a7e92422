-- A hook is found by its own path without looking at all of them: `path_mask` says which segments of the path are
-- parameters (a one, then a bit a segment), and the few masks of a workspace give the few shapes that can fit a request.

ALTER TABLE hooks ADD COLUMN path_mask BIGINT;
-- Letter by letter, because the databases have no common way to split a text.
WITH RECURSIVE letters (id, shape, at, starts, mask) AS (
    SELECT id, path_shape, CAST(1 AS BIGINT), CAST(1 AS BIGINT), CAST(1 AS BIGINT)
      FROM hooks
     WHERE path_shape IS NOT NULL
 UNION ALL
    SELECT id, shape, at + 1,
           CAST(CASE WHEN substr(shape, CAST(at AS INTEGER), 1) = '/' THEN 1 ELSE 0 END AS BIGINT),
           CASE WHEN starts = 0 THEN mask
                WHEN substr(shape, CAST(at AS INTEGER), 1) = ':' THEN mask * 2 + 1
                ELSE mask * 2 END
      FROM letters
     WHERE at <= length(shape)
)
UPDATE hooks
   SET path_mask = letters.mask
  FROM letters
 WHERE letters.id = hooks.id
   AND letters.at > length(letters.shape);
CREATE INDEX hooks_masks ON hooks (workspace, path_mask) WHERE active = 1 AND path_mask IS NOT NULL;
-- For the list of a workspace's hooks.
CREATE INDEX hooks_list ON hooks (workspace, id);

-- What each version of the catalog changed, so that nodes forget that and not everything. `workflow` is none if it was
-- something that hooks are not made of; `places` is 1 if a URL leads somewhere else than before. Only the last ones are kept.
CREATE TABLE catalog_changes (
    version  {id},
    workflow BIGINT,
    places   BIGINT NOT NULL
);
