-- A workflow that was never published goes with its draft. Those whose draft was dropped before that was so go now.
DELETE FROM hooks
 WHERE workflow IN (SELECT w.id FROM workflows w
                     WHERE w.revision = 0 AND NOT EXISTS (SELECT 1 FROM drafts d WHERE d.workflow = w.id));
DELETE FROM workflows
 WHERE revision = 0 AND NOT EXISTS (SELECT 1 FROM drafts d WHERE d.workflow = workflows.id);
-- What such hooks had goes with them, also that of hooks that are gone already.
DELETE FROM listenings      WHERE NOT EXISTS (SELECT 1 FROM hooks h WHERE h.id = listenings.hook);
DELETE FROM hook_samples    WHERE NOT EXISTS (SELECT 1 FROM hooks h WHERE h.id = hook_samples.hook);
DELETE FROM old_tokens      WHERE NOT EXISTS (SELECT 1 FROM hooks h WHERE h.id = old_tokens.hook);
DELETE FROM pending_secrets WHERE NOT EXISTS (SELECT 1 FROM hooks h WHERE h.id = pending_secrets.hook);
UPDATE catalog SET version = version + 1 WHERE id = 1;
